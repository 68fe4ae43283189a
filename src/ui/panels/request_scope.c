/* Which requests are looked at: those of the span of the charts that a filter, a group and a
 * rectangle of the heatmap let through. The set that is shown stays until the next is whole and
 * nothing is made of the old one any more. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flametop/base/clock.h"
#include "flametop/core/unit.h"

#define WAITING_MAX 32

int64_t
request_duration_ns(const struct trace *trace, const struct picture *picture)
{
    int64_t so_far = picture->mono_ns - trace->mono_ns;
    bool running = (trace->flags & TRACE_UNFINISHED) != 0;
    return running ? MAX(trace->duration_ns, so_far) : trace->duration_ns;
}

enum level
request_level(const struct trace *trace)
{
    return (trace->flags & TRACE_ERROR) != 0           ? LEVEL_CRITICAL
           : (trace->flags & TRACE_SLOW) != 0          ? LEVEL_WARNING
           : (trace->flags & TRACE_FAILED_INSIDE) != 0 ? LEVEL_INFO
                                                       : LEVEL_NORMAL;
}

char *
request_time_text(int64_t wall_ns, bool exact, char dst[REQUEST_TEXT])
{
    time_t at = (time_t)(wall_ns / NS_PER_S);
    struct tm local;
    dst[0] = '\0';
    if (localtime_r(&at, &local) != NULL) {
        size_t n = strftime(dst, REQUEST_TEXT, "%H:%M:%S", &local);
        if (exact) {
            snprintf(dst + n, REQUEST_TEXT - n, ".%03d", (int)(wall_ns % NS_PER_S / NS_PER_MS));
        }
    }
    return dst;
}

char *
request_seconds_text(double seconds, bool ascii, char dst[REQUEST_TEXT])
{
    return unit_format(seconds, "s", ascii, dst, REQUEST_TEXT);
}

char *
request_name(const struct trace *trace, char dst[REQUEST_NAME])
{
    snprintf(dst, REQUEST_NAME, "%s%s%s", trace_text(trace, trace->endpoint),
             trace->tool != 0 ? " · " : "", trace->tool != 0 ? trace_text(trace, trace->tool) : "");
    return dst;
}

const char *
request_word(uint64_t count)
{
    return count == 1 ? "request" : "requests";
}

char *
request_group_name(const struct requests *requests, const struct trace_group *group,
                   char dst[REQUEST_NAME])
{
    bool tool = requests->grouping.by == GROUP_REQUEST && group->endpoint != NULL &&
                group->tool != NULL && group->tool[0] != '\0';
    const char *name = group->name == NULL      ? "all the others"
                       : group->name[0] != '\0' ? group->name
                                                : "without one";
    snprintf(dst, REQUEST_NAME, "%s%s%s", name, tool ? " · " : "", tool ? group->tool : "");
    return dst;
}

/* ---- wishes ---- */

static bool
accepts(const void *context, const struct trace *trace)
{
    const struct request_wish *wish = context;
    return (!wish->grouped || trace_group_key(&wish->grouping, trace) == wish->key) &&
           (wish->filter == NULL || trace_filter_matches(wish->filter, trace));
}

static void
free_wish(struct request_wish *wish)
{
    if (wish != NULL) {
        trace_filter_free(wish->filter);
        free(wish);
    }
}

static void
free_waiting(struct requests *requests)
{
    while (requests->waiting != NULL) {
        struct request_wish *next = requests->waiting->next;
        free_wish(requests->waiting);
        requests->waiting = next;
    }
    requests->waiting_count = 0;
}

/* Everything that may point to a wish of before. */
static void
give_up(struct requests *requests)
{
    trace_groups_free(requests->groups);
    trace_heat_free(requests->heat.heat);
    requests->groups = trace_groups_new();
    requests->heat.heat = trace_heat_new();
    requests->group_sheet.table = NULL; /* its rows were of those groups */
    requests->group_sheet.serial = 0;
    trace_set_done(&requests->making);
    trace_set_init(&requests->making);
    requests->is_making = false;
    requests->shown.scope = (struct trace_scope){0};
    trace_differ_free(requests->differ_making);
    requests->differ_making = NULL;
    trace_flame_free(requests->icicle.making);
    requests->icicle.making = NULL;
    trace_set_done(&requests->differ_rest);
    trace_set_init(&requests->differ_rest);
    requests->differ_serial = 0;
    request_flame_forget(requests);
    free_waiting(requests);
}

void
request_wishes_done(struct requests *requests)
{
    free_waiting(requests);
    free_wish(requests->wish);
    requests->wish = NULL;
}

/* Another filter (NULL: the one in force) and another group (NULL: none). False, and it is said
 * why, when the text is no filter. */
