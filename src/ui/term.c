/* The terminal. curses draws into a memory file, and after doupdate what it wrote leaves in one
 * write, without the sequences that undo each other (sgr.h); so curses decides what to send and
 * nothing else. Modes, size, keys and the alternate screen are ours.
 *
 * Invariant: curses is only told of a frame when everything before it has left (`out` is empty). A
 * terminal that is behind therefore loses whole frames, never parts, and the next one it gets is
 * the newest. Everything tty_restore() needs is made at open, so that it only writes: it may run in
 * a signal handler. */
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

#include "flametop/base/log.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "sgr.h"
#include "term_parts.h"
#include "truecolor.h"

#define OUT_BYTES_MAX ((size_t)8 << 20)
#define RUN_CELLS 64
#define MEMORY_BYTES_KEPT (64 << 10)

#define ENTER_MOUSE "\33[?1000h\33[?1002h\33[?1006h"
#define LEAVE_MOUSE "\33[?1006l\33[?1002l\33[?1000l"

/* Takes what curses wrote since the last time out of the memory file. */
static void
drain_memory(struct term *term, struct buf *out)
{
    off_t n = lseek(term->memory_fd, 0, SEEK_CUR);
    if (n <= 0) {
        return;
    }
    char *room = out == NULL ? NULL : buf_reserve(out, (size_t)n);
    if (room != NULL) {
        ssize_t got = pread(term->memory_fd, room, (size_t)n, 0);
        out->n += got > 0 ? sgr_fold(room, (size_t)got) : 0;
    }
    lseek(term->memory_fd, 0, SEEK_SET); /* written over: fresh pages would cost more */
    if (n > MEMORY_BYTES_KEPT && ftruncate(term->memory_fd, 0) < 0) {
        log_info("the screen's memory file stays long: %s", strerror(errno));
    }
}

/* A new screen is "initial", and as long as it is, curses writes out after each move of the cursor:
 * some 30 times a frame. Leaving it and coming back ends that. What this writes is dropped. */
static void
end_initial_state(void)
{
    endwin();
    doupdate();
}

static const char *
text_of(const char *capability)
{
    char *text = tigetstr(capability);
    return text == NULL || text == (char *)-1 ? "" : text;
}

/* Appends a capability without its padding ("$<5>"), which only a printer would need. */
static size_t
append_text(char *dst, size_t n, size_t size, const char *text)
{
    while (*text != 0 && n + 1 < size) {
        const char *end = text[0] == '$' && text[1] == '<' ? strchr(text, '>') : NULL;
        if (end != NULL) {
            text = end + 1;
        } else {
            dst[n++] = *text++;
        }
    }
    dst[n] = 0;
    return n;
}

static void
make_sequences(struct term *term)
{
    static const char *const enter[] = {"smcup", "civis"};
    static const char *const leave[] = {"sgr0", "op", "clear", "rmcup", "cnorm"};
    for (size_t i = 0; i < ARRAY_SIZE(enter); i++) {
        term->enter_n =
            append_text(term->enter, term->enter_n, sizeof(term->enter), text_of(enter[i]));
    }
    if (term->mouse) {
        term->enter_n = append_text(term->enter, term->enter_n, sizeof(term->enter), ENTER_MOUSE);
        term->leave_n = append_text(term->leave, term->leave_n, sizeof(term->leave), LEAVE_MOUSE);
    }
    for (size_t i = 0; i < ARRAY_SIZE(leave); i++) {
        term->leave_n =
            append_text(term->leave, term->leave_n, sizeof(term->leave), text_of(leave[i]));
    }
}

static void
load_own_keys(struct term *term)
{
    static const struct {
        const char *capability;
        int32_t key;
    } rows[] = {
        {"kcuu1", TERM_UP},     {"kcud1", TERM_DOWN},    {"kcub1", TERM_LEFT},
        {"kcuf1", TERM_RIGHT},  {"kpp", TERM_PAGE_UP},   {"knp", TERM_PAGE_DOWN},
        {"khome", TERM_HOME},   {"kend", TERM_END},      {"kich1", TERM_INSERT},
        {"kdch1", TERM_DELETE}, {"kcbt", TERM_BACK_TAB}, {"kf1", TERM_F1},
        {"kf2", TERM_F2},       {"kf3", TERM_F3},        {"kf4", TERM_F4},
        {"kf5", TERM_F5},       {"kf6", TERM_F6},        {"kf7", TERM_F7},
        {"kf8", TERM_F8},       {"kf9", TERM_F9},        {"kf10", TERM_F10},
        {"kf11", TERM_F11},     {"kf12", TERM_F12},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct key_string *own = &term->own_keys[i];
        const char *text = text_of(rows[i].capability);
        size_t n = strlen(text);
        /* One-byte "keys" of old terminals are control characters that mean something else. */
        if (n > 1 && n <= sizeof(own->bytes)) {
            memcpy(own->bytes, text, n);
            own->n = n;
            own->key = rows[i].key;
        }
    }
}

