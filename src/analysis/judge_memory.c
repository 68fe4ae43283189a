/* Memory: short, swapping, killed for; of the machine and of each control group. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/core/table.h"
#include "flametop/core/unit.h"
#include "judge.h"

#define KILLED_NS (10 * NS_PER_S)
#define ROOMY 0.85 /* below this much use it is not the machine that is short */

static void
prove_memory(const struct bench *bench, struct judgement *j)
{
    judge_proof(j, "used (total - available)", reading_of(bench, READ_MEMORY), "1",
                "system.memory.utilization", "");
    judge_proof(j, "tasks waiting (PSI some)", reading_of(bench, READ_PSI_MEMORY), "1",
                "system.pressure.some.utilization", "resource=memory");
    judge_proof(j, "swapped in", reading_of(bench, READ_SWAP_IN), "By/s", "system.swap.io",
                "direction=in");
    judge_proof(j, "tasks that reclaimed themselves", reading_of(bench, READ_RECLAIM_STALLS),
                "{stall}/s", "system.memory.reclaim.stalls", "");
}

/* The group's counter against what was remembered of it; when it last rose, or 0. */
static int64_t
last_kill(const struct bench *bench, const char *path, double kills)
{
    struct group_kills *slot = NULL, *oldest = &bench->groups[0];
    uint64_t hash = hash_text(path);
    for (size_t i = 0; i < GROUPS_MAX && slot == NULL; i++) {
        if (bench->groups[i].path_hash == hash) {
            slot = &bench->groups[i];
        } else if (bench->groups[i].seen_ns < oldest->seen_ns) {
            oldest = &bench->groups[i];
        }
    }
    if (slot == NULL) {
        slot = oldest;
        *slot = (struct group_kills){.path_hash = hash, .kills = kills};
    }
    if (kills > slot->kills) {
        slot->killed_ns = bench->picture->mono_ns;
    }
    slot->kills = kills;
    slot->seen_ns = bench->picture->mono_ns;
    return slot->killed_ns;
}

struct group {
    const char *name;
    double use, limit;
    bool kills; /* within the last seconds */
};

static void
say_group(struct bench *bench, const struct group *group)
{
    double psi = fmax(reading_of(bench, READ_PSI_MEMORY), 0);
    struct judgement *j = judge_say(bench, "memory.group_limit", group->name,
                                    45 + 35 * fmin(psi * 2, 1) + (group->kills ? 20 : 0));
    if (j == NULL) {
        return;
    }
    char used[32], most[32];
    unit_format(group->use, "By", false, used, sizeof(used));
    unit_format(group->limit, "By", false, most, sizeof(most));
    j->hold_ns = group->kills
                     ? 0
                     : NS_PER_S; /* groups are read every 5 s: what they say stood for a while */
    if (group->kills) {
        snprintf(j->what, sizeof(j->what),
                 "group %.48s ran out of its memory (%s of %s), the kernel kills for it",
                 group->name, used, most);
    } else {
        snprintf(j->what, sizeof(j->what), "memory of group %.48s is at its limit: %s of %s",
                 group->name, used, most);
    }
    snprintf(j->brief, sizeof(j->brief), "%.30s at its memory limit", group->name);
    snprintf(j->was, sizeof(j->was), "group %.48s was at its memory limit", group->name);
    j->advice = "Raise the group's limit (memory.max), or find out what grows in it.";
    judge_proof(j, "use", group->use, "By", NULL, NULL);
    judge_proof(j, "limit", group->limit, "By", NULL, NULL);
    prove_memory(bench, j);
    blame_memory(bench, j, group->name);
}

/* A group at its limit reclaims or kills inside itself while the machine has room. Answers whether
 * there is one. Use is without the cache that can be dropped; near the limit it still hurts only
 * when somebody waits, is killed, or nothing at all is left. */
