/* Inside of the adapters for Prometheus: a server, what is asked of it and what it said. */
#ifndef FLAMETOP_SOURCES_PROMETHEUS_SERVER_H
#define FLAMETOP_SOURCES_PROMETHEUS_SERVER_H

#include "adapter.h"
#include "exposition.h"
#include "prometheus_answer.h"
#include "prometheus_tables.h"

#define NAME_BYTES 256
#define KEYS_BYTES 2048
#define SCRAPE_SHORTEST_S 1.0

enum question {
    ASK_TARGETS, /* always first: whether it is there, what it scrapes, and its clock */
    ASK_ALERTS,  /* always second */
    ASK_SERIES,
    ASK_RHYTHM,
    ASK_ERRORS,
    ASK_EXEMPLARS,
    ASK_HISTORY,
    ASK_VERSION,
    ASK_LABELS, /* before the names */
    ASK_NAMES,
    ASK_LOOKED,
};

struct server {
    struct adapter_setup setup;
    const char *kind, *product;
    char wanted_instance[NAME_BYTES], wanted_job[NAME_BYTES]; /* of the target's query; "" */
    char job[NAME_BYTES], instance[NAME_BYTES];               /* of what is followed; "" */
    bool machine;                                             /* it is one, and shown */
    char version[NAME_BYTES], name[NAME_BYTES], system[2 * NAME_BYTES];

    enum question plan[ADAPTER_REQUESTS_MAX];
    size_t plan_count;
    unsigned turn; /* readings so far */
    bool exemplars;

    double now_s, at_s; /* by its clock: the last answer, and the scrape that was in it */
    double scrape_s;    /* from one to the next; 0: not known yet */
    double anchor_s;    /* a moment by its clock, and by ours; 0: none yet */
    int64_t anchor_mono_ns, wall_offset_ns;

    struct exposed live, past, looked_at;
    struct batch past_batch;
    struct scrape_errors errors;
    struct looked {
        const struct metric *metric;
        unsigned turn; /* the last one in which somebody looked */
    } looked[INTEREST_METRICS_MAX];
    size_t looked_count;
    struct interest interest;
    char keys[KEYS_BYTES]; /* of all labels there are */
    size_t series;
    unsigned pieces; /* of history asked for */
    size_t points;
    double piece_end_s;         /* of the next one; 0: not begun */
    const char *history_offset; /* what makes steps of so much earlier tell of theirs */
    double history_late_s;
    struct prometheus_steps steps;
    bool reaches;  /* back as far as is wanted first */
    bool complete; /* there is no more, or enough */
};

/* Whether one machine is all that is wanted: nothing of the server then, and no fleet. */
bool prometheus_is_alone(const struct server *server);

/* So long after a scrape it is read. */
double prometheus_slack_s(const struct server *server);

/* The names of what it says of itself, by index; NULL behind the last. */
const char *prometheus_own_metric(size_t i);

/* As in struct adapter. */
bool prometheus_ask(void *state, size_t index, struct buf *path);
int64_t prometheus_wait(const void *state);
void prometheus_interest(void *state, const struct interest *interest);

#endif
