/* Judging: readings in, judgements out. A judge looks at one resource of one moment and says how
 * much it hurts; that a judgement stands for a while before it is shown, and its words for a while
 * after, is the tracker's business (bottleneck.c). Evidence is gathered first and worded last. */
#ifndef FLAMETOP_ANALYSIS_JUDGE_H
#define FLAMETOP_ANALYSIS_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/finding.h"
#include "flametop/core/picture.h"
#include "growth.h"

#define SUBJECT_BYTES 96
#define QUERIED_BYTES 1024 /* labels as they are asked for: mount points and pointers are long */
#define SENTENCE_BYTES 256
#define EVIDENCE_MAX 8
#define JUDGEMENTS_MAX 48

/* Numbers that are read for every picture, each smoothed over some seconds. */
enum reading {
    READ_CPU,
    READ_SYSTEM,
    READ_STEAL,
    READ_INTERRUPT,
    READ_RUN_QUEUE,
    READ_LOAD,
    READ_BLOCKED,
    READ_CORES,
    READ_FORKS,
    READ_PSI_CPU,
    READ_PSI_MEMORY,
    READ_PSI_MEMORY_FULL,
    READ_PSI_IO,
    READ_PSI_IO_FULL,
    READ_MEMORY,
    READ_MEMORY_LIMIT,
    READ_MEMORY_AVAILABLE,
    READ_SWAP_IN,
    READ_RECLAIM_STALLS,
    READ_OOM_KILLS,
    READ_DISK,
    READ_NETWORK_ERRORS,
    READ_NETWORK_DROPPED,
    READ_NETWORK_PACKETS,
    READ_LINK,
    READ_RETRANSMITS,
    READ_SEGMENTS,
    READ_LISTEN_DROPS,
    READ_CONNTRACK,
    READ_FILES,
    READ_FILESYSTEM,
    READ_INODES,
    READ_THROTTLED,
    READ_UNDERVOLTAGE,
    READ_QUOTA_THROTTLED,
    READ_QUOTA_USE,
    READ_NODE, /* from here on of an Erlang node */
    READ_NODE_SCHEDULERS = READ_NODE,
    READ_NODE_SCHEDULER_COUNT,
    READ_NODE_RUN_QUEUE,
    READ_NODE_DIRTY_CPU,
    READ_NODE_DIRTY_CPU_QUEUE,
    READ_NODE_DIRTY_IO,
    READ_NODE_DIRTY_IO_QUEUE,
    READ_NODE_REDUCTIONS,
    READ_NODE_GC,
    READ_NODE_RECLAIMED,
    READ_NODE_MEMORY,
    READ_NODE_PROCESSES,
    READ_NODE_PORTS,
    READ_NODE_ATOMS,
    READ_NODE_ATOM_LIMIT,
    READ_NODE_ETS,
    READ_NODE_BUFFER,
    READ_NODE_SCAN,
    READ_NODE_UPTIME,
    READ_COUNT
};

struct reading_row {
    const char *metric, *labels;
    bool spike;          /* what happened within the last seconds counts, not the mean: OOM kills */
    const char *formula; /* instead of a metric */
    bool judged;         /* a judge speaks for it, by judge_limit: also for the user's thresholds */
};

/* The user's thresholds of a metric; those of a level that was not set are 0 or NaN. */
struct limit {
    bool chosen;
    double warning, critical;
};

struct limit limit_of(struct catalog *catalog, const char *metric);

/* LEVEL_NORMAL, WARNING or CRITICAL. Less is worse when critical is below warning, or when higher
 * is better. `slack` is the part of a threshold by which the value may fall short of it. */
enum level limit_level(const struct limit *limit, double value, bool less_is_worse, double slack);

extern const struct reading_row reading_rows[READ_COUNT];

/* Who it is. */
struct culprit {
    int64_t pid;   /* 0: nobody found; below 0: the key of a process of an Erlang node */
    char name[48]; /* "dd (812)" */
    double amount; /* of what it was looked up by */
    bool hidden;   /* there are busy processes whose amount may not be read */
};

struct proof {
    const char *label; /* a constant */
    char value[32];
    const char *metric; /* a constant, or NULL */
    char labels[SUBJECT_BYTES + 32];
};

struct judgement {
    const char *kind;            /* a constant: "disk.saturated" */
    char subject[SUBJECT_BYTES]; /* "nvme0n1", or "" */
    int impact;                  /* 0-100 */
    bool exact;                  /* its level follows from the value alone, without smoothing */
    int64_t hold_ns;             /* how long it must stand before it is shown */
    char what[SENTENCE_BYTES];   /* "disk nvme0n1 98 % busy, 41 % of tasks wait for it" */
    char was[128];               /* the same when it is over: "disk nvme0n1 was 98 % busy" */
    char brief[80];              /* "nvme0n1 98 % busy" */
    struct culprit culprit;
    char does[80];
    const char *advice; /* a constant, or NULL */
    struct proof proofs[EVIDENCE_MAX];
    size_t proof_count;
};

