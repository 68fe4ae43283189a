/* What a server answered, as a source that the collector polls. The bodies of a round are kept
 * until then, and read into the batch; a newer round takes the place of one not yet read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint_parts.h"
#include "flametop/base/macros.h"

void
feed_release(struct feed *feed)
{
    if (feed == NULL || --feed->refs > 0) {
        return;
    }
    feed->adapter->close(feed->state);
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        buf_done(&feed->bodies[i]);
    }
    free(feed);
}

static int
feed_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    struct feed *feed = (struct feed *)setup->source; /* ours, and not const where it was made */
    (void)why;
    (void)why_size;
    feed->refs++;
    *ret_state = feed;
    return 0;
}

static void
feed_close(void *state)
{
    feed_release(state);
}

static void
meet_host(struct feed *feed)
{
    struct host host = {.name = "", .system = "", .kernel = "", .virtualization = ""};
    struct endpoint *endpoint = feed->endpoint;
    if (feed->adapter->host != NULL && feed->adapter->host(feed->state, &host) &&
        (!feed->met || host.cores != feed->cores)) {
        feed->met = true;
        feed->cores = host.cores;
        endpoint->setup.sink.host(endpoint->setup.sink.context, &host);
    }
}

int64_t
feed_wait(const struct feed *feed)
{
    const struct endpoint *endpoint = feed->endpoint;
    int64_t now_ns = clock_mono_ns();
    int64_t wait_ns = endpoint->interval_ns - (now_ns - endpoint->round_ns);
    if (feed->adapter->ask == NULL || feed->misread) {
        return wait_ns;
    }
    int64_t own_ns = feed->adapter->wait(feed->state);
    return own_ns > 0 ? MAX(own_ns - (now_ns - feed->came_ns), wait_ns) : 0;
}

/* For an adapter that says what it asks: the next round begins when this one has been read, so that
 * what it learned counts. Answers whether the batch is news. */
static bool
pace(struct feed *feed, const struct batch *batch)
{
    bool news = !feed->misread && batch->at.mono_ns > feed->newest_ns;
    endpoint_wait(feed->endpoint, feed_wait(feed));
    feed->newest_ns = news ? batch->at.mono_ns : feed->newest_ns;
    return news;
}

static void
move_back(struct instant *at, int64_t by_ns)
{
    at->mono_ns -= by_ns;
    at->wall_ns -= by_ns;
    at->boot_ns -= by_ns;
}

static enum source_step
feed_poll(void *state, struct batch *batch)
{
    struct feed *feed = state;
    struct str bodies[ADAPTER_REQUESTS_MAX] = {{NULL, 0}};
    if (!feed->fresh || feed->endpoint == NULL) {
        return SOURCE_IDLE;
    }
    feed->fresh = false;
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        if (feed->answered[i]) {
            bodies[i] = (struct str){feed->bodies[i].data, feed->bodies[i].n};
        }
    }
    struct endpoint *endpoint = feed->endpoint;
    /* Rates are over the time between two readings there, not between two polls here. */
    int64_t read_ns = feed->adapter->ask != NULL ? feed->came_ns : feed->asked_ns;
    move_back(&batch->at, clock_mono_ns() - read_ns);
    feed->misread = !feed->adapter->read(feed->state, bodies, batch);
    bool news = feed->adapter->ask == NULL || pace(feed, batch);
    if (feed->misread) {
        snprintf(endpoint->why, sizeof(endpoint->why), "%s answers, but not as %s does",
                 endpoint->name, feed->adapter->name);
        endpoint->state = endpoint->heard_ns != 0 ? LINK_LOST : LINK_CONNECTING;
        return SOURCE_IDLE;
    }
    endpoint->state = LINK_LIVE;
    endpoint->why[0] = '\0';
    if (feed->adapter->tables != NULL) {
        feed->source.tables = feed->adapter->tables(feed->state, &feed->source.table_count);
    }
    meet_host(feed);
    return news ? SOURCE_DONE : SOURCE_IDLE;
}

static const char *
query_of(const struct endpoint *endpoint)
{
    const char *mark = endpoint->url.scheme != URL_UNIX ? strchr(endpoint->url.path, '?') : NULL;
    return mark != NULL ? mark + 1 : "";
}

struct feed *
feed_new(struct endpoint *endpoint, const struct adapter *adapter)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    struct adapter_setup setup = {.catalog = endpoint->setup.catalog,
                                  .mappings = endpoint->options->mappings,
                                  .mapping_count = endpoint->options->mapping_count,
                                  .instance = endpoint->options->instance,
                                  .target = endpoint->name,
                                  .query = query_of(endpoint),
                                  .sink = &endpoint->setup.sink,
                                  .span_ns = endpoint->setup.span_ns};
    void *state = feed != NULL ? adapter->open(&setup) : NULL;
    if (state == NULL) {
        free(feed);
        return NULL;
    }
    *feed = (struct feed){.source = {.name = adapter->name,
                                     .text = adapter->text,
                                     .metrics = adapter->metrics,
                                     .metric_count = adapter->metric_count,
                                     .open = feed_open,
                                     .poll = feed_poll,
                                     .close = feed_close},
                          .refs = 1,
                          .endpoint = endpoint,
                          .adapter = adapter,
                          .state = state};
    for (size_t i = 0; i < ADAPTER_REQUESTS_MAX; i++) {
        buf_init(&feed->bodies[i], adapter->body_max + 1);
    }
    return feed;
}
