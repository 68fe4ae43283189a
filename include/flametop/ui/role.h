/* Roles: what a theme gives colours to. One list makes the enum, the names in theme files, their
 * checks and the documentation. Ramps are runs of 16 roles, even in perception. */
#ifndef FLAMETOP_UI_ROLE_H
#define FLAMETOP_UI_ROLE_H

#define RAMP_STEPS 16

/* X(id, name, fallback role) */
#define ROLE_LIST(X)                                                                               \
    X(DEFAULT, "default", DEFAULT)                                                                 \
    X(BACKGROUND, "background.color", DEFAULT)                                                     \
    X(TEXT, "text", DEFAULT)                                                                       \
    X(DIM, "dim", TEXT)                                                                            \
    X(TITLE, "title", TEXT)                                                                        \
    X(VALUE, "value", TITLE)                                                                       \
    X(BORDER, "border", DIM)                                                                       \
    X(BORDER_FOCUS, "border.focus", TITLE)                                                         \
    X(HEADER_BG, "header.bg", DEFAULT)                                                             \
    X(TAB_ACTIVE, "tab.active", TITLE)                                                             \
    X(KEY, "key", TITLE)                                                                           \
    X(SELECT_FG, "select.fg", TEXT)                                                                \
    X(SELECT_BG, "select.bg", DEFAULT)                                                             \
    X(MARK, "mark", TITLE)                                                                         \
    X(SEARCH, "search", TITLE)                                                                     \
    X(ERROR, "error", LEVEL_CRITICAL)                                                              \
    X(LEVEL_NORMAL, "level.normal", TEXT)                                                          \
    X(LEVEL_INFO, "level.info", TEXT)                                                              \
    X(LEVEL_WARNING, "level.warning", TEXT)                                                        \
    X(LEVEL_CRITICAL, "level.critical", TEXT)                                                      \
    X(LEVEL_EMERGENCY, "level.emergency", TEXT)                                                    \
    X(CHART_1, "chart.1", TEXT)                                                                    \
    X(CHART_2, "chart.2", CHART_1)                                                                 \
    X(CHART_3, "chart.3", CHART_1)                                                                 \
    X(CHART_4, "chart.4", CHART_1)                                                                 \
    X(CHART_5, "chart.5", CHART_1)                                                                 \
    X(CHART_6, "chart.6", CHART_1)                                                                 \
    X(CHART_DIM, "chart.dim", DIM)

enum role {
#define X(id, name, fallback) ROLE_##id,
    ROLE_LIST(X)
#undef X
        ROLE_RAMP_HEAT, /* .. + RAMP_STEPS - 1 */
    ROLE_RAMP_LOAD =
        ROLE_RAMP_HEAT + RAMP_STEPS, /* low to high use: the colour of a chart's cells */
    ROLE_RAMP_DIFF = ROLE_RAMP_LOAD + RAMP_STEPS, /* less to more */
    ROLE_FLAME_HUES = ROLE_RAMP_DIFF + RAMP_STEPS,
    ROLE_COUNT = ROLE_FLAME_HUES + RAMP_STEPS
};

/* "level.warning", "ramp.heat.3"; "?" for what is none. */
const char *role_name(int role);

#endif
