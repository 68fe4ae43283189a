/* Finding and reading sensors.
 *
 * hwmon (Documentation/hwmon/sysfs-interface.rst), thermal zones
 * (driver-api/thermal/sysfs-api.rst), cpufreq (admin-guide/pm/cpufreq.rst) and x86's throttle
 * counters (ABI/testing/sysfs-devices-system-cpu).
 *
 * Invariant: readings[i] is what items[i] says; an item with a descriptor belongs to a chip and is
 * read every round, one with a cpu is read when its turn comes, one with neither keeps its value.
 */
#include "sensor_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/metric.h"
#include "kept.h"
#include "proc_parse.h"

#define ROUNDS_BETWEEN_SEARCHES 32
#define CORE_READS_A_ROUND 32
#define FREQUENCY_SLOW_NS (500 * NS_PER_US) /* for one core: /proc/cpuinfo is asked instead */
#define FREQUENCY_SLOW_ROUNDS 30            /* until that is tried again */
#define DRIVE_ROUNDS 30 /* reading some drives' temperature keeps them from spinning down */
#define CHIPS_MAX 256
#define CHANNELS_MAX 64 /* of one kind in a chip */
#define NAME_BYTES 64

struct item {
    int fd, fault_fd;         /* -1: none */
    double factor, low, high; /* what is outside is a disconnected sensor */
    int cpu;                  /* -1: none */
    unsigned period;          /* rounds */
    unsigned cpu_rank;        /* how well it stands for the processor; 0: not at all */
};

struct chip {
    char folder[PATH_MAX], name[NAME_BYTES];
};

struct sensor_scan {
    const char *proc, *sys;
    struct item *items;
    struct sensor_reading *readings;
    size_t count, capacity;
    size_t core_first, core_next; /* items of cores are the last ones */
    uint64_t generation, round;
    struct kept cpuinfo;
    uint64_t frequency_slow_until; /* round */
    bool has_cpufreq;
    size_t frequency_cursor;
    _Atomic(const char *) at;
};

struct sensor_scan *
sensor_scan_new(const char *proc, const char *sys)
{
    struct sensor_scan *scan = calloc(1, sizeof(*scan));
    if (scan != NULL) {
        scan->proc = proc;
        scan->sys = sys;
        scan->at = "";
        kept_open(&scan->cpuinfo, proc, "cpuinfo");
    }
    return scan;
}

static void
close_items(struct sensor_scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        if (scan->items[i].fd >= 0) {
            close(scan->items[i].fd);
        }
        if (scan->items[i].fault_fd >= 0) {
            close(scan->items[i].fault_fd);
        }
    }
    scan->count = 0;
}

void
sensor_scan_free(struct sensor_scan *scan)
{
    if (scan != NULL) {
        close_items(scan);
        kept_close(&scan->cpuinfo);
        free(scan->items);
        free(scan->readings);
        free(scan);
    }
}

const struct sensor_reading *
sensor_scan_readings(const struct sensor_scan *scan, size_t *ret_count, uint64_t *ret_generation)
{
    *ret_count = scan->count;
    *ret_generation = scan->generation;
    return scan->readings;
}

const char *
sensor_scan_at(const struct sensor_scan *scan)
{
    return scan->at;
}

/* A new item with nothing to read; NULL when there are too many. */
static struct item *
add_item(struct sensor_scan *scan, unsigned metric, const char *label, const char *value)
{
    if (scan->count == scan->capacity) {
        size_t capacity = scan->capacity == 0 ? 64 : scan->capacity * 2;
        if (capacity > SENSOR_READINGS_MAX) {
            return NULL;
        }
        struct item *items = reallocarray(scan->items, capacity, sizeof(*items));
        if (items == NULL) {
            return NULL;
        }
        scan->items = items;
        struct sensor_reading *readings = reallocarray(scan->readings, capacity, sizeof(*readings));
        if (readings == NULL) {
            return NULL;
        }
        scan->readings = readings;
        scan->capacity = capacity;
    }
    struct sensor_reading *reading = &scan->readings[scan->count];
    *reading = (struct sensor_reading){.metric = metric, .value = NAN};
    if (label != NULL) {
        labels_add(reading->labels, sizeof(reading->labels), label, str_from(value));
    }
    struct item *item = &scan->items[scan->count++];
    *item = (struct item){.fd = -1,
                          .fault_fd = -1,
                          .factor = 1,
                          .low = -HUGE_VAL,
                          .high = HUGE_VAL,
                          .cpu = -1,
                          .period = 1};
    return item;
}

