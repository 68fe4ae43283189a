/* The diagnosis: what holds this machine back at this moment.
 *
 * Judges say what they see in one picture. Here that becomes findings that people can read: a
 * judgement must stand for its hold time before it is shown, and its numbers are renewed every 2 s.
 * When it is no longer made its finding stays for a while in the past tense: 5 s, and longer for
 * what comes back again and again, so that bursts do not make it flicker. Silence is earned:
 * `looked_at` lists what there was enough data for, and is empty as long as something is seen that
 * has not stood for its hold time; `not_looked_at` is what was not there. */
#include "flametop/core/analyzer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flametop/base/macros.h"
#include "flametop/core/link.h"
#include "flametop/core/query.h"
#include "judge.h"

#define TRACKED_MAX 64
#define WORDS_NS (19 * NS_PER_S / 10) /* every second tick of a second */
#define FORGOTTEN_NS (60 * NS_PER_S)  /* what comes back before is the same trouble again */
#define SAME_NS (10 * NS_PER_S)       /* and before this it began when it first did */
#define LEVEL_NS (10 * NS_PER_S)
#define SMOOTHING_S 0.7
#define AT_START_NS (3 * NS_PER_S / 2)
#define ENOUGH_NS (9 * NS_PER_S / 10) /* rates over this say what a second is like */
#define NEW_NS (10 * NS_PER_S)
#define GRAVE 45
#define CRITICAL 80
#define SPIKE_NS (10 * NS_PER_S)

enum stage {
    STAGE_PENDING, /* seen, not yet shown */
    STAGE_SHOWN,
    STAGE_OVER, /* shown in the past tense */
    STAGE_PAST, /* no longer shown, remembered */
};

/* A judgement over time. */
struct tracked {
    struct judgement judgement; /* as its words stand on the screen */
    enum stage stage;
    int64_t first_ns, first_wall_ns; /* when it began */
    int64_t last_ns, last_wall_ns;   /* when it was last made */
    int64_t worded_ns, level_ns;
    unsigned returns;
    double impact; /* smoothed */
    enum level level;
};

struct diagnosis {
    struct query *queries[READ_COUNT];
    double readings[READ_COUNT];
    int64_t spike_ns[READ_COUNT];
    struct limit limits[READ_COUNT];
    struct threshold *thresholds; /* at most one a metric of the catalog */
    size_t threshold_count, threshold_capacity, metrics_seen;
    size_t thresholds_known; /* the most that had values at once */
    struct tracked tracked[TRACKED_MAX];
    size_t count;
    int64_t started_ns, last_ns;
    struct judgement judgements[JUDGEMENTS_MAX + 1]; /* one says how many there were more */
    struct group_kills groups[GROUPS_MAX];
    struct node_memory node;
    double node_uptime_s; /* when it was last known */
};

