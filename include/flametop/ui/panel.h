/* A panel: draws a picture into a rectangle of a canvas. A view is a named layout of panels, as
 * data.
 *
 * To add one: write src/ui/panels/NAME.c with `const struct panel panel_NAME`, and give it a row in
 * src/ui/panels/table.c; a view's layout then names it. Panels never touch the terminal, keys or
 * other panels: they get a context, draw, and answer commands by name (what a key means is the key
 * table's business). */
#ifndef FLAMETOP_UI_PANEL_H
#define FLAMETOP_UI_PANEL_H

#include <stdbool.h>
#include <stdint.h>

#include "flametop/core/interest.h"
#include "flametop/core/picture.h"
#include "flametop/core/sampling.h"
#include "flametop/ui/canvas.h"

struct flame;
struct profile;
struct trace;

/* What is the same for all panels while one picture is shown. */
struct panel_context {
    const struct picture *picture; /* the one shown: live, held by a pause, or of the past */
    struct catalog *catalog;
    int64_t span_ns; /* of all charts; at least 1 minute */
    enum glyphs glyphs;
    bool compact; /* below 100 columns or 30 rows */
    bool mono;    /* colours are not seen: none is explained */
    bool paused;
    bool readonly;
    const struct link_status *link; /* of the target that is shown; NULL: it is this machine, a file
                                       or the fleet */
    const struct pins *pins;        /* of metrics as cards (src/ui/pin.h); NULL: none */
    const struct profile *profile;  /* that is open (core/profile.h); NULL: none */
    const char *profile_title;      /* what it is of; NULL: another place of the screen says it */
    unsigned profile_subject;       /* changes when another is opened, not when that is renewed */
    void *app;                      /* for panel_ask and its like below; opaque to panels */
};

/* What stands in the place of what is missing from a moment of the past while the history of the
 * other end is still on its way. NULL: it is not. */
const char *panel_awaits(const struct panel_context *context);

/* What a command left to do; bits. */
enum reaction {
    REACTION_NONE = 0,     /* not mine: the app tries its own */
    REACTION_HANDLED = 1,  /* draw again */
    REACTION_INTEREST = 2, /* what I look at changed: ask `interest` again */
};

struct panel {
    const char *name;
    const char *title;
    void *(*open)(struct catalog *catalog);
    void (*close)(void *state);

    /* Whether there is something to show: an empty panel is not drawn and the others take its room.
     * NULL: always. */
    bool (*has_data)(void *state, const struct panel_context *context);

    /* Rows it would like at this width (0: as many as there are). NULL: as many as there are. */
    int (*height)(void *state, const struct panel_context *context, int width);

    void (*draw)(void *state, const struct panel_context *context, struct canvas *canvas,
                 struct rect area, bool focused);

    /* A command by name with its argument ("" for none): "move.down", "sort.next", "open",
     * "filter.set" … */
    enum reaction (*command)(void *state, const struct panel_context *context, const char *name,
                             const char *argument);

    /* What a command that asks for a text would change ("filter.set": the filter in force, "" for
     * none), to begin its prompt with; NULL: not a command of mine. NULL: it has none. */
    const char *(*current)(void *state, const char *command);

    /* Whether `close` would close something of it, and not what it stands in. NULL: never. */
    bool (*closes)(const void *state);

    /* A click or wheel inside the area last drawn, in canvas coordinates. NULL: none. With `drags`
     * also what follows a click in it, wherever that is: TERM_DRAG, then TERM_RELEASE. */
    bool drags;
    enum reaction (*mouse)(void *state, const struct panel_context *context, int x, int y,
                           int button);

    /* Adds what it looks at. NULL: nothing beyond the default. */
    void (*interest)(void *state, const struct panel_context *context, struct interest *interest);
};

/* What panels may ask of the app (implemented in src/ui/app.c). */

/* Shows a question on the status line; when it is answered yes, runs the command on this panel. */
void panel_ask(const struct panel_context *context, const char *question, const char *command,
               const char *argument);

