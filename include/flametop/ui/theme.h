/* A theme: what each role looks like. Read from `themes/NAME.theme`:
 *
 *   # a comment
 *   name = Dark          author = …          background = dark | light | none
 *   text = #d0d4dc       level.warning = #e5c07b bold
 *   ramp.heat = #440154 #3b528b #21918c #5ec962 #fde725      (2-16 stops, interpolated evenly in
 * OKLab)
 *
 * Names of roles: ui/role.h. btop's `theme[key]="value"` files load as they are; roles they lack
 * are derived. */
#ifndef FLAMETOP_UI_THEME_H
#define FLAMETOP_UI_THEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"
#include "flametop/ui/role.h"

#define THEME_NO_COLOUR UINT32_C(0xFFFFFFFF)

struct theme {
    char name[64], author[64];
    bool light;
    bool mono;                   /* attributes only */
    uint32_t colour[ROLE_COUNT]; /* 0xRRGGBB or THEME_NO_COLOUR */
    uint8_t
        attributes[ROLE_COUNT]; /* enum cell_attribute, added where the role is the foreground */
};

/* The built-in dark theme: used when no file is found. */
void theme_default(struct theme *ret_theme);

/* The built-in one without colours. */
void theme_mono(struct theme *ret_theme);

/* Parses a theme file's text. Errors are collected as "name:line:col: key: why" lines in `errors`;
 * false when there were any. ret_theme is then what the file says without those lines. */
struct buf;
bool theme_parse(struct str text, const char *file_name, struct theme *ret_theme,
                 struct buf *errors);

/* Looks for NAME.theme in the user's, the source tree's and the installed folder, or takes a path
 * ("a/b", "b.theme"). Errors as above; ret_theme is untouched when no file was read. */
bool theme_load(const char *name_or_path, struct theme *ret_theme, struct buf *errors);

/* The names theme_load knows: the built-in ones and those of the folders it looks in. A name may
 * come twice. */
void theme_list(void (*each)(void *context, const char *name), void *context);

/* Nearest of the 256, 16 or 8 colours of xterm's palette to 0xRRGGBB. */
int theme_nearest(uint32_t rgb, int colours);

#endif
