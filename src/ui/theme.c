/* Themes: our own files, btop's, and the step from colours to what a terminal has.
 *
 * A theme is read in two passes over the roles: first what the file says, then what it leaves out,
 * from the fallbacks in role.h and the built-in ramps. After theme_parse every role is resolved:
 * nothing is looked up again while drawing. */
#include "flametop/ui/theme.h"

#include <stdarg.h>
#include <string.h>

#include "flametop/base/buf.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/ui/canvas.h"
#include "colour.h"
#include "theme_builtin.h"

#define ERRORS_MAX 50

static const struct ramp_row {
    const char *name;
    int first;
    bool repeated; /* a set of colours, not a scale: too few are used again instead of mixed */
} ramps[] = {
    {"ramp.heat", ROLE_RAMP_HEAT, false},
    {"ramp.load", ROLE_RAMP_LOAD, false},
    {"ramp.diff", ROLE_RAMP_DIFF, false},
    {"flame.hues", ROLE_FLAME_HUES, true},
};

static const uint8_t fallbacks[] = {
#define X(id, name, fallback) ROLE_##fallback,
    ROLE_LIST(X)
#undef X
};

static const char *const properties[] = {"name", "author", "background"};

enum gradient {
    GRADIENT_CPU,
    GRADIENT_UPLOAD,
    GRADIENT_FREE,
    GRADIENT_USED,
    GRADIENT_CACHED,
    GRADIENT_DOWNLOAD,
    GRADIENT_COUNT
};

struct reader {
    struct theme theme;
    bool set[ROLE_COUNT];
    bool background_said, btop;
    uint32_t gradient[GRADIENT_COUNT][3]; /* btop's start, mid and end */

    const char *file;
    struct str line;
    int line_number, error_count;
    struct buf *errors;
};

static void PRINTF_LIKE(4, 5)
    complain(struct reader *reader, const char *at, struct str key, const char *format, ...)
{
    if (++reader->error_count > ERRORS_MAX) {
        return;
    }
    char file[256], name[64];
    utf8_clean(str_from(reader->file), file, sizeof(file));
    utf8_clean(key, name, sizeof(name));
    buf_printf(reader->errors, "%s:%d:%d: %s: ", file, reader->line_number,
               (int)(at - reader->line.p) + 1, name);
    va_list args;
    va_start(args, format);
    buf_vprintf(reader->errors, format, args);
    va_end(args);
    buf_putc(reader->errors, '\n');
}

#define KEY_BYTES_MAX 24

