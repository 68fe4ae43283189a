/* Frames by a pattern, and the share of the time spent in them and below. Both go in steps: there
 * may be millions of frames and of nodes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "flame.h"
#include "flametop/base/clock.h"
#include "flametop/base/macros.h"

#define PORTION 4096u
#define COVER_PORTION 65536u

void
flame_match_done(struct flame_match *match)
{
    if (match->compiled) {
        regfree(&match->regex);
    }
    free(match->frames);
    *match = (struct flame_match){0};
}

static bool
has_capital(const char *text)
{
    for (; *text != '\0'; text++) {
        if (isupper((unsigned char)*text)) {
            return true;
        }
    }
    return false;
}

bool
flame_match_begin(struct flame_match *match, const struct profile *profile, const char *text,
                  char *why, size_t why_size)
{
    struct flame_match fresh = {.plain = strpbrk(text, ".[]()*+?{}|^$\\") == NULL};
    strlcpy(fresh.text, text, sizeof(fresh.text));
    int flags = REG_EXTENDED | REG_NOSUB | (has_capital(text) ? 0 : REG_ICASE);
    int error = fresh.plain ? 0 : regcomp(&fresh.regex, fresh.text, flags);
    if (error != 0) {
        regerror(error, &fresh.regex, why, why_size);
        return false;
    }
    fresh.compiled = !fresh.plain;
    fresh.frames = calloc((size_t)profile->frame_count + 1, 1);
    flame_match_done(match);
    *match = fresh;
    match->failed = match->frames == NULL;
    return true;
}

static bool
is_match(const struct flame_match *match, const struct profile_frame *frame)
{
    if (match->compiled) {
        return regexec(&match->regex, frame->name, 0, NULL, 0) == 0 ||
               (frame->module_n > 0 && regexec(&match->regex, frame->module, 0, NULL, 0) == 0);
    }
    return has_capital(match->text) ? strstr(frame->name, match->text) != NULL ||
                                          strstr(frame->module, match->text) != NULL
                                    : strcasestr(frame->name, match->text) != NULL ||
                                          strcasestr(frame->module, match->text) != NULL;
}

bool
flame_match_step(struct flame_match *match, const struct profile *profile, int64_t until_ns)
{
    while (!match->failed && match->at < profile->frame_count) {
        uint32_t end = match->at + MIN(profile->frame_count - match->at, PORTION);
        for (; match->at < end; match->at++) {
            match->frames[match->at] = is_match(match, &profile->frames[match->at]);
            match->matched += match->frames[match->at];
        }
        if (clock_mono_ns() >= until_ns) {
            break;
        }
    }
    return match->failed || match->at >= profile->frame_count;
}

bool
flame_is_match(const struct flame_panel *panel, const struct flame *tree, uint32_t frame)
{
    return frame != PROFILE_NONE && panel->search.frames != NULL &&
           tree->profile == panel->profile && panel->search.frames[frame] != 0;
}

/* Parents have smaller numbers. */
bool
flame_cover_step(struct flame_panel *panel, int64_t until_ns)
{
    const struct flame *tree = panel->pieces[flame_first_piece(panel)].tree;
    if (!flame_is_drawable(tree) || tree->profile != panel->profile) {
        return true;
    }
    if (panel->covered_tree != tree) {
        free(panel->covered);
        panel->covered = calloc(tree->count, 1);
        panel->covered_tree = tree;
        panel->covered_at = 1;
        panel->covered_weight = 0;
    }
    while (panel->covered != NULL && panel->covered_at < tree->count) {
        uint32_t end = panel->covered_at + MIN(tree->count - panel->covered_at, COVER_PORTION);
        for (uint32_t i = panel->covered_at; i < end; i++) {
            bool above = panel->covered[tree->parent[i]] != 0;
            bool own = panel->search.frames[tree->frame[i]] != 0;
            panel->covered[i] = above || own;
            panel->covered_weight += own && !above ? tree->total[panel->side][i] : 0;
        }
        panel->covered_at = end;
        if (clock_mono_ns() >= until_ns) {
            break;
        }
    }
    return panel->covered == NULL || panel->covered_at >= tree->count;
}
