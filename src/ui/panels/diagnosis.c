/* The diagnosis: the worst finding in one line, and the panel that lists all of them. */
#include "panels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "flametop/base/utf8.h"
#include "flametop/core/link.h"
#include "flametop/ui/term.h"
#include "../widgets/limits.h"
#include "../widgets/wrap.h"

#define SENTENCE_BYTES 512
#define MORE_WIDTH_MIN 60 /* narrower screens have no room for what else there is */

static void
format_since(int64_t wall_ns, char *dst, size_t size)
{
    time_t at = (time_t)(wall_ns / NS_PER_S);
    struct tm day;
    localtime_r(&at, &day);
    strftime(dst, size, "%H:%M", &day);
}

/* The sentence in the longest form that fits, with its beginning where that is not shown beside it.
 */
static void
word(const struct finding *finding, int room, bool dated, char *dst, size_t size)
{
    bool is_short =
        (int)utf8_text_width(str_from(finding->sentence)) > room && finding->short_sentence != NULL;
    strlcpy(dst, is_short ? finding->short_sentence : finding->sentence, size);
    char since[16], with[SENTENCE_BYTES];
    if (dated && finding->since_wall_ns > 0 && finding->until_wall_ns == 0 &&
        strstr(dst, "since ") == NULL) {
        format_since(finding->since_wall_ns, since, sizeof(since));
        snprintf(with, sizeof(with), "%s, since %s", dst, since);
        if ((int)utf8_text_width(str_from(with)) <= room) {
            strlcpy(dst, with, size);
        }
    }
}

/* What is over alarms nobody. */
static struct style
style_of(const struct finding *finding)
{
    return finding->until_wall_ns != 0
               ? (struct style){.fg = ROLE_DIM}
               : (struct style){.fg = level_role(finding->level), .attributes = CELL_BOLD};
}

/* Answers the rows used. */
static int
draw_quiet(const struct picture *picture, struct canvas *canvas, struct rect area)
{
    char text[SENTENCE_BYTES];
    if (picture->base != NULL && picture->looked_at == NULL) {
        return wrap_draw(
            canvas, area,
            STR(" – what was unusual then is not known: findings of this moment were not kept"),
            (struct style){.fg = ROLE_DIM});
    }
    if (picture->past && picture->base == NULL && picture->track_count == 0) {
        return wrap_draw(canvas, area,
                         STR(" – a file: there are no readings of a machine in it to judge"),
                         (struct style){.fg = ROLE_DIM});
    }
    bool covered = picture->looked_at != NULL && picture->looked_at[0] != '\0';
    char sign[8] = "";
    sign[utf8_put(glyph_level(canvas->glyphs, LEVEL_NORMAL), sign)] = '\0';
    const char *missing = picture->not_looked_at;
    const struct link_status *link = picture->link;
    bool foreign = link != NULL && strcmp(link->kind, "agent") != 0 && picture->host.cores == 0;
    size_t thresholds = (picture->base != NULL ? picture->base : picture)->thresholds;
    if (!covered && foreign && thresholds == 0) {
        snprintf(text, sizeof(text),
                 " – nothing is judged: %s has no thresholds (thresholds: or mappings: set them)",
                 link->kind);
        return wrap_draw(canvas, area, str_from(text), (struct style){.fg = ROLE_DIM});
    }
    snprintf(text, sizeof(text),
             covered ? " %s nothing unusual: looked at %s%s%s" : " %s looking at the %s …%s%s",
             sign,
             covered   ? picture->looked_at
             : foreign ? "thresholds"
                       : "machine",
             missing != NULL ? "; not at " : "", missing != NULL ? missing : "");
    return wrap_draw(canvas, area, str_from(text), (struct style){.fg = ROLE_LEVEL_NORMAL});
}

void
diagnosis_draw(const struct picture *picture, struct canvas *canvas, struct rect area,
               const char *key)
{
    if (picture->finding_count == 0) {
        draw_quiet(picture, canvas, area);
        return;
    }
    const struct finding *worst = &picture->findings[0];
    char more[48] = "", text[SENTENCE_BYTES], sign[8] = "", line[SENTENCE_BYTES + 32];
    if (area.height == 1 && area.width >= MORE_WIDTH_MIN) {
        char others[24] = "";
        if (picture->finding_count > 1) {
            snprintf(others, sizeof(others), "+%zu more  ", picture->finding_count - 1);
        }
        snprintf(more, sizeof(more), "  %s%s why ", others, key);
    }
    int more_width = (int)utf8_text_width(str_from(more));
    struct style style = style_of(worst);
    word(worst, area.width * area.height - more_width - 7, true, text, sizeof(text));
    sign[utf8_put(glyph_level(canvas->glyphs, (int)worst->level), sign)] = '\0';
    snprintf(line, sizeof(line), " %s %d  %s", sign, worst->impact, text);
    wrap_draw(canvas, (struct rect){area.x, area.y, area.width - more_width, area.height},
              str_from(line), style);
    canvas_text_right(canvas, area.x + area.width - more_width, area.y, more_width, str_from(more),
                      (struct style){.fg = ROLE_KEY});
}

/* ---- the list of findings ---- */

struct findings {
    size_t selected, first;
    struct rect area;
};

static void *
findings_open(struct catalog *catalog)
{
    (void)catalog;
    return calloc(1, sizeof(struct findings));
}

static void
findings_close(void *state)
{
    free(state);
}