/* Opens a prompt ("signal: ") with a prefilled text; Enter runs `command` on this panel with the
 * text. */
void panel_prompt(const struct panel_context *context, const char *label, const char *prefill,
                  const char *command);

/* A sentence on the status line for a few seconds. */
void panel_say(const struct panel_context *context, const char *format, ...) PRINTF_LIKE(2, 3);

/* A list to choose from, drawn over the view: Enter runs `command` on this panel with the chosen
 * item's argument. Texts are copied. `selected` is where the cursor starts. */
struct menu_item {
    const char *text, *argument;
    const char *label; /* in a column of its own, left of the text; NULL: none */
};
void panel_menu(const struct panel_context *context, const char *title,
                const struct menu_item *items, size_t count, size_t selected, const char *command);

/* Asks to be drawn again soon: what is shown is not done yet. */
void panel_again(const struct panel_context *context);

/* In the title of a comparison, between what it is of and what that is compared with. */
#define PANEL_PROFILE_BEFORE ", before: "

/* Opens a profile in the flame view, in the place of the one there is, and shows that view until it
 * is closed. It must not change any more; the caller's reference is the app's from then on. `title`
 * says in a few words what it is of, as the first thing on the view: "critical path · POST
 * /tools/invoke · 631 requests". To compare, fill the profile's second side with what it is
 * compared with. */
void panel_open_profile(const struct panel_context *context, const struct profile *profile,
                        const char *title);

/* A newer profile of what is open: what is looked at stays, by the names of frames (zoom, cursor,
 * search, filters, sandwich, what can be taken back), and no other view is left for it. Where
 * nothing was opened it is opened. */
void panel_renew_profile(const struct panel_context *context, const struct profile *profile,
                         const char *title);

/* Samples a process of the machine or node that is shown, or all of it (core/sampling.h), of a node
 * also what `name` names; and shows it in the flame view, after a question where another is sampled
 * already. */
void panel_sample(const struct panel_context *context, enum sampling_kind kind, int64_t id,
                  const char *name);

/* Writes a flame tree to a file, after a question where there is one of that name; without a path
 * it asks for one. The command that it then runs on this panel is flame.save. */
void panel_save_flame(const struct panel_context *context, const struct flame *flame,
                      const char *path);

/* Writes a request to a file, as OTLP JSON, after a question where there is one of that name: then
 * it runs the command export on this panel again. */
void panel_save_trace(const struct panel_context *context, const struct trace *trace,
                      const char *path);

/* Marks a request: it is kept longer than others, through a link with the right to change things at
 * the other end as well; what became of that is said. */
void panel_mark_trace(const struct panel_context *context, const struct trace *trace);

/* Puts text on the clipboard. */
void panel_copy(const struct panel_context *context, struct str text);

/* Opens the full-screen chart of a metric with these labels ("" for all), or a view by its number.
 */
void panel_open_chart(const struct panel_context *context, const char *metric, const char *labels);
void panel_open_view(const struct panel_context *context, int number);

/* Opens a view (0: the one that tells most of it) of the i-th target, or of the instance of that
 * name where the fleet is of those. */
void panel_open_target(const struct panel_context *context, size_t target, const char *name,
                       int number);

/* Makes a metric a card of the overview, or takes it off again; says what came of it. */
void panel_pin(const struct panel_context *context, const char *metric, const char *labels,
               bool wanted);

/* Opens the environment of a process of the present, read now; says why where that cannot be. */
void panel_open_environment(const struct panel_context *context, int64_t pid, const char *name);

/* Sends a command (core/link.h) to the machine at the other end; its answer is said on the status
 * line. `what` says what was asked for: "TERM to beam.smp (812)". */
void panel_remote(const struct panel_context *context, const char *name, const char *arguments_json,
                  const char *what);

/* Opens the evidence of a finding of the picture by its index. */
void panel_open_evidence(const struct panel_context *context, size_t finding);

#endif