static void
put_back(const char *variable, char *value)
{
    if (value != NULL) {
        setenv(variable, value, 1);
    } else {
        unsetenv(variable);
    }
    free(value);
}

static char *
kept(const char *variable)
{
    const char *value = getenv(variable);
    return value == NULL ? NULL : strdup(value);
}

/* newterm without the signal handlers it installs: signals are the program's. */
static SCREEN *
new_term_only(const char *name, FILE *output, FILE *input)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
    struct sigaction before[ARRAY_SIZE(signals)];
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaction(signals[i], NULL, &before[i]);
    }
    SCREEN *screen = newterm(name, output, input);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        sigaction(signals[i], &before[i], NULL);
    }
    return screen;
}

static SCREEN *
new_screen(struct term *term, const char *name, bool truecolor)
{
    char *terminfo = kept("TERMINFO"), *padding = kept("NCURSES_NO_PADDING");
    if (truecolor) {
        setenv("TERMINFO", truecolor_entry, 1);
    }
    setenv("NCURSES_NO_PADDING", "1", 1);
    SCREEN *screen = new_term_only(name, term->memory, term->null_input);
    put_back("TERMINFO", terminfo); /* children must not inherit either */
    put_back("NCURSES_NO_PADDING", padding);
    if (screen != NULL &&
        text_of("cup")[0] == 0) { /* cannot address its cells: treat it as what follows */
        endwin();
        delscreen(screen);
        screen = NULL;
    }
    return screen;
}

/* A terminal unknown here (over SSH that is common) is treated as the nearest that most understand.
 */
static SCREEN *
any_screen(struct term *term, const char *name, enum term_depth depth)
{
    const char *const names[] = {name, "xterm-256color", "xterm", "vt100", "ansi"};
    bool modern = !tty_is_simple(name);
    SCREEN *screen = depth == TERM_DEPTH_TRUE ? new_screen(term, TRUECOLOR_NAME, true) : NULL;
    for (size_t i = 0; screen == NULL && i < ARRAY_SIZE(names); i++) {
        if (i == 0 || i > 2 || modern) {
            screen = new_screen(term, names[i], false);
        }
    }
    return screen != NULL ? screen : new_screen(term, TRUECOLOR_NAME, true);
}

static enum term_depth
depth_of_colours(int colours)
{
    return colours > 256    ? TERM_DEPTH_TRUE
           : colours >= 256 ? TERM_DEPTH_256
           : colours >= 16  ? TERM_DEPTH_16
           : colours >= 8   ? TERM_DEPTH_8
                            : TERM_DEPTH_MONO;
}

static void
start_colours(struct term *term, enum term_depth wanted)
{
    enum term_depth most = TERM_DEPTH_MONO;
    if (wanted != TERM_DEPTH_MONO && has_colors() && start_color() == OK) {
        use_default_colors();
        most = depth_of_colours(COLORS);
        term->palette.pair_count = MIN(COLOR_PAIRS, PAIRS_MAX);
    }
    term->palette.depth = wanted == TERM_DEPTH_AUTO ? most : MIN(wanted, most);
}

void
term_set_size(struct term *term, int width, int height)
{
    term->width = width;
    term->height = height;
    resize_term(height, width);
    term->shown_valid = false;
}

static void
first_size(struct term *term)
{
    int width = tigetnum("cols"), height = tigetnum("lines");
    width = width > 0 ? width : 80;
    height = height > 0 ? height : 24;
    tty_read_size(term, &width, &height);
    term_set_size(term, width, height);
}

static bool
open_memory(struct term *term)
{
    term->memory_fd = memfd_create("flametop-screen", MFD_CLOEXEC);
    term->memory = term->memory_fd < 0 ? NULL : fdopen(term->memory_fd, "w");
    term->null_input = fopen("/dev/null", "re");
    return term->memory != NULL && term->null_input != NULL;
}

