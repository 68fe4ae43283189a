/* pprof's protobuf (github.com/google/pprof/proto/profile.proto), mostly packed by gzip.
 *
 * Reads by field numbers and never past the end of what encloses a field; samples come before
 * locations, functions and strings in the file, so the first walk is of those. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/protobuf.h"
#include "formats.h"

#define COUNT_MAX (1u << 24)
#define DEPTH_MAX 65536u

/* Fields of the messages. */
enum {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE,
    PROFILE_MAPPING,
    PROFILE_LOCATION,
    PROFILE_FUNCTION,
    PROFILE_STRING,
    PROFILE_DEFAULT = 14
};

struct function {
    uint64_t name, file;
};

struct location {
    uint64_t address, mapping;
    struct str message; /* its lines are read from it when it is first used */
    uint32_t *frames;   /* innermost first; NULL: not used yet */
    uint32_t count;
};

struct pprof {
    struct profile *profile;
    struct str *strings;
    struct function *functions;
    struct location *locations;
    uint64_t *files; /* of mappings */
    size_t string_count, function_count, location_count, file_count;
    struct map by_function, by_location, by_mapping; /* id + 1 → place + 1 */
    uint32_t measures[PROFILE_MEASURES_MAX];
    struct str types[PROFILE_MEASURES_MAX]; /* messages */
    size_t type_count;
    uint64_t chosen; /* string of the default measure; 0: none */
    uint32_t *stack;
    const char *why; /* NULL: nothing is wrong */
};

static bool
fail(struct pprof *pprof, const char *why)
{
    pprof->why = pprof->why != NULL ? pprof->why : why;
    return false;
}

static void
remember(struct map *map, uint64_t id, size_t place)
{
    map_put(map, id + 1, (void *)(uintptr_t)(place + 1));
}

static bool
place_of(const struct map *map, uint64_t id, size_t *ret)
{
    uintptr_t place = (uintptr_t)map_get(map, id + 1);
    *ret = place - 1;
    return place > 0;
}

static struct str
string_at(const struct pprof *pprof, uint64_t index)
{
    return index < pprof->string_count ? pprof->strings[index] : (struct str){"", 0};
}

/* ---- the tables ---- */

static bool
count_all(struct pprof *pprof, struct str text, const char **ret_end)
{
    struct protobuf_field field;
    size_t counts[PROFILE_STRING + 1] = {0};
    while (protobuf_next(&text, &field)) {
        counts[field.number <= PROFILE_STRING ? field.number : 0]++;
    }
    *ret_end = text.p;
    if (text.n > 0) {
        return fail(pprof, "a field is cut or damaged");
    }
    for (size_t i = PROFILE_MAPPING; i <= PROFILE_STRING; i++) {
        if (counts[i] > COUNT_MAX) {
            return fail(pprof, "it has more parts than can be kept");
        }
    }
    pprof->strings = calloc(counts[PROFILE_STRING] + 1, sizeof(*pprof->strings));
    pprof->functions = calloc(counts[PROFILE_FUNCTION] + 1, sizeof(*pprof->functions));
    pprof->locations = calloc(counts[PROFILE_LOCATION] + 1, sizeof(*pprof->locations));
    pprof->files = calloc(counts[PROFILE_MAPPING] + 1, sizeof(*pprof->files));
    pprof->stack = malloc(DEPTH_MAX * sizeof(uint32_t));
    bool good = pprof->strings != NULL && pprof->functions != NULL && pprof->locations != NULL &&
                pprof->files != NULL && pprof->stack != NULL;
    return good || fail(pprof, "out of memory");
}

static void
add_function(struct pprof *pprof, struct str message)
{
    struct protobuf_field field;
    struct function function = {0};
    uint64_t id = 0, system_name = 0;
    while (protobuf_next(&message, &field)) {
        uint64_t *const to[] = {NULL, &id, &function.name, &system_name, &function.file};
        if (field.number < ARRAY_SIZE(to) && to[field.number] != NULL) {
            *to[field.number] = field.value;
        }
    }
    function.name = function.name != 0 ? function.name : system_name;
    remember(&pprof->by_function, id, pprof->function_count);
    pprof->functions[pprof->function_count++] = function;
}

static void
add_location(struct pprof *pprof, struct str message)
{
    struct protobuf_field field;
    struct location location = {.message = message};
    uint64_t id = 0;
    while (protobuf_next(&message, &field)) {
        uint64_t *const to[] = {NULL, &id, &location.mapping, &location.address};
        if (field.number < ARRAY_SIZE(to) && to[field.number] != NULL) {
            *to[field.number] = field.value;
        }
    }
    remember(&pprof->by_location, id, pprof->location_count);
    pprof->locations[pprof->location_count++] = location;
}

