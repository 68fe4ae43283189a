/* Who is to blame, by the resource a judgement is about.
 *
 * Each looks at its own column: CPU at CPU, forks at births, disks at bytes and waiting. Whoever is
 * named already stays so while it does at least half of what the worst does: with many that come
 * and go a name that changes each second tells nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/table.h"
#include "flametop/core/unit.h"
#include "judge.h"

#define LOYALTY 0.5
#define NOTABLE 0.1 /* of a core: nobody is blamed for less */
#define A_PART 0.15 /* of what all use: one of many small ones is not to blame */
#define HEAVY 0.05  /* of the memory in use */
#define TOGETHER                                                                                   \
    1.3             /* times what the busiest does: a group of one name says more than one of it   \
                     */
#define MEMBER 0.05 /* of a core: who counts as one of a group */
#define MOST 0.8    /* of what a group uses: an ancestor of that much started it */
#define MOSTLY 0.5  /* of what a family uses: the name that does it */
#define PLAUSIBLE 1.15 /* ticks of 10 ms; children cannot have used more than all did */
#define ANCESTORS_MAX 64
#define ROWS_MAX 65536
#define WAITS 3.0 /* who waits for each of its bytes is four times as likely the one */
#define STARTS_MANY 0.2
#define STARTS_MOST 0.5

/* The process table; columns that are not there are -1. */
struct crowd {
    const struct bench *bench;
    const struct table *table;
    int pid, parent, name, group, own, children, born;
    double children_max; /* of a core: more than anybody can have used is no rate */
};

static bool
crowd_init(struct crowd *crowd, const struct bench *bench)
{
    const struct table *table = bench->processes;
    if (table == NULL) {
        return false;
    }
    const struct table_def *def = table->def;
    *crowd = (struct crowd){.bench = bench,
                            .table = table,
                            .pid = table_column(def, "process.pid"),
                            .parent = table_column(def, "process.parent_pid"),
                            .name = table_column(def, "process.name"),
                            .group = table_column(def, "process.cgroup"),
                            .own = table_column(def, "process.cpu.utilization"),
                            .children = table_column(def, "process.children.cpu.utilization"),
                            .born = table_column(def, "process.children.births")};
    return crowd->pid >= 0 && crowd->name >= 0;
}

static double
real_at(const union cell *row, int column)
{
    return column >= 0 && row[column].real > 0 ? row[column].real : 0;
}

static const char *
name_of(const struct crowd *crowd, const union cell *row)
{
    const char *name = row[crowd->name].text;
    return name != NULL ? name : "?";
}

static struct culprit
culprit_of(const struct crowd *crowd, const union cell *row, double amount)
{
    struct culprit culprit = {.pid = row[crowd->pid].integer, .amount = amount};
    snprintf(culprit.name, sizeof(culprit.name), "%.30s (%lld)", name_of(crowd, row),
             (long long)culprit.pid);
    return culprit;
}

/* Whether rights hide what some processes read and write: the source says so. */
static bool
is_io_hidden(const struct bench *bench)
{
    const struct track *track = picture_track(bench->picture, "processes");
    return track != NULL && track->state == SOURCE_DEGRADED;
}

static const union cell *
row_of(const struct crowd *crowd, int64_t pid)
{
    for (size_t i = 0; pid > 0 && i < crowd->table->count; i++) {
        const union cell *row = table_row(crowd->table, i);
        if (row[crowd->pid].integer == pid) {
            return row;
        }
    }
    return NULL;
}

static int64_t
incumbent(const struct bench *bench, const struct judgement *judgement)
{
    const struct standing *standing = judge_standing(bench, judgement->kind, judgement->subject);
    return standing != NULL ? standing->pid : 0;
}

typedef double amount_fn(const struct crowd *crowd, const union cell *row, int column);

