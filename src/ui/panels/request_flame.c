/* Flame graphs of requests: of one, a group or a selection; and compared: with what was marked, or
 * the slow with the typical. Made in steps; the flame view opens when it is done. */
#include "request.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/core/link.h"
#include "flametop/core/profile.h"
#include "flametop/core/unit.h"

void
request_sample_done(struct request_sample *sample)
{
    trace_set_done(&sample->set);
    trace_set_init(&sample->set);
    sample->name[0] = '\0';
}

static void
add_all(struct trace_set *set, const struct trace_set *from)
{
    struct trace_scope all = {0};
    trace_set_begin(set, from->traces, &all);
    for (size_t i = 0; i < from->count; i++) {
        trace_set_add(set, from->list[i]);
    }
}

static void
take_trace(struct request_sample *sample, struct traces *traces, const struct trace *trace)
{
    struct trace_scope all = {0};
    char name[REQUEST_NAME], when[REQUEST_TEXT];
    trace_set_begin(&sample->set, traces, &all);
    trace_set_add(&sample->set, trace);
    snprintf(sample->name, sizeof(sample->name), "%.180s at %s", request_name(trace, name),
             request_time_text(trace->start_ns, true, when));
}

static void
take_calls(struct requests *requests, struct request_sample *sample,
           const struct trace_operation *operation)
{
    struct trace_scope all = {0};
    const struct trace_set *shown = &requests->shown;
    trace_set_begin(&sample->set, shown->traces, &all);
    for (size_t i = 0; i < shown->count; i++) {
        if (request_trace_calls(shown->list[i], operation)) {
            trace_set_add(&sample->set, shown->list[i]);
        }
    }
    snprintf(sample->name, sizeof(sample->name), "%zu %s that %s %.180s", sample->set.count,
             request_word(sample->set.count), sample->set.count == 1 ? "calls" : "call",
             operation->name);
}

static void
take_shown(const struct requests *requests, const struct panel_context *context,
           struct request_sample *sample)
{
    const struct request_wish *wish = requests->wish;
    const struct request_rectangle *rectangle = &requests->rectangle;
    const char *group = wish != NULL && wish->grouped ? wish->name : "";
    add_all(&sample->set, &requests->shown);
    if (rectangle->on) {
        char from[REQUEST_TEXT], to[REQUEST_TEXT];
        request_time_text(picture_wall(context->picture, rectangle->from_ns), false, from);
        request_time_text(picture_wall(context->picture, rectangle->to_ns), false, to);
        snprintf(sample->name, sizeof(sample->name), "%s%s%zu %s selected, %s to %s", group,
                 group[0] != '\0' ? " · " : "", sample->set.count, request_word(sample->set.count),
                 from, to);
    } else {
        snprintf(sample->name, sizeof(sample->name), "%s%s%zu %s", group,
                 group[0] != '\0' ? " · " : "", sample->set.count, request_word(sample->set.count));
    }
}

static void
take_group(const struct requests *requests, struct request_sample *sample,
           const struct trace_group *group)
{
    char name[REQUEST_NAME];
    request_set_of_group(requests, group, &sample->set);
    snprintf(sample->name, sizeof(sample->name), "%.200s · %zu %s",
             request_group_name(requests, group, name), sample->set.count,
             request_word(sample->set.count));
}

/* What the cursor is on: a request, a group, what is called, or all that is looked at. */
static bool
take(struct requests *requests, const struct panel_context *context, struct request_sample *sample)
{
    const void *of = NULL;
    trace_set_init(&sample->set);
    if (requests->waterfall.trace != NULL) {
        take_trace(sample, requests->waterfall.traces, requests->waterfall.trace);
        return true;
    }
    if (requests->shown.traces == NULL) {
        return false;
    }
    if (requests->heat_focused) {
        take_shown(requests, context, sample);
    } else if (requests->page == REQUEST_GROUPS &&
               (of = request_sheet_selected(&requests->group_sheet)) != NULL) {
        take_group(requests, sample, of);
    } else if ((requests->page == REQUEST_SLOWEST || requests->page == REQUEST_RUNNING) &&
               (of = request_sheet_selected(requests->page == REQUEST_SLOWEST
                                                ? &requests->slow_sheet
                                                : &requests->running_sheet)) != NULL) {
        take_trace(sample, requests->shown.traces, of);
    } else if ((requests->page == REQUEST_QUERIES || requests->page == REQUEST_AGENTS) &&
               (of = request_sheet_selected(requests->page == REQUEST_QUERIES
                                                ? &requests->query_sheet
                                                : &requests->agent_sheet)) != NULL) {
        take_calls(requests, sample, of);
    } else {
        take_shown(requests, context, sample);
    }
    if (sample->set.count == 0) {
        request_sample_done(sample);
        return false;
    }
    return true;
}

