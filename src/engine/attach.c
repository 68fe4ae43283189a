/* Link, receiver and exporters of an engine. */
#include "attach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "flametop/base/macros.h"
#include "flametop/base/str.h"
#include "flametop/core/traces.h"
#include "flametop/trace/store.h"

/* ---- what the link brings ---- */

static void
on_source(void *context, const struct source *source)
{
    struct attach *attach = context;
    collector_add_source(attach->collector, source);
}

static void
on_chunk(void *context, const char *source, struct chunk *chunk)
{
    struct attach *attach = context;
    collector_add_chunk(attach->collector, source, chunk);
}

static void
on_kept(void *context, const struct kept_part *part)
{
    struct attach *attach = context;
    collector_add_kept(attach->collector, part);
}

static void
on_host(void *context, const struct host *host)
{
    struct attach *attach = context;
    collector_set_host(attach->collector, host);
}

static void
on_clock(void *context, const struct clock *clock)
{
    struct attach *attach = context;
    collector_set_clock(attach->collector, clock);
}

static void
on_findings(void *context, const struct finding *findings, size_t count, const char *looked_at,
            const char *not_looked_at)
{
    struct attach *attach = context;
    collector_set_findings(attach->collector, findings, count, looked_at, not_looked_at);
}

static void
on_tick(void *context)
{
    struct attach *attach = context;
    attach->tick(attach->context);
}

static void
on_trace(void *context, const void *bytes, size_t n)
{
    struct attach *attach = context;
    collector_add_trace(attach->collector, bytes, n);
}

/* ---- what is sampled ---- */

static void
on_sampled(void *context, const struct sampling_status *status, const struct profile *profile)
{
    struct attach *attach = context;
    const struct attach_exporter *wisher = attach->wisher;
    uint64_t one = 1;
    if (wisher != NULL) {
        wisher->exporter->sampled(wisher->state, status, profile);
        return;
    }
    pthread_mutex_lock(&attach->lock);
    const struct profile *before = profile != NULL ? attach->sampled : NULL;
    attach->sampled = profile != NULL ? profile : attach->sampled;
    attach->sampling = *status;
    pthread_mutex_unlock(&attach->lock);
    profile_release(before);
    ssize_t written = write(attach->sampling_fd, &one, sizeof(one));
    (void)written; /* it can be read already */
}

static void
fail_sampling(struct attach *attach, const char *why)
{
    struct sampling_status status = {.state = SAMPLING_FAILED};
    str_copy(str_from(why), status.why, sizeof(status.why));
    on_sampled(attach, &status, NULL);
}

static void
tell_wish(struct attach *attach)
{
    bool can = attach->link != NULL && attach->link->sample != NULL && attach->live_ns != 0;
    if (can && !attach->wished) {
        attach->wished = true;
        attach->link->sample(attach->link_state, &attach->wish);
    }
}

static void
wish_for(struct attach *attach, const struct attach_exporter *wisher,
         const struct sampling_wish *wish)
{
    attach->wish = *wish;
    attach->wisher = wisher;
    attach->wished = false;
    if (wish->kind != SAMPLING_NOTHING && (attach->link == NULL || attach->link->sample == NULL)) {
        fail_sampling(attach, "nothing can be sampled there");
    }
    tell_wish(attach);
}

void
attach_sample(struct attach *attach, const struct sampling_wish *wish, uint64_t number)
{
    pthread_mutex_lock(&attach->lock);
    bool other = number != attach->sampling_number;
    const struct profile *before = other ? attach->sampled : NULL;
    if (other) {
        attach->sampling_number = number;
        attach->sampling = (struct sampling_status){.state = SAMPLING_BEGINS};
        attach->sampled = NULL;
    }
    pthread_mutex_unlock(&attach->lock);
    profile_release(before);
    wish_for(attach, NULL, wish);
}

const struct profile *
attach_sampling(struct attach *attach, uint64_t number, struct sampling_status *ret_status)
{
    const struct profile *profile = NULL;
    uint64_t count;
    ssize_t got = read(attach->sampling_fd, &count, sizeof(count));
    (void)got;
    *ret_status = (struct sampling_status){.state = SAMPLING_BEGINS};
    pthread_mutex_lock(&attach->lock);
    if (attach->sampling_number == number) {
        *ret_status = attach->sampling;
        profile = attach->sampled;
        attach->sampled = NULL;
    }
    pthread_mutex_unlock(&attach->lock);
    return profile;
}

/* ---- documents ---- */

static void
on_document(void *context, const char *why, struct str document)
{
    struct attach *attach = context;
    char *copy = why[0] == '\0' ? malloc(document.n + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, document.p, document.n);
        copy[document.n] = '\0';
    } else if (why[0] == '\0') {
        why = "out of memory";
    }
    pthread_mutex_lock(&attach->lock);
    free(attach->document);
    attach->document = copy;
    attach->document_n = document.n;
    attach->document_there = true;
    str_copy(str_from(why), attach->document_why, sizeof(attach->document_why));
    pthread_mutex_unlock(&attach->lock);
    attach->tick(attach->context); /* the picture that follows wakes who asked */
}