/* The row with the most, or the one named already when it does about as much. */
static const union cell *
find_most(const struct crowd *crowd, amount_fn *amount, int column, const char *group,
          int64_t loyal_pid)
{
    const union cell *best = NULL, *loyal = NULL;
    for (size_t i = 0; i < crowd->table->count; i++) {
        const union cell *row = table_row(crowd->table, i);
        bool inside = group == NULL || (crowd->group >= 0 && row[crowd->group].text != NULL &&
                                        strcmp(row[crowd->group].text, group) == 0);
        if (!inside || !(amount(crowd, row, column) > 0)) {
            continue;
        }
        if (row[crowd->pid].integer == loyal_pid) {
            loyal = row;
        }
        if (best == NULL || amount(crowd, row, column) > amount(crowd, best, column)) {
            best = row;
        }
    }
    bool stays =
        loyal != NULL && amount(crowd, loyal, column) >= LOYALTY * amount(crowd, best, column);
    return stays ? loyal : best;
}

/* What a child used in its whole life may count at its end. */
static double
amount_children(const struct crowd *crowd, const union cell *row, int column)
{
    double amount = real_at(row, column);
    return amount <= crowd->children_max ? amount : 0;
}

static double
amount_plain(const struct crowd *crowd, const union cell *row, int column)
{
    (void)crowd;
    return real_at(row, column);
}

struct culprit
culprit_by(const struct bench *bench, const char *column)
{
    struct crowd crowd;
    int amount = bench->processes != NULL ? table_column(bench->processes->def, column) : -1;
    if (amount < 0 || !crowd_init(&crowd, bench)) {
        return (struct culprit){.amount = NAN};
    }
    const union cell *row = find_most(&crowd, amount_plain, amount, NULL, 0);
    return row != NULL ? culprit_of(&crowd, row, row[amount].real)
                       : (struct culprit){.amount = NAN};
}

/* ---- CPU ---- */

/* What a process and all that descend from it use. */
struct families {
    const struct crowd *crowd;
    struct map row_by_pid;      /* index + 1 */
    double *all, *seen, *named; /* [row]: with those that ended; without; only of one name */
    double seen_of_all;         /* by everybody */
    const char *name;
};

static bool
families_init(struct families *families, const struct crowd *crowd, const char *name)
{
    size_t count = MIN(crowd->table->count, (size_t)ROWS_MAX);
    *families = (struct families){.crowd = crowd,
                                  .all = calloc(count, sizeof(double)),
                                  .seen = calloc(count, sizeof(double)),
                                  .named = calloc(count, sizeof(double)),
                                  .name = name};
    map_init(&families->row_by_pid, ROWS_MAX);
    for (size_t i = 0; crowd->parent >= 0 && i < count; i++) {
        map_put(&families->row_by_pid, (uint64_t)table_row(crowd->table, i)[crowd->pid].integer,
                (void *)(uintptr_t)(i + 1)); /* NOLINT(performance-no-int-to-ptr) */
    }
    return families->all != NULL && families->seen != NULL && families->named != NULL;
}

static void
families_done(struct families *families)
{
    map_done(&families->row_by_pid);
    free(families->all);
    free(families->seen);
    free(families->named);
}

static size_t
parent_row(const struct families *families, size_t row)
{
    const struct crowd *crowd = families->crowd;
    if (crowd->parent < 0) {
        return SIZE_MAX;
    }
    int64_t parent = table_row(crowd->table, row)[crowd->parent].integer;
    void *at = parent > 1 ? map_get(&families->row_by_pid, (uint64_t)parent) : NULL;
    return at != NULL ? (uintptr_t)at - 1 : SIZE_MAX;
}

static void
families_sum(struct families *families)
{
    const struct crowd *crowd = families->crowd;
    size_t count = MIN(crowd->table->count, (size_t)ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        const union cell *row = table_row(crowd->table, i);
        double own = real_at(row, crowd->own);
        double use = own + amount_children(crowd, row, crowd->children);
        double named = strcmp(name_of(crowd, row), families->name) == 0 ? own : 0;
        size_t at = i;
        families->seen_of_all += own;
        for (int depth = 0; use > 0 && at != SIZE_MAX && depth < ANCESTORS_MAX; depth++) {
            families->all[at] += use;
            families->seen[at] += own;
            families->named[at] += named;
            at = parent_row(families, at);
        }
    }
}

