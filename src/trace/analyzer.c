/* The diagnosis of requests. Every two seconds the last minute is put into groups (trace/group.c);
 * of those that are slow the critical paths of some slow requests say what the time went to: both a
 * little with each picture. A trouble must stand for a while before it is told, and stays in the
 * past tense for a while after. */
#include "flametop/trace/analyzer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flametop/base/clock.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/unit.h"
#include "flametop/trace/group.h"
#include "flametop/trace/path.h"

#define WINDOW_NS (60 * NS_PER_S)
#define EVERY_NS (2 * NS_PER_S)
#define HOLD_NS (4 * NS_PER_S)
#define PAST_NS (10 * NS_PER_S)
#define STEP_NS (2 * NS_PER_MS) /* of a tick; of the first ones as much as a source takes */
#define FIRST_STEP_NS (5 * NS_PER_MS)
#define TROUBLES_MAX 8
#define SHARE_ENTER 0.05 /* of the requests; less is how services are */
#define SHARE_LEAVE 0.04
#define REQUESTS_MIN 3 /* that are slow: fewer are no pattern */
#define PATHS_MAX 32   /* requests whose paths are looked at */
#define PATH_SPANS_MAX 20000u
#define PORTION 128 /* requests between two looks at the clock */
#define COMPONENTS 64
#define BLIND_SHARE 0.5
#define WARNING 45
#define CRITICAL 80

enum kind { KIND_SLOW, KIND_FAILING, KINDS };

struct component {
    uint64_t key; /* 0: free */
    int64_t path_ns;
    char name[64];
};

/* What the slow requests of a group spent their time on. */
struct spent {
    uint64_t key;           /* of the group */
    int64_t all_ns, own_ns; /* wall time; of it the root's own */
    int64_t first_mono_ns;  /* the oldest slow one */
    uint32_t paths, spans;
    struct component components[COMPONENTS];
};

struct trouble {
    enum kind kind;
    uint64_t key;
    int64_t first_ns, last_ns, since_wall_ns, last_wall_ns;
    bool shown, over;
    struct trace_group row; /* numbers only */
    char name[96];          /* "POST /tools/invoke database-query" */
    char labels[256];       /* "endpoint=POST /tools/invoke,tool=database-query", of its metrics */
    char component[80];     /* "SELECT orders (shop)"; "": not known */
    double component_share, blind_share; /* NaN: not known */
};

struct state {
    struct trace_groups *groups;
    struct trace_path path;
    struct spent *spent; /* of up to TROUBLES_MAX groups */
    size_t spent_count;
    bool asked, judged;
    int64_t asked_ns;
    struct traces *looked_at; /* one reference, while slow requests are looked at */
    struct traces_cursor cursor;
    const struct trace *trace; /* whose path is being made; NULL: none */
    struct spent *into;
    struct trace_grouping grouping;
    struct trouble troubles[TROUBLES_MAX];
    size_t count;
};

static void
request_close(void *data)
{
    struct state *state = data;
    if (state != NULL) {
        trace_groups_free(state->groups);
        traces_release(state->looked_at);
        trace_path_done(&state->path);
        free(state->spent);
        free(state);
    }
}

static void *
request_open(struct catalog *catalog)
{
    (void)catalog;
    struct state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return NULL;
    }
    trace_path_init(&state->path);
    state->groups = trace_groups_new();
    state->spent = calloc(TROUBLES_MAX, sizeof(*state->spent));
    if (state->groups == NULL || state->spent == NULL) {
        request_close(state);
        return NULL;
    }
    return state;
}

/* ---- what is troubled ---- */

static double
share_of(const struct trace_group *row, enum kind kind)
{
    double ended = row->count - row->running;
    return ended > 0 ? (kind == KIND_SLOW ? row->slow : row->errors) / ended : 0;
}

static struct trouble *
find(struct state *state, enum kind kind, uint64_t key)
{
    for (size_t i = 0; i < state->count; i++) {
        if (state->troubles[i].kind == kind && state->troubles[i].key == key) {
            return &state->troubles[i];
        }
    }
    return NULL;
}