static int
open_file(const char *folder, const char *file)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", folder, file);
    return n > 0 && (size_t)n < sizeof(path)
               ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
               : -1;
}

static bool
read_number_fd(int fd, double *ret_value)
{
    char text[32];
    ssize_t n = file_pread_once(fd, text, sizeof(text));
    return n > 0 && parse_single((struct str){text, (size_t)n}, ret_value);
}

static bool
read_number(const char *folder, const char *file, double *ret_value)
{
    char text[64];
    struct str found = kept_once(text, sizeof(text), "%s/%s", folder, file);
    return parse_single(found, ret_value);
}

/* A file's text, cleaned; false when there is none. */
static bool
read_name(const char *folder, const char *file, char name[NAME_BYTES])
{
    char text[128];
    struct str found = kept_once(text, sizeof(text), "%s/%s", folder, file);
    return found.n > 0 && utf8_clean(found, name, NAME_BYTES) > 0;
}

/* How well a temperature stands for the processor. */
static unsigned
cpu_rank(const char *chip, const char *label)
{
    static const struct {
        const char *chip, *label;
        unsigned rank;
    } rows[] = {
        {"coretemp", "Package", 9}, {"k10temp", "Tdie", 9},  {"zenpower", "Tdie", 9},
        {"k10temp", "Tctl", 8},     {"zenpower", "Tctl", 8}, {"cpu_thermal", "", 8},
        {"cpu-thermal", "", 8},     {"x86_pkg_temp", "", 7}, {"coretemp", "Core", 6},
        {"soc_thermal", "", 6},     {"soc-thermal", "", 6},  {"cpu", "", 5},
        {"acpitz", "", 1},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strncmp(chip, rows[i].chip, strlen(rows[i].chip)) == 0 &&
            strncmp(label, rows[i].label, strlen(rows[i].label)) == 0) {
            return rows[i].rank;
        }
    }
    return 0;
}

/* The kinds of channels of a chip: hwmon's prefix, the file with its value (or the second choice),
 * what makes it the metric's unit, and between which values it is believed. */
static const struct channel_kind {
    const char *prefix, *file, *second_file;
    unsigned metric;
    double factor, low, high;
} channel_kinds[] = {
    {"temp", "input", "input", SENSOR_TEMPERATURE, 1000, -100, 250},
    {"fan", "input", "input", SENSOR_FAN, 1, 0,
     60000}, /* thinkpad_acpi says 65535 while it measures */
    {"in", "input", "input", SENSOR_VOLTAGE, 1000, -1000, 1000},
    {"curr", "input", "input", SENSOR_CURRENT, 1000, -10000, 10000},
    {"power", "input", "average", SENSOR_POWER, 1e6, 0, 100000},
};

/* Whether a sensor of this metric has this name already. */
static bool
is_taken(const struct sensor_scan *scan, unsigned metric, const char *name)
{
    char labels[SENSOR_LABELS_BYTES] = "";
    labels_add(labels, sizeof(labels), "sensor", str_from(name));
    for (size_t i = 0; i < scan->count; i++) {
        if (scan->readings[i].metric == metric && strcmp(scan->readings[i].labels, labels) == 0) {
            return true;
        }
    }
    return false;
}

static void
add_limit(struct sensor_scan *scan, const struct chip *chip, const char *channel, const char *name)
{
    static const char *const files[] = {"crit", "emergency", "max"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char file[40];
        double limit;
        snprintf(file, sizeof(file), "%s_%s", channel, files[i]);
        if (read_number(chip->folder, file, &limit) && limit > 0 && limit < 250000) {
            if (add_item(scan, SENSOR_TEMPERATURE_LIMIT, "sensor", name) != NULL) {
                scan->readings[scan->count - 1].value = limit / 1000;
            }
            return;
        }
    }
}

/* "temp1_crit_alarm" and the like. The plain "_alarm" of many boards is on for unconnected inputs.
 */
