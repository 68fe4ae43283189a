/* Temperatures, fans, voltages, power, frequencies and throttling.
 *
 * Reading a sensor can block for as long as a slow bus or a sleeping device likes, so one detached
 * thread does it, one round at a time. A poll asks for a round, waits a millisecond (enough on most
 * machines), and takes what is ready; what is late is taken next time. The thread is never joined:
 * at close it is told to go, and whoever of the two is last frees what they share.
 *
 * Invariant: everything in struct sensors is guarded by its lock, but for `scan`, which is the
 * thread's, and the columns, which are the source's. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flametop/base/macros.h"
#include "flametop/base/thread.h"
#include "kept.h"
#include "sensor_scan.h"
#include "sources.h"

static const struct metric metrics[] = {
    [SENSOR_TEMPERATURE] =
        {.name = "hw.temperature",
         .unit = "Cel",
         .labels = "sensor",
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .text = "Temperature of each sensor; see hw.temperature.utilization for what is hot."},
    [SENSOR_TEMPERATURE_LIMIT] = {.name = "hw.temperature.limit",
                                  .unit = "Cel",
                                  .labels = "sensor",
                                  .fold = FOLD_MIN,
                                  .text = "Temperature the maker calls critical for this sensor."},
    [SENSOR_TEMPERATURE_SHARE] = {.name = "hw.temperature.utilization",
                                  .unit = "1",
                                  .labels = "sensor",
                                  .formula = "hw.temperature / hw.temperature.limit",
                                  .better = BETTER_LOWER,
                                  .fold = FOLD_MAX,
                                  .warning = 0.9,
                                  .critical = 1,
                                  .text = "Temperature relative to the critical one."},
    [SENSOR_FAN] = {.name = "hw.fan.speed",
                    .unit = "rpm",
                    .labels = "sensor",
                    .fold = FOLD_MAX,
                    .text = "Revolutions of each fan in a minute."},
    [SENSOR_VOLTAGE] = {.name = "hw.voltage",
                        .unit = "V",
                        .labels = "sensor",
                        .fold = FOLD_MEAN,
                        .text = "Voltage at each sensor."},
    [SENSOR_CURRENT] = {.name = "hw.current",
                        .unit = "A",
                        .labels = "sensor",
                        .fold = FOLD_SUM,
                        .text = "Current through each sensor."},
    [SENSOR_POWER] = {.name = "hw.power",
                      .unit = "W",
                      .labels = "sensor",
                      .better = BETTER_LOWER,
                      .fold = FOLD_MAX,
                      .text = "Power drawn through each sensor."},
    [SENSOR_ALARM] = {.name = "hw.alarm",
                      .unit = "1",
                      .labels = "sensor",
                      .better = BETTER_LOWER,
                      .fold = FOLD_MAX,
                      .warning = 1,
                      .critical = 1,
                      .text =
                          "1 while a chip reports that a critical limit of this sensor is passed."},
    [SENSOR_UNDERVOLTAGE] =
        {.name = "hw.undervoltage",
         .unit = "1",
         .labels = "",
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .warning = 1,
         .critical = 1,
         .text = "1 while a Raspberry Pi's supply is too weak; it slows down and may corrupt its "
                 "card."},
    [SENSOR_CPU_TEMPERATURE] = {.name = "system.cpu.temperature",
                                .unit = "Cel",
                                .labels = "",
                                .better = BETTER_LOWER,
                                .fold = FOLD_MAX,
                                .warning = 80,
                                .critical = 95,
                                .text = "Temperature of the hottest processor package."},
    [SENSOR_FREQUENCY] =
        {.name = "system.cpu.frequency",
         .unit = "Hz",
         .labels = "cpu",
         .fold = FOLD_MEAN,
         .text = "Clock frequency of each core; on large machines some cores are read each time."},
    [SENSOR_FREQUENCY_LIMIT] = {.name = "system.cpu.frequency.limit",
                                .unit = "Hz",
                                .labels = "cpu",
                                .fold = FOLD_MAX,
                                .text = "Highest clock frequency the core can have."},
    [SENSOR_THROTTLES] =
        {.name = "system.cpu.throttles",
         .unit = "{event}",
         .labels = "cpu",
         .kind = METRIC_COUNTER,
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .text = "Times a core was slowed down because it got too hot; siblings count together."},
    [SENSOR_PACKAGE_THROTTLES] =
        {.name = "system.cpu.package.throttles",
         .unit = "{event}",
         .labels = "package",
         .kind = METRIC_COUNTER,
         .better = BETTER_LOWER,
         .fold = FOLD_MAX,
         .text = "Times a whole processor was slowed down because it got too hot."},
};
_Static_assert(ARRAY_SIZE(metrics) == SENSOR_METRICS, "a row for each");

#define COLUMN_NONE (-2)
#define WAIT_NS NS_PER_MS
#define ROUND_NS_MIN (NS_PER_S * 9 / 10)
#define LATE_NS (10 * NS_PER_S) /* older readings are no readings; a longer round is said */