/* Levenshtein distance; both at most KEY_BYTES_MAX long. */
static size_t
edit_distance(struct str a, struct str b)
{
    size_t row[KEY_BYTES_MAX + 1];
    for (size_t j = 0; j <= b.n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t above = row[j];
            size_t change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            row[j] = MIN(change, MIN(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b.n];
}

static void
keep_nearer(struct str key, const char *name, const char **best, size_t *best_distance)
{
    size_t distance = edit_distance(key, str_from(name));
    if (distance < *best_distance) {
        *best_distance = distance;
        *best = name;
    }
}

static void
complain_unknown(struct reader *reader, struct str key)
{
    const char *best = NULL;
    size_t distance = MIN(key.n, 4); /* beyond half of it, or four letters, nothing is near */
    if (key.n <= KEY_BYTES_MAX) {
        for (int role = ROLE_DEFAULT + 1; role < ROLE_RAMP_HEAT; role++) {
            keep_nearer(key, role_name(role), &best, &distance);
        }
        for (size_t i = 0; i < ARRAY_SIZE(ramps); i++) {
            keep_nearer(key, ramps[i].name, &best, &distance);
        }
        for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
            keep_nearer(key, properties[i], &best, &distance);
        }
    }
    if (best != NULL) {
        complain(reader, key.p, key, "no such key; the nearest is %s", best);
    } else {
        complain(reader, key.p, key, "no such key");
    }
}

/* "#rrggbb", "#rgb" or, as btop writes greys, "#gg". */
static bool
parse_hex(struct str word, uint32_t *ret_rgb)
{
    if (word.n < 3 || word.p[0] != '#') {
        return false;
    }
    uint32_t value = 0;
    for (size_t i = 1; i < word.n; i++) {
        int digit = str_hex_digit(word.p[i]);
        if (digit < 0 || i > 6) {
            return false;
        }
        value = value << 4 | (uint32_t)digit;
    }
    if (word.n == 7) {
        *ret_rgb = value;
    } else if (word.n == 4) {
        *ret_rgb = ((value >> 8) << 16 | (value >> 4 & 15) << 8 | (value & 15)) * 0x11;
    } else if (word.n == 3) {
        *ret_rgb = value * 0x010101;
    } else {
        return false;
    }
    return true;
}

/* The bit of an attribute's name, 0 for "normal", -1 for what is none. */
static int
parse_attribute(struct str word)
{
    static const struct {
        const char *name;
        int bit;
    } rows[] = {{"normal", 0},
                {"bold", CELL_BOLD},
                {"dim", CELL_DIM},
                {"reverse", CELL_REVERSE},
                {"underline", CELL_UNDERLINE}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (str_is(word, rows[i].name)) {
            return rows[i].bit;
        }
    }
    return -1;
}

static void
complain_value(struct reader *reader, struct str key, struct str word)
{
    char shown[48];
    utf8_clean(word, shown, sizeof(shown));
    complain(reader, word.p, key,
             "\"%s\" is no colour (#rrggbb, #rgb, default) and no attribute (bold, dim, reverse, "
             "underline, normal)",
             shown);
}

/* A word of a value: a colour, "default", or an attribute. */
struct stop {
    uint32_t colour;
    uint8_t attributes;
};

static bool
parse_stop(struct reader *reader, struct str key, struct str word, struct stop *stop,
           bool *ret_is_colour)
{
    uint32_t rgb;
    int bit = parse_attribute(word);
    if (parse_hex(word, &rgb)) {
        *stop = (struct stop){rgb, stop->attributes};
    } else if (str_is(word, "default")) {
        *stop = (struct stop){THEME_NO_COLOUR, stop->attributes};
    } else if (bit >= 0) {
        stop->attributes = (uint8_t)(stop->attributes | bit);
    } else {
        complain_value(reader, key, word);
        return false;
    }
    *ret_is_colour = bit < 0;
    return true;
}

static void
read_role(struct reader *reader, int role, struct str key, struct str value)
{
    struct stop stop = {.colour = THEME_NO_COLOUR};
    bool colour_said = false, is_colour;
    struct str word;
    while (str_word(&value, &word)) {
        if (!parse_stop(reader, key, word, &stop, &is_colour)) {
            return;
        }
        if (is_colour && colour_said) {
            complain(reader, word.p, key, "takes one colour");
            return;
        }
        colour_said = colour_said || is_colour;
    }
    reader->theme.colour[role] = stop.colour;
    reader->theme.attributes[role] = stop.attributes;
    reader->set[role] = true;
}

/* Step i of a scale lies between two stops; in a set it is one of them. */
static struct stop
ramp_step(const struct ramp_row *ramp, const struct stop *stops, size_t n, size_t i)
{
    if (ramp->repeated) {
        return stops[i % n];
    }
    double at = (double)i * (double)(n - 1) / (RAMP_STEPS - 1);
    size_t below = MIN((size_t)at, n - 1), above = MIN(below + 1, n - 1);
    double part = at - (double)below;
    struct stop step = part < 0.5 ? stops[below] : stops[above];
    if (stops[below].colour != THEME_NO_COLOUR && stops[above].colour != THEME_NO_COLOUR) {
        step.colour = colour_mix(stops[below].colour, stops[above].colour, part);
    }
    return step;
}

static void
fill_ramp(struct reader *reader, const struct ramp_row *ramp, const struct stop *stops, size_t n)
{
    for (size_t i = 0; i < RAMP_STEPS; i++) {
        struct stop step = ramp_step(ramp, stops, n, i);
        size_t role = (size_t)ramp->first + i;
        reader->theme.colour[role] = step.colour;
        reader->theme.attributes[role] = step.attributes;
        reader->set[role] = true;
    }
}

/* Each word is a stop of its own: colours, or attributes where there are none. */
static void
read_ramp(struct reader *reader, const struct ramp_row *ramp, struct str key, struct str value)
{
    struct stop stops[RAMP_STEPS];
    size_t n = 0;
    struct str word;
    while (str_word(&value, &word)) {
        if (n == RAMP_STEPS) {
            complain(reader, word.p, key, "takes at most %d stops", RAMP_STEPS);
            return;
        }
        bool is_colour;
        stops[n] = (struct stop){.colour = THEME_NO_COLOUR};
        if (!parse_stop(reader, key, word, &stops[n], &is_colour)) {
            return;
        }
        n++;
    }
    if (n < 2) {
        complain(reader, key.p, key, "takes 2 to %d stops", RAMP_STEPS);
        return;
    }
    fill_ramp(reader, ramp, stops, n);
}

/* False when the key is no property. */
static bool
read_property(struct reader *reader, struct str key, struct str value)
{
    if (str_is(key, "name")) {
        utf8_clean(value, reader->theme.name, sizeof(reader->theme.name));
    } else if (str_is(key, "author")) {
        utf8_clean(value, reader->theme.author, sizeof(reader->theme.author));
    } else if (str_is(key, "background")) {
        reader->theme.light = str_is(value, "light");
        reader->background_said = true;
        if (!str_is(value, "light") && !str_is(value, "dark") && !str_is(value, "none")) {
            complain(reader, value.p, key, "is dark, light or none");
        }
    } else {
        return false;
    }
    return true;
}

static void
read_own(struct reader *reader, struct str line)
{
    struct str key, value = line;
    if (memchr(line.p, '=', line.n) == NULL) {
        complain(reader, line.p, line, "no \"=\": a line is `key = value`");
        return;
    }
    str_until(&value, '=', &key);
    key = str_trim(key);
    value = str_trim(value);
    if (read_property(reader, key, value)) {
        return;
    }
    for (int role = ROLE_DEFAULT + 1; role < ROLE_RAMP_HEAT; role++) {
        if (str_is(key, role_name(role))) {
            read_role(reader, role, key, value);
            return;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(ramps); i++) {
        if (str_is(key, ramps[i].name)) {
            read_ramp(reader, &ramps[i], key, value);
            return;
        }
    }
    complain_unknown(reader, key);
}

static const struct btop_row {
    const char *key;
    uint8_t role;
} btop_roles[] = {
    {"main_bg", ROLE_BACKGROUND},    {"main_fg", ROLE_TEXT},
    {"title", ROLE_TITLE},           {"hi_fg", ROLE_KEY},
    {"selected_bg", ROLE_SELECT_BG}, {"selected_fg", ROLE_SELECT_FG},
    {"inactive_fg", ROLE_DIM},       {"meter_bg", ROLE_CHART_DIM},
    {"proc_misc", ROLE_MARK},        {"cpu_box", ROLE_BORDER_FOCUS},
    {"div_line", ROLE_BORDER},
};

static const struct gradient_row {
    const char *prefix;
    uint8_t chart; /* the role that takes its middle */
} gradients[GRADIENT_COUNT] = {
    [GRADIENT_CPU] = {"cpu_", ROLE_CHART_1},
    [GRADIENT_UPLOAD] = {"upload_", ROLE_CHART_2},
    [GRADIENT_FREE] = {"free_", ROLE_CHART_3},
    [GRADIENT_USED] = {"used_", ROLE_CHART_4},
    [GRADIENT_CACHED] = {"cached_", ROLE_CHART_5},
    [GRADIENT_DOWNLOAD] = {"download_", ROLE_CHART_6},
};

/* "#rrggbb", "#gg", "R G B", or nothing for the terminal's own. */
static bool
parse_btop_colour(struct str value, uint32_t *ret_rgb)
{
    if (value.n == 0) {
        *ret_rgb = THEME_NO_COLOUR;
        return true;
    }
    if (value.p[0] == '#') {
        return parse_hex(value, ret_rgb);
    }
    uint64_t part[3];
    for (size_t i = 0; i < 3; i++) {
        if (!str_u64(&value, &part[i]) || part[i] > 255) {
            return false;
        }
    }
    if (str_trim(value).n > 0) {
        return false;
    }
    *ret_rgb = (uint32_t)(part[0] << 16 | part[1] << 8 | part[2]);
    return true;
}

static void
set_btop(struct reader *reader, struct str key, uint32_t rgb)
{
    static const char *const ends[] = {"start", "mid", "end"};
    for (size_t i = 0; i < ARRAY_SIZE(btop_roles); i++) {
        if (str_is(key, btop_roles[i].key)) {
            reader->theme.colour[btop_roles[i].role] = rgb;
            reader->set[btop_roles[i].role] = true;
        }
    }
    for (size_t i = 0; i < GRADIENT_COUNT; i++) {
        size_t n = strlen(gradients[i].prefix);
        for (size_t end = 0; str_starts(key, gradients[i].prefix) && end < ARRAY_SIZE(ends);
             end++) {
            if (str_is((struct str){key.p + n, key.n - n}, ends[end])) {
                reader->gradient[i][end] = rgb;
            }
        }
    }
}

/* theme[key]="value"; keys we have no use for are checked and then skipped. */
static void
read_btop(struct reader *reader, struct str line)
{
    struct str rest = {line.p + strlen("theme["), line.n - strlen("theme[")};
    struct str key, value = {rest.p, 0};
    reader->btop = true;
    bool closed = memchr(rest.p, ']', rest.n) != NULL && str_until(&rest, ']', &key);
    rest = str_trim(rest);
    if (!closed || rest.n == 0 || rest.p[0] != '=') {
        complain(reader, line.p, line, "not of the form theme[key]=\"value\"");
        return;
    }
    rest = str_trim((struct str){rest.p + 1, rest.n - 1});
    if (rest.n > 0 && (rest.p[0] == '"' || rest.p[0] == '\'')) {
        char quote = rest.p[0];
        rest = (struct str){rest.p + 1, rest.n - 1};
        value.p = rest.p;
        str_until(&rest, quote, &value);
    } else {
        value = rest;
    }
    uint32_t rgb;
    if (!parse_btop_colour(str_trim(value), &rgb)) {
        complain(reader, value.p, key,
                 "no colour: write \"#rrggbb\", \"#gg\", \"R G B\" (0-255) or \"\"");
        return;
    }
    set_btop(reader, key, rgb);
}

static void
fall_back(struct reader *reader)
{
    for (int role = ROLE_DEFAULT + 1; role < ROLE_RAMP_HEAT; role++) {
        int from = role;
        while (!reader->set[from] && from != ROLE_DEFAULT) {
            from = fallbacks[from];
        }
        reader->theme.colour[role] = reader->theme.colour[from];
        reader->theme.attributes[role] = reader->theme.attributes[from];
    }
    /* A selection that cannot be seen is no selection. */
    if (reader->theme.colour[ROLE_SELECT_BG] == THEME_NO_COLOUR) {
        reader->theme.attributes[ROLE_SELECT_FG] |= CELL_REVERSE;
    }
}

static bool
has_colours(const struct reader *reader)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (reader->set[role] && reader->theme.colour[role] != THEME_NO_COLOUR) {
            return true;
        }
    }
    return false;
}

