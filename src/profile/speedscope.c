/* speedscope's JSON (https://www.speedscope.app/file-format-schema.json): frames once, then
 * profiles that are either samples (stacks of frame numbers, and weights) or events (a frame opens
 * or closes at a time). Several profiles of one file are threads mostly: each becomes a frame of
 * its own at the root. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/json_scan.h"
#include "flametop/base/macros.h"
#include "formats.h"

#define DEPTH_MAX 65536u

struct speedscope {
    struct profile *profile;
    uint32_t *frames; /* its numbers to ours */
    uint32_t frame_count, frame_capacity;
    uint32_t *stack; /* nodes of frames that are open */
    uint32_t depth;
    uint32_t profiles; /* in the file */
    const char *why;   /* NULL: nothing is wrong */
};

/* One profile: where its parts are, as they may come in any order. */
struct part {
    struct json_scan samples, weights, events;
    bool has_samples, has_weights, has_events;
    char name[256], unit[24];
    double start, end;
};

static bool
fail(struct speedscope *speedscope, const char *why)
{
    speedscope->why = speedscope->why != NULL ? speedscope->why : why;
    return false;
}

static bool
add_frame(struct speedscope *speedscope, struct str name, struct str file)
{
    char text[PROFILE_NAME_BYTES_MAX], module[1024];
    if (speedscope->frame_count == speedscope->frame_capacity) {
        uint32_t wider = MAX(speedscope->frame_capacity * 2, 256u);
        uint32_t *grown = realloc(speedscope->frames, wider * sizeof(uint32_t));
        if (grown == NULL) {
            return fail(speedscope, "out of memory");
        }
        speedscope->frames = grown;
        speedscope->frame_capacity = wider;
    }
    struct str known = {text, json_scan_unescape(name, text, sizeof(text))};
    struct str from = {module, json_scan_unescape(file, module, sizeof(module))};
    speedscope->frames[speedscope->frame_count++] = profile_frame(speedscope->profile, known, from);
    return true;
}

static bool
read_frames(struct speedscope *speedscope, struct json_scan *scan)
{
    enum json_token token;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return fail(speedscope, "shared.frames is no array");
    }
    while ((token = json_scan_next(scan)) == JSON_OBJECT) {
        struct str key, name = {"", 0}, file = {"", 0};
        while (json_scan_key(scan, &key)) {
            struct str *to = str_is(key, "name") ? &name : str_is(key, "file") ? &file : NULL;
            if (to != NULL) {
                json_scan_string(scan, to);
            } else {
                json_scan_skip(scan, JSON_KEY);
            }
        }
        if (!add_frame(speedscope, name, file)) {
            return false;
        }
    }
    return token == JSON_ARRAY_END || fail(speedscope, "a frame is no object");
}

static bool
read_shared(struct speedscope *speedscope, struct json_scan *scan)
{
    struct str key;
    bool good = json_scan_enter(scan, JSON_OBJECT);
    while (good && json_scan_key(scan, &key)) {
        good =
            str_is(key, "frames") ? read_frames(speedscope, scan) : json_scan_skip(scan, JSON_KEY);
    }
    return good;
}

static uint32_t
measure_of(struct speedscope *speedscope, const char *unit)
{
    static const struct {
        const char *unit, *name, *ucum;
        double scale;
    } rows[] = {{"nanoseconds", "time", "s", 1e-9},  {"microseconds", "time", "s", 1e-6},
                {"milliseconds", "time", "s", 1e-3}, {"seconds", "time", "s", 1},
                {"bytes", "bytes", "By", 1},         {"none", "weight", "", 1}};
    size_t i = 0;
    while (i + 1 < ARRAY_SIZE(rows) && strcmp(rows[i].unit, unit) != 0) {
        i++;
    }
    char name[48]; /* profiles of different units in one file are different measures */
    snprintf(name, sizeof(name), "%s", rows[i].name);
    for (uint32_t k = 0; k < speedscope->profile->measure_count; k++) {
        if (strcmp(speedscope->profile->measures[k].name, name) == 0 &&
            speedscope->profile->measures[k].scale != rows[i].scale) {
            snprintf(name, sizeof(name), "%s in %s", rows[i].name, rows[i].unit);
        }
    }
    return profile_measure(speedscope->profile, str_from(name), rows[i].ucum, rows[i].scale);
}

static uint32_t
root_of(struct speedscope *speedscope, const struct part *part)
{
    return speedscope->profiles > 1
               ? profile_child(speedscope->profile, 0,
                               profile_frame(speedscope->profile, str_from(part->name), STR("")))
               : 0;
}

static bool
frame_at(struct speedscope *speedscope, double index, uint32_t *ret_frame)
{
    if (!(index >= 0 && index < speedscope->frame_count)) {
        return fail(speedscope, "a stack names a frame that there is not");
    }
    *ret_frame = speedscope->frames[(uint32_t)index];
    return true;
}