static bool
is_troubled(struct state *state, const struct trace_group *row, enum kind kind)
{
    const struct trouble *trouble = find(state, kind, row->key);
    bool told = trouble != NULL && !trouble->over;
    double count = kind == KIND_SLOW ? row->slow : row->errors;
    return row->name != NULL && count >= REQUESTS_MIN &&
           share_of(row, kind) >= (told ? SHARE_LEAVE : SHARE_ENTER);
}

static int
impact_of(const struct trouble *trouble)
{
    double share = share_of(&trouble->row, trouble->kind);
    return (int)(WARNING + (CRITICAL - WARNING) * MIN((share - SHARE_LEAVE) / 0.4, 1.0));
}

static void
name_it(struct trouble *trouble, const struct trace_group *row)
{
    bool tool = row->tool != NULL && row->tool[0] != '\0';
    snprintf(trouble->name, sizeof(trouble->name), "%s%s%s", row->name, tool ? " " : "",
             tool ? row->tool : "");
    labels_add(trouble->labels, sizeof(trouble->labels), "endpoint", str_from(row->name));
    if (tool) {
        labels_add(trouble->labels, sizeof(trouble->labels), "tool", str_from(row->tool));
    }
}

/* ---- where the time went ---- */

static struct spent *
spent_of(struct state *state, uint64_t key)
{
    for (size_t i = 0; i < state->spent_count; i++) {
        if (state->spent[i].key == key) {
            return &state->spent[i];
        }
    }
    return NULL;
}

static void
add_component(struct spent *spent, const struct trace *trace, uint32_t i, int64_t path_ns)
{
    const struct trace_span *span = &trace_spans(trace)[i];
    const char *service = trace_text(trace, trace_resources(trace)[span->resource].service);
    const char *label = trace_text(trace, span->label);
    uint64_t key = hash_mix(hash_text(service), hash_text(label)) | 1;
    for (size_t tried = 0, at = key % COMPONENTS; tried < COMPONENTS;
         tried++, at = (at + 1) % COMPONENTS) {
        struct component *component = &spent->components[at];
        if (component->key == 0) {
            component->key = key;
            snprintf(component->name, sizeof(component->name), "%s%s%s%s", label,
                     service[0] != '\0' ? " (" : "", service, service[0] != '\0' ? ")" : "");
        }
        if (component->key == key) {
            component->path_ns += path_ns;
            return;
        }
    }
}

/* The path of the request at hand is made. */
static void
take_path(struct state *state)
{
    struct spent *spent = state->into;
    const struct trace_times *times = state->path.times;
    spent->all_ns += state->path.duration_ns;
    spent->own_ns += MIN(times[0].path_ns, times[0].self_ns);
    for (uint32_t i = 1; i < state->path.count; i++) {
        if (times[i].path_ns > 0) {
            add_component(spent, state->trace, i, times[i].path_ns);
        }
    }
    state->trace = NULL;
}

static void
look_into(struct state *state, struct spent *spent, const struct trace *trace)
{
    spent->first_mono_ns = MIN(spent->first_mono_ns, trace->mono_ns);
    if (spent->paths == PATHS_MAX || trace->span_count > PATH_SPANS_MAX - spent->spans ||
        !trace_path_begin(&state->path, trace)) {
        return;
    }
    spent->paths++;
    spent->spans += trace->span_count;
    state->trace = trace;
    state->into = spent;
}

/* Of the groups that are slow the newest slow requests are looked at. */
static void
begin_to_look(struct state *state, struct traces *traces)
{
    const struct trace_groups *groups = state->groups;
    state->spent_count = 0;
    for (size_t i = 0; i < groups->count && state->spent_count < TROUBLES_MAX; i++) {
        if (is_troubled(state, &groups->rows[i], KIND_SLOW)) {
            state->spent[state->spent_count++] =
                (struct spent){.key = groups->rows[i].key, .first_mono_ns = INT64_MAX};
        }
    }
    state->looked_at = traces_acquire(traces);
    state->cursor = (struct traces_cursor){0};
    state->trace = NULL;
}