static bool
set_up(struct term *term, const struct term_options *options, char *why, size_t why_size)
{
    const char *name = getenv("TERM");
    name = name == NULL ? "" : name;
    if (!tty_open(term)) {
        snprintf(why, why_size,
                 "no terminal: standard output is none; `flametop snapshot` needs none");
        return false;
    }
    if (!open_memory(term)) {
        snprintf(why, why_size, "no memory file for the screen: %s", strerror(errno));
        return false;
    }
    tty_make_raw(term);
    tty_choose_glyphs(term, options, name);
    enum term_depth wanted = tty_wanted_depth(options, name);
    term->screen = any_screen(term, name, wanted);
    if (term->screen == NULL) {
        snprintf(why, why_size,
                 "no description of the terminal \"%s\": install ncurses-base or set TERM=xterm",
                 name);
        return false;
    }
    term->mouse = options->mouse && !tty_is_simple(name);
    start_colours(term, wanted);
    nonl();
    idcok(stdscr, FALSE);
    leaveok(stdscr, FALSE);
    make_sequences(term);
    load_own_keys(term);
    first_size(term);
    typeahead(-1); /* keys are read by us: curses need not look for them while it draws */
    end_initial_state();
    drain_memory(term, NULL); /* what newterm wrote is in `enter` */
    term->open = true;
    term->clear_next = true;
    tty_enter(term);
    if (!tty_is_simple(name)) {
        tty_ask(term);
    }
    return true;
}

struct term *
term_open(const struct term_options *options, char *why, size_t why_size)
{
    struct term *term = calloc(1, sizeof(*term));
    if (term == NULL) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    term->fd = term->memory_fd = -1;
    buf_init(&term->out, OUT_BYTES_MAX);
    canvas_init(&term->shown);
    palette_init(&term->palette);
    struct theme theme;
    theme_default(&theme);
    if (!set_up(term, options, why, why_size)) {
        term_free(term);
        return NULL;
    }
    term_set_theme(term, &theme);
    return term;
}

void
term_close(struct term *term)
{
    if (term == NULL || !term->open) {
        return;
    }
    term->open = false;
    tty_restore(term);
    if (term->shared_flags >= 0) {
        fcntl(term->fd, F_SETFL, term->shared_flags);
    }
}

void
term_free(struct term *term)
{
    if (term == NULL) {
        return;
    }
    term_close(term);
    if (term->screen != NULL) {
        endwin();
        delscreen(term->screen);
    }
    if (term->memory != NULL) {
        fclose(term->memory);
    } else if (term->memory_fd >= 0) {
        close(term->memory_fd);
    }
    if (term->null_input != NULL) {
        fclose(term->null_input);
    }
    if (term->fd >= 0) {
        close(term->fd);
    }
    canvas_done(&term->shown);
    buf_done(&term->out);
    free(term);
}

void
term_size(const struct term *term, int *ret_width, int *ret_height)
{
    *ret_width = term->width;
    *ret_height = term->height;
}

enum glyphs
term_glyphs(const struct term *term)
{
    return term->glyphs;
}

enum term_depth
term_depth(const struct term *term)
{
    return term->palette.depth;
}

bool
term_is_slow(const struct term *term)
{
    return term->slow;
}

int
term_fd(const struct term *term)
{
    return term->fd;
}

bool
term_is_mono(const struct term *term)
{
    return palette_is_mono(&term->palette);
}

void
term_set_theme(struct term *term, const struct theme *theme)
{
    palette_set_theme(&term->palette, theme);
    term->shown_valid = false;
}

bool
term_wants_write(const struct term *term)
{
    return term->out.n > term->out_at;
}

/* Drawing. */

static short
pair_for(struct term *term, struct style style)
{
    bool is_new;
    short number = palette_pair(&term->palette, style, &is_new);
    if (is_new) {
        init_extended_pair(number, term->palette.pairs[number].fg, term->palette.pairs[number].bg);
    }
    return number;
}

static attr_t
attributes_for(const struct term *term, struct style style)
{
    static const attr_t bits[] = {A_BOLD, A_DIM, A_REVERSE, A_UNDERLINE};
    unsigned wanted = palette_attributes(&term->palette, style);
    attr_t attributes = A_NORMAL;
    for (size_t i = 0; i < ARRAY_SIZE(bits); i++) {
        attributes |= (wanted & (1u << i)) != 0 ? bits[i] : A_NORMAL;
    }
    return attributes;
}

/* Cells side by side that curses has not been told of yet. */
struct run {
    int x, y, count; /* where it begins, and how many cells of one column each */
    struct style style;
    attr_t attributes;
    int pair; /* of the style */
    cchar_t cells[RUN_CELLS];
};

static void
run_end(struct run *run)
{
    if (run->count > 0) {
        mvadd_wchnstr(run->y, run->x, run->cells, run->count);
        run->count = 0;
    }
}

static void
run_put(struct run *run, wchar_t c, int x)
{
    wchar_t text[2] = {c, 0};
    if (run->count == RUN_CELLS || run->x + run->count != x) {
        run_end(run);
    }
    run->x = run->count == 0 ? x : run->x;
    setcchar(&run->cells[run->count++], text, run->attributes, 0, &run->pair);
}

