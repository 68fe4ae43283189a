/* The diagnosis: what holds this machine back at this moment.
 *
 * Judges say what they see in one picture. Here that becomes findings that people can read: a
 * judgement must stand for its hold time before it is shown, stays for 5 s after it was last made,
 * and its words change at most every 5 s. Silence is earned: `looked_at` lists what there was
 * enough data for, `not_looked_at` what was not there. */
#include "flametop/core/analyzer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/query.h"
#include "judge.h"

#define TRACKED_MAX 64
#define STAYS_NS (5 * NS_PER_S)
#define WORDS_NS (5 * NS_PER_S)
#define SMOOTHING_S 2.0
#define AT_START_NS (3 * NS_PER_S / 2)
#define GRAVE 45
#define SPIKE_NS (10 * NS_PER_S)

/* A judgement over time. */
struct tracked {
    struct judgement judgement; /* as its words stand on the screen */
    int64_t first_ns, first_wall_ns, last_ns, worded_ns;
    bool shown;
    double impact; /* smoothed */
};

struct diagnosis {
    struct query *queries[READ_COUNT];
    double readings[READ_COUNT];
    int64_t spike_ns[READ_COUNT];
    struct tracked tracked[TRACKED_MAX];
    size_t count;
    int64_t started_ns, last_ns;
    struct judgement judgements[JUDGEMENTS_MAX];
    struct group_kills groups[GROUPS_MAX];
};

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
    free(d);
}

/* The mean follows with a time constant of 2 s. A spike stays for 10 s after it was seen. */
static void
read_all(struct diagnosis *d, const struct picture *picture)
{
    double dt = d->last_ns > 0 ? (double)(picture->mono_ns - d->last_ns) / 1e9 : 0;
    double weight = d->last_ns > 0 ? 1 - exp(-dt / SMOOTHING_S) : 1;
    for (size_t i = 0; i < READ_COUNT; i++) {
        double value = d->queries[i] != NULL ? query_now(d->queries[i], picture) : NAN;
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

static void
note(struct diagnosis *d, const struct picture *picture, const struct judgement *judgement)
{
    struct tracked *tracked = find(d, judgement);
    int64_t now = picture->mono_ns;
    if (tracked == NULL) {
        if (d->count == TRACKED_MAX) {
            return;
        }
        tracked = &d->tracked[d->count++];
        *tracked = (struct tracked){.judgement = *judgement,
                                    .first_ns = now,
                                    .first_wall_ns = picture->wall_ns,
                                    .worded_ns = now,
                                    .impact = judgement->impact};
    }
    tracked->last_ns = now;
    tracked->impact += (judgement->impact - tracked->impact) * 0.3;
    /* The kernel's averages speak for the seconds before us, and the second picture is the first
     * with rates: what is grave by then is said at once, a snapshot has no later. */
    bool at_start =
        d->started_ns == tracked->first_ns ||
        (tracked->first_ns - d->started_ns <= AT_START_NS && judgement->impact >= GRAVE);
    bool now_shown = at_start || now - tracked->first_ns >= judgement->hold_ns;
    bool reword = now - tracked->worded_ns >= WORDS_NS || (now_shown && !tracked->shown) ||
                  (tracked->judgement.culprit.pid == 0 && judgement->culprit.pid != 0);
    tracked->shown |= now_shown;
    if (reword) {
        tracked->judgement = *judgement;
        tracked->worded_ns = now;
    }
}

static void
forget_old(struct diagnosis *d, int64_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        int64_t silent = now - d->tracked[i].last_ns;
        if (silent < STAYS_NS && (d->tracked[i].shown || silent < 2 * NS_PER_S)) {
            d->tracked[kept++] = d->tracked[i];
        }
    }
    d->count = kept;
}

static enum level
level_of(int impact)
{
    return impact >= 80 ? LEVEL_CRITICAL : impact >= 45 ? LEVEL_WARNING : LEVEL_INFO;
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
        .culprit_pid = j->culprit.pid,
        .since_wall_ns = tracked->first_wall_ns,
        .impact = CLAMP(impact, 1, 100),
        .level = level_of(impact)};
    const char *joint = j->does[0] == '\'' ? "" : " ";
    if (j->culprit.pid != 0) {
        finding->sentence = arena_printf(arena, "%s; %s%s%s", j->what, j->culprit.name,
                                         j->does[0] != 0 ? joint : "", j->does);
        finding->short_sentence = arena_printf(arena, "%s; %s%s%s", j->brief, j->culprit.name,
                                               j->does[0] != 0 ? joint : "", j->does);
    } else if (j->culprit.hidden) {
        finding->sentence = arena_printf(arena, "%s; culprit unknown: needs root", j->what);
        finding->short_sentence = arena_printf(arena, "%s; culprit unknown: needs root", j->brief);
    } else {
        finding->sentence = copy(arena, j->what);
        finding->short_sentence = copy(arena, j->brief);
    }
    add_evidence(j, finding, arena);
}

/* What there was data for, and what this machine does not tell. */
static void
say_scope(const struct diagnosis *d, const struct picture *picture, struct findings *findings)
{
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
    findings->looked_at = copy(findings->arena, said);
    bool no_pressure = isnan(d->readings[READ_PSI_CPU]);
    bool no_groups = picture_table(picture, "cgroups") == NULL;
    findings->not_looked_at = no_pressure && no_groups
                                  ? "pressure (this kernel has no PSI), control groups"
                              : no_pressure ? "pressure (this kernel has no PSI)"
                              : no_groups   ? "control groups"
                                            : NULL;
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
    double cores =
        picture->host.core_limit > 0 ? picture->host.core_limit : d->readings[READ_CORES];
    struct bench bench = {.picture = picture,
                          .readings = d->readings,
                          .processes = picture_table(picture, "processes"),
                          .cgroups = picture_table(picture, "cgroups"),
                          .cores = cores >= 1 ? cores : MAX(picture->host.cores, 1),
                          .groups = d->groups,
                          .list = d->judgements};
    judge_cpu(&bench);
    judge_memory(&bench);
    judge_disk(&bench);
    judge_network(&bench);
    judge_limits(&bench);
    for (size_t i = 0; i < bench.count; i++) {
        note(d, picture, &bench.list[i]);
    }
    forget_old(d, picture->mono_ns);
    for (size_t i = 0; i < d->count; i++) {
        if (d->tracked[i].shown) {
            show(&d->tracked[i], findings);
        }
    }
    say_scope(d, picture, findings);
}

extern const struct analyzer analyzer_bottleneck;
const struct analyzer analyzer_bottleneck = {
    .name = "bottleneck",
    .text = "Names what holds the machine back, how much it hurts, since when, and who causes it.",
    .open = diagnosis_open,
    .run = diagnosis_run,
    .close = diagnosis_close,
};
