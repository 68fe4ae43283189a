/* The program's own metrics. */
#include "self.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"

/* Rows of the metrics that are set here; those of reports follow. */
enum self_metric {
    SELF_CPU_TIME,
    SELF_MEMORY,
    SELF_SAMPLES,
    SELF_DURATION,
    SELF_SOURCE_CPU,
    SELF_ERRORS,
    SELF_REJECTED,
    SELF_DROPPED,
    SELF_TICKS_MISSED,
    SELF_SERIES,
    SELF_SERIES_REFUSED,
    SELF_PICTURES_FULL,
    SELF_HISTORY_BYTES,
    SELF_HISTORY_REACH,
};

#define OWN(id, metric_name, metric_unit, label_keys, metric_kind, which_is_better, sentence)      \
    [id] = {.name = metric_name,                                                                   \
            .unit = metric_unit,                                                                   \
            .labels = label_keys,                                                                  \
            .kind = metric_kind,                                                                   \
            .better = which_is_better,                                                             \
            .text = sentence}

static const struct metric metrics[] = {
    OWN(SELF_CPU_TIME, "flametop.cpu.time", "s", "", METRIC_COUNTER, BETTER_LOWER,
        "CPU time used by flametop itself; its rate is the share of one core."),
    OWN(SELF_MEMORY, "flametop.memory.usage", "By", "", METRIC_GAUGE, BETTER_LOWER,
        "Resident memory of flametop itself, shared libraries included."),
    OWN(SELF_SAMPLES, "flametop.source.samples", "{sample}", "source", METRIC_COUNTER,
        BETTER_NEITHER, "Values a source has delivered."),
    OWN(SELF_DURATION, "flametop.source.duration", "s", "source", METRIC_GAUGE, BETTER_LOWER,
        "How long a source's last collection took."),
    OWN(SELF_SOURCE_CPU, "flametop.source.cpu.time", "s", "source", METRIC_COUNTER, BETTER_LOWER,
        "CPU time a source has used; its rate is the share of one core."),
    OWN(SELF_ERRORS, "flametop.source.errors", "{error}", "source", METRIC_COUNTER, BETTER_LOWER,
        "Collections of a source that failed."),
    OWN(SELF_REJECTED, "flametop.source.rejected", "{sample}", "source", METRIC_COUNTER,
        BETTER_LOWER, "Readings of a source that were refused because they made no sense."),
    OWN(SELF_DROPPED, "flametop.source.dropped", "{sample}", "source", METRIC_COUNTER, BETTER_LOWER,
        "Readings of a source that a limit left no room for."),
    OWN(SELF_TICKS_MISSED, "flametop.ticks.missed", "{tick}", "", METRIC_COUNTER, BETTER_LOWER,
        "Ticks that were due and not taken, because the machine or flametop was too busy."),
    OWN(SELF_SERIES, "flametop.series", "{series}", "", METRIC_GAUGE, BETTER_NEITHER,
        "Series known."),
    OWN(SELF_SERIES_REFUSED, "flametop.series.refused", "{series}", "", METRIC_COUNTER,
        BETTER_LOWER, "Series that the limit on series left no room for."),
    OWN(SELF_PICTURES_FULL, "flametop.pictures.cut", "{picture}", "", METRIC_COUNTER, BETTER_LOWER,
        "Pictures that had no room for all rows and texts."),
    OWN(SELF_HISTORY_BYTES, "flametop.history.usage", "By", "", METRIC_GAUGE, BETTER_NEITHER,
        "Memory the sealed history takes."),
    OWN(SELF_HISTORY_REACH, "flametop.history.reach", "s", "", METRIC_GAUGE, BETTER_HIGHER,
        "How far back the history goes."),
    {.name = "flametop.queue.refused",
     .unit = "{message}",
     .labels = "",
     .kind = METRIC_COUNTER,
     .better = BETTER_LOWER,
     .text = "Messages of the screen that the engine's queue had no room for."},
    {.name = "flametop.ui.frame.rate",
     .unit = "{frame}/s",
     .labels = "",
     .better = BETTER_NEITHER,
     .text = "Frames drawn a second."},
    {.name = "flametop.ui.frame.duration",
     .unit = "s",
     .labels = "quantile",
     .fold = FOLD_MAX,
     .better = BETTER_LOWER,
     .text = "How long drawing a frame took."},
    {.name = "flametop.ui.key.latency",
     .unit = "s",
     .labels = "quantile",
     .fold = FOLD_MAX,
     .better = BETTER_LOWER,
     .text = "From a key to the frame that shows its effect."},
    {.name = "flametop.ui.io",
     .unit = "By",
     .labels = "",
     .kind = METRIC_COUNTER,
     .better = BETTER_LOWER,
     .text = "Bytes sent to the terminal."},
    {.name = "flametop.ui.frames.dropped",
     .unit = "{frame}",
     .labels = "",
     .kind = METRIC_COUNTER,
     .better = BETTER_LOWER,
     .text = "Frames not sent because the terminal was behind."},
    {.name = "flametop.agent.connections",
     .unit = "{connection}",
     .labels = "",
     .better = BETTER_NEITHER,
     .text = "Connections open at the agent's interface."},
    {.name = "flametop.agent.subscribers",
     .unit = "{client}",
     .labels = "",
     .better = BETTER_NEITHER,
     .text = "Clients that follow the agent by a WebSocket or an event stream."},
    {.name = "flametop.agent.requests",
     .unit = "{request}",
     .labels = "",
     .kind = METRIC_COUNTER,
     .better = BETTER_NEITHER,
     .text = "Requests to the agent's interface."},
    {.name = "flametop.agent.requests.refused",
     .unit = "{request}",
     .labels = "",
     .kind = METRIC_COUNTER,
     .better = BETTER_LOWER,
     .text =
         "Requests refused before they were answered: another host, another origin, too large."},
    {.name = "flametop.agent.io",
     .unit = "By",
     .labels = "",
     .kind = METRIC_COUNTER,
     .better = BETTER_NEITHER,
     .text = "Bytes of answers the agent's interface has sent."},
    {.name = "flametop.agent.updates.dropped",
     .unit = "{update}",
     .labels = "",
     .kind = METRIC_COUNTER,
     .better = BETTER_LOWER,
     .text = "Updates that clients who were behind did not get."},
    {.name = "flametop.agent.readers.dropped",
     .unit = "{client}",
     .labels = "reason",
     .kind = METRIC_COUNTER,
     .better = BETTER_LOWER,
     .text =
         "Readers of the record stream that were let go: slow ones took next to nothing of what "
         "waited, memory was needed for others."},
    {.name = "flametop.agent.history.cut",
     .unit = "{client}",
     .labels = "",
     .kind = METRIC_COUNTER,
     .better = BETTER_LOWER,
     .text =
         "Readers of the record stream that took older history too slowly to be sent all of it."},
    {.name = "flametop.stream.latency",
     .unit = "s",
     .labels = "",
     .better = BETTER_LOWER,
     .text = "Longest round trip to a WebSocket's client, by ping."},
};