/* What the ended used comes in bursts: no more than the others leave of what all use. */
static double
family_use(const struct families *families, size_t row, double all)
{
    double others = families->seen_of_all - families->seen[row];
    return fmin(families->all[row], fmax(all - others, families->seen[row]));
}

/* The lowest process above (or of) row `from` that most of what the name uses descends from. */
static size_t
find_starter(const struct families *families, size_t from, double of)
{
    size_t at = from;
    for (int depth = 0; at != SIZE_MAX && depth < ANCESTORS_MAX; depth++) {
        if (families->named[at] >= MOST * of) {
            return at;
        }
        at = parent_row(families, at);
    }
    return SIZE_MAX;
}

static void
say_cpu(struct judgement *judgement, struct culprit culprit, double all, const char *format,
        const char *name)
{
    char amount[32];
    judge_percent(fmin(culprit.amount, all), amount, sizeof(amount));
    judgement->culprit = culprit;
    snprintf(judgement->does, sizeof(judgement->does), format, amount, name);
}

/* The process that starts those of one name which together do the work; false: there is none. */
static bool
blame_family(const struct crowd *crowd, struct judgement *judgement, size_t busiest, double all)
{
    struct families families;
    const union cell *top = table_row(crowd->table, busiest);
    const char *name = name_of(crowd, top);
    double together = 0;
    size_t members = 0;
    for (size_t i = 0; i < crowd->table->count; i++) {
        const union cell *row = table_row(crowd->table, i);
        bool member = real_at(row, crowd->own) >= MEMBER && strcmp(name_of(crowd, row), name) == 0;
        members += member;
        together += member ? row[crowd->own].real : 0;
    }
    bool found = false;
    if (families_init(&families, crowd, name)) {
        families_sum(&families);
        const union cell *old = row_of(crowd, incumbent(crowd->bench, judgement));
        size_t at = SIZE_MAX;
        if (old != NULL) {
            size_t row =
                (size_t)(old - table_row(crowd->table, 0)) / crowd->table->def->column_count;
            double use = family_use(&families, row, all);
            bool parent = use >= 2 * real_at(old, crowd->own);
            at = parent && use >= LOYALTY * all ? row : SIZE_MAX;
        }
        if (at == SIZE_MAX && members >= 2 && together >= TOGETHER * top[crowd->own].real) {
            at = find_starter(&families, busiest, together);
        }
        found = at != SIZE_MAX && at != busiest;
        if (found) {
            double use = family_use(&families, at, all);
            bool mostly = families.named[at] >= MOSTLY * use;
            say_cpu(judgement, culprit_of(crowd, table_row(crowd->table, at), use), all,
                    mostly ? "'s children use %s, mostly %.15s" : "'s children use %s%.0s", name);
        }
    }
    families_done(&families);
    return found;
}

/* A build's compilers come and go: what they use together is laid at who starts them. */
void
blame_cpu(const struct bench *bench, struct judgement *judgement, double all)
{
    struct crowd crowd;
    if (!crowd_init(&crowd, bench) || crowd.own < 0) {
        return;
    }
    all = isnan(all) ? INFINITY : all;
    crowd.children_max = all * PLAUSIBLE;
    int64_t old = incumbent(bench, judgement);
    const union cell *own = find_most(&crowd, amount_plain, crowd.own, NULL, old);
    const union cell *parent =
        crowd.children >= 0 ? find_most(&crowd, amount_children, crowd.children, NULL, old) : NULL;
    double own_use = own != NULL ? own[crowd.own].real : 0,
           children_use = parent != NULL ? fmin(parent[crowd.children].real, all) : 0;
    size_t columns = crowd.table->def->column_count;
    if (own_use >= NOTABLE &&
        blame_family(&crowd, judgement, (size_t)(own - crowd.table->cells) / columns, all)) {
        return;
    }
    if (fmax(own_use, children_use) < fmax(NOTABLE, isinf(all) ? 0 : A_PART * all)) {
        judgement->culprit =
            (struct culprit){.hidden = row_of(&crowd, 1) == NULL && is_io_hidden(bench)};
        return;
    }
    /* What is seen at work comes first: what the ended used comes in bursts. */
    if (children_use > TOGETHER * own_use) {
        say_cpu(judgement, culprit_of(&crowd, parent, children_use), all, "'s children use %s%s",
                "");
    } else {
        say_cpu(judgement, culprit_of(&crowd, own, own_use), all, "uses %s%s", "");
    }
}