/* The built-in dark theme's colour for a role, made fit for the background of this one. */
static uint32_t
borrowed(const struct theme *dark, int role, bool light)
{
    if (!light || dark->colour[role] == THEME_NO_COLOUR) {
        return dark->colour[role];
    }
    if (role >= ROLE_FLAME_HUES) {
        /* cppcheck-suppress arrayIndexOutOfBoundsCond ; the callers' end is ROLE_COUNT at most */
        return colour_with_lightness(dark->colour[role], 0.86);
    }
    if (role >= ROLE_RAMP_HEAT &&
        role < ROLE_RAMP_HEAT + RAMP_STEPS) { /* the most is darkest there */
        return dark->colour[ROLE_RAMP_HEAT + RAMP_STEPS - 1 - (role - ROLE_RAMP_HEAT)];
    }
    return colour_with_lightness(dark->colour[role],
                                 MIN(colour_lightness(dark->colour[role]), 0.55));
}

static void
borrow(struct reader *reader, const struct theme *dark, int first, int end)
{
    for (int role = first; role < end; role++) {
        if (!reader->set[role]) {
            reader->theme.colour[role] = borrowed(dark, role, reader->theme.light);
            reader->theme.attributes[role] = dark->attributes[role];
            reader->set[role] = true;
        }
    }
}

