/* This machine as a target: the collector with every source there is, as configured. */
#ifndef FLAMETOP_MACHINE_H
#define FLAMETOP_MACHINE_H

#include "cli.h"
#include "flametop/engine/collector.h"
#include "flametop/export/snapshot.h"
#include "flametop/receivers/receive.h"

/* NULL, and a sentence on stderr, when a root that was chosen is no folder or memory is short. */
struct collector *machine_collector(const struct cli *cli);

/* Where its files are, as configured. */
struct roots machine_roots(const struct cli *cli);

/* A snapshot file as a picture; NULL, and a sentence on stderr, when it cannot be read. */
struct picture *machine_open_file(const struct cli *cli, const char *path);

/* The moment that stands for a file which holds no readings: of a profile, of traces. NULL: out of
 * memory. */
struct picture *machine_file_picture(const struct cli *cli, const char *path);

/* A store for the traces of a file, with the thresholds that are configured. NULL: out of memory.
 */
struct trace_store *machine_file_store(const struct cli *cli, size_t bytes_max);

/* A collector for the other end of a link: sources come from there, or by the link from here. */
struct collector *machine_collector_of(const struct cli *cli, const char *target);

/* What is received for this machine, as configured; its texts are the configuration's. */
struct receive_options machine_receive(const struct cli *cli);

/* All tables this version knows. */
#define MACHINE_TABLES_MAX 64
size_t machine_tables(const struct table_def *tables[MACHINE_TABLES_MAX]);

/* Whether the command looks at something else than this machine: a file, the other end of a link.
 */
bool machine_is_elsewhere(const struct cli *cli);

#endif