static bool
read_samples(struct speedscope *speedscope, struct part *part)
{
    struct json_scan *samples = &part->samples, *weights = &part->weights;
    uint32_t measure = measure_of(speedscope, part->unit), root = root_of(speedscope, part), frame;
    bool good = json_scan_enter(samples, JSON_ARRAY) &&
                (!part->has_weights || json_scan_enter(weights, JSON_ARRAY));
    enum json_token token = JSON_ERROR;
    while (good && (token = json_scan_next(samples)) == JSON_ARRAY) {
        uint32_t node = root, depth = 0;
        double weight = 1;
        while (good && (token = json_scan_next(samples)) == JSON_NUMBER) {
            double index = -1;
            struct str rest = samples->text;
            str_double(&rest, &index);
            good = frame_at(speedscope, index, &frame);
            speedscope->profile->cut += depth == DEPTH_MAX;
            if (good && depth < DEPTH_MAX) {
                node = profile_child(speedscope->profile, node, frame);
                depth++;
            }
        }
        good = good && (token == JSON_ARRAY_END || fail(speedscope, "a sample is no array"));
        if (good && part->has_weights && !json_scan_number(weights, &weight)) {
            good = fail(speedscope, "there are fewer weights than samples");
        }
        if (good) {
            profile_put_next(speedscope->profile, node, measure, weight);
        }
    }
    return good && (token == JSON_ARRAY_END || fail(speedscope, "samples are no array of arrays"));
}

struct event {
    char type;
    double at, frame;
};

