/* One reader of the record stream: what it asked for, what it has been sent, and what it alone is
 * sent: history and traces, each piece when nothing else waits. Engine thread.
 *
 * Invariant: `mark` says what it has been sent: all names and ticks below it. */
#ifndef FLAMETOP_AGENT_READER_H
#define FLAMETOP_AGENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "flametop/core/interest.h"
#include "flametop/core/record.h"
#include "flametop/net/server.h"
#include "maker.h"
#include "past.h"
#include "piece.h"
#include "traces.h"

#define READER_ID_BYTES 40

struct hub;

struct reader {
    LIST_ENTRY(reader) link; /* of the hub's */
    struct hub *hub;
    struct maker *maker; /* the hub's */
    struct http_stream *stream;
    char id[READER_ID_BYTES];
    bool packed;      /* it takes gzip */
    bool brief;       /* it is of this version */
    bool begun;       /* the head of the gzip was sent */
    bool joined;      /* it has the first picture */
    bool behind, cut; /* it missed a tick; its tables were cut */
    size_t rows_had;  /* to so many */
    uint32_t crc;     /* of all that was sent, for the trailer */
    uint64_t n;
    struct record_mark mark;
    int64_t since_ns, span_ns;

    struct http_bytes *first; /* the first picture, until it has it */
    int64_t joined_ns;        /* when it was sent that */
    int64_t pace_ns;          /* since when it has taken next to nothing */
    uint64_t pace_sent;       /* what it had taken then */

    struct past *past; /* the history that is being sent; NULL: none is left */
    struct past_place place;
    struct trace_feed traces;
    bool traces_come; /* it was told so */

    struct interest interest;
    bool interested;
};

/* What a request for the stream says (hub_answer_stream in hub.h). */
void reader_read_wishes(struct reader *reader, const struct http_message *message,
                        const char *own_instance);

/* False when its queue is full: nothing was sent. */
bool reader_push(struct reader *reader, const struct piece *piece);

/* Pieces of history, as long as nothing else waits. */
void reader_send_history(struct reader *reader);

/* Sends no more of it, and says so, though it was not all. */
void reader_cut_history(struct reader *reader);

/* Traces, once the rest of the history is sent, for who looks at requests. */
void reader_send_traces(struct reader *reader);

/* Whether something waits, and hardly any of it was taken for a while. Asked at each tick. */
bool reader_is_stuck(struct reader *reader);

/* The end of its stream, with a whole gzip trailer. The stream's on_gone follows. */
void reader_end(struct reader *reader);

/* Once its stream is gone. */
void reader_free(struct reader *reader);

#endif