static bool
findings_has_data(void *state, const struct panel_context *context)
{
    (void)state;
    const struct picture *picture = context->picture;
    return picture->finding_count > 0 || picture->thresholds > 0 ||
           (picture->looked_at != NULL && picture->looked_at[0] != '\0');
}

#define FINDING_ROWS 4 /* each: the sentence, two of culprit and advice, a blank */

static void
draw_finding(const struct finding *finding, struct canvas *canvas, struct rect area, bool selected)
{
    char sign[8] = "", text[SENTENCE_BYTES], since[16];
    sign[utf8_put(glyph_level(canvas->glyphs, (int)finding->level), sign)] = '\0';
    struct style style = style_of(finding);
    format_since(finding->since_wall_ns, since, sizeof(since));
    int x = canvas_printf(canvas, area.x, area.y, area.width, style, " %s %3d  %s  ", sign,
                          finding->impact, since);
    word(finding, area.width - x, false, text, sizeof(text));
    canvas_text(canvas, area.x + x, area.y, MAX(area.width - x, 0), str_from(text),
                (struct style){.fg = ROLE_TEXT});
    if (selected) {
        canvas_restyle(canvas, (struct rect){area.x, area.y, area.width, 1},
                       (struct style){.fg = ROLE_SELECT_FG, .bg = ROLE_SELECT_BG});
        canvas->cursor_x = area.x;
        canvas->cursor_y = area.y;
    }
    if (area.height > 1) {
        const char *culprit = finding->culprit, *advice = finding->advice;
        char next[2 * SENTENCE_BYTES];
        int indent = MIN(x, area.width / 4);
        snprintf(next, sizeof(next), "%s%s%s%s", culprit != NULL ? "culprit " : "",
                 culprit != NULL ? culprit : "", culprit != NULL && advice != NULL ? " · " : "",
                 advice != NULL ? advice : "");
        wrap_draw(
            canvas,
            (struct rect){area.x + indent, area.y + 1, area.width - indent - 1, area.height - 1},
            str_from(next), (struct style){.fg = ROLE_DIM});
    }
}

static void
findings_draw(void *state, const struct panel_context *context, struct canvas *canvas,
              struct rect area, bool focused)
{
    struct findings *findings = state;
    const struct picture *picture = context->picture;
    findings->area = area;
    if (picture->finding_count == 0) {
        int used = draw_quiet(picture, canvas, area) + 1;
        wrap_draw(canvas,
                  (struct rect){area.x + 3, area.y + used, area.width - 4, area.height - used},
                  STR("Findings stand here, the worst first, with culprit and advice; Enter shows "
                      "the evidence of one."),
                  (struct style){.fg = ROLE_DIM});
        return;
    }
    size_t rows = (size_t)MAX(area.height / FINDING_ROWS, 1);
    findings->selected = MIN(findings->selected, picture->finding_count - 1);
    findings->first =
        CLAMP(findings->first, findings->selected >= rows ? findings->selected - rows + 1 : 0,
              findings->selected);
    for (size_t i = 0; i < rows && findings->first + i < picture->finding_count; i++) {
        int y = (int)i * FINDING_ROWS;
        draw_finding(
            &picture->findings[findings->first + i], canvas,
            (struct rect){area.x, area.y + y, area.width, MIN(FINDING_ROWS - 1, area.height - y)},
            focused && findings->first + i == findings->selected);
    }
}

static enum reaction
findings_command(void *state, const struct panel_context *context, const char *name,
                 const char *argument)
{
    (void)argument;
    struct findings *findings = state;
    size_t count = context->picture->finding_count, last = count > 0 ? count - 1 : 0;
    if (strcmp(name, "move.up") == 0) {
        findings->selected -= findings->selected > 0;
    } else if (strcmp(name, "move.down") == 0) {
        findings->selected += findings->selected < last;
    } else if (strcmp(name, "move.first") == 0 || strcmp(name, "move.page.up") == 0) {
        findings->selected = 0;
    } else if (strcmp(name, "move.last") == 0 || strcmp(name, "move.page.down") == 0) {
        findings->selected = last;
    } else if (strcmp(name, "open") == 0 && count > 0) {
        panel_open_evidence(context, findings->selected);
    } else if (strcmp(name, "copy") == 0 && count > 0) {
        panel_copy(context,
                   str_from(context->picture->findings[MIN(findings->selected, last)].sentence));
    } else {
        return REACTION_NONE;
    }
    return REACTION_HANDLED;
}

static enum reaction
findings_mouse(void *state, const struct panel_context *context, int x, int y, int button)
{
    (void)x;
    struct findings *findings = state;
    if (button == TERM_WHEEL_UP || button == TERM_WHEEL_DOWN) {
        return findings_command(state, context, button == TERM_WHEEL_UP ? "move.up" : "move.down",
                                "");
    }
    size_t at = findings->first + (size_t)((y - findings->area.y) / FINDING_ROWS);
    if (at >= context->picture->finding_count) {
        return REACTION_HANDLED;
    }
    findings->selected = at;
    return button == TERM_DOUBLE_CLICK ? findings_command(state, context, "open", "")
                                       : REACTION_HANDLED;
}

const struct panel panel_findings = {
    .name = "findings",
    .title = "Findings",
    .open = findings_open,
    .close = findings_close,
    .has_data = findings_has_data,
    .draw = findings_draw,
    .command = findings_command,
    .mouse = findings_mouse,
};
