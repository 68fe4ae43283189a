/* StatsD and DogStatsD: NAME:VALUE|TYPE|@RATE|#TAG:VALUE,TAG2, a line a measurement; several values
 * between colons are several measurements. Events and service checks of DogStatsD are no numbers
 * and are left out. */
#include <math.h>

#include "decoder.h"
#include "flametop/base/macros.h"

#define TAGS_MAX 64
#define VALUES_MAX 1024

static const struct {
    const char *word;
    enum reading_kind kind;
    const char *unit;
    double scale;
} types[] = {
    {"c", READING_COUNT, "", 1}, {"g", READING_GAUGE, "", 1}, {"ms", READING_TIME, "s", 1e-3},
    {"h", READING_TIME, "", 1},  {"d", READING_TIME, "", 1},  {"s", READING_MEMBER, "", 1},
    {"m", READING_COUNT, "", 1},
};

struct statsd_line {
    struct measurement reading;
    struct span_attribute tags[TAGS_MAX];
    size_t type;
    double rate;
};

/* "k:v" or "k=v"; a tag alone is true. */
static void
add_tag(struct decoder *decoder, struct statsd_line *line, struct str text, char stop)
{
    struct str key, value = text;
    if (text.n == 0 || !str_until(&value, stop, &key) || key.n == 0) {
        return;
    }
    if (line->reading.tag_count == TAGS_MAX) {
        decoder->delivery->cut++;
        return;
    }
    line->tags[line->reading.tag_count++] =
        attribute_text(key, key.n < text.n ? value : STR("true"));
}

static void
add_tags(struct decoder *decoder, struct statsd_line *line, struct str list, char stop)
{
    struct str tag;
    while (str_until(&list, ',', &tag)) {
        add_tag(decoder, line, str_trim(tag), stop);
    }
}

static bool
take_type(struct statsd_line *line, struct str word)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        if (str_is(word, types[i].word)) {
            line->type = i;
            line->reading.kind = types[i].kind;
            line->reading.unit = str_from(types[i].unit);
            return true;
        }
    }
    return false;
}

/* "@0.1", "#a:b,c", "c:CONTAINER", "T1656581400"; what is not known is left out. */
static bool
take_section(struct decoder *decoder, struct statsd_line *line, struct str section)
{
    struct str rest = {section.p + 1, section.n - 1};
    uint64_t seconds;
    switch (section.p[0]) {
    case '@':
        return str_double(&rest, &line->rate) && rest.n == 0 && line->rate > 0 && line->rate <= 1;
    case '#':
        add_tags(decoder, line, rest, ':');
        return true;
    case 'T':
        if (str_u64(&rest, &seconds) && seconds < (uint64_t)INT64_MAX / (uint64_t)NS_PER_S) {
            line->reading.time_ns = (int64_t)seconds * NS_PER_S;
        }
        return true;
    default:
        return true;
    }
}

/* "+4" and "-4" of a gauge are changes. */
static bool
deliver_value(struct decoder *decoder, const struct statsd_line *line, struct str text)
{
    struct measurement reading = line->reading;
    struct str rest = text;
    double value;
    reading.text = text;
    if (reading.kind == READING_MEMBER) {
        decoder_reading(decoder, &reading);
        return text.n > 0;
    }
    if (text.n == 0 || text.p[0] == ' ' || !str_double(&rest, &value) || rest.n > 0 ||
        !isfinite(value)) {
        return false;
    }
    if (reading.kind == READING_GAUGE && (text.p[0] == '+' || text.p[0] == '-')) {
        reading.kind = READING_ADD;
    }
    reading.value = value * types[line->type].scale;
    decoder_reading(decoder, &reading);
    return true;
}

static bool
is_event(struct str line)
{
    return str_starts(line, "_e{") || str_starts(line, "_sc|");
}

/* The name, with the tags that Telegraf puts behind commas. */
static bool
take_name(struct decoder *decoder, struct statsd_line *line, struct str name)
{
    if (!str_until(&name, ',', &line->reading.name) || line->reading.name.n == 0) {
        return false;
    }
    add_tags(decoder, line, name, '=');
    return true;
}

static bool
read_line(struct decoder *decoder, struct str text)
{
    struct statsd_line line = {.reading = {.name = {"", 0},
                                           .unit = {"", 0},
                                           .text = {"", 0},
                                           .description = {"", 0},
                                           .weight = 1,
                                           .sum = (double)NAN},
                               .rate = 1};
    struct str name, values, type, section, value;
    if (!str_until(&text, ':', &name) || !str_until(&text, '|', &values) ||
        !str_until(&text, '|', &type) || !take_type(&line, type) ||
        !take_name(decoder, &line, name)) {
        return false;
    }
    while (str_until(&text, '|', &section)) {
        if (section.n > 0 && !take_section(decoder, &line, section)) {
            return false;
        }
    }
    line.reading.tags = line.tags;
    line.reading.weight = 1 / line.rate;
    size_t count = 0;
    if (line.reading.kind == READING_MEMBER) { /* a member may have colons */
        return deliver_value(decoder, &line, values);
    }
    while (str_until(&values, ':', &value)) {
        if (count++ == VALUES_MAX || !deliver_value(decoder, &line, value)) {
            return false;
        }
    }
    return count > 0;
}

bool
statsd_read(struct str body, const struct span_sink *sink, struct delivery *delivery)
{
    struct decoder decoder;
    struct str line;
    bool good = true;
    decoder_init(&decoder, sink, delivery);
    while (str_line(&body, &line)) {
        line = str_trim(line);
        if (line.n == 0 || is_event(line)) {
            continue;
        }
        if (!read_line(&decoder, line)) {
            delivery->readings++;
            delivery->refused++;
            good = decoder_fail(&decoder, "\"%.*s\" is no measurement of StatsD",
                                (int)MIN(line.n, (size_t)60), line.p);
        }
    }
    decoder_done(&decoder);
    return good;
}