/* True at the end of the list. */
static bool
look_at_portion(struct state *state)
{
    for (unsigned i = 0; i < PORTION && state->trace == NULL; i++) {
        const struct trace *trace =
            state->spent_count > 0 ? traces_next(state->looked_at, &state->cursor) : NULL;
        if (trace == NULL) {
            return true;
        }
        bool slow = (trace->flags & TRACE_SLOW) != 0 && (trace->flags & TRACE_UNFINISHED) == 0;
        struct spent *spent = slow && trace_scope_has(&state->grouping.scope, trace)
                                  ? spent_of(state, trace_group_key(&state->grouping, trace))
                                  : NULL;
        if (spent != NULL) {
            look_into(state, spent, trace);
        }
    }
    return false;
}

/* Goes on until the monotonic time; true when all were looked at. */
static bool
look(struct state *state, int64_t until_ns)
{
    bool over = false;
    do {
        if (state->trace == NULL) {
            over = look_at_portion(state);
        } else if (trace_path_step(&state->path, until_ns)) {
            take_path(state);
        }
    } while (!over && clock_mono_ns() < until_ns);
    if (over) {
        traces_release(state->looked_at);
        state->looked_at = NULL;
    }
    return over;
}

static void
tell_component(struct trouble *trouble, const struct spent *spent)
{
    const struct component *heaviest = NULL;
    for (size_t i = 0; i < COMPONENTS && spent != NULL; i++) {
        const struct component *component = &spent->components[i];
        if (component->key != 0 && (heaviest == NULL || component->path_ns > heaviest->path_ns)) {
            heaviest = component;
        }
    }
    bool known = spent != NULL && spent->all_ns > 0;
    double own = known ? (double)spent->own_ns / (double)spent->all_ns : (double)NAN;
    trouble->blind_share = own >= BLIND_SHARE ? own : (double)NAN;
    trouble->component_share = (double)NAN;
    trouble->component[0] = '\0';
    if (known && heaviest != NULL && !(own >= BLIND_SHARE)) {
        snprintf(trouble->component, sizeof(trouble->component), "%s", heaviest->name);
        trouble->component_share = (double)heaviest->path_ns / (double)spent->all_ns;
    }
}

/* ---- since when ---- */

static void
note(struct state *state, const struct picture *picture, const struct trace_group *row,
     enum kind kind)
{
    struct trouble *trouble = find(state, kind, row->key);
    const struct spent *spent = kind == KIND_SLOW ? spent_of(state, row->key) : NULL;
    if (trouble == NULL && state->count == TROUBLES_MAX) {
        return;
    }
    if (trouble == NULL) {
        trouble = &state->troubles[state->count++];
        bool dated = spent != NULL && spent->first_mono_ns != INT64_MAX;
        int64_t ago_ns = dated ? picture->mono_ns - spent->first_mono_ns : 0;
        *trouble = (struct trouble){.kind = kind,
                                    .key = row->key,
                                    .first_ns = picture->mono_ns,
                                    .since_wall_ns = picture->wall_ns - ago_ns,
                                    .shown = !state->judged}; /* it was there before us */
        name_it(trouble, row);
    }
    trouble->row = *row;
    trouble->last_ns = picture->mono_ns;
    trouble->last_wall_ns = picture->wall_ns;
    trouble->shown |= picture->mono_ns - trouble->first_ns >= HOLD_NS;
    tell_component(trouble, spent);
}

static void
judge(struct state *state, const struct picture *picture)
{
    for (size_t i = 0; i < state->groups->count; i++) {
        for (int kind = KIND_SLOW; kind < KINDS; kind++) {
            if (is_troubled(state, &state->groups->rows[i], (enum kind)kind)) {
                note(state, picture, &state->groups->rows[i], (enum kind)kind);
            }
        }
    }
    for (size_t i = 0; i < state->count; i++) {
        struct trouble *trouble = &state->troubles[i];
        trouble->over = trouble->last_ns != picture->mono_ns;
        trouble->row.name = trouble->row.endpoint = NULL; /* they live as long as the rows */
        trouble->row.tool = trouble->row.service = NULL;
    }
    state->judged = true;
}