static bool
has_judge(const char *metric)
{
    for (size_t i = 0; i < READ_COUNT; i++) {
        if (reading_rows[i].judged && strcmp(reading_rows[i].metric, metric) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a metric is one of ours, of a machine or of an Erlang node: its built-in levels are the
 * judges' business. Others may use the same names: a mapping's pool.busy is nobody's. */
static bool
is_judged(const struct metric *metric)
{
    static const char *const prefixes[] = {"system.",   "container.", "process.", "hw.",
                                           "flametop.", "beam.",      "pool.",    "worker."};
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (strncmp(metric->name, prefixes[i], strlen(prefixes[i])) == 0) {
            return !metric->defined;
        }
    }
    return false;
}

static bool
has_room(struct diagnosis *d)
{
    if (d->threshold_count == d->threshold_capacity) {
        size_t capacity = MAX(d->threshold_capacity * 2, (size_t)8);
        struct threshold *grown = reallocarray(d->thresholds, capacity, sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        d->thresholds = grown;
        d->threshold_capacity = capacity;
    }
    return true;
}

/* Metrics with thresholds that no judge speaks for; foreign servers bring new ones at any time. */
static void
find_thresholds(struct diagnosis *d, struct catalog *catalog)
{
    const struct metric *metric;
    for (; (metric = catalog_metric_at(catalog, d->metrics_seen)) != NULL; d->metrics_seen++) {
        char why[160];
        struct limit limit = limit_of(catalog, metric->name);
        bool own = !limit.chosen && !is_judged(metric) &&
                   catalog_thresholds(catalog, metric, &limit.warning, &limit.critical);
        if (((limit.chosen && !has_judge(metric->name)) || own) && has_room(d)) {
            d->thresholds[d->threshold_count++] = (struct threshold){
                metric, limit, query_new(catalog, metric->name, NULL, why, sizeof(why))};
        }
    }
}

static void *
diagnosis_open(struct catalog *catalog)
{
    struct diagnosis *d = calloc(1, sizeof(*d));
    for (size_t i = 0; d != NULL && i < READ_COUNT; i++) {
        char why[160];
        d->readings[i] = NAN;
        const struct reading_row *row = &reading_rows[i];
        d->queries[i] = row->formula != NULL
                            ? query_new_formula(catalog, row->formula, why, sizeof(why))
                            : query_new(catalog, row->metric, row->labels, why, sizeof(why));
        if (row->judged) {
            d->limits[i] = limit_of(catalog, row->metric);
        }
    }
    return d;
}

static void
diagnosis_close(void *state)
{
    struct diagnosis *d = state;
    for (size_t i = 0; d != NULL && i < READ_COUNT; i++) {
        query_free(d->queries[i]);
    }
    for (size_t i = 0; d != NULL && i < d->threshold_count; i++) {
        query_free(d->thresholds[i].query);
    }
    if (d != NULL) {
        node_memory_done(&d->node);
        free(d->thresholds);
    }
    free(d);
}

/* The mean follows with a time constant of 0.7 s: at one tick a second two of them tell. A spike
 * stays for 10 s after it was seen. */
static void
read_all(struct diagnosis *d, const struct picture *picture)
{
    double dt = d->last_ns > 0 ? (double)(picture->mono_ns - d->last_ns) / 1e9 : 0;
    double weight = d->last_ns > 0 ? 1 - exp(-dt / SMOOTHING_S) : 1;
    bool node = picture_table(picture, "beam.nodes") != NULL;
    for (size_t i = 0; i < READ_COUNT; i++) {
        bool told = d->queries[i] != NULL && (i < READ_NODE || node);
        double value = told ? query_now(d->queries[i], picture) : NAN;
        if (reading_rows[i].spike) {
            if (value > 0) {
                d->readings[i] = value;
                d->spike_ns[i] = picture->mono_ns;
            } else if (picture->mono_ns - d->spike_ns[i] > SPIKE_NS) {
                d->readings[i] = value;
            }
        } else if (isnan(value) || isnan(d->readings[i])) {
            d->readings[i] = value;
        } else {
            d->readings[i] += (value - d->readings[i]) * weight;
        }
    }
    d->last_ns = picture->mono_ns;
}

static struct tracked *
find(struct diagnosis *d, const struct judgement *judgement)
{
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->tracked[i].judgement.kind, judgement->kind) == 0 &&
            strcmp(d->tracked[i].judgement.subject, judgement->subject) == 0) {
            return &d->tracked[i];
        }
    }
    return NULL;
}

static enum level
level_of(double impact)
{
    return impact >= CRITICAL ? LEVEL_CRITICAL : impact >= GRAVE ? LEVEL_WARNING : LEVEL_INFO;
}

/* A slot for a new one: free, or of what is only remembered. */
static struct tracked *
make_room(struct diagnosis *d)
{
    for (size_t i = 0; d->count == TRACKED_MAX && i < d->count; i++) {
        if (d->tracked[i].stage == STAGE_PAST) {
            d->tracked[i] = d->tracked[--d->count];
        }
    }
    return d->count < TRACKED_MAX ? &d->tracked[d->count++] : NULL;
}