static bool
judge_groups(struct bench *bench)
{
    const struct table *table = bench->cgroups;
    bool any = false;
    if (table == NULL) {
        return false;
    }
    int name = table_column(table->def, "cgroup.name"),
        path = table_column(table->def, "cgroup.path"),
        use = table_column(table->def, "cgroup.memory.usage"),
        limit = table_column(table->def, "cgroup.memory.limit"),
        kills = table_column(table->def, "cgroup.memory.oom_kills");
    if (name < 0 || path < 0 || use < 0 || limit < 0) {
        return false;
    }
    double psi = reading_of(bench, READ_PSI_MEMORY),
           stalls = reading_of(bench, READ_RECLAIM_STALLS);
    for (size_t i = 0; i < table->count; i++) {
        const union cell *row = table_row(table, i);
        double share = row[use].real / row[limit].real;
        if (!(share >= 0) || row[name].text == NULL || row[name].text[0] == 0 ||
            row[path].text == NULL) {
            continue;
        }
        int64_t killed_ns = kills >= 0 ? last_kill(bench, row[path].text, row[kills].real) : 0;
        struct group group = {row[name].text, row[use].real, row[limit].real,
                              killed_ns > 0 && bench->picture->mono_ns - killed_ns <= KILLED_NS};
        bool waits = psi >= 0.01 || (isnan(psi) && stalls > 0);
        if (group.kills || (share >= 0.95 && waits) || share >= 0.995) {
            say_group(bench, &group);
            any = true;
        }
    }
    return any;
}

static void
judge_pressure(struct bench *bench, bool in_group)
{
    double psi = reading_of(bench, READ_PSI_MEMORY), used = reading_of(bench, READ_MEMORY);
    double swap_in = reading_of(bench, READ_SWAP_IN),
           stalls = reading_of(bench, READ_RECLAIM_STALLS);
    bool short_of = used >= judge_limit(bench, READ_MEMORY, 0.95, "memory.short", "");
    bool waits = psi >= 0.05, swaps = swap_in >= 2e6;
    bool stalled = isnan(psi) && stalls >= 50;
    if (!(short_of || waits || swaps || stalled)) {
        return;
    }
    if (in_group && !short_of) {
        return; /* the group's judgement says it better */
    }
    double impact =
        30 + 60 * fmax(psi, 0) + (short_of ? 25 : 0) + (swaps ? 15 : 0) + (stalled ? 15 : 0);
    struct judgement *j = judge_say(bench, "memory.short", "", impact);
    if (j == NULL) {
        return;
    }
    char share[32], wait[32], swapped[32];
    unit_format(used, "1", false, share, sizeof(share));
    unit_format(psi, "1", false, wait, sizeof(wait));
    unit_format(swap_in, "By/s", false, swapped, sizeof(swapped));
    if (!short_of && !swaps && used < ROOMY) {
        char room[32], how[64];
        unit_format(1 - used, "1", false, room, sizeof(room));
        snprintf(how, sizeof(how),
                 waits ? "wait for memory %s of the time" : "must reclaim memory themselves", wait);
        snprintf(j->what, sizeof(j->what),
                 "tasks %s while %s of it is free: a group is at its limit", how, room);
        snprintf(j->brief, sizeof(j->brief), "a group is at its memory limit");
        snprintf(j->was, sizeof(j->was), "a group was at its memory limit");
        j->advice = "See the control groups in System (2): who is near a limit.";
        prove_memory(bench, j);
        return;
    }
    if (swaps) {
        snprintf(j->what, sizeof(j->what), "memory %s used and swapping in %s", share, swapped);
    } else if (waits) {
        snprintf(j->what, sizeof(j->what), "memory %s used, tasks wait for it %s of the time",
                 share, wait);
    } else {
        snprintf(j->what, sizeof(j->what), "memory %s used, little is left to drop", share);
    }
    snprintf(j->brief, sizeof(j->brief), "memory %s used", share);
    snprintf(j->was, sizeof(j->was), "memory was %s used", share);
    judge_chosen(bench, j, READ_MEMORY, used);
    j->advice = "See who holds it (3, then M); what grows steadily is a leak.";
    prove_memory(bench, j);
    blame_memory(bench, j, NULL);
}

static void
judge_kills(struct bench *bench, bool in_group)
{
    double kills = reading_of(bench, READ_OOM_KILLS);
    struct judgement *j = kills > 0 && !in_group ? judge_say(bench, "memory.oom", "", 80) : NULL;
    if (j == NULL) {
        return;
    }
    j->hold_ns = 3 * NS_PER_S / 2; /* groups are read less often: if it was one, that says more */
    snprintf(j->what, sizeof(j->what), "the kernel killed a process because memory ran out");
    snprintf(j->brief, sizeof(j->brief), "a process was killed for memory");
    snprintf(j->was, sizeof(j->was), "the kernel killed a process because memory ran out");
    j->advice = "dmesg says which; give it more memory or a limit of its own.";
    prove_memory(bench, j);
    blame_memory(bench, j, NULL);
}

void
judge_memory(struct bench *bench)
{
    bool in_group = judge_groups(bench);
    judge_pressure(bench, in_group);
    judge_kills(bench, in_group);
}
