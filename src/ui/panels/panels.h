/* The panels there are, for the table, and what they share. */
#ifndef FLAMETOP_SRC_UI_PANELS_H
#define FLAMETOP_SRC_UI_PANELS_H

#include "flametop/ui/panel.h"

extern const struct panel panel_cards;
extern const struct panel panel_chart;
extern const struct panel panel_cores;
extern const struct panel panel_findings;
extern const struct panel panel_flame;
extern const struct panel panel_fleet;
extern const struct panel panel_metrics;
extern const struct panel panel_node;
extern const struct panel panel_node_cards;
extern const struct panel panel_pools;
extern const struct panel panel_processes;
extern const struct panel panel_requests;
extern const struct panel panel_schedulers;
extern const struct panel panel_system;
extern const struct panel panel_tables;

/* The signals process.signal offers, for completion (src/ui/command.h). */
struct app;
struct words;
void panel_signal_words(const struct app *app, struct words *words);

/* The diagnosis in one row (or more, where that is all there is): level, impact, sentence, how many
 * more. */
void diagnosis_draw(const struct picture *picture, struct canvas *canvas, struct rect area,
                    const char *key);

#endif