static void
begin(struct tracked *tracked, const struct picture *picture, const struct judgement *judgement)
{
    *tracked = (struct tracked){.judgement = *judgement,
                                .first_ns = picture->mono_ns,
                                .first_wall_ns = picture->wall_ns,
                                .returns = tracked->returns,
                                .impact = judgement->impact};
}

/* Up and down in steps that last: a level that changes with each burst tells nothing. That a
 * threshold is reached is a fact. */
static void
set_level(struct tracked *tracked, const struct judgement *judgement, int64_t now)
{
    if (judgement->exact && level_of(judgement->impact) > tracked->level) {
        tracked->impact = judgement->impact;
        tracked->level = level_of(judgement->impact);
        tracked->level_ns = now;
        tracked->worded_ns = 0;
        return;
    }
    enum level up = level_of(tracked->impact - 2), down = level_of(tracked->impact + 8);
    enum level level = up > tracked->level ? up : down < tracked->level ? down : tracked->level;
    if (level != tracked->level && now - tracked->level_ns >= LEVEL_NS) {
        tracked->level = level;
        tracked->level_ns = now;
    }
}

/* The kernel's averages speak for the seconds before us, and a snapshot has no later: what is there
 * from the start is said at once, as soon as there are rates that mean something. */
static bool
is_due(const struct diagnosis *d, const struct tracked *tracked, const struct judgement *judgement,
       int64_t now)
{
    bool at_start = d->started_ns == tracked->first_ns ||
                    (tracked->first_ns - d->started_ns <= AT_START_NS &&
                     (judgement->impact >= GRAVE || now - d->started_ns >= ENOUGH_NS));
    return at_start || now - tracked->first_ns >= judgement->hold_ns;
}

/* What was found of a node says nothing of the one that runs in its place now. */
static void
forget_former_node(struct diagnosis *d)
{
    double uptime_s = d->readings[READ_NODE_UPTIME];
    for (size_t i = 0; uptime_s < d->node_uptime_s && i < d->count; i++) {
        const char *kind = d->tracked[i].judgement.kind;
        if (strncmp(kind, "beam.", 5) == 0 || strncmp(kind, "pool.", 5) == 0) {
            d->tracked[i].stage = STAGE_PAST;
        }
    }
    d->node_uptime_s = isnan(uptime_s) ? d->node_uptime_s : uptime_s;
}

static void
note(struct diagnosis *d, const struct picture *picture, const struct judgement *judgement)
{
    struct tracked *tracked = find(d, judgement);
    int64_t now = picture->mono_ns;
    if (tracked == NULL) {
        if ((tracked = make_room(d)) == NULL) {
            return;
        }
        tracked->returns = 0;
        begin(tracked, picture, judgement);
    } else if (tracked->stage == STAGE_PAST) {
        begin(tracked, picture, judgement);
    } else if (tracked->stage == STAGE_OVER) {
        if (now - tracked->last_ns > SAME_NS) {
            tracked->first_ns = now;
            tracked->first_wall_ns = picture->wall_ns;
        }
        tracked->stage = STAGE_SHOWN;
        tracked->returns += now - tracked->last_ns > 2 * picture->interval_ns;
        tracked->worded_ns = 0;
    }
    tracked->last_ns = now;
    tracked->last_wall_ns = picture->wall_ns;
    tracked->impact += (judgement->impact - tracked->impact) * 0.3;
    bool begins = tracked->stage == STAGE_PENDING && is_due(d, tracked, judgement, now);
    if (begins) {
        tracked->stage = STAGE_SHOWN;
        tracked->impact = judgement->impact;
        tracked->level = level_of(judgement->impact);
        tracked->level_ns = now;
    }
    set_level(tracked, judgement, now);
    if (begins || now - tracked->worded_ns >= WORDS_NS ||
        (tracked->judgement.culprit.pid == 0 && judgement->culprit.pid != 0)) {
        tracked->judgement = *judgement;
        tracked->worded_ns = now;
    }
}