static void
forget_old(struct state *state, int64_t now_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < state->count; i++) {
        const struct trouble *trouble = &state->troubles[i];
        if (!trouble->over || (trouble->shown && now_ns - trouble->last_ns < PAST_NS + EVERY_NS)) {
            state->troubles[kept++] = *trouble;
        }
    }
    state->count = kept;
}

/* ---- words ---- */

static const char *
percent(struct arena *arena, double share)
{
    return arena_printf(arena, share < 0.1 ? "%.1f %%" : "%.0f %%", share * 100);
}

static const char *
seconds(struct arena *arena, double value)
{
    char text[32];
    return arena_printf(arena, "%s", unit_format(value, "s", false, text, sizeof(text)));
}

/* "p95 3.1 s", "slowest 3.1 s". */
static const char *
duration(struct arena *arena, const struct trace_group *row)
{
    bool known = !isnan(row->p95_s);
    return arena_printf(arena, "%s %s", known ? "p95" : "slowest",
                        seconds(arena, known ? row->p95_s : row->max_s));
}

static void
word_present(const struct trouble *trouble, struct finding *finding, struct arena *arena)
{
    const char *share = percent(arena, share_of(&trouble->row, trouble->kind));
    if (trouble->kind == KIND_FAILING) {
        finding->sentence =
            arena_printf(arena, "%s fails: %s of its requests", trouble->name, share);
        finding->short_sentence = finding->sentence;
        finding->advice = "Look at what its failed requests have in common, in view 5.";
        return;
    }
    const char *rest = "", *time = duration(arena, &trouble->row);
    finding->advice = "Enter on it in view 5 shows its requests, F their flame graph.";
    if (!isnan(trouble->blind_share)) {
        rest = arena_printf(arena, "; %s of it in no span: cause unknown",
                            percent(arena, trouble->blind_share));
        finding->advice = "Add spans to what it does itself: its time is in none of those below.";
    } else if (trouble->component[0] != '\0') {
        rest = arena_printf(arena, "; %s of it in %s", percent(arena, trouble->component_share),
                            trouble->component);
        finding->culprit = arena_printf(arena, "%s", trouble->component);
    }
    finding->sentence =
        arena_printf(arena, "%s slow: %s of its requests, %s%s", trouble->name, share, time, rest);
    finding->short_sentence = arena_printf(arena, "%s slow: %s", trouble->name, time);
}

static void
word_past(const struct trouble *trouble, struct finding *finding, struct arena *arena)
{
    char until[16];
    time_t at = (time_t)(trouble->last_wall_ns / NS_PER_S);
    struct tm day;
    localtime_r(&at, &day);
    strftime(until, sizeof(until), "%H:%M:%S", &day);
    finding->sentence = arena_printf(arena, "%s %s until %s", trouble->name,
                                     trouble->kind == KIND_SLOW ? "was slow" : "failed", until);
    finding->short_sentence = finding->sentence;
    finding->until_wall_ns = trouble->last_wall_ns;
}

/* One number more, of a metric where there is one of that name. */
static void
prove(struct finding *finding, struct evidence *evidence, const char *label, const char *value,
      const char *metric, const char *labels)
{
    evidence[finding->evidence_count++] = (struct evidence){
        .label = label, .value = value, .metric = metric, .labels = metric != NULL ? labels : NULL};
}