static uint32_t
gradient_middle(const uint32_t gradient[3])
{
    if (gradient[1] != THEME_NO_COLOUR || gradient[0] == THEME_NO_COLOUR) {
        return gradient[1];
    }
    return gradient[2] == THEME_NO_COLOUR ? gradient[0] : colour_mix(gradient[0], gradient[2], 0.5);
}

static void
derive_gradients(struct reader *reader)
{
    for (size_t i = 0; i < GRADIENT_COUNT; i++) {
        uint32_t middle = gradient_middle(reader->gradient[i]);
        if (middle != THEME_NO_COLOUR) {
            reader->theme.colour[gradients[i].chart] = middle;
            reader->set[gradients[i].chart] = true;
        }
    }
    struct stop stops[3];
    size_t n = 0;
    for (size_t i = 0; i < 3; i++) {
        if (reader->gradient[GRADIENT_CPU][i] != THEME_NO_COLOUR) {
            stops[n++] = (struct stop){.colour = reader->gradient[GRADIENT_CPU][i]};
        }
    }
    if (n > 0) {
        fill_ramp(reader, &ramps[1], stops, n);
    }
}

/* btop knows neither levels nor headers nor our ramps, and does not say whether it is light. */
static void
derive_btop(struct reader *reader, const struct theme *dark)
{
    struct theme *theme = &reader->theme;
    uint32_t back = theme->colour[ROLE_BACKGROUND], front = theme->colour[ROLE_TEXT];
    if (!reader->background_said && back != THEME_NO_COLOUR) {
        theme->light = colour_lightness(back) > 0.6;
    } else if (!reader->background_said && front != THEME_NO_COLOUR) {
        theme->light = colour_lightness(front) < 0.45;
    }
    if (back != THEME_NO_COLOUR && !reader->set[ROLE_HEADER_BG]) {
        theme->colour[ROLE_HEADER_BG] =
            colour_with_lightness(back, colour_lightness(back) + (theme->light ? -0.05 : 0.05));
        reader->set[ROLE_HEADER_BG] = true;
    }
    derive_gradients(reader);
    borrow(reader, dark, ROLE_LEVEL_NORMAL, ROLE_CHART_1);
}