bool
request_set_wish(struct requests *requests, const struct panel_context *context,
                 const char *filter_text, const struct trace_group *group)
{
    const struct request_wish *before = requests->wish;
    struct request_wish *wish = calloc(1, sizeof(*wish));
    char why[200] = "";
    if (wish == NULL) {
        return false;
    }
    const char *text = filter_text != NULL ? filter_text
                       : before != NULL    ? before->filter_text
                                           : "";
    strlcpy(wish->filter_text, text, sizeof(wish->filter_text));
    wish->filter = trace_filter_new(str_from(text), why, sizeof(why));
    if (wish->filter == NULL && why[0] != '\0') {
        panel_say(context, "%s", why);
        free(wish);
        return false;
    }
    if (group != NULL) {
        wish->grouped = true;
        wish->grouping = requests->grouping;
        wish->grouping.scope = (struct trace_scope){0};
        wish->key = group->key;
        request_group_name(requests, group, wish->name);
    }
    if (requests->waiting_count == WAITING_MAX) {
        give_up(requests);
    }
    if (requests->wish != NULL) {
        requests->wish->next = requests->waiting;
        requests->waiting = requests->wish;
        requests->waiting_count++;
    }
    requests->wish = wish;
    return true;
}

/* Of the heatmap and the groups: without the rectangle. */
struct trace_scope
request_scope(const struct requests *requests, const struct panel_context *context)
{
    bool any =
        requests->wish != NULL && (requests->wish->grouped || requests->wish->filter != NULL);
    return (struct trace_scope){
        .from_ns = context->picture->mono_ns - context->span_ns,
        .to_ns = context->picture->mono_ns + 1,
        .accepts = any ? accepts : NULL,
        .context = requests->wish,
    };
}

/* ---- the set ---- */

static struct trace_scope
set_scope(const struct requests *requests, const struct panel_context *context)
{
    struct trace_scope scope = request_scope(requests, context);
    const struct request_rectangle *rectangle = &requests->rectangle;
    if (rectangle->on) {
        scope.from_ns = rectangle->from_ns;
        scope.to_ns = MIN(rectangle->to_ns, scope.to_ns);
        scope.low_ns = rectangle->low_ns;
        scope.high_ns = rectangle->high_ns;
    }
    return scope;
}

/* Changes with everything a set depends on. */
static uint64_t
stamp_of(const struct requests *requests, const struct panel_context *context)
{
    const struct request_rectangle *rectangle = &requests->rectangle;
    const struct picture *picture = context->picture;
    uint64_t stamp = hash_mix(picture->traces->number, (uint64_t)(uintptr_t)requests->wish);
    stamp = hash_mix(stamp, (uint64_t)picture->mono_ns);
    stamp = hash_mix(stamp, (uint64_t)context->span_ns);
    if (rectangle->on) {
        stamp = hash_mix(stamp, (uint64_t)rectangle->from_ns ^ (uint64_t)rectangle->high_ns);
        stamp = hash_mix(stamp, (uint64_t)rectangle->to_ns ^ (uint64_t)rectangle->low_ns);
    }
    return hash_mix(stamp, 1);
}

static void
begin(struct requests *requests, const struct panel_context *context, uint64_t stamp)
{
    struct trace_scope scope = set_scope(requests, context);
    const struct traces *traces = context->picture->traces;
    int64_t from_ns = MAX(scope.from_ns, traces->oldest_mono_ns);
    requests->making_stamp = stamp;
    requests->making_s = fmax((double)(scope.to_ns - from_ns) / 1e9, 1);
    trace_set_begin(&requests->making, context->picture->traces, &scope);
    requests->is_making = true;
}

/* Nothing reads the set that is shown, so that another may take its place. */
static bool
is_idle(const struct requests *requests)
{
    return requests->graph_making == NULL && requests->differ_making == NULL &&
           requests->icicle.making == NULL;
}

bool
request_scope_work(struct requests *requests, const struct panel_context *context, int64_t until_ns)
{
    uint64_t stamp = stamp_of(requests, context);
    if (!requests->is_making && stamp != requests->shown_stamp) {
        begin(requests, context, stamp);
    }
    if (!requests->is_making) {
        return false;
    }
    if (!trace_set_step(&requests->making, until_ns) || !is_idle(requests)) {
        return true;
    }
    struct trace_set before = requests->shown;
    requests->shown = requests->making;
    requests->making = before;
    trace_set_done(&requests->making);
    trace_set_init(&requests->making);
    requests->is_making = false;
    requests->shown_stamp = requests->making_stamp;
    requests->shown_s = requests->making_s;
    requests->serial++;
    return requests->shown_stamp != stamp;
}

/* Those of the set that is shown which are of a group of the page of groups. */
void
request_set_of_group(const struct requests *requests, const struct trace_group *group,
                     struct trace_set *ret_set)
{
    struct trace_scope all = {0};
    trace_set_begin(ret_set, requests->shown.traces, &all);
    for (size_t i = 0; i < requests->shown.count; i++) {
        if (trace_group_key(&requests->grouping, requests->shown.list[i]) == group->key) {
            trace_set_add(ret_set, requests->shown.list[i]);
        }
    }
}
