/* The inside of the application: shared by app.c (views, keys, commands), attached.c (how a link is
 * doing), chrome.c (header, tabs, footer), help.c (what overlays say), moment.c (which picture is
 * shown), run.c (terminal, engines, signals) and seat.c (targets). */
#ifndef FLAMETOP_SRC_UI_APP_STATE_H
#define FLAMETOP_SRC_UI_APP_STATE_H

#include "flametop/base/clock.h"
#include "flametop/core/link.h"
#include "flametop/ui/app.h"
#include "flametop/ui/panel.h"
#include "command.h"
#include "fleet.h"
#include "key.h"
#include "overlay.h"
#include "pin.h"
#include "prompt.h"
#include "view.h"

#define VIEWS_MAX 16
#define APP_WIDTH_MIN 24 /* smaller screens show the diagnosis alone */
#define APP_HEIGHT_MIN 4
#define APP_WIDTH_FULL 40   /* narrower ones give the diagnosis a second row */
#define APP_TABS_HEIGHT 8   /* lower ones have neither tabs nor keys */
#define APP_HEADER_HEIGHT 5 /* nor these a header */
#define SAY_NS (5 * NS_PER_S)

/* A view that was opened once keeps its panels, and with them selection, filter and sort. The two
 * forms of a view whose layouts differ are kept apart. */
struct opened {
    bool is_open;
    struct box boxes[VIEW_BOXES_MAX];
    size_t count, focus;
    bool any; /* something was shown at the last drawing */
};

#define SEAT_NAME_BYTES 128
#define ASKED_MAX 8 /* commands sent to the other end whose answer is still to come */
#define ASKED_BYTES 96

/* One target as it is looked at: its pictures, its past, its panels. */
struct seat {
    char name[SEAT_NAME_BYTES]; /* cleaned; "" for this machine alone and for files */
    struct engine *engine;      /* NULL: pictures are given by hand */
    struct picture *newest;     /* says how the link is doing; NULL before the first */
    struct picture *live; /* the newest, but while a link is lost the last one before it was */
    struct picture *held; /* shown instead while paused; NULL: live */
    struct opened opened[VIEWS_MAX][2]; /* [index in view_table][compact] */
    bool filtered;                      /* the filter of the start was given to the processes */
    struct interest interest;           /* as last sent */
    char asked[ASKED_MAX][ASKED_BYTES]; /* what the next answers are of, oldest first */
    size_t asked_count;
    int64_t came_mono_ns;         /* when newest came, by our clock */
    int64_t since_mono_ns;        /* since when it is looked at */
    struct fleet_queries queries; /* of its row in the fleet */
};

/* A question on the status line; `command` runs on `target` when it is answered yes. */
struct question {
    bool open;
    char text[PROMPT_BYTES + 64], command[KEY_COMMAND_BYTES], argument[PROMPT_BYTES];
    struct box *target;
};

/* What is sampled (sampling.c). */
struct sampling {
    const struct app_sampler *sampler; /* who samples; NULL: nothing is sampled */
    bool opened;                       /* the flame view has it */
    unsigned subject;                  /* by which it is known there */
    struct sampling_wish wish;
    char subject_name[64], name[160];
    struct sampling_status now;
};

/* Who samples at the other end of a link. */
struct far_sampler {
    struct app_sampler face;
    struct engine *engine; /* NULL: nobody */
    struct sampling_wish wish;
    uint64_t number;
    bool held, away; /* by the user; nobody looks: either way the wish is held */
};

struct app {
    struct app_options options;
    char filter[PROMPT_BYTES];
    struct keymap keymap;
    struct pins pins;

    const struct profile *profile; /* of the flame view; NULL: none */
    char profile_title[256];
    unsigned profile_subject;
    struct sampling sampling;
    struct far_sampler far;
    bool sampled_wall; /* processes of nodes, where they wait as well */

    struct clock clock;
    struct seat *seats; /* at least one */
    size_t seat_count;
    struct seat *seat;    /* the one that is looked at */
    struct seat fleet;    /* of several targets or instances: looked at in view 0, and only there */
    struct seat instance; /* the one that is open of a server of many; engine NULL: none */
    char instance_name[INSTANCE_NAME_BYTES]; /* as the server names it */
    bool instances_met;    /* the view of them was opened, or the user went elsewhere */
    struct seat *home;     /* the target that was looked at last */
    uint64_t fleet_number; /* of its pictures */
    int64_t fleet_due_ns;  /* when its values are read anew */
    size_t span;           /* index of span_table */