static void
add_alarms(struct sensor_scan *scan, const struct chip *chip, const char *channel, const char *name)
{
    static const char *const files[] = {"crit_alarm", "lcrit_alarm", "emergency_alarm"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char file[48];
        snprintf(file, sizeof(file), "%s_%s", channel, files[i]);
        int fd = open_file(chip->folder, file);
        if (fd < 0) {
            continue;
        }
        bool raspberry = strcmp(chip->name, "rpi_volt") == 0;
        struct item *item = raspberry ? add_item(scan, SENSOR_UNDERVOLTAGE, NULL, NULL)
                            : !is_taken(scan, SENSOR_ALARM, name)
                                ? add_item(scan, SENSOR_ALARM, "sensor", name)
                                : NULL;
        if (item == NULL) {
            close(fd);
            continue;
        }
        item->fd = fd;
        item->low = 0;
        item->high = 1;
    }
}

static void
add_channel(struct sensor_scan *scan, const struct chip *chip, const struct channel_kind *kind,
            unsigned number)
{
    char channel[16], file[40], label[NAME_BYTES], name[NAME_BYTES * 2];
    snprintf(channel, sizeof(channel), "%s%u", kind->prefix, number);
    snprintf(file, sizeof(file), "%s_label", channel);
    bool labelled = read_name(chip->folder, file, label);
    snprintf(name, sizeof(name), "%s %s", chip->name, labelled ? label : channel);
    if (labelled && is_taken(scan, kind->metric, name)) {
        snprintf(name, sizeof(name), "%s %.40s %s", chip->name, label, channel);
    }
    add_alarms(scan, chip, channel, name);
    snprintf(file, sizeof(file), "%s_%s", channel, kind->file);
    int fd = open_file(chip->folder, file);
    if (fd < 0) {
        snprintf(file, sizeof(file), "%s_%s", channel, kind->second_file);
        fd = open_file(chip->folder, file);
    }
    struct item *item = fd >= 0 ? add_item(scan, kind->metric, "sensor", name) : NULL;
    if (item == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    item->fd = fd;
    item->factor = kind->factor;
    item->low = kind->low;
    item->high = kind->high;
    item->period = strncmp(chip->name, "drivetemp", 9) == 0 ? DRIVE_ROUNDS : 1;
    snprintf(file, sizeof(file), "%s_fault", channel);
    item->fault_fd = open_file(chip->folder, file);
    if (kind->metric == SENSOR_TEMPERATURE) {
        item->cpu_rank = cpu_rank(chip->name, labelled ? label : "");
        add_limit(scan, chip, channel, name);
    }
}

/* Which channels a chip has: bit n of masks[kind] for number n. */
static void
list_channels(const char *folder, uint64_t masks[ARRAY_SIZE(channel_kinds)])
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        for (size_t i = 0; i < ARRAY_SIZE(channel_kinds); i++) {
            struct str rest = str_from(entry->d_name);
            size_t n = strlen(channel_kinds[i].prefix);
            uint64_t number;
            if (!str_starts(rest, channel_kinds[i].prefix)) {
                continue;
            }
            rest = (struct str){rest.p + n, rest.n - n};
            if (str_u64(&rest, &number) && number < CHANNELS_MAX && str_starts(rest, "_")) {
                masks[i] |= UINT64_C(1) << number;
            }
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void
add_chip(struct sensor_scan *scan, const struct chip *chip)
{
    uint64_t masks[ARRAY_SIZE(channel_kinds)] = {0};
    list_channels(chip->folder, masks);
    for (size_t i = 0; i < ARRAY_SIZE(channel_kinds); i++) {
        for (unsigned number = 0; number < CHANNELS_MAX; number++) {
            if (masks[i] >> number & 1) {
                add_channel(scan, chip, &channel_kinds[i], number);
            }
        }
    }
}

/* Two chips of one driver are told apart by the name of their device: "nvme@nvme1". */
static void
tell_apart(struct chip *chips, size_t count)
{
    bool twin[CHIPS_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            twin[i] |= i != j && strcmp(chips[i].name, chips[j].name) == 0;
        }
    }
    for (size_t i = 0; i < count; i++) {
        char link[PATH_MAX + 8], target[PATH_MAX];
        snprintf(link, sizeof(link), "%s/device", chips[i].folder);
        ssize_t n = twin[i] ? readlink(link, target, sizeof(target) - 1) : -1;
        if (n <= 0) {
            continue;
        }
        target[n] = 0;
        const char *slash = strrchr(target, '/');
        char device[24], name[NAME_BYTES];
        utf8_clean(str_from(slash != NULL ? slash + 1 : target), device, sizeof(device));
        snprintf(name, sizeof(name), "%.38s@%s", chips[i].name, device);
        memcpy(chips[i].name, name, sizeof(name));
    }
}

/* Chips of devices that sleep are left alone: reading would wake them (a laptop's second GPU). */
static bool
is_asleep(const char *folder)
{
    char text[32];
    return str_is(kept_once(text, sizeof(text), "%s/device/power/runtime_status", folder),
                  "suspended");
}

static size_t
find_chips(struct sensor_scan *scan, struct chip *chips)
{
    char folder[PATH_MAX];
    unsigned numbers[CHIPS_MAX];
    size_t count = 0;
    snprintf(folder, sizeof(folder), "%s/class/hwmon", scan->sys);
    size_t found = kept_numbered(folder, "hwmon", numbers, CHIPS_MAX);
    for (size_t i = 0; i < found; i++) {
        struct chip *chip = &chips[count];
        int n = snprintf(chip->folder, sizeof(chip->folder), "%s/class/hwmon/hwmon%u", scan->sys,
                         numbers[i]);
        if (n > 0 && (size_t)n < sizeof(chip->folder) && !is_asleep(chip->folder) &&
            read_name(chip->folder, "name", chip->name)) {
            count++;
        }
    }
    tell_apart(chips, count);
    return count;
}

/* Zones appear in hwmon too, under their type or as the driver's own chip; those are there already.
 */
static bool
is_chip(const char *type, const struct chip *chips, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *a = type, *b = chips[i].name;
        while (*a != 0 && (*a == *b || (*a == '-' && *b == '_'))) {
            a++;
            b++;
        }
        if ((*a == 0 && (*b == 0 || *b == '@')) ||
            (strcmp(type, "x86_pkg_temp") == 0 && strncmp(chips[i].name, "coretemp", 8) == 0)) {
            return true;
        }
    }
    return false;
}