static void
begin(struct requests *requests, const struct panel_context *context)
{
    trace_flame_free(requests->flame);
    requests->flame = trace_flame_new(
        &requests->job[0].set, requests->job[1].set.count > 0 ? &requests->job[1].set : NULL);
    if (requests->flame == NULL) {
        panel_say(context, "there is not enough memory for this");
        return;
    }
    panel_again(context);
}

/* What is being made reads the sets: it goes before they do. */
void
request_flame_forget(struct requests *requests)
{
    trace_flame_free(requests->flame);
    requests->flame = NULL;
    request_sample_done(&requests->job[0]);
    request_sample_done(&requests->job[1]);
    requests->job_fills = false;
}

void
request_flame_open(struct requests *requests, const struct panel_context *context)
{
    request_flame_forget(requests);
    if (!take(requests, context, &requests->job[0])) {
        panel_say(context, "there are no requests to show");
        return;
    }
    snprintf(requests->flame_title, sizeof(requests->flame_title), "critical path · %s",
             requests->job[0].name);
    begin(requests, context);
}

void
request_flame_mark(struct requests *requests, const struct panel_context *context)
{
    request_sample_done(&requests->mark);
    if (take(requests, context, &requests->mark)) {
        panel_say(context, "marked: %s; d compares another with it", requests->mark.name);
        if (requests->mark.set.count == 1) {
            panel_mark_trace(context, requests->mark.set.list[0]);
        }
    } else {
        panel_say(context, "there is nothing to mark");
    }
}

/* With the mark; without one, or on the mark itself, the slow with the typical. */
void
request_flame_compare(struct requests *requests, const struct panel_context *context)
{
    struct request_sample *job = requests->job;
    request_flame_forget(requests);
    if (!take(requests, context, &job[0])) {
        panel_say(context, "there are no requests to compare");
        return;
    }
    bool marked = requests->mark.name[0] != '\0' && strcmp(requests->mark.name, job[0].name) != 0;
    if (marked) {
        add_all(&job[1].set, &requests->mark.set);
        snprintf(requests->flame_title, sizeof(requests->flame_title),
                 "critical path · %s" PANEL_PROFILE_BEFORE "%s", job[0].name, requests->mark.name);
        begin(requests, context);
        return;
    }
    struct trace_set all = job[0].set;
    trace_set_init(&job[0].set);
    bool fine = trace_set_cohorts(&all, &job[0].set, &job[1].set);
    size_t count = all.count;
    trace_set_done(&all);
    if (!fine || count < 2 || job[0].set.count == 0 || job[1].set.count == 0) {
        panel_say(context, count < 2 ? "m marks what to compare with: a request, group or selection"
                                     : "there are too few requests to tell slow from typical: m "
                                       "marks what to compare with");
        request_flame_forget(requests);
        return;
    }
    snprintf(requests->flame_title, sizeof(requests->flame_title),
             "critical path · slowest 5 %% of %s" PANEL_PROFILE_BEFORE "typical", job[0].name);
    begin(requests, context);
}

/* ---- a window of time and the one before ---- */

/* "14:02:10 to 14:05:00 (120)" */
static void
name_window(const struct panel_context *context, struct request_sample *sample)
{
    char from[REQUEST_TEXT], to[REQUEST_TEXT];
    const struct trace_scope *scope = &sample->set.scope;
    request_time_text(picture_wall(context->picture, scope->from_ns), false, from);
    request_time_text(picture_wall(context->picture, scope->to_ns), false, to);
    snprintf(sample->name, sizeof(sample->name), "%s to %s (%zu)", from, to, sample->set.count);
}

