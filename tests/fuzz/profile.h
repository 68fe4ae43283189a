/* Any bytes as a profile of one format; what was read is then made into trees and laid out. */
#ifndef FLAMETOP_TESTS_FUZZ_PROFILE_H
#define FLAMETOP_TESTS_FUZZ_PROFILE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/profile/formats.h"
#include "flametop/core/flame.h"
#include "flametop/core/flame_layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_layout(const struct flame *flame, int width)
{
    struct flame_layout layout;
    struct flame_zoom zoom = {0};
    flame_layout_init(&layout);
    flame_layout_begin(&layout, flame, &zoom, 0, width);
    flame_layout_extend(&layout, 100);
    for (size_t i = 0; i < layout.count; i++) {
        const struct flame_cell *cell = &layout.cells[i];
        if (cell->x < 0 || cell->width < 1 || cell->x + cell->width > width) {
            abort();
        }
    }
    flame_layout_done(&layout);
}

static int
fuzz_profile(const struct profile_format *format, const uint8_t *data, size_t size)
{
    char why[300] = "", *text = malloc(size + 1);
    struct profile *profile = profile_new();
    memcpy(text, data, size);
    format->is((struct str){text, size}, true);
    for (int side = 0; side < 2; side++) {
        if (!format->read((struct str){text, size}, profile, why, sizeof(why)) && why[0] == 0) {
            abort();
        }
        if ((data[0] & 1) != 0) {
            profile_second_side(profile);
        }
    }
    free(text);
    profile_order(profile);
    for (unsigned part = FLAME_WHOLE; part < FLAME_PARTS && profile->measure_count > 0; part++) {
        struct flame_options options = {.part = (enum flame_part)part, .collapse = (size & 1) != 0};
        struct flame *flame = flame_new(profile, &options);
        flame_step(flame, INT64_MAX);
        if (flame_is_drawable(flame)) {
            fuzz_layout(flame, 1 + (int)(size % 200));
        }
        flame_free(flame);
    }
    profile_release(profile);
    return 0;
}

#endif