/* How long the past tense stays: what comes and goes is said for longer each time. */
static int64_t
stay_ns(const struct tracked *tracked)
{
    static const int64_t seconds[] = {5, 20, 60};
    return seconds[MIN(tracked->returns, ARRAY_SIZE(seconds) - 1)] * NS_PER_S;
}

/* What was not judged in this picture. Answers whether it is worth keeping. */
static bool
let_go(struct tracked *tracked, int64_t now)
{
    int64_t silent = now - tracked->last_ns;
    if (silent == 0) {
        return true;
    }
    if (tracked->stage == STAGE_SHOWN) {
        tracked->stage = STAGE_OVER;
    }
    if (tracked->stage == STAGE_OVER && silent >= stay_ns(tracked)) {
        tracked->stage = STAGE_PAST;
        tracked->returns++; /* if it ever does */
    }
    if (tracked->stage == STAGE_PENDING && silent >= 2 * NS_PER_S) {
        tracked->stage = STAGE_PAST;
    }
    return tracked->stage != STAGE_PAST || (tracked->returns > 0 && silent < FORGOTTEN_NS);
}

static void
forget_old(struct diagnosis *d, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (let_go(&d->tracked[i], now)) {
            d->tracked[kept++] = d->tracked[i];
        }
    }
    d->count = kept;
}

static const char *
copy(struct arena *arena, const char *text)
{
    return arena_text(arena, text, strlen(text));
}

static const char *
culprit_text(const struct judgement *j, struct arena *arena)
{
    return j->culprit.pid != 0 ? copy(arena, j->culprit.name)
           : j->culprit.hidden ? "unknown: needs root"
                               : NULL;
}

static void
add_evidence(const struct judgement *j, struct finding *finding, struct arena *arena)
{
    struct evidence *evidence = arena_news(arena, struct evidence, j->proof_count);
    for (size_t i = 0; evidence != NULL && i < j->proof_count; i++) {
        const struct proof *proof = &j->proofs[i];
        evidence[i] =
            (struct evidence){.label = proof->label,
                              .value = copy(arena, proof->value),
                              .metric = proof->metric,
                              .labels = proof->metric != NULL ? copy(arena, proof->labels) : NULL};
    }
    finding->evidence = evidence;
    finding->evidence_count = evidence != NULL ? j->proof_count : 0;
}

static void
word(const struct judgement *j, struct finding *finding, struct arena *arena)
{
    const char *joint = j->does[0] == '\'' || j->does[0] == 0 ? "" : " ";
    if (j->culprit.pid != 0) {
        finding->sentence =
            arena_printf(arena, "%s; %s%s%s", j->what, j->culprit.name, joint, j->does);
        finding->short_sentence =
            arena_printf(arena, "%s; %s%s%s", j->brief, j->culprit.name, joint, j->does);
    } else if (j->culprit.hidden) {
        finding->sentence = arena_printf(arena, "%s; culprit unknown: needs root", j->what);
        finding->short_sentence = arena_printf(arena, "%s; culprit unknown: needs root", j->brief);
    } else {
        finding->sentence = copy(arena, j->what);
        finding->short_sentence = copy(arena, j->brief);
    }
}

/* "the CPU was 98 % busy until 14:02:31; culprit: dd (812)". */
static void
word_past(const struct tracked *tracked, struct finding *finding, struct arena *arena)
{
    const struct judgement *j = &tracked->judgement;
    char until[16];
    time_t at = (time_t)(tracked->last_wall_ns / NS_PER_S);
    struct tm day;
    localtime_r(&at, &day);
    strftime(until, sizeof(until), "%H:%M:%S", &day);
    finding->short_sentence = arena_printf(arena, "%s until %s", j->was, until);
    finding->sentence =
        j->culprit.pid == 0
            ? finding->short_sentence
            : arena_printf(arena, "%s; culprit: %s", finding->short_sentence, j->culprit.name);
    finding->until_wall_ns = tracked->last_wall_ns;
}

