/* Inside of the link over ssh. */
#ifndef FLAMETOP_SOURCES_SSH_PARTS_H
#define FLAMETOP_SOURCES_SSH_PARTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "flametop/base/clock.h"
#include "flametop/base/str.h"
#include "flametop/sources/endpoint.h"
#include "flametop/sources/ssh.h"

#define SAID_BYTES 4096
#define HOST_BYTES 300
#define RETRY_FIRST_NS NS_PER_S

/* What the agent says when it can be asked. */
static const char serves[] = "flametop agent: serving";

enum phase {
    WAITING,  /* for the next try */
    REFUSED,  /* another try would end as this one did */
    STARTING, /* ssh runs */
    SERVING,  /* and the agent there says that it serves */
    COPYING,  /* the program is on its way there */
};

struct tunnel {
    struct link_setup setup;
    const struct endpoint_options *options;
    struct endpoint_options inner_options;
    void *inner; /* state of link_endpoint; NULL until an agent served */
    struct interest interest;
    bool interested;
    char destination[HOST_BYTES], port[8];
    char folder[PATH_MAX / 2], inner_target[PATH_MAX];
    int lock;                         /* of the folder: as long as it is used */
    char remote[64];                  /* folder there */
    char program[PATH_MAX], size[32]; /* what can be copied there */
    enum phase phase;

    uv_process_t process;
    uv_pipe_t input, output, errors;
    uv_timer_t timer;
    bool closing;
    bool useless;  /* the run was ended by us, and why says for what */
    unsigned open; /* handles of one run that are not closed yet */
    int64_t started_ns, retry_ns, back_off_ns;
    char said[SAID_BYTES]; /* on standard error, the newest of it */
    size_t said_n;
    char room[2048];           /* what is being read */
    char line[sizeof(serves)]; /* the beginning of a line of standard output */
    size_t line_n;

    char why[700], offer[160];
    link_answer *answer; /* of the copy */
    void *answer_context;
};

/* ssh_target.c: destination and port of the target; false with a sentence. */
bool ssh_parse(struct tunnel *tunnel, const char *target, char *why, size_t why_size);

/* ssh_why.c: each sets `why`, and the offer where there is one; the answer is what comes next. */
enum phase ssh_explain(struct tunnel *tunnel);
enum phase ssh_explain_program(struct tunnel *tunnel, int64_t code);
void ssh_last_line(const struct tunnel *tunnel, char *dst, size_t size);

/* ssh_run.c */
void ssh_start(struct tunnel *tunnel);
void ssh_start_copy(struct tunnel *tunnel, void *context, link_answer *answer);
void ssh_on_closed(uv_handle_t *handle);

#endif