static bool
read_event(struct json_scan *scan, struct event *event)
{
    struct str key, type = {"", 0};
    *event = (struct event){.frame = -1, .at = -1};
    while (json_scan_key(scan, &key)) {
        if (str_is(key, "type")) {
            json_scan_string(scan, &type);
        } else if (str_is(key, "at")) {
            json_scan_number(scan, &event->at);
        } else if (str_is(key, "frame")) {
            json_scan_number(scan, &event->frame);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    event->type = type.n == 1 ? type.p[0] : '\0';
    return scan->why == NULL;
}

/* An event that closes another frame than the innermost closes those in it as well. */
static bool
apply(struct speedscope *speedscope, const struct event *event, uint32_t root)
{
    uint32_t frame;
    struct profile *profile = speedscope->profile;
    if (!frame_at(speedscope, event->frame, &frame)) {
        return false;
    }
    if (event->type == 'O') {
        uint32_t top = speedscope->depth > 0 ? speedscope->stack[speedscope->depth - 1] : root;
        if (speedscope->depth == DEPTH_MAX) {
            return fail(speedscope, "more frames are open than there is room for");
        }
        speedscope->stack[speedscope->depth++] = profile_child(profile, top, frame);
        return true;
    }
    for (uint32_t depth = speedscope->depth; event->type == 'C' && depth > 0; depth--) {
        if (profile->frame[speedscope->stack[depth - 1]] == frame || frame == PROFILE_NONE) {
            speedscope->depth = depth - 1;
            return true;
        }
    }
    return fail(speedscope, event->type == 'C' ? "a frame closes that is not open"
                                               : "an event neither opens nor closes a frame");
}

/* What is between two events is of the innermost frame that is open. */
static void
put_span(struct speedscope *speedscope, uint32_t root, uint32_t measure, double span)
{
    if (speedscope->depth > 0) {
        profile_put_next(speedscope->profile, speedscope->stack[speedscope->depth - 1], measure,
                         span);
    } else {
        profile_put_idle(speedscope->profile, root, measure, span);
    }
}

static bool
read_events(struct speedscope *speedscope, struct part *part)
{
    struct json_scan *scan = &part->events;
    uint32_t measure = measure_of(speedscope, part->unit), root = root_of(speedscope, part);
    double last = part->start;
    struct event event;
    enum json_token token = JSON_ERROR;
    bool good = json_scan_enter(scan, JSON_ARRAY);
    speedscope->depth = 0;
    while (good && (token = json_scan_next(scan)) == JSON_OBJECT) {
        good = read_event(scan, &event);
        if (good && event.at < last && speedscope->depth > 0) {
            good = fail(speedscope, "events are not in the order of time");
        }
        if (good) {
            put_span(speedscope, root, measure, event.at - last);
        }
        last = event.at;
        good = good && apply(speedscope, &event, root);
    }
    if (good && part->end > last) { /* what is still open ends there */
        put_span(speedscope, root, measure, part->end - last);
    }
    return good && (token == JSON_ARRAY_END || fail(speedscope, "an event is no object"));
}

/* Remembers where a part begins and goes on behind it. */
static bool
note(struct json_scan *scan, struct json_scan *place, bool *has)
{
    *place = *scan;
    *has = true;
    return json_scan_skip(scan, JSON_KEY);
}

static bool
read_part(struct speedscope *speedscope, struct json_scan *scan)
{
    struct part part = {.unit = "none"};
    struct str key, text;
    bool good = true;
    while (good && json_scan_key(scan, &key)) {
        if (str_is(key, "name") && json_scan_string(scan, &text)) {
            json_scan_unescape(text, part.name, sizeof(part.name));
        } else if (str_is(key, "unit") && json_scan_string(scan, &text)) {
            str_copy(text, part.unit, sizeof(part.unit));
        } else if (str_is(key, "startValue")) {
            json_scan_number(scan, &part.start);
        } else if (str_is(key, "endValue")) {
            json_scan_number(scan, &part.end);
        } else if (str_is(key, "samples")) {
            good = note(scan, &part.samples, &part.has_samples);
        } else if (str_is(key, "weights")) {
            good = note(scan, &part.weights, &part.has_weights);
        } else if (str_is(key, "events")) {
            good = note(scan, &part.events, &part.has_events);
        } else if (!str_is(key, "name") && !str_is(key, "unit")) {
            good = json_scan_skip(scan, JSON_KEY);
        }
    }
    if (!good || scan->why != NULL) {
        return false;
    }
    bool read = part.has_events    ? read_events(speedscope, &part)
                : part.has_samples ? read_samples(speedscope, &part)
                                   : fail(speedscope, "a profile has neither samples nor events");
    if (!read) { /* what is wrong is where it was read */
        const struct json_scan *at = part.has_events ? &part.events : &part.samples;
        scan->p = part.has_events || part.has_samples ? at->p : scan->p;
        speedscope->why = speedscope->why != NULL ? speedscope->why : at->why;
    }
    return read;
}

static bool
read_profiles(struct speedscope *speedscope, struct json_scan *scan)
{
    struct json_scan ahead = *scan;
    enum json_token token = JSON_ERROR;
    if (json_scan_enter(&ahead, JSON_ARRAY)) {
        while ((token = json_scan_next(&ahead)) == JSON_OBJECT) {
            json_scan_skip(&ahead, token);
            speedscope->profiles++;
        }
    }
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return fail(speedscope, "profiles is no array");
    }
    while ((token = json_scan_next(scan)) == JSON_OBJECT) {
        if (!read_part(speedscope, scan)) {
            return false;
        }
    }
    return token == JSON_ARRAY_END || fail(speedscope, "a profile is no object");
}

/* Frames may come after the profiles: first it is seen where both are. */
static bool
read_all(struct speedscope *speedscope, struct json_scan *scan)
{
    struct json_scan shared, profiles;
    bool has_shared = false, has_profiles = false, good = json_scan_enter(scan, JSON_OBJECT);
    struct str key;
    while (good && json_scan_key(scan, &key)) {
        good = str_is(key, "shared")     ? note(scan, &shared, &has_shared)
               : str_is(key, "profiles") ? note(scan, &profiles, &has_profiles)
                                         : json_scan_skip(scan, JSON_KEY);
    }
    if (!good || scan->why != NULL) {
        return false;
    }
    if (!has_shared || !has_profiles) {
        return fail(speedscope, "shared or profiles is missing");
    }
    *scan = shared;
    if (!read_shared(speedscope, scan)) {
        return false;
    }
    *scan = profiles;
    return read_profiles(speedscope, scan);
}

static bool
speedscope_read(struct str text, struct profile *profile, char *why, size_t why_size)
{
    struct speedscope speedscope = {.profile = profile};
    struct json_scan scan;
    json_scan_init(&scan, text);
    speedscope.stack = malloc(DEPTH_MAX * sizeof(uint32_t));
    bool good = speedscope.stack != NULL ? read_all(&speedscope, &scan)
                                         : fail(&speedscope, "out of memory");
    if (!good) {
        snprintf(why, why_size, "line %zu, byte %zu: %s", json_scan_line(&scan),
                 (size_t)(scan.p - scan.begin),
                 speedscope.why != NULL ? speedscope.why
                 : scan.why != NULL     ? scan.why
                                        : "this is no speedscope file");
    }
    free(speedscope.frames);
    free(speedscope.stack);
    return good;
}

/* Its members may come in any order, the schema mostly first: otherwise both of the others. */
static bool
speedscope_is(struct str head, bool whole)
{
    (void)whole;
    struct str rest = str_trim(head);
    if (rest.n == 0 || rest.p == NULL || rest.p[0] != '{') {
        return false;
    }
    bool schema = memmem(rest.p, rest.n, "speedscope.app/file-format-schema", 33) != NULL;
    return schema || (memmem(rest.p, rest.n, "\"shared\"", 8) != NULL &&
                      memmem(rest.p, rest.n, "\"frames\"", 8) != NULL);
}

const struct profile_format profile_format_speedscope = {
    .name = "speedscope",
    .text = "speedscope's JSON, sampled and evented.",
    .is = speedscope_is,
    .read = speedscope_read,
};