/* Tells curses one cell, except a right half. What the C library takes for another width than ours
 * would shift the row: it becomes '?'. */
static void
put_cell(struct term *term, struct run *run, const struct canvas_cell *cell, int x)
{
    bool plain = cell->c < 0x7F;
    int width = plain ? 1 : utf8_width(cell->c), theirs = plain ? 1 : wcwidth((wchar_t)cell->c);
    if (run->pair < 0 || memcmp(&run->style, &cell->style, sizeof(cell->style)) != 0) {
        run->style = cell->style;
        run->pair = pair_for(term, cell->style);
        run->attributes = attributes_for(term, cell->style);
    }
    if (theirs == 1 && width == 1) {
        run_put(run, (wchar_t)cell->c, x);
    } else if (theirs != width) {
        for (int i = 0; i < width; i++) {
            run_put(run, L'?', x + i);
        }
    } else {
        run_end(run);
        run_put(run, (wchar_t)cell->c, x);
        run_end(run);
    }
}

static bool
same_cell(const struct canvas_cell *a, const struct canvas_cell *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Curses is told of the cells that changed. */
static void
put_row(struct term *term, const struct canvas *canvas, int y)
{
    const struct canvas_cell *row = canvas->cells + (size_t)y * (size_t)canvas->width;
    struct canvas_cell *shown = term->shown.cells + (size_t)y * (size_t)term->shown.width;
    int width = MIN(canvas->width, term->width);
    if (term->shown_valid && memcmp(row, shown, (size_t)width * sizeof(*row)) == 0) {
        return;
    }
    struct run run;
    run.y = y;
    run.count = 0;
    run.pair = -1;
    for (int x = 0; x < width; x++) {
        if (term->shown_valid && same_cell(&row[x], &shown[x])) {
            continue;
        }
        bool right = row[x].c == 0 && x > 0; /* half of a wide one, whose left half was the same */
        put_cell(term, &run, &row[x - right], x - right);
        shown[x] = row[x];
        if (!right && x + 1 < width && row[x + 1].c == 0) {
            shown[x + 1] = row[x + 1];
            x++;
        }
    }
    run_end(&run);
}

static void
put_cursor(const struct term *term, const struct canvas *canvas)
{
    bool visible = canvas->cursor_x >= 0 && canvas->cursor_y >= 0 &&
                   canvas->cursor_x < term->width && canvas->cursor_y < term->height;
    curs_set(visible);
    move(visible ? canvas->cursor_y : term->height - 1, visible ? canvas->cursor_x : 0);
}

static void
put_canvas(struct term *term, const struct canvas *canvas)
{
    palette_begin(&term->palette, canvas);
    if (!term->shown_valid) {
        erase();
        if (!canvas_resize(&term->shown, canvas->width, canvas->height)) {
            return;
        }
    }
    for (int y = 0; y < MIN(canvas->height, term->height); y++) {
        put_row(term, canvas, y);
    }
    term->shown_valid = true;
    if (term->clear_next) {
        clearok(stdscr, TRUE);
        term->clear_next = false;
    }
    put_cursor(term, canvas);
    wnoutrefresh(stdscr);
    doupdate();
}

long
term_draw(struct term *term, const struct canvas *canvas)
{
    if (!term->open || canvas->cells == NULL) {
        return 0;
    }
    if (tty_flush(term) < 0) {
        return -EIO;
    }
    if (term_wants_write(term)) {
        return 0;
    }
    if (canvas->width != term->shown.width || canvas->height != term->shown.height) {
        term->shown_valid = false;
    }
    if (term->sync) {
        buf_puts(&term->out, SYNC_BEGIN);
    }
    size_t before = term->out.n;
    put_canvas(term, canvas);
    drain_memory(term, &term->out);
    if (term->out.n == before) {
        buf_clear(&term->out);
        return 0;
    }
    if (term->sync) {
        buf_puts(&term->out, SYNC_END);
    }
    return tty_flush(term);
}

void
term_redraw(struct term *term)
{
    term->clear_next = true;
    term->shown_valid = false;
}

void
term_suspend(struct term *term)
{
    if (term->open) {
        tty_restore(term);
        buf_clear(&term->out);
        term->out_at = 0;
    }
}

void
term_resume(struct term *term)
{
    if (term->open) {
        tcgetattr(term->fd, &term->cooked); /* the shell may have changed it meanwhile */
        tty_make_raw(term);
        tty_enter(term);
        term_redraw(term);
    }
}
