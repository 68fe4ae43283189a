/* The sources of this folder, for table.c. */
#ifndef FLAMETOP_SOURCES_SOURCES_H
#define FLAMETOP_SOURCES_SOURCES_H

#include "flametop/core/source.h"

extern const struct source source_cgroup;
extern const struct source source_proc_cpu;
extern const struct source source_proc_disk;
extern const struct source source_proc_file;
extern const struct source source_proc_filesystem;
extern const struct source source_proc_memory;
extern const struct source source_proc_network;
extern const struct source source_proc_pressure;
extern const struct source source_proc_process;
extern const struct source source_proc_sensor;
extern const struct source source_proc_tcp;

#endif