    int view, view_before; /* numbers */
    bool view_chosen;      /* by option or key: else what the target is may choose one */
    bool view_opened;      /* out of the view before: closing it goes back there */
    bool compact;

    struct overlay overlay;
    struct box *menu_target; /* of the overlay when it is a menu */
    char menu_command[KEY_COMMAND_BYTES];
    struct prompt prompt;
    bool prompt_open;
    struct box *prompt_target; /* NULL: the app's own command */
    char prompt_command[KEY_COMMAND_BYTES];
    struct question question;
    bool answered; /* while the command of a question answered yes runs */
    char said[200];
    int64_t said_until_ns;

    struct box *calling;     /* the panel that is being called, for panel_ask and its like */
    int64_t environment_pid; /* whose environment the overlay shows */
    char evidence[256];      /* id of the finding whose evidence is shown; "": the worst */
    int tab_x[VIEWS_MAX], tab_width[VIEWS_MAX];
    int width, height; /* of the last drawing */
    int sentence_y;    /* row of the diagnosis then; -1: it is all there is */
    enum glyphs glyphs;

    /* Only while there is a terminal. */
    struct term *term;
    bool leave, suspend;
    bool again; /* a panel asked to be drawn again */
    bool mono;  /* the terminal or the theme has no colours */
};

struct chart_span {
    const char *name; /* as typed: 10m */
    const char *text; /* in the header: 10 min */
    int64_t ns;
};
extern const struct chart_span span_table[];
extern const size_t span_count;
size_t span_nearest(int64_t span_ns); /* the shortest that is no shorter; the longest */

/* ask.c */
void app_expand_home(const char *path, char *dst, size_t size); /* "~/x" */

/* app.c, app_key.c */
void app_show_view(struct app *app, int number); /* where there is a fleet 0 is its alone */
void app_open_view(struct app *app, int number); /* closing it comes back */
void app_take(struct app *app, struct seat *seat, struct picture *picture); /* the newest */
struct panel_context app_context(struct app *app);
int64_t
app_span_ns(const struct app *app); /* of the charts: what there is, at most the wanted span */
const struct picture *app_shown(const struct app *app); /* NULL before the first */
struct opened *app_opened(struct app *app); /* the present view's panels, opened when needed */
struct view;
struct opened *app_opened_of(struct app *app, const struct view *view); /* those of another */
struct box *app_focus(struct app *app); /* NULL when the view shows no panel */
void app_say(struct app *app, const char *format, ...) PRINTF_LIKE(2, 3);
void app_ask_prompt(struct app *app, const char *label, const char *prefill, const char *command,
                    struct box *target);
/* Runs a command on a panel; REACTION_NONE when it has none of that name. */
enum reaction app_call(struct app *app, struct box *box, const char *name, const char *argument);
/* Whether the open overlay, or the application behind it, does anything on this line. */
bool app_overlay_takes(const struct app *app, const char *line);
void app_open_overlay(struct app *app, const char *title, overlay_fill *fill, bool lasting);
void app_interest(struct app *app, struct interest *ret_interest);

/* seat.c */
bool seats_init(struct app *app, const struct app_target *targets, size_t count);
void seats_done(struct app *app);
void seat_show(struct app *app, struct seat *seat); /* what was open of another is closed */
int seat_first_view(const struct app *app); /* what tells most of the target that is looked at */
bool seat_is_fleet(const struct app *app);
bool seat_has_fleet(const struct app *app); /* there are several, or instances */
const struct table *
seat_instances(const struct app *app); /* of the only target; NULL: it has none */
void seat_open_instance(struct app *app, const char *name, int view);
struct words;
void words_targets(const struct app *app, struct words *words); /* their names */
struct seat *seat_at(struct app *app,
                     size_t i);      /* targets, then the open instance; NULL: no more */
void fleet_refresh(struct app *app); /* when it is shown and due */
void seat_put(struct app *app, struct seat *seat, struct picture *picture); /* the newest */
void seat_answered(struct app *app, struct seat *seat, const char *why);    /* "": it was done */