void
attach_ask(struct attach *attach, const char *path)
{
    if (attach->link != NULL && attach->link->ask != NULL) {
        attach->link->ask(attach->link_state, path, attach, on_document);
    } else {
        on_document(attach, "no flametop agent is there to be asked", STR(""));
    }
}

bool
attach_document(struct attach *attach, char **ret_bytes, size_t *ret_n, char *why, size_t why_size)
{
    pthread_mutex_lock(&attach->lock);
    bool there = attach->document_there;
    if (there) {
        *ret_bytes = attach->document;
        *ret_n = attach->document_n;
        str_copy(str_from(attach->document_why), why, why_size);
        attach->document = NULL;
        attach->document_there = false;
    }
    pthread_mutex_unlock(&attach->lock);
    return there;
}

static bool
open_link(struct attach *attach, const struct engine_options *options, struct uv_loop_s *loop,
          char *why, size_t why_size)
{
    struct link_setup setup = {.loop = loop,
                               .catalog = options->catalog,
                               .tables = options->tables,
                               .table_count = options->table_count,
                               .interval_ns = options->interval_ns,
                               .span_ns = options->span_ns,
                               .options = options->link_options,
                               .sink = {attach, on_source, on_chunk, on_kept, on_host, on_clock,
                                        on_findings, on_tick, on_trace, on_sampled}};
    if (options->link->open(&setup, &attach->link_state, why, why_size) < 0) {
        return false;
    }
    attach->link = options->link;
    return true;
}

/* ---- the receiver ---- */

static bool
open_receiver(struct attach *attach, const struct engine_options *options, struct uv_loop_s *loop,
              char *why, size_t why_size)
{
    struct receiver_setup setup = {.loop = loop,
                                   .catalog = options->catalog,
                                   .options = options->receiver_options,
                                   .spans = collector_span_sink(attach->collector),
                                   .source = on_source,
                                   .context = attach};
    if (options->receiver->open(&setup, &attach->receiver_state, why, why_size) < 0) {
        return false;
    }
    attach->receiver = options->receiver;
    return true;
}

/* ---- interest ---- */

/* The screen's stands for what only one can be. */
static void
set_interest(struct attach *attach, size_t who, const struct interest *interest)
{
    attach->interests[who] = *interest;
    struct interest all = attach->interests[0];
    for (size_t i = 1; i <= attach->exporter_count; i++) {
        interest_join(&all, &attach->interests[i]);
    }
    collector_set_interest(attach->collector, &all);
    if (attach->link != NULL) {
        attach->link->interest(attach->link_state, &all);
    }
}

void
attach_interest(struct attach *attach, const struct interest *interest)
{
    set_interest(attach, 0, interest);
}

/* ---- exporters ---- */

static void
exporter_interest(void *context, const struct interest *interest)
{
    struct attach_exporter *own = context;
    set_interest(own->attach, (size_t)(own - own->attach->exporters) + 1, interest);
}

static void
exporter_report(void *context, const char *metric, const char *labels, double value)
{
    struct attach_exporter *own = context;
    collector_report(own->attach->collector, metric, labels, value);
}

static bool
exporter_mark(void *context, struct str id)
{
    const struct attach_exporter *own = context;
    struct trace_store *store = collector_traces(own->attach->collector);
    return store != NULL && trace_store_mark(store, id, true);
}

static void
exporter_retry(void *context)
{
    const struct attach_exporter *own = context;
    attach_retry(own->attach);
}

static void
exporter_sample(void *context, const struct sampling_wish *wish)
{
    const struct attach_exporter *own = context;
    wish_for(own->attach, own, wish);
}

static void
on_batch(void *context, const char *source, const struct batch *batch)
{
    struct attach *attach = context;
    for (size_t i = 0; i < attach->exporter_count; i++) {
        struct attach_exporter *own = &attach->exporters[i];
        if (own->exporter->batch != NULL) {
            own->exporter->batch(own->state, source, batch);
        }
    }
}

static bool
open_exporter(struct attach *attach, const struct engine_options *options, size_t which,
              struct uv_loop_s *loop, char *why, size_t why_size)
{
    struct attach_exporter *own = &attach->exporters[attach->exporter_count];
    *own = (struct attach_exporter){attach, options->exporters[which], NULL};
    struct exporter_setup setup = {.loop = loop,
                                   .catalog = options->catalog,
                                   .options = options->exporter_options[which],
                                   .interest = exporter_interest,
                                   .report = exporter_report,
                                   .mark = exporter_mark,
                                   .retry = exporter_retry,
                                   .sample = exporter_sample,
                                   .context = own};
    attach->interests[++attach->exporter_count].process_sort = -1;
    if (own->exporter->open(&setup, &own->state, why, why_size) < 0) {
        attach->exporter_count--;
        return false;
    }
    return true;
}

/* ---- all of it ---- */

