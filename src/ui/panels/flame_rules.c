/* Filters of the flame graph: only the stacks with a frame, or without it. A filter is a pattern,
 * or one frame; which frames it matches is a bit of each frame of the profile. */
#include <stdlib.h>

#include "flame.h"
#include "flametop/base/clock.h"
#include "flametop/base/utf8.h"

static bool
has_room(struct flame_panel *panel, const struct panel_context *context)
{
    if (panel->rule_bits == NULL) {
        panel->rule_bits = calloc((size_t)panel->profile->frame_count + 1, sizeof(uint32_t));
    }
    if (panel->look.rules == FLAME_RULES_MAX || panel->rule_bits == NULL) {
        panel_say(context, "there are %u filters already: U takes the last one back",
                  panel->look.rules);
        return false;
    }
    return true;
}

/* Which frames a rule matches. */
static void
mark(struct flame_panel *panel, unsigned index, uint32_t frame, const uint8_t *frames)
{
    uint32_t bit = UINT32_C(1) << index;
    for (uint32_t i = 0; i < panel->profile->frame_count; i++) {
        bool is = frames != NULL ? frames[i] != 0 : i == frame;
        panel->rule_bits[i] = is ? panel->rule_bits[i] | bit : panel->rule_bits[i] & ~bit;
    }
}

/* Trees that are being made read the bits of rules, but only of those in force when they began. */
static void
add(struct flame_panel *panel, bool drop, struct str text, uint32_t frame, const uint8_t *frames)
{
    struct flame_rule *rule = &panel->rules[panel->look.rules];
    rule->drop = drop;
    rule->is_pattern = frames != NULL;
    rule->frame = frame;
    utf8_clean(text, rule->text, sizeof(rule->text));
    mark(panel, panel->look.rules, frame, frames);
    flame_remember(panel);
    panel->marked += panel->marked == panel->look.rules;
    panel->look.rules++;
    flame_make_all(panel);
}

void
flame_rule_of_frame(struct flame_panel *panel, const struct panel_context *context, bool drop)
{
    uint32_t frame = flame_selected(panel);
    if (frame == PROFILE_NONE) {
        panel_say(context, "this is no single frame: move to one first");
    } else if (has_room(panel, context)) {
        add(panel, drop, flame_name(panel->profile, frame), frame, NULL);
    }
}

void
flame_rule_of_pattern(struct flame_panel *panel, const struct panel_context *context,
                      const char *text)
{
    char why[160];
    panel->wanted_drop = text[0] == '!';
    text += panel->wanted_drop;
    if (text[0] == '\0') {
        return;
    }
    if (!flame_match_begin(&panel->wanted, panel->profile, text, why, sizeof(why))) {
        panel_say(context, "%s: %s", text, why);
    }
}

static bool
step_wanted(struct flame_panel *panel, const struct panel_context *context, int64_t until_ns)
{
    struct flame_match *wanted = &panel->wanted;
    if (wanted->frames == NULL) {
        return false;
    }
    if (!flame_match_step(wanted, panel->profile, until_ns)) {
        return true;
    }
    if (wanted->matched == 0) {
        panel_say(context, "no frame matches %s", wanted->text);
    } else if (has_room(panel, context)) {
        add(panel, panel->wanted_drop, str_from(wanted->text), PROFILE_NONE, wanted->frames);
    }
    flame_match_done(wanted);
    return true;
}

/* ---- another profile ---- */

void
flame_rules_renew(struct flame_panel *panel, const struct profile *before)
{
    for (unsigned i = 0; i < panel->look.rules; i++) {
        struct flame_rule *rule = &panel->rules[i];
        rule->frame = flame_frame_in(panel->profile, before, rule->frame);
    }
    free(panel->rule_bits);
    panel->rule_bits = calloc((size_t)panel->profile->frame_count + 1, sizeof(uint32_t));
    panel->marked = panel->rule_bits != NULL ? 0 : panel->look.rules;
    panel->look.rules = panel->rule_bits != NULL ? panel->look.rules : 0;
    flame_match_done(&panel->marking);
}

/* The rules in force mark the frames of a newer profile, one after the other; then its trees are
 * made. */
static bool
step_marks(struct flame_panel *panel, int64_t until_ns)
{
    struct flame_match *match = &panel->marking;
    char why[160];
    if (panel->marked >= panel->look.rules) {
        return false;
    }
    while (panel->marked < panel->look.rules && clock_mono_ns() < until_ns) {
        const struct flame_rule *rule = &panel->rules[panel->marked];
        bool matches = rule->is_pattern &&
                       (match->frames != NULL ||
                        flame_match_begin(match, panel->profile, rule->text, why, sizeof(why)));
        if (matches && !flame_match_step(match, panel->profile, until_ns)) {
            return true;
        }
        mark(panel, panel->marked++, rule->frame, match->frames);
        flame_match_done(match);
    }
    if (panel->marked >= panel->look.rules) {
        flame_make_all(panel);
    }
    return true;
}

bool
flame_rules_step(struct flame_panel *panel, const struct panel_context *context, int64_t until_ns)
{
    bool marks = step_marks(panel, until_ns);
    return step_wanted(panel, context, until_ns) || marks;
}
