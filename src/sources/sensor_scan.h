/* Finding and reading the sensors below /sys, and the cores' frequencies.
 *
 * Everything here may block: drivers ask chips over slow buses, and a frequency can take 20 ms a
 * core. It runs on the sensor source's own thread (proc_sensor.c) and knows nothing of batches. */
#ifndef FLAMETOP_SOURCES_SENSOR_SCAN_H
#define FLAMETOP_SOURCES_SENSOR_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of the metric table in proc_sensor.c. */
enum {
    SENSOR_TEMPERATURE,
    SENSOR_TEMPERATURE_LIMIT,
    SENSOR_TEMPERATURE_SHARE,
    SENSOR_FAN,
    SENSOR_VOLTAGE,
    SENSOR_CURRENT,
    SENSOR_POWER,
    SENSOR_ALARM,
    SENSOR_UNDERVOLTAGE,
    SENSOR_CPU_TEMPERATURE,
    SENSOR_FREQUENCY,
    SENSOR_FREQUENCY_LIMIT,
    SENSOR_THROTTLES,
    SENSOR_PACKAGE_THROTTLES,
    SENSOR_METRICS,
};

#define SENSOR_READINGS_MAX 32768
#define SENSOR_LABELS_BYTES 136

struct sensor_reading {
    unsigned metric;
    char labels[SENSOR_LABELS_BYTES];
    double value; /* NaN: unknown at present */
};

struct sensor_scan;

/* NULL when memory is out. The texts must outlive it. */
struct sensor_scan *sensor_scan_new(const char *proc, const char *sys);
void sensor_scan_free(struct sensor_scan *scan);

/* One round: all chips, and a portion of the cores. Finds the sensors in the first round and again
 * every 32 rounds; the generation changes then. */
void sensor_scan_round(struct sensor_scan *scan);

const struct sensor_reading *sensor_scan_readings(const struct sensor_scan *scan, size_t *ret_count,
                                                  uint64_t *ret_generation);

/* What is being read at this moment, for another thread to say so; "" for nothing. */
const char *sensor_scan_at(const struct sensor_scan *scan);

/* Whether what a round ended with at read_ns stands for now (proc_sensor.c): it is not old, or came
 * since the poll before, however seldom polls are. */
bool sensor_is_current(int64_t read_ns, int64_t polled_ns, int64_t now_ns);

#endif
