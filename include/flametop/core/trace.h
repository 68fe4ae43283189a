/* A trace: one request, whole and immutable: its spans in the order of a walk from the root, in one
 * piece of memory that holds no pointers. The same bytes are what the store keeps, what an agent
 * sends and what a terminal that is attached to it keeps.
 *
 * Layout: struct trace · spans[] · resources[] · attributes[] · events[] · links[] · texts. Texts
 * are offsets into the last part, ended by NUL, cleaned of control characters and redacted; equal
 * texts have equal offsets.
 *
 * Spans stand in preorder, siblings by start: the first is the root, a span's descendants are the
 * ones up to `after`. So every walk is a loop. Invariants, checked by trace_check for bytes from
 * elsewhere: parent < i < after <= count; a parent's `after` covers its children's; offsets stand
 * inside their parts; no attribute, event or link is counted more often than it is there, so that
 * a walk of all spans is as long as the trace.
 *
 * Spans whose parent never arrived (TRACE_ORPHANS): one alone, when there is no root, is the root;
 * otherwise they hang under a span that was made up (SPAN_MADE_UP, "(missing parent)"), below the
 * root where there is one, else in its place. Several roots hang under one made up, too, "(several
 * roots)". Children are clipped and clocks put right (trace/path.h) by readers, not
 * here: times are as sent. */
#ifndef FLAMETOP_CORE_TRACE_H
#define FLAMETOP_CORE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

#define SPAN_ID_BYTES_MAX 32 /* longer ids are hashed to this by the decoder's id helper */

enum span_kind { /* as in OTLP */
                 SPAN_UNSPECIFIED,
                 SPAN_INTERNAL,
                 SPAN_SERVER,
                 SPAN_CLIENT,
                 SPAN_PRODUCER,
                 SPAN_CONSUMER,
};

enum span_status { SPAN_UNSET, SPAN_OK, SPAN_ERROR };

enum span_value_type {
    SPAN_TEXT,
    SPAN_BOOL,    /* integer 0 or 1 */
    SPAN_INTEGER, /* text is not set: whoever shows it prints it */
    SPAN_REAL,
    SPAN_JSON,  /* an array or map, as JSON text in `text` */
    SPAN_BYTES, /* raw in `text` */
};

enum span_flags {
    SPAN_SHARED = 1,  /* Zipkin: the server's half has the client's id; key is (id, kind) */
    SPAN_ASSUMED = 2, /* times were laid end to end by us: only durations are known */
    SPAN_MADE_UP = 4, /* nobody sent it (core/trace.h) */
};

#define TRACE_NONE UINT32_MAX
#define TRACE_SPANS_MAX 200000
#define TRACE_BYTES_MAX ((size_t)64 << 20)
#define TRACE_TEXT_BYTES_MAX 8192 /* of one text, with its NUL */

enum trace_flags {
    TRACE_ERROR = 1,           /* the root failed */
    TRACE_SLOW = 2,            /* beyond requests.slow */
    TRACE_MARKED = 4,          /* by the user: kept longest */
    TRACE_ORPHANS = 8,         /* spans without the parent they name */
    TRACE_UNFINISHED = 16,     /* the root has not ended, or is not there yet */
    TRACE_ASSUMED = 32,        /* times inside it are assumed (SPAN_ASSUMED) */
    TRACE_CUT = 64,            /* beyond a limit: spans were dropped, `dropped` says how many */
    TRACE_FAILED_INSIDE = 128, /* some span failed */
};

struct trace_span {
    int64_t start_ns;    /* since the trace's start_ns; may be < 0 where clocks differ */
    int64_t duration_ns; /* -1: not ended */
    uint32_t parent;     /* TRACE_NONE: the root */
    uint32_t after;      /* the first that is no longer below it */
    uint32_t depth;
    uint32_t name, status_text; /* texts; 0: "" */
    uint32_t label;             /* text: name by convention: "SELECT orders", "GET /users/{id}" */
    uint32_t resource;
    uint32_t attribute, attribute_count;
    uint32_t event, event_count;
    uint32_t link, link_count;
    uint8_t kind, status, flags; /* enum span_kind, span_status, span_flags */
    uint8_t system;              /* enum trace_system */
    uint8_t id_n;
    uint8_t id[SPAN_ID_BYTES_MAX];
    uint8_t spare[3];
    uint32_t missing; /* text: id, in hex, of the parent it names that never arrived; 0: none */
};

