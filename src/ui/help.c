/* What the overlays say: help out of the tables of keys and commands, the sources, the log, the
 * evidence. */
#include "app_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/buf.h"
#include "flametop/base/log.h"
#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "command.h"
#include "widgets/limits.h"

static bool
is_context_here(const struct key_row *row, const char *context)
{
    return strcmp(row->context, context) == 0;
}

/* All keys of one command line in a context, "h F1 ?". */
static void
keys_of(const struct keymap *keymap, const char *context, const char *line, char *dst, size_t size)
{
    dst[0] = '\0';
    for (size_t i = 0; i < keymap->count; i++) {
        if (is_context_here(&keymap->rows[i], context) &&
            strcmp(keymap->rows[i].command, line) == 0) {
            char name[KEY_NAME_BYTES];
            strlcat(dst, dst[0] != '\0' ? " " : "", size);
            strlcat(dst, key_name(keymap->rows[i].key, name), size);
        }
    }
}

/* What a key with an argument does, in words of its own. */
static const struct {
    const char *line, *text;
} described[] = {
    {"time.step -1", "Goes back in time by one sample."},
    {"time.step 1", "Goes forward in time by one sample."},
    {"time.skip -1m", "Goes back in time by a minute."},
    {"time.skip 1m", "Goes forward in time by a minute."},
    {"process.nice -1", "Gives the selected process more of the CPU (nice -1), after a question."},
    {"process.nice 1", "Gives the selected process less of the CPU (nice +1), after a question."},
    {"sort.set CPU", "Sorts by CPU."},
    {"sort.set REDS/s", "Sorts by reductions: who works most."},
    {"sort.set MSGQ", "Sorts by the messages that wait."},
    {"sort.set MEM", "Sorts by memory."},
};

static void
describe(const char *line, char *dst, size_t size)
{
    const char *argument = "";
    const struct command *command = command_of_line(line, &argument);
    const struct view *view = NULL;
    if (command != NULL && strcmp(command->name, "view") == 0) {
        struct str rest = str_from(argument);
        uint64_t number;
        view = str_u64(&rest, &number) ? view_find((int)number) : NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(described); i++) {
        if (strcmp(described[i].line, line) == 0) {
            strlcpy(dst, described[i].text, size);
            return;
        }
    }
    if (view != NULL) {
        snprintf(dst, size, "Opens view %d, %s.", view->number, view->title);
    } else {
        snprintf(dst, size, "%s%s%s%s", command != NULL ? command->text : "",
                 argument[0] != '\0' ? "  (" : "", argument, argument[0] != '\0' ? ")" : "");
    }
}

static void
fill_context(struct app *app, struct overlay *overlay, const char *context, const char *heading)
{
    const struct keymap *keymap = &app->keymap;
    bool any = false;
    for (size_t i = 0; i < keymap->count; i++) {
        const struct key_row *row = &keymap->rows[i];
        const struct command *command = command_of_line(row->command, NULL);
        bool first = is_context_here(row, context);
        for (size_t j = 0; first && j < i; j++) {
            first = !(is_context_here(&keymap->rows[j], context) &&
                      strcmp(keymap->rows[j].command, row->command) == 0);
        }
        if (!first || (command != NULL && command->writes && app->options.readonly)) {
            continue;
        }
        if (!any) {
            overlay_heading(overlay, heading);
            any = true;
        }
        char keys[64], text[200];
        keys_of(keymap, context, row->command, keys, sizeof(keys));
        describe(row->command, text, sizeof(text));
        overlay_add(overlay, ROLE_TEXT, keys, text, row->command);
    }
}

/* What is drawn in a view, where that does not say itself. */
static const struct {
    int view;
    const char *sign, *text;
    bool coloured; /* without colours it is not there */
} signs[] = {
    {VIEW_FLAME, "width", "How much of the whole a frame took, with all that it called.", false},
    {VIEW_FLAME, "colour",
     "Frames of one module or service have one; without these, of a namespace.", true},
    {VIEW_FLAME, "+3", "So many frames that are narrower than a cell; Enter shows them.", false},
    {VIEW_FLAME, "+ - =", "Compared: it grew, shrank, or is as it was.", false},
    {VIEW_FLAME, "orange blue", "Compared: more, less.", true},
};

static void
fill_signs(const struct app *app, struct overlay *overlay, const struct view *view)
{
    bool any = false;
    for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
        if (signs[i].view == view->number && !(signs[i].coloured && app->mono)) {
            if (!any) {
                overlay_heading(overlay, "What is drawn");
            }
            any = true;
            overlay_add(overlay, ROLE_TEXT, signs[i].sign, signs[i].text, NULL);
        }
    }
}

