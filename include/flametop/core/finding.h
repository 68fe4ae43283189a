/* A finding: what an analyzer says, with the numbers it used. Lives in its picture's arena. */
#ifndef FLAMETOP_CORE_FINDING_H
#define FLAMETOP_CORE_FINDING_H

#include <stddef.h>
#include <stdint.h>

enum level { LEVEL_NORMAL, LEVEL_INFO, LEVEL_WARNING, LEVEL_CRITICAL, LEVEL_EMERGENCY };

/* One number behind a finding: what was read, and where to see more of it. */
struct evidence {
    const char *label;           /* "busy", "tasks waiting (PSI some)" */
    const char *value;           /* formatted with its unit */
    const char *metric, *labels; /* NULL when it is no series */
};

struct finding {
    const char *id;       /* stable over time: "disk.saturated:nvme0n1" */
    const char *sentence; /* "disk nvme0n1 98 % busy, 41 % of tasks wait for it; dd (812) writes 310
                             MB/s" */
    const char *short_sentence; /* fits 80 columns; NULL: the sentence is cut */
    const char *culprit; /* "dd (812)", "unknown: needs root", or NULL when nobody is to blame */
    const char *advice;  /* what to do or look at next; NULL: none */
    int64_t culprit_pid; /* 0: none */
    int64_t since_wall_ns;
    int64_t until_wall_ns; /* 0: still so; else it is over, and the sentence says until when */
    int impact;            /* 0-100 */
    enum level level;
    const struct evidence *evidence;
    size_t evidence_count;
};

const char *level_name(enum level level);

/* Worst first, what is over last; equals by id, so that they keep their places. */
void findings_sort(struct finding *findings, size_t count);

/* Findings as a table, which is how they are kept for going back in time. */
struct table_def;
struct table;
struct arena;
extern const struct table_def finding_table;
struct table *findings_to_table(const struct finding *findings, size_t count, struct arena *arena);
size_t findings_from_table(const struct table *table, struct finding *ret_findings, size_t max);

#endif