static void
add_mapping(struct pprof *pprof, struct str message)
{
    struct protobuf_field field;
    uint64_t id = 0, file = 0;
    while (protobuf_next(&message, &field)) {
        id = field.number == 1 ? field.value : id;
        file = field.number == 5 ? field.value : file;
    }
    remember(&pprof->by_mapping, id, pprof->file_count);
    pprof->files[pprof->file_count++] = file;
}

static void
read_tables(struct pprof *pprof, struct str text)
{
    struct protobuf_field field;
    while (protobuf_next(&text, &field)) {
        if (field.number == PROFILE_DEFAULT && field.wire == PROTOBUF_VARINT) {
            pprof->chosen = field.value;
        }
        if (field.wire != PROTOBUF_BYTES) {
            continue;
        }
        if (field.number == PROFILE_STRING) {
            pprof->strings[pprof->string_count++] = field.bytes;
        } else if (field.number == PROFILE_FUNCTION) {
            add_function(pprof, field.bytes);
        } else if (field.number == PROFILE_LOCATION) {
            add_location(pprof, field.bytes);
        } else if (field.number == PROFILE_MAPPING) {
            add_mapping(pprof, field.bytes);
        } else if (field.number == PROFILE_SAMPLE_TYPE &&
                   pprof->type_count < PROFILE_MEASURES_MAX) {
            pprof->types[pprof->type_count++] = field.bytes;
        }
    }
}

/* Where nothing else is said the last type is what a profile is about. */
static void
make_measures(struct pprof *pprof)
{
    static const struct {
        const char *unit, *ucum;
        double scale;
    } units[] = {{"nanoseconds", "s", 1e-9},  {"microseconds", "s", 1e-6},
                 {"milliseconds", "s", 1e-3}, {"seconds", "s", 1},
                 {"bytes", "By", 1},          {"", "", 1}};
    for (size_t i = 0; i < pprof->type_count; i++) {
        struct protobuf_field field;
        uint64_t type = 0, unit = 0;
        struct str message = pprof->types[i];
        while (protobuf_next(&message, &field)) {
            type = field.number == 1 ? field.value : type;
            unit = field.number == 2 ? field.value : unit;
        }
        size_t row = 0;
        while (row + 1 < ARRAY_SIZE(units) && !str_is(string_at(pprof, unit), units[row].unit)) {
            row++;
        }
        pprof->measures[i] = profile_measure(pprof->profile, string_at(pprof, type),
                                             units[row].ucum, units[row].scale);
        bool chosen = pprof->chosen != 0 ? pprof->chosen == type : i + 1 == pprof->type_count;
        if (chosen && pprof->measures[i] != PROFILE_NONE && pprof->profile->side == 0) {
            pprof->profile->measure_chosen = pprof->measures[i];
        }
    }
}

/* ---- samples ---- */

static uint32_t
frame_of_line(struct pprof *pprof, struct str line)
{
    struct protobuf_field field;
    size_t place;
    uint64_t id = 0;
    while (protobuf_next(&line, &field)) {
        id = field.number == 1 ? field.value : id;
    }
    if (!place_of(&pprof->by_function, id, &place)) {
        return profile_frame(pprof->profile, STR("[unknown]"), STR(""));
    }
    const struct function *function = &pprof->functions[place];
    return profile_frame(pprof->profile, string_at(pprof, function->name),
                         string_at(pprof, function->file));
}

static uint32_t
frame_of_address(struct pprof *pprof, const struct location *location)
{
    char text[64];
    size_t place;
    int n = snprintf(text, sizeof(text), "0x%llx", (unsigned long long)location->address);
    struct str file = place_of(&pprof->by_mapping, location->mapping, &place)
                          ? string_at(pprof, pprof->files[place])
                          : STR("");
    return profile_frame(pprof->profile, (struct str){text, (size_t)n}, file);
}

/* The frames of a location: several where calls were inlined. */
static bool
resolve(struct pprof *pprof, struct location *location)
{
    struct protobuf_field field;
    uint32_t lines = 0;
    for (struct str rest = location->message; protobuf_next(&rest, &field);) {
        lines += field.number == 4 && field.wire == PROTOBUF_BYTES;
    }
    location->frames = malloc((MAX(lines, 1u)) * sizeof(uint32_t));
    if (location->frames == NULL) {
        return fail(pprof, "out of memory");
    }
    for (struct str rest = location->message; protobuf_next(&rest, &field);) {
        if (field.number == 4 && field.wire == PROTOBUF_BYTES) {
            location->frames[location->count++] = frame_of_line(pprof, field.bytes);
        }
    }
    if (location->count == 0) {
        location->frames[location->count++] = frame_of_address(pprof, location);
    }
    return true;
}

