/* Ranking what is different: both groups are tallied (tally.c), then each key is judged by its
 * values or by its numbers, and the best stay in a list of twelve.
 *
 * A difference has to be larger than chance makes it: shares by the normal approximation, numbers
 * by the critical distance of the two-sample Kolmogorov-Smirnov test, both at 5 %; of fewer than
 * eight requests nobody can tell, there all is shown. */
#include "flametop/trace/differ.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/clock.h"
#include "flametop/base/macros.h"
#include "tally.h"

#define PORTION 16 /* keys between two looks at the clock */
#define PORTION_SPANS 512u
#define PORTION_INDEX 4096
#define FEW_NUMBERS 16u /* so many distinct numbers are values like others: a port, a status */
#define OF_A_KEY 3      /* values of one key that are told at most */
#define SHARE_MIN 0.05
#define DISTANCE_MIN 0.1
#define TELLING_MIN 8 /* requests from which on chance is looked at */
#define ID_SHARE 0.5

enum phase { PHASE_INDEX, PHASE_SELECTED, PHASE_OTHERS, PHASE_RANK, PHASE_DONE };

struct trace_differ_work {
    const struct trace_set *selected, *others;
    struct map index; /* the selected traces */
    struct tally tally;
    enum phase phase;
    size_t at;
    uint32_t span; /* of the trace at `at` */
};

void
trace_differ_free(struct trace_differ *differ)
{
    if (differ == NULL) {
        return;
    }
    map_done(&differ->work->index);
    tally_done(&differ->work->tally);
    free(differ->work);
    free(differ);
}

struct trace_differ *
trace_differ_new(const struct trace_set *selected, const struct trace_set *others)
{
    struct trace_differ *differ = calloc(1, sizeof(*differ));
    struct trace_differ_work *work = calloc(1, sizeof(*work));
    if (differ == NULL || work == NULL) {
        free(differ);
        free(work);
        return NULL;
    }
    *work = (struct trace_differ_work){.selected = selected, .others = others};
    differ->work = work;
    map_init(&work->index, selected->count);
    if (!tally_init(&work->tally)) {
        trace_differ_free(differ);
        return NULL;
    }
    return differ;
}

/* ---- candidates ---- */

static bool
is_better(const struct trace_difference *a, const struct trace_difference *b)
{
    if (fabs(a->score - b->score) > 1e-9) {
        return a->score > b->score;
    }
    int order = strcmp(a->key, b->key);
    return order != 0 ? order < 0
                      : a->value != NULL && b->value != NULL && strcmp(a->value, b->value) < 0;
}

static void
propose(struct trace_differ *differ, struct trace_difference candidate)
{
    size_t at = differ->count;
    while (at > 0 && is_better(&candidate, &differ->list[at - 1])) {
        at--;
    }
    if (at == TRACE_DIFFERENCES_MAX) {
        return;
    }
    size_t last = MIN(differ->count, (size_t)TRACE_DIFFERENCES_MAX - 1);
    memmove(&differ->list[at + 1], &differ->list[at], (last - at) * sizeof(candidate));
    differ->list[at] = candidate;
    differ->count = last + 1;
}

static double
share_of(const struct tally *tally, const int64_t *weight, unsigned side)
{
    return tally->weight[side] > 0 ? (double)weight[side] / (double)tally->weight[side] : 0;
}

/* Whether shares differ by more than chance makes them. */
static bool
is_telling(const struct tally *tally, double a, double b)
{
    double n = (double)tally->traces[0], m = (double)tally->traces[1];
    double together = (a * n + b * m) / (n + m);
    double spread = sqrt(together * (1 - together) * (1 / n + 1 / m));
    return fabs(a - b) >= SHARE_MIN && (n + m < TELLING_MIN || fabs(a - b) > 1.96 * spread);
}

/* ---- values ---- */

static bool
ends_with_id(const char *text)
{
    size_t n = strlen(text);
    return n >= 2 && tolower((unsigned char)text[n - 2]) == 'i' &&
           tolower((unsigned char)text[n - 1]) == 'd';
}

