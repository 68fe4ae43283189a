/* Chrome's and Node's CPU profile (.cpuprofile): nodes of a tree of calls, and samples that name
 * one each, with the time between them in microseconds. Without samples the hits of the nodes
 * count. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/json_scan.h"
#include "flametop/base/macros.h"
#include "formats.h"

#define NODES_MAX PROFILE_NODES_MAX

struct chrome_node {
    double id;
    uint32_t frame, parent, node; /* parent: its place in the list; node: in the profile */
    double hits;
    bool root, has_parent, has_node;
    struct json_scan children;
    bool has_children;
};

struct chrome {
    struct profile *profile;
    struct chrome_node *nodes;
    uint32_t count, capacity;
    struct map by_id; /* id + 1 → place + 1 */
    const char *why;  /* NULL: nothing is wrong */
};

static bool
fail(struct chrome *chrome, const char *why)
{
    chrome->why = chrome->why != NULL ? chrome->why : why;
    return false;
}

static uint64_t
key_of(double id)
{
    return id >= 0 && id < 1e15 ? (uint64_t)id + 1 : 0;
}

static struct chrome_node *
find(struct chrome *chrome, double id)
{
    uintptr_t place = (uintptr_t)map_get(&chrome->by_id, key_of(id));
    return place > 0 ? &chrome->nodes[place - 1] : NULL;
}

/* "http://host/a/b.js" is b.js; the whole of it stays the module. */
static bool
read_call(struct chrome *chrome, struct json_scan *scan, struct chrome_node *node)
{
    struct str key, name = {"", 0}, url = {"", 0};
    char text[PROFILE_NAME_BYTES_MAX], module[1024];
    if (!json_scan_enter(scan, JSON_OBJECT)) {
        return fail(chrome, "a callFrame is no object");
    }
    while (json_scan_key(scan, &key)) {
        struct str *to = str_is(key, "functionName") ? &name : str_is(key, "url") ? &url : NULL;
        if (to != NULL) {
            json_scan_string(scan, to);
        } else {
            json_scan_skip(scan, JSON_KEY);
        }
    }
    node->root = str_is(name, "(root)");
    struct str known = name.n > 0 ? (struct str){text, json_scan_unescape(name, text, sizeof(text))}
                                  : STR("(anonymous)");
    struct str from = {module, json_scan_unescape(url, module, sizeof(module))};
    node->frame = node->root ? PROFILE_NONE : profile_frame(chrome->profile, known, from);
    return true;
}

static bool
add_node(struct chrome *chrome, const struct chrome_node *node)
{
    if (chrome->count == NODES_MAX || key_of(node->id) == 0) {
        return fail(chrome, "a node has no id that can be used");
    }
    if (chrome->count == chrome->capacity) {
        uint32_t wider = MAX(chrome->capacity * 2, 64u);
        struct chrome_node *grown = realloc(chrome->nodes, wider * sizeof(*grown));
        if (grown == NULL) {
            return fail(chrome, "out of memory");
        }
        chrome->nodes = grown;
        chrome->capacity = wider;
    }
    chrome->nodes[chrome->count++] = *node;
    return map_put(&chrome->by_id, key_of(node->id), (void *)(uintptr_t)chrome->count) ||
           fail(chrome, "out of memory");
}

static bool
read_node(struct chrome *chrome, struct json_scan *scan)
{
    struct chrome_node node = {.id = -1, .frame = PROFILE_NONE, .root = true};
    struct str key;
    bool good = true;
    while (good && json_scan_key(scan, &key)) {
        if (str_is(key, "id")) {
            json_scan_number(scan, &node.id);
        } else if (str_is(key, "hitCount")) {
            json_scan_number(scan, &node.hits);
        } else if (str_is(key, "callFrame")) {
            good = read_call(chrome, scan, &node);
        } else if (str_is(key, "children")) {
            node.children = *scan;
            node.has_children = true;
            good = json_scan_skip(scan, JSON_KEY);
        } else {
            good = json_scan_skip(scan, JSON_KEY);
        }
    }
    return good && scan->why == NULL && add_node(chrome, &node);
}

static bool
read_nodes(struct chrome *chrome, struct json_scan *scan)
{
    enum json_token token;
    if (!json_scan_enter(scan, JSON_ARRAY)) {
        return fail(chrome, "nodes is no array");
    }
    while ((token = json_scan_next(scan)) == JSON_OBJECT) {
        if (!read_node(chrome, scan)) {
            return false;
        }
    }
    return token == JSON_ARRAY_END || fail(chrome, "a node is no object");
}

static bool
link_children(struct chrome *chrome, uint32_t place)
{
    struct json_scan scan = chrome->nodes[place].children;
    double id;
    if (!chrome->nodes[place].has_children || !json_scan_enter(&scan, JSON_ARRAY)) {
        return true;
    }
    while (json_scan_number(&scan, &id)) {
        struct chrome_node *child = find(chrome, id);
        if (child == NULL || child->has_parent) {
            return fail(chrome, "a child is missing, or has two parents");
        }
        child->parent = place;
        child->has_parent = true;
    }
    return true;
}