/* ---- memory ---- */

void
blame_memory(const struct bench *bench, struct judgement *judgement, const char *cgroup)
{
    struct crowd crowd;
    if (!crowd_init(&crowd, bench)) {
        return;
    }
    int column = table_column(crowd.table->def, "process.memory.usage");
    const union cell *row =
        column >= 0 ? find_most(&crowd, amount_plain, column, cgroup, incumbent(bench, judgement))
                    : NULL;
    double used = bench->readings[READ_MEMORY] * bench->readings[READ_MEMORY_LIMIT];
    if (cgroup == NULL && row != NULL && row[column].real < HEAVY * used) {
        return; /* one of many small ones */
    }
    if (row == NULL) {
        judgement->culprit = (struct culprit){.hidden = is_io_hidden(bench)};
        return;
    }
    char amount[32];
    judgement->culprit = culprit_of(&crowd, row, row[column].real);
    snprintf(judgement->does, sizeof(judgement->does), "holds %s",
             unit_format(row[column].real, "By", false, amount, sizeof(amount)));
}

/* ---- disks ---- */

enum { IO_READ, IO_WRITE, IO_WAIT, IO_COLUMNS };
static const char *const io_columns[IO_COLUMNS] = {"process.disk.read", "process.disk.write",
                                                   "process.disk.wait"};

static double
moved_by(const struct crowd *crowd, const union cell *row)
{
    const struct table_def *def = crowd->table->def;
    return real_at(row, table_column(def, io_columns[IO_READ])) +
           real_at(row, table_column(def, io_columns[IO_WRITE]));
}

/* Bytes that somebody waits for weigh more than those left to the kernel. */
static double
amount_io(const struct crowd *crowd, const union cell *row, int wait)
{
    return moved_by(crowd, row) * (1 + WAITS * fmin(real_at(row, wait), 1));
}

void
blame_io(const struct bench *bench, struct judgement *judgement, double moved)
{
    struct crowd crowd;
    if (!crowd_init(&crowd, bench)) {
        return;
    }
    const struct table_def *def = crowd.table->def;
    int wait = table_column(def, io_columns[IO_WAIT]);
    const union cell *row = find_most(&crowd, amount_io, wait, NULL, incumbent(bench, judgement));
    if (row == NULL || moved_by(&crowd, row) < moved * 0.05) {
        /* Somebody does much more than anyone who may be read. */
        judgement->culprit = (struct culprit){.hidden = is_io_hidden(bench)};
        return;
    }
    double reads = real_at(row, table_column(def, io_columns[IO_READ])),
           writes = real_at(row, table_column(def, io_columns[IO_WRITE]));
    char amount[32];
    judgement->culprit = culprit_of(&crowd, row, fmax(reads, writes));
    snprintf(judgement->does, sizeof(judgement->does), "%s %s", reads > writes ? "reads" : "writes",
             unit_format(fmax(reads, writes), "By/s", false, amount, sizeof(amount)));
}

/* ---- forks ---- */

void
blame_forks(const struct bench *bench, struct judgement *judgement, double forks)
{
    struct crowd crowd;
    if (!crowd_init(&crowd, bench) || crowd.born < 0) {
        return;
    }
    const union cell *row =
        find_most(&crowd, amount_plain, crowd.born, NULL, incumbent(bench, judgement));
    double share = row != NULL ? row[crowd.born].real / forks : 0;
    if (share < STARTS_MANY) {
        judgement->culprit.hidden = row_of(&crowd, 1) == NULL && is_io_hidden(bench);
        return;
    }
    judgement->culprit = culprit_of(&crowd, row, row[crowd.born].real);
    snprintf(judgement->does, sizeof(judgement->does), "starts %s of them",
             share >= STARTS_MOST ? "most" : "many");
}