/* Keys whose values are mostly different; of two requests any two values are, there the name must
 * say so. */
static bool
is_id(const struct tally_key *key)
{
    return key->values > ID_SHARE * key->traces && (key->values > 2 || ends_with_id(key->text)) &&
           key->traces > 1;
}

static void
judge_values(struct trace_differ *differ, const struct tally_key *key)
{
    const struct tally *tally = &differ->work->tally;
    bool single = key->occurrences == key->traces; /* more of one value is less of another */
    struct trace_difference best[OF_A_KEY] = {0};
    size_t count = 0;
    for (uint32_t i = key->first; i != 0; i = tally->values[i - 1].next) {
        const struct tally_value *value = &tally->values[i - 1];
        double a = share_of(tally, value->weight, 0), b = share_of(tally, value->weight, 1);
        if (!is_telling(tally, a, b) || (single && a < b && key->values > 1)) {
            continue;
        }
        struct trace_difference found = {.key = key->text,
                                         .value = value->text,
                                         .share = {a, b},
                                         .median = {(double)NAN, (double)NAN},
                                         .distance = a - b,
                                         .score = fabs(a - b) * sqrt((double)tally->traces[0])};
        size_t at = count;
        while (at > 0 && is_better(&found, &best[at - 1])) {
            at--;
        }
        if (at < OF_A_KEY) {
            size_t last = MIN(count, (size_t)OF_A_KEY - 1);
            memmove(&best[at + 1], &best[at], (last - at) * sizeof(found));
            best[at] = found;
            count = last + 1;
        }
    }
    for (size_t i = 0; i < count; i++) {
        propose(differ, best[i]);
    }
}

/* ---- numbers ---- */

static int
compare_numbers(const void *a, const void *b)
{
    const struct tally_number *left = a, *right = b;
    return (left->value > right->value) - (left->value < right->value);
}

static double
weight_of(const struct tally_numbers *numbers)
{
    double weight = 0;
    for (uint32_t i = 0; i < numbers->count; i++) {
        weight += (double)numbers->list[i].weight;
    }
    return weight;
}

static double
median_of(const struct tally_numbers *numbers, double weight)
{
    double seen = 0;
    for (uint32_t i = 0; i < numbers->count; i++) {
        seen += (double)numbers->list[i].weight;
        if (seen * 2 >= weight) {
            return numbers->list[i].value;
        }
    }
    return (double)NAN;
}

/* The largest distance of both distributions; the numbers are sorted. */
static double
distance_of(const struct tally_numbers *a, const struct tally_numbers *b)
{
    double all_a = weight_of(a), all_b = weight_of(b), seen_a = 0, seen_b = 0, distance = 0;
    uint32_t i = 0, j = 0;
    while (i < a->count && j < b->count) {
        double at = MIN(a->list[i].value, b->list[j].value);
        for (; i < a->count && a->list[i].value <= at; i++) {
            seen_a += (double)a->list[i].weight;
        }
        for (; j < b->count && b->list[j].value <= at; j++) {
            seen_b += (double)b->list[j].weight;
        }
        distance = MAX(distance, fabs(seen_a / all_a - seen_b / all_b));
    }
    return distance;
}

static void
judge_numbers(struct trace_differ *differ, struct tally_key *key)
{
    const struct tally *tally = &differ->work->tally;
    struct tally_numbers *a = &key->numbers[0], *b = &key->numbers[1];
    if (a->count == 0 || b->count == 0) {
        return;
    }
    qsort(a->list, a->count, sizeof(*a->list), compare_numbers);
    qsort(b->list, b->count, sizeof(*b->list), compare_numbers);
    double n = a->count, m = b->count, distance = distance_of(a, b);
    if (distance < DISTANCE_MIN || distance <= 1.36 * sqrt((n + m) / (n * m))) {
        return;
    }
    propose(differ, (struct trace_difference){
                        .key = key->text,
                        .share = {share_of(tally, key->weight, 0), share_of(tally, key->weight, 1)},
                        .median = {median_of(a, weight_of(a)), median_of(b, weight_of(b))},
                        .distance = distance,
                        .score = distance * sqrt((double)tally->traces[0])});
}