static void
show(const struct tracked *tracked, struct findings *findings)
{
    const struct judgement *j = &tracked->judgement;
    struct arena *arena = findings->arena;
    if (findings->count == FINDINGS_MAX) {
        return;
    }
    struct finding *finding = &findings->list[findings->count++];
    /* In steps of 5, so that the number does not flicker. */
    int impact = (int)lround(tracked->impact / 5) * 5;
    *finding = (struct finding){
        .id = j->subject[0] != 0 ? arena_printf(arena, "%s:%s", j->kind, j->subject) : j->kind,
        .culprit = culprit_text(j, arena),
        .advice = j->advice,
        .culprit_pid = MAX(j->culprit.pid, 0),
        .since_wall_ns = tracked->first_wall_ns,
        .impact = CLAMP(impact, 1, 100),
        .level = tracked->level};
    if (tracked->stage == STAGE_OVER) {
        word_past(tracked, finding, arena);
    } else {
        word(j, finding, arena);
    }
    add_evidence(j, finding, arena);
}

/* Something is seen and has not stood long enough to be said: silence would not be true. Later on
 * only what is grave counts, or each small burst would show. */
static bool
is_undecided(const struct diagnosis *d, int64_t now)
{
    if (now == d->started_ns && isnan(d->readings[READ_CPU])) {
        return true; /* rates take two readings */
    }
    for (size_t i = 0; i < d->count; i++) {
        const struct tracked *tracked = &d->tracked[i];
        if (tracked->stage == STAGE_PENDING &&
            (tracked->impact >= GRAVE || now - d->started_ns < NEW_NS)) {
            return true;
        }
    }
    return false;
}

/* What is not told: by this machine, or by a server that says what it likes. */
static const char *
say_missing(const struct diagnosis *d, const struct picture *picture)
{
    bool no_pressure = isnan(d->readings[READ_PSI_CPU]);
    bool no_groups = picture_table(picture, "cgroups") == NULL;
    if (picture->link != NULL && isnan(d->readings[READ_MEMORY])) {
        return "its machine";
    }
    if (picture->link != NULL) {
        return no_pressure ? "pressure, control groups" : no_groups ? "control groups" : NULL;
    }
    return no_pressure && no_groups ? "pressure (this kernel has no PSI), control groups"
           : no_pressure            ? "pressure (this kernel has no PSI)"
           : no_groups              ? "control groups"
                                    : NULL;
}

/* What there was data for, and what this machine does not tell. */
static void
say_scope(struct diagnosis *d, const struct bench *bench, struct findings *findings)
{
    const struct picture *picture = bench->picture;
    static const struct {
        enum reading reading;
        const char *word;
    } parts[] = {
        {READ_CPU, "CPU"},
        {READ_MEMORY, "memory"},
        {READ_DISK, "disks"},
        {READ_FILESYSTEM, "file systems"},
        {READ_NETWORK_PACKETS, "network"},
        {READ_FILES, "open files"},
        {READ_NODE_SCHEDULERS, "schedulers"},
        {READ_NODE_MEMORY, "node memory"},
        {READ_NODE_ATOMS, "limits"},
    };
    char said[160] = "";
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (!isnan(d->readings[parts[i].reading]) && n < sizeof(said) - 32) {
            n += (size_t)snprintf(said + n, sizeof(said) - n, "%s%s", n > 0 ? ", " : "",
                                  parts[i].word);
        }
    }
    const struct table *processes = picture_table(picture, "processes");
    if (processes != NULL && n < sizeof(said) - 32) {
        n += (size_t)snprintf(said + n, sizeof(said) - n, "%s%zu processes", n > 0 ? ", " : "",
                              processes->total);
    }
    const struct table *erlang = picture_table(picture, "beam.processes");
    if (erlang != NULL && n < sizeof(said) - 32) {
        n += (size_t)snprintf(said + n, sizeof(said) - n, "%s%zu Erlang processes",
                              n > 0 ? ", " : "", erlang->total);
    }
    if (bench->thresholds_known > 0 && n < sizeof(said) - 32) {
        n += (size_t)snprintf(said + n, sizeof(said) - n, "%s%zu threshold%s", n > 0 ? ", " : "",
                              bench->thresholds_known, bench->thresholds_known == 1 ? "" : "s");
    }
    int64_t looked_ns = picture->mono_ns - d->started_ns;
    if (looked_ns < NEW_NS && n > 0 && n < sizeof(said) - 16) {
        snprintf(said + n, sizeof(said) - n, ", for %.1f s", (double)looked_ns / 1e9);
    }
    findings->looked_at = is_undecided(d, picture->mono_ns) ? "" : copy(findings->arena, said);
    findings->not_looked_at = say_missing(d, picture);
    d->thresholds_known = MAX(d->thresholds_known, bench->thresholds_known);
    findings->thresholds = d->thresholds_known;
}

