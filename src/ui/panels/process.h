/* The parts of the panel of processes: its drawer, and what changes a process. */
#ifndef FLAMETOP_SRC_UI_PANELS_PROCESS_H
#define FLAMETOP_SRC_UI_PANELS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "../table_view.h"
#include "trail.h"

/* Of the selected row; 0: none. */
int64_t process_pid(const struct table_view *view);

/* Everything known of the selected process; the trail follows it. */
void process_drawer_draw(const struct table_view *view, struct trail *trail,
                         const struct panel_context *context, struct canvas *canvas,
                         struct rect area);

/* A question about a process that is to be changed, until it is answered. */
struct process_change {
    int64_t pid; /* 0: none */
    int fd;      /* pidfd; -1: none */
    char name[64];
    bool there;     /* it is a process of the machine at the other end of the link */
    double start_s; /* when it started, by that machine's wall clock; NaN: unknown */
    int64_t nice;   /* as the table has it; CELL_UNKNOWN */
};

void process_change_init(struct process_change *change);
void process_change_forget(struct process_change *change); /* nothing is asked any more */

/* process.signal*, process.nice*: asks about the selected process, or does what was answered with
 * yes. False: the command is none of these. */
bool process_change_command(struct process_change *change, const struct table_view *view,
                            const struct panel_context *context, const char *name,
                            const char *argument);

#endif