/* The node of the profile: callers first, however they are ordered in the file. A ring has no
 * beginning and is refused. */
static bool
resolve(struct chrome *chrome, uint32_t place, uint32_t *path)
{
    uint32_t depth = 0;
    while (!chrome->nodes[place].has_node) {
        if (depth == chrome->count) {
            return fail(chrome, "nodes are children of themselves");
        }
        path[depth++] = place;
        if (!chrome->nodes[place].has_parent) {
            break;
        }
        place = chrome->nodes[place].parent;
    }
    while (depth > 0) {
        struct chrome_node *node = &chrome->nodes[path[--depth]];
        uint32_t above = node->has_parent ? chrome->nodes[node->parent].node : 0;
        node->node = profile_child(chrome->profile, above, node->frame);
        node->has_node = true;
    }
    return true;
}

static bool
build(struct chrome *chrome)
{
    uint32_t *path = malloc(((size_t)chrome->count + 1) * sizeof(uint32_t));
    bool good = path != NULL || fail(chrome, "out of memory");
    for (uint32_t i = 0; good && i < chrome->count; i++) {
        good = link_children(chrome, i);
    }
    for (uint32_t i = 0; good && i < chrome->count; i++) {
        good = resolve(chrome, i, path);
    }
    free(path);
    return good;
}

/* The time to the next sample was spent in this one. */
static bool
read_samples(struct chrome *chrome, struct json_scan *samples, struct json_scan *deltas)
{
    uint32_t measure = profile_measure(chrome->profile, STR("time"), "s", 1e-6);
    struct chrome_node *node = NULL;
    double id, delta;
    if (!json_scan_enter(samples, JSON_ARRAY) || !json_scan_enter(deltas, JSON_ARRAY)) {
        return fail(chrome, "samples or timeDeltas is no array");
    }
    while (json_scan_number(samples, &id)) {
        if (!json_scan_number(deltas, &delta)) {
            return fail(chrome, "there are fewer timeDeltas than samples");
        }
        if (node != NULL) {
            profile_put_next(chrome->profile, node->node, measure, MAX(delta, 0));
        }
        node = find(chrome, id);
        if (node == NULL) {
            return fail(chrome, "a sample names a node that there is not");
        }
    }
    return samples->why == NULL && deltas->why == NULL;
}

static void
count_hits(struct chrome *chrome)
{
    uint32_t measure = profile_measure(chrome->profile, STR("samples"), "", 1);
    for (uint32_t i = 0; i < chrome->count; i++) {
        profile_put(chrome->profile, chrome->nodes[i].node, measure, chrome->nodes[i].hits);
    }
}

static bool
read_all(struct chrome *chrome, struct json_scan *scan)
{
    struct json_scan samples, deltas;
    bool has_nodes = false, has_samples = false, has_deltas = false;
    bool good = json_scan_enter(scan, JSON_OBJECT);
    struct str key;
    while (good && json_scan_key(scan, &key)) {
        if (str_is(key, "nodes")) {
            good = !has_nodes ? read_nodes(chrome, scan) : fail(chrome, "nodes comes twice");
            has_nodes = true;
            continue;
        }
        if (str_is(key, "samples")) {
            samples = *scan;
            has_samples = true;
        } else if (str_is(key, "timeDeltas")) {
            deltas = *scan;
            has_deltas = true;
        }
        good = json_scan_skip(scan, JSON_KEY);
    }
    if (!good || scan->why != NULL || (!has_nodes && !fail(chrome, "nodes is missing")) ||
        !build(chrome)) {
        return false;
    }
    if (!has_samples || !has_deltas) {
        count_hits(chrome);
        return true;
    }
    good = read_samples(chrome, &samples, &deltas);
    scan->p = samples.p;
    scan->why = samples.why != NULL ? samples.why : deltas.why;
    return good;
}

static bool
chrome_read(struct str text, struct profile *profile, char *why, size_t why_size)
{
    struct chrome chrome = {.profile = profile};
    struct json_scan scan;
    json_scan_init(&scan, text);
    map_init(&chrome.by_id, NODES_MAX);
    bool good = read_all(&chrome, &scan);
    if (!good) {
        snprintf(why, why_size, "line %zu, byte %zu: %s", json_scan_line(&scan),
                 (size_t)(scan.p - scan.begin),
                 chrome.why != NULL ? chrome.why
                 : scan.why != NULL ? scan.why
                                    : "this is no CPU profile");
    }
    map_done(&chrome.by_id);
    free(chrome.nodes);
    return good;
}

static bool
chrome_is(struct str head, bool whole)
{
    (void)whole;
    struct str rest = str_trim(head);
    if (rest.n == 0 || rest.p == NULL || rest.p[0] != '{') {
        return false;
    }
    return memmem(rest.p, rest.n, "\"callFrame\"", 11) != NULL &&
           memmem(rest.p, rest.n, "\"functionName\"", 14) != NULL;
}

const struct profile_format profile_format_chrome = {
    .name = "cpuprofile",
    .text = "The CPU profile of Chrome and Node.js (.cpuprofile).",
    .is = chrome_is,
    .read = chrome_read,
};