static void
find_zones(struct sensor_scan *scan, const struct chip *chips, size_t chip_count)
{
    char folder[PATH_MAX];
    unsigned numbers[CHIPS_MAX];
    snprintf(folder, sizeof(folder), "%s/class/thermal", scan->sys);
    size_t found = kept_numbered(folder, "thermal_zone", numbers, CHIPS_MAX);
    for (size_t i = 0; i < found; i++) {
        char type[NAME_BYTES], name[NAME_BYTES + 16];
        snprintf(folder, sizeof(folder), "%s/class/thermal/thermal_zone%u", scan->sys, numbers[i]);
        if (!read_name(folder, "type", type) || is_chip(type, chips, chip_count)) {
            continue;
        }
        snprintf(name, sizeof(name), "%s", type);
        if (is_taken(scan, SENSOR_TEMPERATURE, name)) {
            snprintf(name, sizeof(name), "%s zone%u", type, numbers[i]);
        }
        int fd = open_file(folder, "temp");
        struct item *item = fd >= 0 ? add_item(scan, SENSOR_TEMPERATURE, "sensor", name) : NULL;
        if (item != NULL) {
            item->fd = fd;
            item->factor = 1000;
            item->low = -100;
            item->high = 250;
            item->cpu_rank = cpu_rank(type, "");
        } else if (fd >= 0) {
            close(fd);
        }
    }
}

static const char *const core_files[SENSOR_METRICS] = {
    [SENSOR_FREQUENCY] = "cpufreq/scaling_cur_freq",
    [SENSOR_THROTTLES] = "thermal_throttle/core_throttle_count",
    [SENSOR_PACKAGE_THROTTLES] = "thermal_throttle/package_throttle_count",
};

static bool
core_has(const struct sensor_scan *scan, unsigned cpu, unsigned metric)
{
    return kept_exists("%s/devices/system/cpu/cpu%u/%s", scan->sys, cpu, core_files[metric]);
}

static void
add_core_item(struct sensor_scan *scan, unsigned metric, unsigned cpu, const char *label,
              const char *value)
{
    struct item *item = add_item(scan, metric, label, value);
    if (item != NULL) {
        item->cpu = (int)cpu;
        item->low = 0;
    }
}