struct sensors {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    bool wanted, running, closed;
    unsigned users; /* source and thread */
    int64_t began_ns, read_ns, polled_ns;
    struct sensor_reading *readings;
    size_t count, capacity;
    uint64_t generation;
    char proc[PATH_MAX], sys[PATH_MAX];
    struct sensor_scan *scan;
    /* The source's. */
    int *columns;
    uint64_t columns_generation;
    size_t columns_count;
};

static void
sensors_free(struct sensors *sensors)
{
    pthread_mutex_destroy(&sensors->lock);
    pthread_cond_destroy(&sensors->work);
    pthread_cond_destroy(&sensors->done);
    sensor_scan_free(sensors->scan);
    free(sensors->readings);
    free(sensors->columns);
    free(sensors);
}

/* With the lock held; gives it back. */
static void
leave(struct sensors *sensors)
{
    bool last = --sensors->users == 0;
    pthread_mutex_unlock(&sensors->lock);
    if (last) {
        sensors_free(sensors);
    }
}

/* Takes over what the thread has read. With the lock held. */
static void
publish(struct sensors *sensors)
{
    size_t count;
    uint64_t generation;
    const struct sensor_reading *read = sensor_scan_readings(sensors->scan, &count, &generation);
    if (count > sensors->capacity) {
        struct sensor_reading *readings = reallocarray(sensors->readings, count, sizeof(*readings));
        if (readings == NULL) {
            return;
        }
        sensors->readings = readings;
        sensors->capacity = count;
    }
    if (count > 0) {
        memcpy(sensors->readings, read, count * sizeof(*read));
    }
    sensors->count = count;
    sensors->generation = generation;
    sensors->read_ns = clock_mono_ns();
}

static void *
sensor_thread(void *context)
{
    struct sensors *sensors = context;
    pthread_mutex_lock(&sensors->lock);
    for (;;) {
        while (!sensors->wanted && !sensors->closed) {
            pthread_cond_wait(&sensors->work, &sensors->lock);
        }
        if (sensors->closed) {
            leave(sensors);
            return NULL;
        }
        sensors->wanted = false;
        pthread_mutex_unlock(&sensors->lock);
        sensor_scan_round(sensors->scan);
        pthread_mutex_lock(&sensors->lock);
        sensors->running = false;
        publish(sensors);
        pthread_cond_signal(&sensors->done);
    }
}

static bool
has_sensors(const struct roots *roots)
{
    char text[8192];
    if (kept_exists("%s/class/hwmon/hwmon0", roots->sys) ||
        kept_exists("%s/class/hwmon/hwmon1", roots->sys) ||
        kept_exists("%s/class/thermal/thermal_zone0", roots->sys) ||
        kept_exists("%s/devices/system/cpu/cpu0/cpufreq", roots->sys) ||
        kept_exists("%s/devices/system/cpu/cpu0/thermal_throttle", roots->sys)) {
        return true;
    }
    struct str cpuinfo = kept_once(text, sizeof(text), "%s/cpuinfo", roots->proc);
    return memmem(cpuinfo.p, cpuinfo.n, "cpu MHz", 7) != NULL;
}