/* Kills that the groups counted, remembered from picture to picture. Paths are of any length. */
#define GROUPS_MAX 512 /* as many as the source of control groups reads */
struct group_kills {
    uint64_t path_hash;
    double kills;
    int64_t killed_ns, seen_ns; /* 0: none seen */
};

/* A message queue of an Erlang process, over time. */
#define MAILBOXES_MAX 32
struct mailbox {
    int64_t key, seen_ns; /* 0: free */
    struct growth growth;
};

/* What the judges of an Erlang node remember from picture to picture. */
#define NODE_KINDS_MAX 8
struct node_memory {
    struct growth run_queue, atoms;
    struct {
        char kind[24];
        struct query *query;
        struct growth growth;
    } kinds[NODE_KINDS_MAX];
    size_t kind_count;
    uint64_t looked; /* number of the picture in which kinds were looked for; 0: not yet */
    struct mailbox mailboxes[MAILBOXES_MAX];
};
void node_memory_done(struct node_memory *memory);

/* What is being said: it may fall a little below its threshold, and its culprit stays while it is
 * about as much to blame as any other. */
struct standing {
    const char *kind, *subject;
    int64_t pid; /* 0: nobody */
};

struct bench {
    const struct picture *picture;
    const double *readings;     /* [enum reading], smoothed; NaN unknown */
    const struct limit *limits; /* [enum reading]: the user's */
    const struct standing *standing;
    size_t standing_count;
    const struct threshold *thresholds;       /* of metrics that no judge speaks for */
    size_t threshold_count, thresholds_known; /* known: of those, how many have a value */
    const struct table *processes, *cgroups;
    double cores;               /* what the machine or its limit has */
    double machine_cores;       /* whatever the limit: shares of the machine are of these */
    struct group_kills *groups; /* [GROUPS_MAX] */
    struct node_memory *node;
    struct judgement *list;
    size_t count, left_out; /* left out: there were JUDGEMENTS_MAX */
};

/* A new judgement; NULL when there are too many. Impact is clamped to 0-100; below 1 it is none. */
struct judgement *judge_say(struct bench *bench, const char *kind, const char *subject,
                            double impact);

/* Adds a number it rests on. */
void judge_proof(struct judgement *judgement, const char *label, double value, const char *unit,
                 const char *metric, const char *labels);

double reading_of(const struct bench *bench, enum reading which);

/* From where on a judge speaks: the user's threshold, or the built-in one; 5 % lower for what is
 * being said already. */
double judge_limit(const struct bench *bench, enum reading which, double built_in, const char *kind,
                   const char *subject);

/* The user's thresholds of this reading decide the level, and are named. After the words. */
void judge_chosen(const struct bench *bench, struct judgement *judgement, enum reading which,
                  double value);

/* "98 %", "4.2 %", "–". Answers dst. */
char *judge_percent(double share, char *dst, size_t size);

/* Whose rates these are: what is being said of this kind and subject; NULL when it is new. */
const struct standing *judge_standing(const struct bench *bench, const char *kind,
                                      const char *subject);

/* Each names the culprit by the resource the judgement is about, and what it does: who uses the
 * CPU, itself or by its children, where so many cores are in use (NaN: unknown); who holds memory
 * (of one control group; NULL: all); who moves bytes and waits for it; whose children come and go.
 */
void blame_cpu(const struct bench *bench, struct judgement *judgement, double all);
void blame_memory(const struct bench *bench, struct judgement *judgement, const char *cgroup);
void blame_io(const struct bench *bench, struct judgement *judgement, double moved);
void blame_forks(const struct bench *bench, struct judgement *judgement, double forks);

/* The process with the most of a real column; the amount is per second where the column is. */
struct culprit culprit_by(const struct bench *bench, const char *column);

/* A metric of which no judge knows, with thresholds of the user, or with its own when it is of a
 * foreign server. */
struct threshold {
    const struct metric *metric;
    struct limit limit;
    struct query *query;
};

void judge_cpu(struct bench *bench);
void judge_memory(struct bench *bench);
void judge_disk(struct bench *bench);
void judge_network(struct bench *bench);
void judge_limits(struct bench *bench);
void judge_beam(struct bench *bench);
void judge_pools(struct bench *bench);
void judge_thresholds(struct bench *bench);

#endif