static void
complete(struct reader *reader)
{
    reader->theme.mono = !has_colours(reader);
    if (!reader->theme.mono) {
        bool ramps_set = true;
        for (size_t i = 0; i < ARRAY_SIZE(ramps); i++) {
            ramps_set = ramps_set && reader->set[ramps[i].first];
        }
        if (!ramps_set || reader->btop) { /* never for the built-in one itself: it has them all */
            struct theme dark;
            theme_default(&dark);
            if (reader->btop) {
                derive_btop(reader, &dark);
            }
            borrow(reader, &dark, ROLE_RAMP_HEAT, ROLE_COUNT);
        }
    }
    fall_back(reader);
}

static void
read_line(struct reader *reader, struct str line)
{
    reader->line = line;
    reader->line_number++;
    line = str_trim(line);
    if (line.n == 0 || line.p[0] == '#') {
        return;
    }
    if (str_starts(line, "theme[")) {
        read_btop(reader, line);
    } else {
        read_own(reader, line);
    }
}

bool
theme_parse(struct str text, const char *file_name, struct theme *ret_theme, struct buf *errors)
{
    struct reader reader = {.file = file_name, .errors = errors};
    memset(reader.theme.colour, 0xFF, sizeof(reader.theme.colour));
    memset(reader.gradient, 0xFF, sizeof(reader.gradient));
    if (str_starts(text, "\xEF\xBB\xBF")) {
        text = (struct str){text.p + 3, text.n - 3};
    }
    struct str line;
    while (str_line(&text, &line)) {
        read_line(&reader, line);
    }
    if (reader.error_count > ERRORS_MAX) {
        buf_printf(errors, "%s: %d more errors\n", file_name, reader.error_count - ERRORS_MAX);
    }
    complete(&reader);
    *ret_theme = reader.theme;
    return reader.error_count == 0;
}

static void
parse_builtin(const char *text, struct theme *ret_theme)
{
    struct buf errors;
    buf_init(&errors, 0);
    theme_parse(str_from(text), "built-in", ret_theme, &errors);
    buf_done(&errors);
}

void
theme_default(struct theme *ret_theme)
{
    parse_builtin(theme_dark_text, ret_theme);
}

void
theme_mono(struct theme *ret_theme)
{
    parse_builtin(theme_mono_text, ret_theme);
}