bool
attach_open(struct attach *attach, const struct engine_options *options, struct uv_loop_s *loop,
            void (*tick)(void *context), void *context, char *why, size_t why_size)
{
    *attach = (struct attach){.collector = options->collector, .tick = tick, .context = context};
    attach->interests[0].process_sort = -1;
    attach->sampling_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&attach->lock, NULL);
    bool good = options->link == NULL || open_link(attach, options, loop, why, why_size);
    good =
        good && (options->receiver == NULL || open_receiver(attach, options, loop, why, why_size));
    for (size_t i = 0; good && i < MIN(options->exporter_count, (size_t)ENGINE_EXPORTERS_MAX);
         i++) {
        good = open_exporter(attach, options, i, loop, why, why_size);
    }
    if (good && attach->exporter_count > 0) {
        collector_set_tap(attach->collector, &(struct collector_tap){attach, on_batch});
    }
    if (!good) {
        attach_close(attach);
    }
    return good;
}

void
attach_close(struct attach *attach)
{
    while (attach->exporter_count > 0) {
        struct attach_exporter *own = &attach->exporters[--attach->exporter_count];
        own->exporter->close(own->state);
    }
    attach->wisher = NULL;
    if (attach->receiver != NULL) {
        attach->receiver->close(attach->receiver_state);
        attach->receiver = NULL;
    }
    if (attach->link != NULL) {
        attach->link->close(attach->link_state);
        attach->link = NULL;
    }
    profile_release(attach->sampled);
    free(attach->document);
    attach->sampled = NULL;
    attach->document = NULL;
    if (attach->sampling_fd >= 0) {
        close(attach->sampling_fd);
        attach->sampling_fd = -1;
    }
}

void
attach_prepare(struct attach *attach)
{
    if (attach->link != NULL) {
        struct link_status status = {.target = "", .kind = "", .why = ""};
        attach->link->status(attach->link_state, &status);
        if (status.state != LINK_LIVE) {
            attach->live_ns = 0;
        } else if (attach->live_ns == 0) {
            attach->live_ns = clock_mono_ns();
        }
        status.live_mono_ns = attach->live_ns;
        collector_set_link(attach->collector, &status);
        tell_wish(attach);
    }
}

void
attach_publish(struct attach *attach, struct picture *picture)
{
    for (size_t i = 0; i < attach->exporter_count; i++) {
        struct attach_exporter *own = &attach->exporters[i];
        own->exporter->picture(own->state, picture);
    }
}

void
attach_interval(struct attach *attach, int64_t interval_ns)
{
    if (attach->link != NULL) {
        attach->link->interval(attach->link_state, interval_ns);
    }
}

void
attach_retry(struct attach *attach)
{
    if (attach->link != NULL) {
        attach->link->retry(attach->link_state);
    }
}

static void
on_answer(void *context, const char *why)
{
    struct attach *attach = context;
    pthread_mutex_lock(&attach->lock);
    if (attach->answer_count < ARRAY_SIZE(attach->answers)) {
        size_t at = (attach->answer_first + attach->answer_count++) % ARRAY_SIZE(attach->answers);
        str_copy(str_from(why), attach->answers[at], sizeof(attach->answers[at]));
    }
    pthread_mutex_unlock(&attach->lock);
    attach->tick(attach->context); /* the picture that follows wakes the screen */
}

static void
mark_trace(struct attach *attach, const char *hex)
{
    char id[SPAN_ID_BYTES_MAX];
    size_t n = 0;
    struct trace_store *store = collector_traces(attach->collector);
    while (n < sizeof(id) && str_hex_digit(hex[2 * n]) >= 0 && str_hex_digit(hex[2 * n + 1]) >= 0) {
        id[n] = (char)(str_hex_digit(hex[2 * n]) << 4 | str_hex_digit(hex[2 * n + 1]));
        n++;
    }
    if (store != NULL && n > 0) {
        trace_store_mark(store, (struct str){id, n}, true);
    }
}

void
attach_command(struct attach *attach, const char *name, const char *arguments)
{
    char why[200] = "";
    if (strcmp(name, TRACE_MARK) == 0) {
        mark_trace(attach, arguments);
    } else if (attach->link != NULL) {
        attach->link->command(attach->link_state, name, arguments, attach, on_answer);
    } else if (attach->receiver != NULL && strcmp(name, RECEIVER_START) == 0) {
        attach->receiver->start(attach->receiver_state, why, sizeof(why));
        on_answer(attach, why);
    } else {
        on_answer(attach, "this machine takes no commands from afar");
    }
}

bool
attach_answer(struct attach *attach, char *dst, size_t size)
{
    pthread_mutex_lock(&attach->lock);
    bool any = attach->answer_count > 0;
    if (any) {
        str_copy(str_from(attach->answers[attach->answer_first]), dst, size);
        attach->answer_first = (attach->answer_first + 1) % ARRAY_SIZE(attach->answers);
        attach->answer_count--;
    }
    pthread_mutex_unlock(&attach->lock);
    return any;
}