/* The counters of a package stand at each of its cores; the first one speaks for it. */
static void
add_package(struct sensor_scan *scan, unsigned cpu)
{
    char text[32], name[16], labels[SENSOR_LABELS_BYTES] = "";
    double package;
    struct str found =
        kept_once(text, sizeof(text), "%s/devices/system/cpu/cpu%u/topology/physical_package_id",
                  scan->sys, cpu);
    if (!parse_single(found, &package) || package < 0 || package > 65535) {
        package = 0;
    }
    snprintf(name, sizeof(name), "%.0f", package);
    labels_add(labels, sizeof(labels), "package", str_from(name));
    for (size_t i = scan->core_first; i < scan->count; i++) {
        if (scan->readings[i].metric == SENSOR_PACKAGE_THROTTLES &&
            strcmp(scan->readings[i].labels, labels) == 0) {
            return;
        }
    }
    add_core_item(scan, SENSOR_PACKAGE_THROTTLES, cpu, "package", name);
}

static void
add_frequency_limit(struct sensor_scan *scan, unsigned cpu, const char *name)
{
    char folder[PATH_MAX];
    double khz;
    snprintf(folder, sizeof(folder), "%s/devices/system/cpu/cpu%u/cpufreq", scan->sys, cpu);
    if (read_number(folder, "cpuinfo_max_freq", &khz) && khz > 0 &&
        add_item(scan, SENSOR_FREQUENCY_LIMIT, "cpu", name) != NULL) {
        scan->readings[scan->count - 1].value = khz * 1000;
    }
}

static void
find_cores(struct sensor_scan *scan)
{
    unsigned *numbers = calloc(STAT_CPU_MAX, sizeof(*numbers));
    char folder[PATH_MAX], text[8];
    snprintf(folder, sizeof(folder), "%s/devices/system/cpu", scan->sys);
    size_t count = numbers != NULL ? kept_numbered(folder, "cpu", numbers, STAT_CPU_MAX) : 0;
    scan->core_first = scan->core_next = scan->count;
    scan->has_cpufreq = false;
    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%u", numbers[i]);
        if (str_is(kept_once(text, sizeof(text), "%s/cpu%u/online", folder, numbers[i]), "0")) {
            continue;
        }
        bool cpufreq = core_has(scan, numbers[i], SENSOR_FREQUENCY);
        scan->has_cpufreq |= cpufreq;
        add_core_item(scan, SENSOR_FREQUENCY, numbers[i], "cpu", name);
        if (cpufreq) {
            add_frequency_limit(scan, numbers[i], name);
        }
        if (core_has(scan, numbers[i], SENSOR_THROTTLES)) {
            add_core_item(scan, SENSOR_THROTTLES, numbers[i], "cpu", name);
            add_package(scan, numbers[i]);
        }
    }
    free(numbers);
}

/* Sensors that were there before keep their last value, so that a search makes no gaps. True when
 * it found exactly the same sensors. */
static bool
carry_over(struct sensor_scan *scan, const struct sensor_reading *old, size_t old_count)
{
    size_t same = 0, at = 0;
    for (size_t i = 0; i < scan->count; i++) {
        struct sensor_reading *reading = &scan->readings[i];
        for (size_t n = 0; n < old_count; n++) {
            size_t j = (at + n) % old_count;
            if (old[j].metric == reading->metric && strcmp(old[j].labels, reading->labels) == 0) {
                reading->value = isnan(reading->value) ? old[j].value : reading->value;
                same += i == j;
                at = j + 1;
                break;
            }
        }
    }
    return same == scan->count && same == old_count;
}

static void
find_sensors(struct sensor_scan *scan)
{
    struct chip *chips = calloc(CHIPS_MAX, sizeof(*chips));
    size_t old_count = scan->count;
    struct sensor_reading *old = calloc(old_count + 1, sizeof(*old));
    if (old != NULL && old_count > 0) {
        memcpy(old, scan->readings, old_count * sizeof(*old));
    }
    close_items(scan);
    scan->at = "the list of sensors";
    add_item(scan, SENSOR_CPU_TEMPERATURE, NULL, NULL);
    if (chips != NULL) {
        size_t count = find_chips(scan, chips);
        for (size_t i = 0; i < count; i++) {
            add_chip(scan, &chips[i]);
        }
        find_zones(scan, chips, count);
        free(chips);
    }
    find_cores(scan);
    scan->generation += old == NULL || !carry_over(scan, old, old_count);
    free(old);
}