static struct sensors *
sensors_new(const struct roots *roots)
{
    struct sensors *sensors = calloc(1, sizeof(*sensors));
    if (sensors == NULL) {
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&sensors->lock, NULL);
    pthread_cond_init(&sensors->work, NULL);
    pthread_cond_init(&sensors->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    snprintf(sensors->proc, sizeof(sensors->proc), "%s", roots->proc);
    snprintf(sensors->sys, sizeof(sensors->sys), "%s", roots->sys);
    sensors->scan = sensor_scan_new(sensors->proc, sensors->sys);
    sensors->read_ns = sensors->began_ns = INT64_MIN / 2;
    sensors->polled_ns = clock_mono_ns();
    sensors->users = 2;
    if (sensors->scan == NULL) {
        sensors_free(sensors);
        return NULL;
    }
    return sensors;
}

static int
sensor_open(const struct source_setup *setup, void **ret_state, char *why, size_t why_size)
{
    if (!has_sensors(setup->roots)) {
        snprintf(why, why_size,
                 "no sensors: neither hwmon, thermal zones nor core frequencies are there");
        return -ENOENT;
    }
    struct sensors *sensors = sensors_new(setup->roots);
    if (sensors == NULL) {
        snprintf(why, why_size, "out of memory");
        return -ENOMEM;
    }
    int error = thread_start(sensor_thread, sensors, NULL);
    if (error != 0) {
        snprintf(why, why_size, "no thread to read sensors: %s", strerror(-error));
        sensors_free(sensors);
        return error;
    }
    *ret_state = sensors;
    return 0;
}

static void
request_round(struct sensors *sensors)
{
    int64_t now = clock_mono_ns();
    if (sensors->running || now - sensors->began_ns < ROUND_NS_MIN) {
        return;
    }
    sensors->running = sensors->wanted = true;
    sensors->began_ns = now;
    pthread_cond_signal(&sensors->work);
    int64_t until = now + WAIT_NS;
    struct timespec deadline = {.tv_sec = until / NS_PER_S, .tv_nsec = until % NS_PER_S};
    while (sensors->running &&
           pthread_cond_timedwait(&sensors->done, &sensors->lock, &deadline) == 0) {
    }
}

static void
forget_columns(struct sensors *sensors)
{
    int *columns = reallocarray(sensors->columns, sensors->count + 1, sizeof(*columns));
    if (columns == NULL) {
        sensors->columns_count = 0;
        return;
    }
    for (size_t i = 0; i < sensors->count; i++) {
        columns[i] = COLUMN_NONE;
    }
    sensors->columns = columns;
    sensors->columns_count = sensors->count;
    sensors->columns_generation = sensors->generation;
}

static void
put_readings(struct sensors *sensors, struct batch *batch)
{
    if (sensors->columns_generation != sensors->generation) {
        forget_columns(sensors);
    }
    for (size_t i = 0; i < MIN(sensors->count, sensors->columns_count); i++) {
        const struct sensor_reading *reading = &sensors->readings[i];
        if (isnan(reading->value)) {
            continue;
        }
        if (sensors->columns[i] == COLUMN_NONE) {
            sensors->columns[i] = batch_column(batch, &metrics[reading->metric], reading->labels);
        }
        batch_set(batch, sensors->columns[i], reading->value);
    }
}

bool
sensor_is_current(int64_t read_ns, int64_t polled_ns, int64_t now_ns)
{
    return read_ns >= polled_ns || now_ns - read_ns < LATE_NS;
}

static enum source_step
sensor_poll(void *state, struct batch *batch)
{
    struct sensors *sensors = state;
    pthread_mutex_lock(&sensors->lock);
    request_round(sensors);
    int64_t now = clock_mono_ns();
    if (sensor_is_current(sensors->read_ns, sensors->polled_ns, now)) {
        put_readings(sensors, batch);
    }
    sensors->polled_ns = now;
    if (sensors->running && now - sensors->began_ns >= LATE_NS) {
        batch_fail(batch, SOURCE_STALE, "reading %s takes longer than 10 s",
                   sensor_scan_at(sensors->scan));
    }
    pthread_mutex_unlock(&sensors->lock);
    return SOURCE_DONE;
}

static void
sensor_close(void *state)
{
    struct sensors *sensors = state;
    pthread_mutex_lock(&sensors->lock);
    sensors->closed = true;
    pthread_cond_signal(&sensors->work);
    leave(sensors);
}

const struct source source_proc_sensor = {
    .name = "sensor",
    .text = "Temperatures, fans, voltages, power and core frequencies from /sys.",
    .metrics = metrics,
    .metric_count = ARRAY_SIZE(metrics),
    .every = 2,
    .open = sensor_open,
    .poll = sensor_poll,
    .close = sensor_close,
};