void
help_fill(struct app *app, struct overlay *overlay)
{
    const struct view *view = view_find(app->view);
    struct box *focus = app_focus(app);
    char heading[64];
    snprintf(heading, sizeof(heading), "%s", view->title);
    fill_context(app, overlay, view->name, heading);
    if (focus != NULL && strcmp(focus->panel->name, view->name) != 0) {
        fill_context(app, overlay, focus->panel->name, focus->panel->title);
    }
    fill_signs(app, overlay, view);
    fill_context(app, overlay, "", "Everywhere");
    overlay_heading(overlay, "Commands, after :");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &command_table[i];
        if (!(command->writes && app->options.readonly)) {
            char name[64];
            snprintf(name, sizeof(name), ":%s%s%s", command->name,
                     command->usage[0] != '\0' ? " " : "", command->usage);
            overlay_add(overlay, ROLE_TEXT, name, command->text, command->name);
        }
    }
}

static const struct {
    const char *name;
    uint8_t role;
} states[] = {
    [SOURCE_OK] = {"ok", ROLE_LEVEL_NORMAL},
    [SOURCE_DEGRADED] = {"degraded", ROLE_LEVEL_WARNING},
    [SOURCE_BUFFERING] = {"buffering", ROLE_LEVEL_INFO},
    [SOURCE_STALE] = {"stale", ROLE_LEVEL_WARNING},
    [SOURCE_FAILED] = {"failed", ROLE_LEVEL_CRITICAL},
};

/* Blanks before a text, so that it takes `width` cells. */
static const char *
pad(struct arena *arena, const char *text, int width)
{
    int blanks = MAX(width - (int)utf8_text_width(str_from(text)), 0);
    return arena_printf(arena, "%*s%s", blanks, "", text);
}

/* "  3 errors"; nothing for none. */
static void
count_text(uint64_t count, const char *what, char dst[48])
{
    dst[0] = '\0';
    if (count > 0) {
        snprintf(dst, 48, "  %llu %s", (unsigned long long)count, what);
    }
}

void
sources_fill(struct app *app, struct overlay *overlay)
{
    const struct picture *picture = app_shown(app);
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct track *track = &picture->tracks[i];
        char cost[32], samples[32], errors[48], dropped[48], text[320];
        bool ascii = app->glyphs == GLYPHS_ASCII;
        unit_format((double)track->cpu_ns / 1e9, "s", ascii, cost, sizeof(cost));
        unit_format((double)track->samples, "{sample}", ascii, samples, sizeof(samples));
        count_text(track->errors, "errors", errors);
        count_text(track->dropped + track->rejected, "dropped", dropped);
        bool well = track->why == NULL || track->why[0] == '\0';
        int n = snprintf(text, sizeof(text), "%-9s ", states[track->state].name);
        if (well) {
            snprintf(text + n, sizeof(text) - (size_t)n, "%s a poll %s samples%s%s  %s",
                     pad(&overlay->arena, cost, 8), pad(&overlay->arena, samples, 7), errors,
                     dropped, track->text);
        } else { /* the reason comes before what it costs */
            snprintf(text + n, sizeof(text) - (size_t)n, "%s%s%s", track->why, errors, dropped);
        }
        overlay_add(overlay, states[track->state].role, track->name, text, NULL);
    }
}

void
log_fill(struct app *app, struct overlay *overlay)
{
    (void)app;
    char(*lines)[LOG_LINE_BYTES] =
        arena_alloc(&overlay->arena, sizeof(char[LOG_LINES_KEPT][LOG_LINE_BYTES]));
    size_t count = lines != NULL ? log_tail(lines, LOG_LINES_KEPT) : 0;
    for (size_t i = count; i-- > 0;) {
        overlay_add(overlay, ROLE_TEXT, "", lines[i], NULL);
    }
    if (count == 0) {
        overlay_add(overlay, ROLE_DIM, "", "Nothing was logged so far.", NULL);
    }
}

/* Read anew at each filling: nothing of it is kept once the overlay is closed. */
void
environment_fill(struct app *app, struct overlay *overlay)
{
    struct buf lines;
    buf_init(&lines, (size_t)1 << 20);
    int error =
        app->options.environment(app->options.environment_context, app->environment_pid, &lines);
    struct str rest = {lines.data, lines.n}, line, name;
    while (str_line(&rest, &line)) {
        char left[64], text[1024];
        str_until(&line, '=', &name);
        str_copy(name, left, sizeof(left));
        overlay_add(overlay, ROLE_TEXT, left, str_copy(line, text, sizeof(text)), NULL);
        explicit_bzero(text, sizeof(text));
    }
    if (lines.n > 0) {
        explicit_bzero(lines.data, lines.n);
    }
    buf_done(&lines);
    if (error != 0 && overlay->search[0] == '\0') {
        bool denied = error == -EACCES || error == -EPERM,
             ended = error == -ENOENT || error == -ESRCH;
        overlay_add(overlay, ROLE_LEVEL_WARNING, "",
                    denied  ? "It is not yours to read: its owner and root may."
                    : ended ? "It has ended."
                            : strerror(-error),
                    NULL);
    } else if (overlay->count == 0 && overlay->search[0] == '\0') {
        overlay_add(overlay, ROLE_DIM, "",
                    "It has no environment: a kernel thread, or it cleared it.", NULL);
    }
}

