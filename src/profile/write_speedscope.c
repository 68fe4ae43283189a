/* speedscope's JSON (https://www.speedscope.app/file-format-schema.json): the two sides of a
 * comparison are two profiles; a tree in the order of time is events, which it draws as they came.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "writers.h"

static void
put_frames(const struct flame *flame, struct json *json)
{
    json_key(json, "shared");
    json_object(json);
    json_key(json, "frames");
    json_array(json);
    for (uint32_t i = 0; i < flame->profile->frame_count; i++) {
        const struct profile_frame *frame = &flame->profile->frames[i];
        json_object(json);
        json_key(json, "name");
        json_str(json, (struct str){frame->name, frame->name_n});
        if (frame->module_n > 0) {
            json_key(json, "file");
            json_str(json, (struct str){frame->module, frame->module_n});
        }
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

/* Its units are few: what is none of them has none. */
static const char *
unit_of(const struct profile_measure *measure)
{
    static const struct {
        const char *unit;
        double scale;
        const char *name;
    } rows[] = {{"s", 1e-9, "nanoseconds"},
                {"s", 1e-6, "microseconds"},
                {"s", 1e-3, "milliseconds"},
                {"s", 1, "seconds"},
                {"By", 1, "bytes"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].unit, measure->unit) == 0 &&
            fabs(rows[i].scale - measure->scale) < rows[i].scale / 1e6) {
            return rows[i].name;
        }
    }
    return "none";
}

/* What each of its profiles begins and ends with. */
static void
put_head(const struct flame *flame, const char *type, unsigned side, struct json *json)
{
    const struct profile_measure *measure = &flame->profile->measures[flame->measure];
    json_object(json);
    json_key(json, "type");
    json_text(json, type);
    json_key(json, "name");
    json_text(json, !writer_is_compared(flame) ? measure->name : side == 0 ? "now" : "before");
    json_key(json, "unit");
    json_text(json, unit_of(measure));
}

static void
put_end(double whole, struct json *json)
{
    json_key(json, "startValue");
    json_uint(json, 0);
    json_key(json, "endValue");
    json_double(json, whole);
    json_object_end(json);
}

static void
put_side(const struct flame *flame, unsigned side, uint32_t *path, struct json *json)
{
    double whole = 0;
    put_head(flame, "sampled", side, json);
    json_key(json, "samples");
    json_array(json);
    for (uint32_t node = 0; node < flame->count && !json->out->full; node++) {
        if (flame->self[side][node] > 0) {
            uint32_t depth = writer_path(flame, node, path);
            json_array(json);
            for (uint32_t i = 0; i < depth; i++) {
                json_uint(json, path[i]);
            }
            json_array_end(json);
        }
    }
    json_array_end(json);
    json_key(json, "weights");
    json_array(json);
    for (uint32_t node = 0; node < flame->count; node++) {
        if (flame->self[side][node] > 0) {
            json_double(json, writer_as_measured(flame, side, flame->self[side][node]));
            whole += writer_as_measured(flame, side, flame->self[side][node]);
        }
    }
    json_array_end(json);
    put_end(whole, json);
}

/* ---- in the order of time ---- */

struct events {
    const struct flame *flame;
    struct json *json;
    double last; /* sums of fractions must not go back in time */
};

static void
put_event(struct events *events, const char *type, uint32_t node, double at)
{
    events->last = fmax(events->last, at);
    json_object(events->json);
    json_key(events->json, "type");
    json_text(events->json, type);
    json_key(events->json, "frame");
    json_uint(events->json, events->flame->frame[node]);
    json_key(events->json, "at");
    json_double(events->json, events->last);
    json_object_end(events->json);
}

static void
open_call(void *context, uint32_t node)
{
    struct events *events = context;
    if (node != 0) {
        put_event(events, "O", node, events->flame->start[node]);
    }
}

static void
close_call(void *context, uint32_t node)
{
    struct events *events = context;
    if (node != 0) {
        put_event(events, "C", node, events->flame->start[node] + events->flame->total[0][node]);
    }
}

static bool
put_events(const struct flame *flame, struct json *json)
{
    struct events events = {flame, json, 0};
    put_head(flame, "evented", 0, json);
    json_key(json, "events");
    json_array(json);
    bool good = writer_walk(flame, &events, open_call, close_call);
    json_array_end(json);
    put_end(fmax(events.last, flame->total[0][0]), json);
    return good;
}

bool
writer_speedscope(const struct flame *flame, const char *title, struct buf *out)
{
    struct json json;
    uint32_t *path = malloc(((size_t)flame->count + 1) * sizeof(uint32_t));
    if (path == NULL) {
        return false;
    }
    json_init(&json, out, false);
    json_object(&json);
    json_key(&json, "$schema");
    json_text(&json, "https://www.speedscope.app/file-format-schema.json");
    json_key(&json, "name");
    json_text(&json, title);
    json_key(&json, "exporter");
    json_text(&json, "flametop " FLAMETOP_VERSION);
    json_key(&json, "activeProfileIndex");
    json_uint(&json, 0);
    put_frames(flame, &json);
    json_key(&json, "profiles");
    json_array(&json);
    bool good = true;
    if (flame->start != NULL) {
        good = put_events(flame, &json);
    }
    for (unsigned side = 0; flame->start == NULL && side <= writer_is_compared(flame); side++) {
        put_side(flame, side, path, &json);
    }
    json_array_end(&json);
    json_object_end(&json);
    buf_putc(out, '\n');
    free(path);
    return good;
}
