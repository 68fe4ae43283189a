/* Folded stacks and speedscope's JSON, and which ending means what. */
#include "flametop/profile/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/json.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

static bool
is_compared(const struct profile_graph *graph)
{
    return graph->flame->total[1] != NULL;
}

static double
own_of(const struct profile_graph *graph, unsigned side, uint32_t node)
{
    return graph->flame->self[side][node] / (side == 1 ? graph->flame->factor : 1);
}

/* The stack of a node, its root first; `path` has room for the deepest. Answers how many. */
static uint32_t
path_of(const struct flame *flame, uint32_t node, uint32_t *path)
{
    uint32_t depth = flame_depth(flame, node);
    for (uint32_t i = depth; i > 0; i--, node = flame->parent[node]) {
        path[i - 1] = flame->frame[node];
    }
    return depth;
}

static uint32_t *
make_path(const struct flame *flame)
{
    return malloc(((size_t)flame->count + 1) * sizeof(uint32_t));
}

/* What separates frames, lines and numbers cannot be in a name. */
static void
put_name(const struct profile_frame *frame, struct buf *out)
{
    struct str rest = {frame->name, frame->name_n};
    while (rest.n > 0) {
        size_t plain = 0;
        while (plain < rest.n && rest.p[plain] != ';' && (unsigned char)rest.p[plain] >= ' ') {
            plain++;
        }
        buf_add(out, rest.p, plain);
        if (plain < rest.n) {
            buf_putc(out, rest.p[plain] == ';' ? ':' : ' ');
            plain++;
        }
        rest = (struct str){rest.p + plain, rest.n - plain};
    }
}

static void
put_number(double value, struct buf *out)
{
    char text[32];
    buf_puts(out, json_double_text(value, text));
}

static bool
write_folded(const struct profile_graph *graph, struct buf *out)
{
    const struct flame *flame = graph->flame;
    uint32_t *path = make_path(flame);
    for (uint32_t node = 1; path != NULL && node < flame->count && !out->full; node++) {
        bool any = flame->self[0][node] > 0 || (is_compared(graph) && flame->self[1][node] > 0);
        uint32_t depth = any ? path_of(flame, node, path) : 0;
        for (uint32_t i = 0; i < depth; i++) {
            buf_puts(out, i > 0 ? ";" : "");
            put_name(&graph->profile->frames[path[i]], out);
        }
        if (any && is_compared(graph)) {
            buf_putc(out, ' ');
            put_number(own_of(graph, 1, node), out);
        }
        if (any) {
            buf_putc(out, ' ');
            put_number(flame->self[0][node], out);
            buf_putc(out, '\n');
        }
    }
    free(path);
    return path != NULL;
}

/* ---- speedscope ---- */

static void
put_frames(const struct profile_graph *graph, struct json *json)
{
    json_key(json, "shared");
    json_object(json);
    json_key(json, "frames");
    json_array(json);
    for (uint32_t i = 0; i < graph->profile->frame_count; i++) {
        const struct profile_frame *frame = &graph->profile->frames[i];
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

static void
put_side(const struct profile_graph *graph, unsigned side, uint32_t *path, struct json *json)
{
    const struct flame *flame = graph->flame;
    const struct profile_measure *measure = &graph->profile->measures[graph->measure];
    double whole = 0;
    json_object(json);
    json_key(json, "type");
    json_text(json, "sampled");
    json_key(json, "name");
    json_text(json, !is_compared(graph) ? measure->name : side == 0 ? "now" : "before");
    json_key(json, "unit");
    json_text(json, unit_of(measure));
    json_key(json, "samples");
    json_array(json);
    for (uint32_t node = 0; node < flame->count && !json->out->full; node++) {
        if (flame->self[side][node] > 0) {
            uint32_t depth = path_of(flame, node, path);
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
            json_double(json, own_of(graph, side, node));
            whole += own_of(graph, side, node);
        }
    }
    json_array_end(json);
    json_key(json, "startValue");
    json_uint(json, 0);
    json_key(json, "endValue");
    json_double(json, whole);
    json_object_end(json);
}

static bool
write_speedscope(const struct profile_graph *graph, struct buf *out)
{
    struct json json;
    uint32_t *path = make_path(graph->flame);
    if (path == NULL) {
        return false;
    }
    json_init(&json, out, false);
    json_object(&json);
    json_key(&json, "$schema");
    json_text(&json, "https://www.speedscope.app/file-format-schema.json");
    json_key(&json, "name");
    json_text(&json, graph->title);
    json_key(&json, "exporter");
    json_text(&json, "flametop " FLAMETOP_VERSION);
    json_key(&json, "activeProfileIndex");
    json_uint(&json, 0);
    put_frames(graph, &json);
    json_key(&json, "profiles");
    json_array(&json);
    for (unsigned side = 0; side < (is_compared(graph) ? 2u : 1u); side++) {
        put_side(graph, side, path, &json);
    }
    json_array_end(&json);
    json_object_end(&json);
    buf_putc(out, '\n');
    free(path);
    return true;
}

static bool
write_svg(const struct profile_graph *graph, struct buf *out)
{
    profile_write_svg(graph, out);
    return true;
}

static const struct {
    const char *ending;
    bool (*write)(const struct profile_graph *graph, struct buf *out);
} writers[] = {{".svg", write_svg},
               {".json", write_speedscope},
               {".folded", write_folded},
               {".txt", write_folded}};

bool
profile_write(const struct profile_graph *graph, const char *path, struct buf *out, char *why,
              size_t why_size)
{
    for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
        if (str_ends(str_from(path), writers[i].ending)) {
            bool good = writers[i].write(graph, out) && !out->full;
            if (!good) {
                snprintf(why, why_size, "%s: %s", path,
                         out->full ? "it would be larger than 2 GiB" : "out of memory");
            }
            return good;
        }
    }
    snprintf(why, why_size,
             "%s: give the file a name that ends in .svg, .json (speedscope) or "
             ".folded",
             path);
    return false;
}