static void
fill_finding(struct overlay *overlay, const struct finding *finding)
{
    char text[320];
    int value = 0; /* cells of the widest */
    for (size_t i = 0; i < finding->evidence_count; i++) {
        value = MAX(value, (int)utf8_text_width(str_from(finding->evidence[i].value)));
    }
    overlay_heading(overlay, finding->sentence);
    snprintf(text, sizeof(text), "%d of 100, %s", finding->impact, level_name(finding->level));
    overlay_add(overlay, level_role(finding->level), "impact", text, NULL);
    overlay_add(overlay, ROLE_TEXT, "culprit",
                finding->culprit != NULL ? finding->culprit : "nobody to blame", NULL);
    for (size_t i = 0; i < finding->evidence_count; i++) {
        const struct evidence *evidence = &finding->evidence[i];
        char command[160] = "";
        if (evidence->metric != NULL) {
            snprintf(command, sizeof(command), "show %s %s", evidence->metric,
                     evidence->labels != NULL ? evidence->labels : "");
        }
        int gap = MIN(value, 24) - (int)utf8_text_width(str_from(evidence->value));
        snprintf(text, sizeof(text), "%s%*s%s", evidence->value, MAX(gap, 0), "",
                 command[0] != '\0' ? "   Enter: chart" : "");
        overlay_add(overlay, ROLE_TEXT, evidence->label, text, command[0] != '\0' ? command : NULL);
    }
    if (finding->advice != NULL) {
        overlay_add(overlay, ROLE_TEXT, "next", finding->advice, NULL);
    }
}

/* The finding the overlay is about, by its id: findings change places with their impact. */
static const struct finding *
evident(struct app *app, const struct picture *picture)
{
    if (app->evidence[0] == '\0' && picture->finding_count > 0) {
        strlcpy(app->evidence, picture->findings[0].id, sizeof(app->evidence));
    }
    for (size_t i = 0; i < picture->finding_count; i++) {
        if (strncmp(picture->findings[i].id, app->evidence, sizeof(app->evidence) - 1) == 0) {
            return &picture->findings[i];
        }
    }
    return NULL;
}

void
evidence_fill(struct app *app, struct overlay *overlay)
{
    const struct picture *picture = app_shown(app);
    const struct finding *finding = evident(app, picture);
    if (finding != NULL) {
        fill_finding(overlay, finding);
        return;
    }
    if (app->evidence[0] != '\0') {
        overlay_add(overlay, ROLE_TEXT, "over", app->evidence, NULL);
    }
    if (picture->finding_count > 0) {
        overlay_add(overlay, ROLE_TEXT, "now", picture->findings[0].sentence, "evidence");
        return;
    }
    if (picture->base != NULL && picture->looked_at == NULL) {
        overlay_add(overlay, ROLE_TEXT, "found", "not known: findings of this moment were not kept",
                    NULL);
        return;
    }
    const char *looked_at = picture->looked_at, *missing = picture->not_looked_at;
    if (looked_at == NULL || looked_at[0] == '\0') {
        overlay_add(overlay, ROLE_TEXT, "found",
                    "nothing yet: readings lack, or what is seen has not lasted long enough", NULL);
    } else {
        overlay_add(overlay, ROLE_TEXT, "found", "nothing unusual", NULL);
        overlay_add(overlay, ROLE_TEXT, "looked at", looked_at, NULL);
    }
    overlay_add(overlay, ROLE_TEXT, "not at", missing != NULL ? missing : "(nothing left out)",
                NULL);
}

void
app_print_keys(struct buf *out)
{
    struct keymap keymap;
    keymap_init(&keymap);
    for (size_t i = 0; i < keymap.count; i++) {
        char name[KEY_NAME_BYTES], text[200];
        describe(keymap.rows[i].command, text, sizeof(text));
        buf_printf(out, "%s\t%s\t%s\t%s\n", keymap.rows[i].context,
                   key_name(keymap.rows[i].key, name), keymap.rows[i].command, text);
    }
}

void
app_print_commands(struct buf *out)
{
    for (size_t i = 0; i < command_count; i++) {
        buf_printf(out, "%s\t%s\t%s\n", command_table[i].name, command_table[i].usage,
                   command_table[i].text);
    }
}