/* sampling.c */
int sampling_fd(const struct app *app);       /* to wait for; -1: nothing */
void sampling_look(struct app *app);          /* what nobody looks at is not sampled elsewhere */
void sampling_take(struct app *app);          /* what is newer */
bool sampling_goes_on(const struct app *app); /* or is held */
bool sampling_is_possible(const struct app *app);             /* of the shown target */
bool sampling_may_node(const struct app *app);                /* it is an Erlang node */
bool sampling_is_of_node(const struct app *app);              /* what goes on */
void sampling_forget(struct app *app, struct engine *engine); /* before it is freed */
/* What the flame view says before there is anything to show; false: the usual words do. */
bool sampling_remedy(const struct app *app, char *dst, size_t size);

/* attached.c: how the link of the shown target is doing. */
#define ATTACHED_BYTES 640
int64_t app_now_ns(const struct app *app);                 /* monotonic */
const struct link_status *app_link(const struct app *app); /* NULL: this machine, a file */
/* What stands where a moment of the past is not here yet; NULL: no history comes. */
const char *attached_awaits(const struct link_status *link, const struct picture *picture);
bool attached_is_live(const struct link_status *link); /* true as well where there is no link */
const char *attached_offer(const struct link_status *link); /* "": nothing */
bool attached_waits(const struct app *app); /* nothing was ever seen: a page stands for the views */
void attached_draw(const struct app *app, struct canvas *canvas, struct rect area); /* a sentence */
void attached_page(const struct app *app, struct canvas *canvas, struct rect area);
/* Why an empty view is empty, of a server that is no agent; false where the usual words do. */
bool attached_lacks(const struct app *app, int view, char *dst, size_t size);
/* "lost 12 s ago: no answer; trying again in 4 s"; "" when live. */
void attached_sentence(const struct link_status *link, int64_t now_ns, char dst[ATTACHED_BYTES]);
/* "lost 12 s ago" */
void attached_state(const struct link_status *link, int64_t now_ns, char *dst, size_t size);
/* "clock +3 min 12 s"; "" when it is right. */
void attached_clock(const struct link_status *link, char *dst, size_t size);
/* When what is said of the shown target, or of the fleet, changes by itself; INT64_MAX: never. */
int64_t attached_due_ns(const struct app *app);

/* chrome.c */
void chrome_header(struct app *app, struct canvas *canvas, int y);
void chrome_tabs(struct app *app, struct canvas *canvas, int y);
void chrome_footer(struct app *app, struct canvas *canvas, int y);
int chrome_tab_at(const struct app *app, int x); /* number of the view; -1: none */
bool view_has_data(struct app *app, const struct view *view);

/* help.c */
void help_fill(struct app *app, struct overlay *overlay);
void sources_fill(struct app *app, struct overlay *overlay);
void log_fill(struct app *app, struct overlay *overlay);
void environment_fill(struct app *app, struct overlay *overlay);
void evidence_fill(struct app *app, struct overlay *overlay);

/* moment.c */
void moment_hold(struct app *app, struct picture *picture); /* takes the reference; NULL: live */

/* Makes the moment of the past that a target shows anew when older history came from elsewhere. */
void moment_renew(struct seat *seat);
void moment_skip(struct app *app, int64_t by_ns);
void moment_step(struct app *app, int steps); /* by ticks */
void moment_go(struct app *app, int64_t wall_ns);

/* The commands of the app's own. */
/* clang-format off */
#define APP_COMMANDS(X)                                                                                       \
    X(accept) X(close) X(command) X(escape) X(evidence) X(flame_open) X(flame_wall) X(help) X(interval) X(keymap) X(live)   \
    X(compare_before) X(log) X(panel_next)                                                                                      \
    X(panel_previous) X(pause) X(quit) X(receive) X(redraw) X(save) X(sources) X(span) X(span_narrower) X(span_wider)    \
    X(suspend) X(target) X(theme) X(time_go) X(time_skip) X(time_step) X(view)
#define X(name) void app_do_##name(struct app *app, const char *argument);
/* clang-format on */
APP_COMMANDS(X)
#undef X

#endif