/* Puts a location's frames on the stack. */
static bool
push(struct pprof *pprof, uint64_t id, uint32_t *depth)
{
    size_t place;
    if (!place_of(&pprof->by_location, id, &place)) {
        return fail(pprof, "a sample names a location that there is not");
    }
    struct location *location = &pprof->locations[place];
    if (location->frames == NULL && !resolve(pprof, location)) {
        return false;
    }
    uint32_t count = MIN(location->count, DEPTH_MAX - *depth);
    pprof->profile->cut += location->count - count;
    for (uint32_t i = 0; i < count; i++) {
        pprof->stack[(*depth)++] = location->frames[i];
    }
    return true;
}

static bool
read_sample(struct pprof *pprof, struct str message)
{
    struct protobuf_field field;
    uint64_t number, values[PROFILE_MEASURES_MAX];
    size_t value_count = 0;
    uint32_t depth = 0;
    while (protobuf_next(&message, &field)) {
        while (field.number == 1 && protobuf_number(&field, PROTOBUF_VARINT, &number)) {
            if (!push(pprof, number, &depth)) {
                return false;
            }
        }
        while (field.number == 2 && protobuf_number(&field, PROTOBUF_VARINT, &number)) {
            if (value_count < PROFILE_MEASURES_MAX) {
                values[value_count++] = number;
            }
        }
    }
    uint32_t node = 0;
    while (depth > 0) {
        node = profile_child(pprof->profile, node, pprof->stack[--depth]);
    }
    for (size_t i = 0; i < MIN(value_count, pprof->type_count); i++) {
        profile_put(pprof->profile, node, pprof->measures[i], (double)(int64_t)values[i]);
    }
    return message.n == 0 || fail(pprof, "a sample is cut or damaged");
}

static bool
read_all(struct pprof *pprof, struct str text, const char **ret_at)
{
    struct protobuf_field field;
    if (!count_all(pprof, text, ret_at)) {
        return false;
    }
    read_tables(pprof, text);
    make_measures(pprof);
    *ret_at = text.p;
    while (protobuf_next(&text, &field)) {
        if (field.number == PROFILE_SAMPLE && field.wire == PROTOBUF_BYTES &&
            !read_sample(pprof, field.bytes)) {
            return false;
        }
        *ret_at = text.p;
    }
    return true;
}

static bool
pprof_read(struct str text, struct profile *profile, char *why, size_t why_size)
{
    struct pprof pprof = {.profile = profile};
    const char *at = text.p;
    map_init(&pprof.by_function, COUNT_MAX);
    map_init(&pprof.by_location, COUNT_MAX);
    map_init(&pprof.by_mapping, COUNT_MAX);
    bool good = read_all(&pprof, text, &at);
    if (!good) {
        snprintf(why, why_size, "byte %zu: %s", (size_t)(at - text.p), pprof.why);
    }
    for (size_t i = 0; i < pprof.location_count; i++) {
        free(pprof.locations[i].frames);
    }
    map_done(&pprof.by_function);
    map_done(&pprof.by_location);
    map_done(&pprof.by_mapping);
    free(pprof.strings);
    free(pprof.functions);
    free(pprof.locations);
    free(pprof.files);
    free(pprof.stack);
    return good;
}

/* Begins with a sample type, whose fields are numbers, and then only fields that there are. */
static bool
pprof_is(struct str head, bool whole)
{
    (void)whole;
    struct protobuf_field field;
    size_t fields = 0;
    struct str rest = head;
    if (!protobuf_next(&rest, &field) || field.number != PROFILE_SAMPLE_TYPE ||
        field.wire != PROTOBUF_BYTES || field.bytes.n > 32) {
        return false;
    }
    struct protobuf_field inner;
    for (struct str type = field.bytes; protobuf_next(&type, &inner);) {
        if (inner.number > 2 || inner.wire != PROTOBUF_VARINT) {
            return false;
        }
    }
    for (; protobuf_next(&rest, &field); fields++) {
        if (field.number > 32) {
            return false;
        }
    }
    return fields > 0 || rest.n > 0;
}

const struct profile_format profile_format_pprof = {
    .name = "pprof",
    .text = "pprof's protobuf, packed by gzip or not.",
    .is = pprof_is,
    .read = pprof_read,
};
