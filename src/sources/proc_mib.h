/* The kernel's counters of protocols: /proc/net/snmp and netstat, snmp6, sockstat. Pure, bounded
 * parsers. */
#ifndef FLAMETOP_SOURCES_PROC_MIB_H
#define FLAMETOP_SOURCES_PROC_MIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

#define MIB_KEYS_MAX 16
#define MIB_WORDS_MAX 255
#define MIB_HEADER_MAX 4096

/* One group of snmp or netstat: a line of names and a line of numbers, both begun with "Group:".
 * Which word is which key is worked out once and then again only when the line of names is another
 * one. */
struct mib {
    const char *group;
    const char *keys[MIB_KEYS_MAX];     /* ended by NULL when fewer */
    size_t header_n;                    /* 0: no line of names was seen yet */
    size_t word_count;                  /* up to the last word that is wanted */
    uint8_t key_of_word[MIB_WORDS_MAX]; /* index in keys + 1; 0: not wanted */
    char header[MIB_HEADER_MAX];
};

/* Sets values[i] for keys[i], NaN for what is not there. False when the group is not there or torn.
 */
bool mib_take(struct mib *mib, struct str text, double ret_values[MIB_KEYS_MAX]);

/* One number of snmp6 ("Udp6InErrors   12"); NaN when it is not there. `rest` moves behind the line
 * found, so that keys asked for in the file's order make one walk. */
double mib_line(struct str *rest, const char *key);

/* One number of sockstat: line "TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 118", name "orphan". NaN
 * when absent. */
double mib_pair(struct str text, const char *line, const char *name);

#endif
