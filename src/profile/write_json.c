/* The tree by columns, as flametop-flame(5) describes it: flat, as a tree of objects is deeper than
 * most readers of JSON go. */
#include <math.h>
#include <stdlib.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "writers.h"

#define VERSION 1

/* The nodes in the order they are written, and the frames they use. */
struct listing {
    const struct flame *flame;
    uint32_t *nodes, *places;   /* place by node */
    uint32_t *frames, *numbers; /* number by frame, PROFILE_NONE: not used */
    uint32_t count, frame_count;
};

static void
list_node(void *context, uint32_t node)
{
    struct listing *listing = context;
    uint32_t frame = listing->flame->frame[node];
    listing->places[node] = listing->count;
    listing->nodes[listing->count++] = node;
    if (frame != PROFILE_NONE && listing->numbers[frame] == PROFILE_NONE) {
        listing->numbers[frame] = listing->frame_count;
        listing->frames[listing->frame_count++] = frame;
    }
}

static bool
list(struct listing *listing, const struct flame *flame)
{
    size_t frames = (size_t)flame->profile->frame_count + 1, nodes = flame->count;
    *listing = (struct listing){.flame = flame,
                                .nodes = malloc(nodes * sizeof(uint32_t)),
                                .places = malloc(nodes * sizeof(uint32_t)),
                                .frames = malloc(frames * sizeof(uint32_t)),
                                .numbers = malloc(frames * sizeof(uint32_t))};
    if (listing->nodes == NULL || listing->places == NULL || listing->frames == NULL ||
        listing->numbers == NULL) {
        return false;
    }
    for (size_t i = 0; i < frames; i++) {
        listing->numbers[i] = PROFILE_NONE;
    }
    return writer_walk(flame, listing, list_node, NULL);
}

static void
listing_done(struct listing *listing)
{
    free(listing->nodes);
    free(listing->places);
    free(listing->frames);
    free(listing->numbers);
}

static void
put_frames(const struct listing *listing, struct json *json)
{
    json_key(json, "frames");
    json_object(json);
    json_key(json, "name");
    json_array(json);
    for (uint32_t i = 0; i < listing->frame_count; i++) {
        const struct profile_frame *frame = &listing->flame->profile->frames[listing->frames[i]];
        json_str(json, (struct str){frame->name, frame->name_n});
    }
    json_array_end(json);
    json_key(json, "module");
    json_array(json);
    for (uint32_t i = 0; i < listing->frame_count; i++) {
        const struct profile_frame *frame = &listing->flame->profile->frames[listing->frames[i]];
        if (frame->module_n > 0) {
            json_str(json, (struct str){frame->module, frame->module_n});
        } else {
            json_null(json);
        }
    }
    json_array_end(json);
    json_object_end(json);
}

static void
put_values(const struct listing *listing, const char *key, unsigned side, const double *values,
           struct json *json)
{
    const struct flame *flame = listing->flame;
    double scale = flame->profile->measures[flame->measure].scale;
    json_key(json, key);
    json_array(json);
    for (uint32_t i = 0; i < listing->count && !json->out->full; i++) {
        double value = writer_as_measured(flame, side, values[listing->nodes[i]]);
        json_double(json, value * scale);
    }
    json_array_end(json);
}

static void
put_links(const struct listing *listing, struct json *json)
{
    const struct flame *flame = listing->flame;
    json_key(json, "parent");
    json_array(json);
    json_null(json);
    for (uint32_t i = 1; i < listing->count; i++) {
        json_uint(json, listing->places[flame->parent[listing->nodes[i]]]);
    }
    json_array_end(json);
    json_key(json, "frame");
    json_array(json);
    json_null(json);
    for (uint32_t i = 1; i < listing->count; i++) {
        json_uint(json, listing->numbers[flame->frame[listing->nodes[i]]]);
    }
    json_array_end(json);
}

static void
put_nodes(const struct listing *listing, struct json *json)
{
    const struct flame *flame = listing->flame;
    json_key(json, "nodes");
    json_object(json);
    put_links(listing, json);
    put_values(listing, "self", 0, flame->self[0], json);
    put_values(listing, "total", 0, flame->total[0], json);
    if (flame->start != NULL) {
        put_values(listing, "start", 0, flame->start, json);
    }
    if (writer_is_compared(flame)) {
        put_values(listing, "self_before", 1, flame->self[1], json);
        put_values(listing, "total_before", 1, flame->total[1], json);
    }
    json_object_end(json);
}

bool
writer_json(const struct flame *flame, const char *title, struct buf *out)
{
    const struct profile_measure *measure = &flame->profile->measures[flame->measure];
    struct listing listing;
    struct json json;
    bool good = list(&listing, flame);
    if (good) {
        json_init(&json, out, false);
        json_object(&json);
        json_key(&json, "format");
        json_text(&json, "flametop-flame");
        json_key(&json, "version");
        json_int(&json, VERSION);
        json_key(&json, "exporter");
        json_text(&json, "flametop " FLAMETOP_VERSION);
        json_key(&json, "title");
        json_text(&json, title);
        json_key(&json, "measure");
        json_text(&json, measure->name);
        json_key(&json, "unit");
        json_text(&json, measure->unit);
        json_key(&json, "order");
        json_text(&json, flame->start != NULL ? "time" : "weight");
        put_frames(&listing, &json);
        put_nodes(&listing, &json);
        json_object_end(&json);
        buf_putc(out, '\n');
    }
    listing_done(&listing);
    return good;
}
