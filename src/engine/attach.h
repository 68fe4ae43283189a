/* What hangs on an engine besides its collector: the link to the other end, the receiver, and the
 * exporters.
 * Engine thread, or before it runs. */
#ifndef FLAMETOP_ENGINE_ATTACH_H
#define FLAMETOP_ENGINE_ATTACH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "flametop/engine/engine.h"

struct attach {
    struct collector *collector;
    const struct link *link; /* NULL: none */
    void *link_state;
    const struct receiver *receiver; /* NULL: none */
    void *receiver_state;
    void (*tick)(void *context); /* a tick is whole at the other end */
    void *context;

    struct attach_exporter {
        struct attach *attach;
        const struct exporter *exporter;
        void *state;
    } exporters[ENGINE_EXPORTERS_MAX];
    size_t exporter_count;

    /* Who looks at what: the screen, then each exporter. */
    struct interest interests[ENGINE_EXPORTERS_MAX + 1];

    struct sampling_wish wish;            /* what is to be sampled, */
    const struct attach_exporter *wisher; /* and for whom; NULL: the screen */
    int64_t live_ns;                      /* since when the link is live; 0: it is not */
    bool wished;                          /* it knows the wish */

    /* Answers of the other end that the screen has not taken yet. */
    pthread_mutex_t lock;
    char answers[4][200];
    size_t answer_first, answer_count;

    /* Below the lock as well: how what is sampled is doing. */
    uint64_t sampling_number;
    struct sampling_status sampling;
    const struct profile *sampled; /* not taken yet; NULL: none */
    int sampling_fd;

    /* And the document that the other end was asked for. */
    bool document_there;
    char *document; /* NULL: there is none, and why */
    size_t document_n;
    char document_why[200];
};

/* Opens what options name; false and a sentence, with nothing left open. */
bool attach_open(struct attach *attach, const struct engine_options *options,
                 struct uv_loop_s *loop, void (*tick)(void *context), void *context, char *why,
                 size_t why_size);

/* After the collector, whose tap and sources these are. Handles are being closed then: the loop
 * must run until they are. */
void attach_close(struct attach *attach);

/* Before a picture is made, and after it was published. */
void attach_prepare(struct attach *attach);
void attach_publish(struct attach *attach, struct picture *picture);

void attach_interest(struct attach *attach, const struct interest *interest);
void attach_interval(struct attach *attach, int64_t interval_ns);
void attach_retry(struct attach *attach);
void attach_command(struct attach *attach, const char *name, const char *arguments);

/* The link is told once it is live. */
void attach_sample(struct attach *attach, const struct sampling_wish *wish, uint64_t number);

/* For a document; what was asked for before is forgotten. */
void attach_ask(struct attach *attach, const char *path);

/* Any thread. */
const struct profile *attach_sampling(struct attach *attach, uint64_t number,
                                      struct sampling_status *ret_status);
bool attach_answer(struct attach *attach, char *dst, size_t size);
bool attach_document(struct attach *attach, char **ret_bytes, size_t *ret_n, char *why,
                     size_t why_size);

#endif
