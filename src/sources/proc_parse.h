/* Parsers for the kernel's system-wide files. Pure: text in, numbers out, no I/O, bounded.
 *
 * What they all hold to: only whole lines count (a reader may meet a file half written, and the cut
 * number before the end would be wrong), a number must be followed by a blank or the line's end and
 * fit 64 bits, and what is missing or wrong is NaN (or absent), never 0. */
#ifndef FLAMETOP_SOURCES_PROC_PARSE_H
#define FLAMETOP_SOURCES_PROC_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

/* A whole number that ends at a blank or at the end of the text. */
bool parse_count(struct str *rest, double *ret_value);

/* A text that is one number and nothing else but blanks: a file of /sys. */
bool parse_single(struct str text, double *ret_value);

/* /proc/stat (proc.rst 1.7). */
enum {
    STAT_USER, /* guest is inside, as in the file */
    STAT_NICE, /* guest_nice is inside */
    STAT_SYSTEM,
    STAT_IDLE,
    STAT_IOWAIT,
    STAT_IRQ,
    STAT_SOFTIRQ,
    STAT_STEAL,
    STAT_STATES,
    STAT_GUEST = STAT_STATES,
    STAT_GUEST_NICE,
    STAT_FIELDS,
};

#define STAT_SOFTIRQS 10
#define STAT_CPU_MAX 8192 /* above the largest CONFIG_NR_CPUS */

struct stat_core {
    unsigned cpu;
    double ticks[STAT_FIELDS]; /* of USER_HZ; NaN: an old kernel has no such field */
};

struct stat_text {
    double interrupts, context_switches, forks, running, blocked;
    double softirqs[STAT_SOFTIRQS]; /* in the kernel's order: HI TIMER NET_TX NET_RX BLOCK IRQ_POLL
                                       … */
};

/* Takes the next core line off the front: the cores stand before everything else. False at the
 * first line that is none; `rest` then starts with that line. The line of the sum is skipped, lines
 * "cpuN" that make no sense are counted in `refused`. */
bool parse_stat_core(struct str *rest, struct stat_core *ret_core, size_t *refused);

/* What follows the cores; the long list of interrupts behind their sum is not looked at. */
void parse_stat_rest(struct str rest, struct stat_text *ret_text);

/* /proc/loadavg. False unless the whole line is right. */
struct loadavg {
    double load[3];
    double runnable, threads;
};

bool parse_loadavg(struct str text, struct loadavg *ret_loadavg);

/* Seconds since the start; the first number of /proc/uptime. */
bool parse_uptime(struct str text, double *ret_seconds);

/* /proc/pressure/ and cgroup pressure files (accounting/psi.rst). */
struct pressure_line {
    double avg10, avg60, avg300; /* 0-1 */
    double total_s;
};

struct pressure_text {
    struct pressure_line some, full; /* NaN throughout when the line is missing */
};

/* False when neither line is there. */
bool parse_pressure(struct str text, struct pressure_text *ret_text);

/* Files of "key value" lines: /proc/meminfo, /proc/vmstat, a node's meminfo, ZFS' arcstats.
 *
 * The kernel prints its keys in an order that only changes with its modules, so the plan remembers
 * which line held which key; each further reading compares one key a line instead of searching. A
 * line that does not hold what the plan says makes a new plan. */
#define KEYED_LINES_MAX 1024

struct keyed_shape {
    unsigned words_before_key;   /* "Node 0 MemTotal: 12 kB": 2 */
    unsigned words_before_value; /* "size 4 123": 1 */
};

struct keyed_plan {
    int16_t key_of_line[KEYED_LINES_MAX]; /* -1: nobody asked */
    size_t lines;                         /* 0: no plan yet */
};

/* Sets values[i] for keys[i], NaN when it is not there; "kB" is multiplied out to bytes. Of a key
 * that is there twice the first counts. `plan` starts zeroed and belongs to this set of keys. */
void parse_keyed(struct str text, struct keyed_shape shape, const char *const *keys, size_t count,
                 struct keyed_plan *plan, double *ret_values);

/* Calls back with each "cpu MHz" of /proc/cpuinfo, in Hz. */
void parse_cpuinfo_frequencies(struct str text,
                               void (*take)(void *context, unsigned cpu, double hz), void *context);

/* /sys/block/zramN/mm_stat: bytes stored, compressed, and in use. */
bool parse_zram(struct str text, double *ret_stored, double *ret_compressed, double *ret_memory);

#endif