static void
add_evidence(const struct trouble *trouble, bool metrics, struct finding *finding,
             struct arena *arena)
{
    const struct trace_group *row = &trouble->row;
    bool slow = trouble->kind == KIND_SLOW;
    struct evidence *evidence = arena_news(arena, struct evidence, 6);
    if (evidence == NULL) {
        return;
    }
    finding->evidence = evidence;
    const char *labels = arena_printf(arena, "%s", trouble->labels);
    const char *median = arena_printf(arena, "%s,quantile=0.5", labels);
    const char *p95 = arena_printf(arena, "%s,quantile=0.95", labels);
    const char *duration_metric = metrics ? "request.duration" : NULL;
    prove(finding, evidence, slow ? "slow requests" : "failed requests",
          percent(arena, share_of(row, trouble->kind)),
          !metrics ? NULL
          : slow   ? "request.slow"
                   : "request.errors",
          labels);
    prove(finding, evidence, "requests in the last minute", arena_printf(arena, "%.0f", row->count),
          metrics ? "request.count" : NULL, labels);
    prove(finding, evidence, "median", seconds(arena, row->p50_s), duration_metric, median);
    prove(finding, evidence, "p95", seconds(arena, row->p95_s), duration_metric, p95);
    prove(finding, evidence, "waited for it, a minute", seconds(arena, row->waited_s), NULL, NULL);
    if (trouble->component[0] != '\0') {
        prove(finding, evidence, "heaviest on the critical path",
              arena_printf(arena, "%s %s", trouble->component,
                           percent(arena, trouble->component_share)),
              NULL, NULL);
    } else if (!isnan(trouble->blind_share)) {
        prove(finding, evidence, "of its time in no span below",
              percent(arena, trouble->blind_share), NULL, NULL);
    }
}

static void
show(const struct trouble *trouble, bool metrics, struct findings *findings)
{
    static const char *const ids[KINDS] = {"requests.slow", "requests.failing"};
    if (findings->count == FINDINGS_MAX || !trouble->shown) {
        return;
    }
    int impact = CLAMP(impact_of(trouble) / 5 * 5, 1, 100);
    struct finding *finding = &findings->list[findings->count++];
    *finding = (struct finding){
        .id = arena_printf(findings->arena, "%s:%s", ids[trouble->kind], trouble->name),
        .since_wall_ns = trouble->since_wall_ns,
        .impact = impact,
        .level = impact >= CRITICAL ? LEVEL_CRITICAL : LEVEL_WARNING};
    if (trouble->over) {
        word_past(trouble, finding, findings->arena);
    } else {
        word_present(trouble, finding, findings->arena);
    }
    add_evidence(trouble, metrics, finding, findings->arena);
}

static void
request_run(void *data, const struct picture *picture, struct findings *findings)
{
    struct state *state = data;
    if (state == NULL || picture->traces == NULL ||
        (picture->traces->count == 0 && state->count == 0)) {
        return;
    }
    if (!state->asked && state->looked_at == NULL &&
        (!state->judged || picture->mono_ns - state->asked_ns >= EVERY_NS)) {
        state->grouping = (struct trace_grouping){
            .by = GROUP_REQUEST,
            .scope = {.from_ns = picture->mono_ns - WINDOW_NS, .to_ns = picture->mono_ns + 1}};
        trace_groups_ask(state->groups, picture->traces, &state->grouping);
        state->asked = true;
        state->asked_ns = picture->mono_ns;
    }
    int64_t until_ns = clock_mono_ns() + (state->judged ? STEP_NS : FIRST_STEP_NS);
    if (state->asked && trace_groups_step(state->groups, until_ns)) {
        state->asked = false;
        begin_to_look(state, picture->traces);
    }
    if (state->looked_at != NULL && look(state, until_ns)) {
        judge(state, picture);
    }
    forget_old(state, picture->mono_ns);
    bool metrics =
        picture->catalog != NULL && catalog_metric(picture->catalog, "request.duration") != NULL;
    for (size_t i = 0; i < state->count; i++) {
        show(&state->troubles[i], metrics, findings);
    }
    if (state->judged && findings->looked_at != NULL && findings->looked_at[0] != '\0') {
        findings->looked_at = arena_printf(findings->arena, "%s, requests", findings->looked_at);
    }
}

const struct analyzer analyzer_request = {
    .name = "request",
    .text = "Names slow and failing endpoints and what they spend their time on.",
    .open = request_open,
    .run = request_run,
    .close = request_close,
};