#define SELF_REPORTS_FIRST (SELF_HISTORY_REACH + 1)

static void
put(struct batch *batch, enum self_metric which, const char *labels, double value)
{
    batch_put(batch, &metrics[which], labels, value);
}

static double
resident_bytes(void)
{
    char text[128];
    ssize_t n = file_read_at(AT_FDCWD, "/proc/self/statm", text, sizeof(text));
    struct str rest = {text, n > 0 ? (size_t)n : 0};
    uint64_t size, resident;
    return str_u64(&rest, &size) && str_u64(&rest, &resident)
               ? (double)resident * (double)sysconf(_SC_PAGESIZE)
               : NAN;
}

void
self_put_process(struct batch *batch, bool memory)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    put(batch, SELF_CPU_TIME, "",
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    if (memory) {
        put(batch, SELF_MEMORY, "", resident_bytes());
    }
}

void
self_put_feed(struct batch *batch, const struct feed *feed)
{
    char labels[80] = "";
    labels_add(labels, sizeof(labels), "source", str_from(feed->source->name));
    put(batch, SELF_SAMPLES, labels, (double)feed->samples);
    put(batch, SELF_DURATION, labels, (double)feed->duration_ns / 1e9);
    put(batch, SELF_SOURCE_CPU, labels, (double)feed->cpu_total_ns / 1e9);
    put(batch, SELF_ERRORS, labels, (double)feed->batch.errors);
    put(batch, SELF_REJECTED, labels, (double)feed->batch.rejected);
    put(batch, SELF_DROPPED, labels, (double)feed->batch.dropped);
}

void
self_put_counts(struct batch *batch, const struct self_counts *counts)
{
    put(batch, SELF_TICKS_MISSED, "", (double)counts->ticks_missed);
    put(batch, SELF_SERIES_REFUSED, "", (double)catalog_series_refused(batch->catalog));
    put(batch, SELF_PICTURES_FULL, "", (double)counts->pictures_full);
    put(batch, SELF_SERIES, "", (double)catalog_series_count(batch->catalog));
    put(batch, SELF_HISTORY_BYTES, "", (double)counts->history_bytes);
    if (counts->oldest_ns != INT64_MAX) {
        put(batch, SELF_HISTORY_REACH, "", (double)(batch->at.mono_ns - counts->oldest_ns) / 1e9);
    }
}

const struct metric *
self_report_metric(const char *name)
{
    for (size_t i = SELF_REPORTS_FIRST; i < ARRAY_SIZE(metrics); i++) {
        if (strcmp(metrics[i].name, name) == 0) {
            return &metrics[i];
        }
    }
    return NULL;
}

static int
self_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    (void)setup;
    (void)why;
    (void)why_size;
    *ret_state = NULL;
    return 0;
}

static enum source_step
self_poll(void *state, struct batch *batch)
{
    (void)state;
    (void)batch;
    return SOURCE_DONE;
}

static void
self_close(void *state)
{
    (void)state;
}

const struct source source_self = {
    .name = "flametop",
    .text = "The monitor itself: what it costs and what it had to leave out.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .open = self_open,
    .poll = self_poll,
    .close = self_close,
};