/* That there are more, as one of them. */
static void
say_left_out(struct bench *bench)
{
    if (bench->left_out == 0) {
        return;
    }
    struct judgement *j = &bench->list[bench->count++];
    *j = (struct judgement){.kind = "findings.left_out", .impact = 1};
    snprintf(j->what, sizeof(j->what), "%zu more findings are left out: %d are told at once",
             bench->left_out, JUDGEMENTS_MAX);
    snprintf(j->brief, sizeof(j->brief), "%zu more findings", bench->left_out);
    snprintf(j->was, sizeof(j->was), "more findings than %d were left out", JUDGEMENTS_MAX);
    j->advice = "A threshold that many things reach tells little: raise it.";
}

/* What is shown in the present tense. */
static size_t
list_standing(const struct diagnosis *d, struct standing ret_standing[TRACKED_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++) {
        const struct tracked *tracked = &d->tracked[i];
        if (tracked->stage == STAGE_SHOWN) {
            ret_standing[count++] =
                (struct standing){tracked->judgement.kind, tracked->judgement.subject,
                                  tracked->judgement.culprit.pid};
        }
    }
    return count;
}

static void
diagnosis_run(void *state, const struct picture *picture, struct findings *findings)
{
    struct diagnosis *d = state;
    if (d == NULL) {
        return;
    }
    if (d->started_ns == 0) {
        d->started_ns = picture->mono_ns;
    }
    read_all(d, picture);
    forget_former_node(d);
    find_thresholds(d, picture->catalog);
    struct standing standing[TRACKED_MAX];
    size_t standing_count = list_standing(d, standing);
    double limit = picture->host.core_limit, cores = d->readings[READ_CORES];
    cores = cores >= 1 ? cores : MAX(picture->host.cores, 1);
    struct bench bench = {.picture = picture,
                          .readings = d->readings,
                          .limits = d->limits,
                          .standing = standing,
                          .standing_count = standing_count,
                          .thresholds = d->thresholds,
                          .threshold_count = d->threshold_count,
                          .processes = picture_table(picture, "processes"),
                          .cgroups = picture_table(picture, "cgroups"),
                          .cores = limit > 0 ? limit : cores,
                          .machine_cores = cores,
                          .groups = d->groups,
                          .node = &d->node,
                          .list = d->judgements};
    judge_cpu(&bench);
    judge_memory(&bench);
    judge_disk(&bench);
    judge_network(&bench);
    judge_limits(&bench);
    judge_beam(&bench);
    judge_pools(&bench);
    judge_thresholds(&bench);
    say_left_out(&bench);
    for (size_t i = 0; i < bench.count; i++) {
        note(d, picture, &bench.list[i]);
    }
    forget_old(d, picture->mono_ns);
    for (size_t i = 0; i < d->count; i++) {
        if (d->tracked[i].stage == STAGE_SHOWN || d->tracked[i].stage == STAGE_OVER) {
            show(&d->tracked[i], findings);
        }
    }
    say_scope(d, &bench, findings);
}

extern const struct analyzer analyzer_bottleneck;
const struct analyzer analyzer_bottleneck = {
    .name = "bottleneck",
    .text = "Names what holds the machine back, how much it hurts, since when, and who causes it.",
    .open = diagnosis_open,
    .run = diagnosis_run,
    .close = diagnosis_close,
};