static double
read_chip_item(const struct item *item)
{
    double value, fault = 0;
    if (item->fault_fd >= 0 && read_number_fd(item->fault_fd, &fault) && fault != 0) {
        return NAN;
    }
    if (!read_number_fd(item->fd, &value)) {
        return NAN;
    }
    value /= item->factor;
    return value >= item->low && value <= item->high ? value : NAN;
}

static void
read_chips(struct sensor_scan *scan)
{
    double hottest = NAN;
    unsigned rank = 0;
    scan->at = "a sensor chip";
    for (size_t i = 0; i < scan->core_first; i++) {
        const struct item *item = &scan->items[i];
        if (item->fd >= 0 && (scan->round % item->period == 0 || isnan(scan->readings[i].value))) {
            scan->readings[i].value = read_chip_item(item);
        }
        double value = scan->readings[i].value;
        if (item->cpu_rank > 0 && !isnan(value) &&
            (item->cpu_rank > rank || (item->cpu_rank == rank && value > hottest))) {
            rank = item->cpu_rank;
            hottest = value;
        }
    }
    if (scan->core_first > 0) {
        scan->readings[0].value = hottest;
    }
}

static void
take_frequency(void *context, unsigned cpu, double hz)
{
    struct sensor_scan *scan = context;
    /* Both are in ascending order, so this is one step as a rule. */
    size_t span = scan->count - scan->core_first;
    for (size_t n = 0; n < span; n++) {
        size_t i = scan->core_first + (scan->frequency_cursor + n) % span;
        if (scan->items[i].cpu == (int)cpu && scan->readings[i].metric == SENSOR_FREQUENCY) {
            scan->readings[i].value = hz;
            scan->frequency_cursor = i + 1 - scan->core_first;
            return;
        }
    }
}

/* The whole file at once, so less often where there are many cores. */
static void
read_cpuinfo(struct sensor_scan *scan)
{
    struct str text;
    uint64_t period = 1 + (scan->count - scan->core_first) / 32;
    scan->at = scan->cpuinfo.path;
    if (scan->round % period == 0 && kept_read(&scan->cpuinfo, &text)) {
        parse_cpuinfo_frequencies(text, take_frequency, scan);
    }
}

static void
read_core(struct sensor_scan *scan, size_t i)
{
    const struct item *item = &scan->items[i];
    char text[32];
    double value;
    struct str found = kept_once(text, sizeof(text), "%s/devices/system/cpu/cpu%d/%s", scan->sys,
                                 item->cpu, core_files[scan->readings[i].metric]);
    double factor = scan->readings[i].metric == SENSOR_FREQUENCY ? 1000 : 1; /* kHz */
    scan->readings[i].value =
        parse_single(found, &value) && value >= item->low ? value * factor : NAN;
}

/* The next portion of the cores, in turns. */
static void
read_cores(struct sensor_scan *scan)
{
    bool by_file = scan->has_cpufreq && scan->round >= scan->frequency_slow_until;
    size_t portion = MIN(scan->count - scan->core_first, (size_t)CORE_READS_A_ROUND);
    scan->at = "a core's frequency or throttle counter";
    for (size_t n = 0; n < portion; n++) {
        size_t i = scan->core_next++;
        scan->core_next = scan->core_next == scan->count ? scan->core_first : scan->core_next;
        bool frequency = scan->readings[i].metric == SENSOR_FREQUENCY;
        if (scan->items[i].cpu < 0 || (frequency && !by_file)) {
            continue;
        }
        int64_t before = clock_mono_ns();
        read_core(scan, i);
        if (frequency && clock_mono_ns() - before > FREQUENCY_SLOW_NS) {
            scan->frequency_slow_until = scan->round + FREQUENCY_SLOW_ROUNDS;
            by_file = false;
        }
    }
    if (!by_file) {
        read_cpuinfo(scan);
    }
}

void
sensor_scan_round(struct sensor_scan *scan)
{
    if (scan->round % ROUNDS_BETWEEN_SEARCHES == 0) {
        find_sensors(scan);
    }
    read_chips(scan);
    read_cores(scan);
    scan->round++;
    scan->at = "";
}