static void
judge_key(struct trace_differ *differ, struct tally_key *key)
{
    if (!key->other && key->values > FEW_NUMBERS) {
        judge_numbers(differ, key);
    } else if (is_id(key)) {
        differ->ids++;
    } else {
        judge_values(differ, key);
    }
}

/* ---- steps ---- */

static bool
step_index(struct trace_differ *differ, struct trace_differ_work *work)
{
    size_t end = work->at + MIN(work->selected->count - work->at, (size_t)PORTION_INDEX);
    for (; work->at < end; work->at++) {
        const struct trace *trace = work->selected->list[work->at];
        differ->failed |=
            !map_put(&work->index, hash_u64((uintptr_t)trace), (void *)(uintptr_t)trace);
    }
    return work->at == work->selected->count;
}

/* Some spans of one side's traces; those that are skipped count as one. */
static bool
read_portion(struct trace_differ_work *work, unsigned side, const struct trace_set *set)
{
    for (uint32_t read = 0; work->at < set->count && read < PORTION_SPANS;) {
        const struct trace *trace = set->list[work->at];
        bool skipped = side == 1 && map_get(&work->index, hash_u64((uintptr_t)trace)) != NULL;
        uint32_t to = work->span + MIN(trace->span_count - work->span, PORTION_SPANS - read);
        if (!skipped) {
            tally_trace(&work->tally, side, trace, work->span, to);
        }
        read += skipped ? 1 : to - work->span;
        work->span = to;
        if (skipped || to == trace->span_count) {
            work->span = 0;
            work->at++;
        }
    }
    return work->at == set->count;
}

static bool
step_selected(struct trace_differ *differ, struct trace_differ_work *work)
{
    bool done = read_portion(work, 0, work->selected);
    differ->selected = work->tally.traces[0];
    return done;
}

static bool
step_others(struct trace_differ *differ, struct trace_differ_work *work)
{
    bool done = read_portion(work, 1, work->others);
    differ->rest = work->tally.traces[1];
    return done;
}

/* Without a group to compare with, nothing is different. */
static bool
step_rank(struct trace_differ *differ, struct trace_differ_work *work)
{
    bool comparable = differ->selected > 0 && differ->rest > 0;
    size_t count = comparable ? work->tally.key_count : 0;
    size_t end = MIN(work->at + PORTION, count);
    for (; work->at < end; work->at++) {
        judge_key(differ, &work->tally.keys[work->at]);
    }
    return work->at >= count;
}

bool
trace_differ_step(struct trace_differ *differ, int64_t until_ns)
{
    static bool (*const steps[])(struct trace_differ * differ, struct trace_differ_work * work) = {
        [PHASE_INDEX] = step_index,
        [PHASE_SELECTED] = step_selected,
        [PHASE_OTHERS] = step_others,
        [PHASE_RANK] = step_rank,
    };
    struct trace_differ_work *work = differ->work;
    while (work->phase != PHASE_DONE && !differ->failed) {
        if (steps[work->phase](differ, work)) {
            work->phase++;
            work->at = 0;
        }
        differ->failed |= work->tally.failed;
        differ->dropped = work->tally.dropped;
        if (work->phase != PHASE_DONE && !differ->failed && clock_mono_ns() >= until_ns) {
            return false;
        }
    }
    return true;
}

double
trace_differ_progress(const struct trace_differ *differ)
{
    const struct trace_differ_work *work = differ->work;
    size_t all = work->selected->count + work->others->count;
    size_t read = work->phase == PHASE_INDEX      ? 0
                  : work->phase == PHASE_SELECTED ? work->at
                  : work->phase == PHASE_OTHERS   ? work->selected->count + work->at
                                                  : all;
    return all > 0 ? (double)read / (double)all : 1;
}