static bool
is_of_window(const void *context, const struct trace *trace)
{
    const struct requests *requests = context;
    const struct trace_scope *page = &requests->window.page;
    return (page->accepts == NULL || page->accepts(page->context, trace)) &&
           (!requests->window.grouped ||
            trace_group_key(&requests->window.grouping, trace) == requests->window.key);
}

/* The same that F shows: the group the cursor is on, else all of the page. */
static void
choose_window(struct requests *requests, const struct trace_scope *page)
{
    const struct request_wish *wish = requests->wish;
    const struct trace_group *group = NULL;
    bool groups = requests->page == REQUEST_GROUPS && !requests->heat_focused;
    if (groups && (group = request_sheet_selected(&requests->group_sheet)) != NULL) {
        requests->window.grouping = requests->grouping;
        requests->window.grouping.scope = (struct trace_scope){0};
        requests->window.key = group->key;
        request_group_name(requests, group, requests->window.name);
    } else {
        strlcpy(requests->window.name, wish != NULL && wish->grouped ? wish->name : "",
                sizeof(requests->window.name));
    }
    requests->window.grouped = group != NULL;
    requests->window.page = *page;
}

/* What is selected by its time alone: durations would be those that were chosen. */
void
request_flame_before(struct requests *requests, const struct panel_context *context)
{
    struct traces *traces = context->picture->traces;
    struct trace_scope now = request_scope(requests, context), before;
    const struct request_rectangle *rectangle = &requests->rectangle;
    if (rectangle->on) {
        now.from_ns = rectangle->from_ns;
        now.to_ns = MIN(rectangle->to_ns, now.to_ns);
    }
    choose_window(requests, &now);
    now.accepts = is_of_window;
    now.context = requests;
    before = now;
    before.from_ns = now.from_ns - (now.to_ns - now.from_ns);
    before.to_ns = now.from_ns;
    request_flame_forget(requests);
    if (traces->oldest_mono_ns >= before.to_ns) {
        bool comes = context->link != NULL && (context->link->coming & LINK_REQUESTS_COME) != 0;
        panel_say(context, comes ? "the requests of the time before are still coming"
                                 : "no requests of the time before are held: v selects a part, "
                                   "w shows less");
        return;
    }
    trace_set_begin(&requests->job[0].set, traces, &now);
    trace_set_begin(&requests->job[1].set, traces, &before);
    requests->job_fills = true;
    panel_again(context);
}

static void
fill_windows(struct requests *requests, const struct panel_context *context, int64_t until_ns)
{
    struct request_sample *job = requests->job;
    if (!trace_set_step(&job[0].set, until_ns) || !trace_set_step(&job[1].set, until_ns)) {
        return;
    }
    requests->job_fills = false;
    name_window(context, &job[0]);
    name_window(context, &job[1]);
    if (job[0].set.count == 0 || job[1].set.count == 0) {
        panel_say(context, "there are no requests in %s", job[job[0].set.count > 0].name);
        request_flame_forget(requests);
        return;
    }
    const char *name = requests->window.name;
    snprintf(requests->flame_title, sizeof(requests->flame_title),
             "critical path · %.200s%s%s" PANEL_PROFILE_BEFORE "%s", name,
             name[0] != '\0' ? " · " : "", job[0].name, job[1].name);
    begin(requests, context);
}

/* ---- work ---- */

bool
request_flame_work(struct requests *requests, const struct panel_context *context, int64_t until_ns)
{
    if (requests->job_fills) {
        fill_windows(requests, context, until_ns);
        return true;
    }
    if (requests->flame == NULL) {
        return false;
    }
    if (!trace_flame_step(requests->flame, until_ns)) {
        return true;
    }
    if (requests->flame->failed) {
        panel_say(context, "there is not enough memory for this");
    } else {
        panel_open_profile(context, trace_flame_take(requests->flame), requests->flame_title);
    }
    request_flame_forget(requests);
    return true;
}