/* What a span works with, by the semantic conventions of its attributes. */
enum trace_system {
    SYSTEM_OTHER,
    SYSTEM_HTTP,
    SYSTEM_RPC,
    SYSTEM_DB,
    SYSTEM_CACHE,
    SYSTEM_MESSAGING,
    SYSTEM_TOOL,  /* a tool's run: mcp, gen_ai.execute_tool */
    SYSTEM_MODEL, /* gen_ai calls */
    SYSTEM_AGENT, /* gen_ai.invoke_agent, create_agent */
    SYSTEM_POOL,  /* waiting for a connection or a worker */
    TRACE_SYSTEMS
};

struct trace_resource {
    uint32_t service, scope; /* texts */
    uint32_t attribute, attribute_count;
};

struct trace_attribute {
    uint32_t key, text; /* texts; text of numbers: as they are shown */
    double real;        /* NaN: not a number */
    uint8_t type;       /* enum span_value_type */
    uint8_t redacted;
    uint8_t spare[6];
};

struct trace_event {
    int64_t time_ns; /* since the trace's start_ns */
    uint32_t name;
    uint32_t attribute, attribute_count;
    uint32_t spare;
};

struct trace_link {
    uint32_t trace, span; /* texts, in hex */
    uint32_t follows, spare;
};

struct trace {
    uint32_t bytes;      /* of all of it */
    uint32_t version;    /* 1, 2 ...: late spans made a new one */
    uint64_t key;        /* hash of the id */
    int64_t start_ns;    /* Unix time: the root's start */
    int64_t duration_ns; /* the root's; of an unfinished one: to the last end that is known */
    int64_t mono_ns;     /* the start on the clock of the pictures of who received it */
    double weight;       /* how many requests it stands for: 1 / sampling probability, >= 1 */
    uint32_t flags;
    uint32_t span_count, resource_count, attribute_count, event_count, link_count, text_bytes;
    uint32_t dropped;                 /* spans that did not fit */
    uint32_t service, endpoint, tool; /* texts; tool 0: none. endpoint: "POST /tools/invoke" */
    uint32_t resources;               /* text: JSON of the mission's `resources`; 0: none */
    uint64_t signature[4];            /* which attributes there are: trace_signature_has */
    uint8_t id_n;
    uint8_t id[SPAN_ID_BYTES_MAX];
    uint8_t spare[7];
};

const struct trace_span *trace_spans(const struct trace *trace);
const struct trace_resource *trace_resources(const struct trace *trace);
const struct trace_attribute *trace_attributes(const struct trace *trace);
const struct trace_event *trace_events(const struct trace *trace);
const struct trace_link *trace_links(const struct trace *trace);
const char *trace_text(const struct trace *trace, uint32_t text);

/* The span with this id; TRACE_NONE. Of a shared id the first. */
uint32_t trace_find_span(const struct trace *trace, struct str id);

/* An attribute of a span by key, of its resource where the span has none; NULL. */
const struct trace_attribute *trace_attribute(const struct trace *trace, uint32_t span,
                                              const char *key);

/* What a filter asks before it looks at each attribute: false when no span or resource has this
 * key (value NULL), or this text for it. True says nothing. */
struct trace_wanted {
    uint64_t bits[4];
};
struct trace_wanted trace_wanted(const char *key, const char *value);
bool trace_signature_has(const struct trace *trace, const struct trace_wanted *wanted);

/* Its id in hex, at most size - 1 digits. Answers dst. */
char *trace_id_text(const struct trace *trace, char *dst, size_t size);

/* Whether bytes from elsewhere (aligned to 8) are a whole trace that can be read safely. */
bool trace_check(const void *bytes, size_t n);

#endif
