/* The terminal, against libvterm on a pty: what arrives is the canvas. */
#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <vterm.h>

#include "flametop/base/utf8.h"
#include "flametop/ui/term.h"

/* Every write to the terminal, counted: this definition stands before the C library's. */
static int counted_fd = -1;
static int write_count;

ssize_t write(int fd, const void *data, size_t n);

ssize_t
write(int fd, const void *data, size_t n)
{
    write_count += fd == counted_fd;
    return syscall(SYS_write, fd, data, n);
}

/* newterm forgets a block of its own when it knows no such terminal; nothing of ours is let off. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
    return "leak:new_prescr\n";
}

struct rig {
    int master, slave;
    struct term *term;
    VTerm *vterm;
    VTermScreen *screen;
    struct theme theme;
    struct canvas canvas;
    char held[8192]; /* read, not yet shown: the begin of a character */
    size_t held_n;
};

static void
rig_open(struct rig *rig, const char *name, enum term_depth depth, int width, int height)
{
    struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};
    rig->held_n = 0;
    assert_int_equal(openpty(&rig->master, &rig->slave, NULL, NULL, &size), 0);
    fcntl(rig->master, F_SETFL, O_NONBLOCK);
    setenv("TERM", name, 1);
    unsetenv("COLORTERM");
    unsetenv("NO_COLOR");
    fflush(stdout);
    int in = dup(0), out = dup(1);
    dup2(rig->slave, 0);
    dup2(rig->slave, 1);
    char why[256] = "";
    struct term_options options = {.depth = depth, .glyphs = GLYPHS_BRAILLE, .mouse = true};
    rig->term = term_open(&options, why, sizeof(why));
    dup2(in, 0);
    dup2(out, 1);
    close(in);
    close(out);
    if (rig->term == NULL) {
        fail_msg("%s", why);
    }
    counted_fd = term_fd(rig->term);
    rig->vterm = vterm_new(height, width);
    vterm_set_utf8(rig->vterm, 1);
    rig->screen = vterm_obtain_screen(rig->vterm);
    vterm_screen_enable_altscreen(rig->screen, 1);
    vterm_screen_reset(rig->screen, 1);
    theme_default(&rig->theme);
    term_set_theme(rig->term, &rig->theme);
    canvas_init(&rig->canvas);
    assert_true(canvas_resize(&rig->canvas, width, height));
}

/* What the terminal sent since the last time, shown to libvterm, which loses characters that come
 * in two pieces. Answers how many bytes. */
static long
rig_read(struct rig *rig)
{
    long sum = 0;
    ssize_t n;
    while ((n = read(rig->master, rig->held + rig->held_n, sizeof(rig->held) - rig->held_n)) > 0) {
        sum += n;
        rig->held_n += (size_t)n;
        size_t whole = rig->held_n;
        while (whole > 0 && (rig->held[whole - 1] & 0x80) != 0) {
            whole--;
        }
        vterm_input_write(rig->vterm, rig->held, whole);
        rig->held_n -= whole;
        memmove(rig->held, rig->held + whole, rig->held_n);
    }
    return sum;
}

/* The same as text, not shown to libvterm. A pty hands out what is there, so that what was written
 * in two pieces may take two reads. */
static size_t
rig_text(struct rig *rig, char *dst, size_t size)
{
    size_t n = 0;
    ssize_t got;
    while (n < size - 1 && (got = read(rig->master, dst + n, size - 1 - n)) > 0) {
        n += (size_t)got;
    }
    dst[n] = 0;
    return n;
}

static void
rig_draw(struct rig *rig)
{
    assert_true(term_draw(rig->term, &rig->canvas) >= 0);
    rig_read(rig);
    while (term_wants_write(rig->term)) {
        assert_true(term_draw(rig->term, &rig->canvas) >= 0);
        rig_read(rig);
    }
    rig_read(rig);
}

static void
rig_close(struct rig *rig)
{
    counted_fd = -1;
    term_free(rig->term);
    canvas_done(&rig->canvas);
    vterm_free(rig->vterm);
    close(rig->master);
    close(rig->slave);
}

static uint32_t
next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static const uint8_t some_roles[] = {ROLE_DEFAULT,        ROLE_TEXT,    ROLE_LEVEL_WARNING,
                                     ROLE_LEVEL_CRITICAL, ROLE_CHART_1, ROLE_CHART_3};

static void
scribble(struct canvas *canvas, uint32_t *seed, int count)
{
    static const uint32_t characters[] = {'a',    'Z',    ' ',    ' ',  0x2502,
                                          0x28FF, 0x2588, 0x6F22, 0xE9, 0x25B2};
    for (int i = 0; i < count; i++) {
        struct style style = {.fg = some_roles[next_random(seed) % 6],
                              .bg = some_roles[next_random(seed) % 3],
                              .attributes = next_random(seed) % 8 == 0 ? CELL_UNDERLINE : 0};
        canvas_put(canvas, (int)(next_random(seed) % (uint32_t)canvas->width),
                   (int)(next_random(seed) % (uint32_t)canvas->height),
                   characters[next_random(seed) % 10], style);
    }
}

/* The colour a role must have arrived as. */
static void
expect_colour(const struct rig *rig, VTermColor got, int role, bool background)
{
    static const int counts[] = {[TERM_DEPTH_8] = 8, [TERM_DEPTH_16] = 16, [TERM_DEPTH_256] = 256};
    uint32_t rgb = rig->theme.colour[role == ROLE_DEFAULT && !background ? ROLE_TEXT : role];
    enum term_depth depth = term_depth(rig->term);
    if (rgb == THEME_NO_COLOUR || depth == TERM_DEPTH_MONO) {
        assert_true(background ? VTERM_COLOR_IS_DEFAULT_BG(&got) : VTERM_COLOR_IS_DEFAULT_FG(&got));
    } else if (depth == TERM_DEPTH_TRUE) {
        assert_true(VTERM_COLOR_IS_RGB(&got));
        assert_int_equal((uint32_t)got.rgb.red << 16 | (uint32_t)got.rgb.green << 8 | got.rgb.blue,
                         rgb);
    } else {
        assert_true(VTERM_COLOR_IS_INDEXED(&got));
        assert_int_equal(got.indexed.idx, theme_nearest(rgb, counts[depth]));
    }
}

static bool
one_colour(const struct rig *rig, struct style style)
{
    static const int counts[] = {[TERM_DEPTH_8] = 8, [TERM_DEPTH_16] = 16, [TERM_DEPTH_256] = 256};
    enum term_depth depth = term_depth(rig->term);
    int fg = style.fg == ROLE_DEFAULT ? ROLE_TEXT : style.fg;
    return style.bg != ROLE_DEFAULT && depth != TERM_DEPTH_MONO &&
           (rig->theme.colour[fg] == rig->theme.colour[style.bg] ||
            (depth != TERM_DEPTH_TRUE &&
             theme_nearest(rig->theme.colour[fg], counts[depth]) ==
                 theme_nearest(rig->theme.colour[style.bg], counts[depth])));
}

static void
expect_arrived(const struct rig *rig)
{
    for (int y = 0; y < rig->canvas.height; y++) {
        for (int x = 0; x < rig->canvas.width; x++) {
            const struct canvas_cell *want = &rig->canvas.cells[y * rig->canvas.width + x];
            VTermScreenCell got;
            if (want->c == 0) {
                continue;
            }
            vterm_screen_get_cell(rig->screen, (VTermPos){.row = y, .col = x}, &got);
            uint32_t c = got.chars[0] == 0 ? ' ' : got.chars[0];
            if (c != want->c) {
                fail_msg("%d,%d: U+%04X instead of U+%04X", x, y, (unsigned)c, (unsigned)want->c);
            }
            expect_colour(rig, got.bg, want->style.bg, true);
            if (c != ' ') { /* of a blank only the background is seen */
                if (term_depth(rig->term) >=
                    TERM_DEPTH_256) { /* fewer colours: roles may be underlined, or cannot */
                    assert_int_equal(got.attrs.underline,
                                     (want->style.attributes & CELL_UNDERLINE) != 0);
                }
                if (!one_colour(rig, want->style)) {
                    expect_colour(rig, got.fg, want->style.fg, false);
                }
            }
        }
    }
}

static void
test_term__what_arrives_is_the_canvas(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum term_depth depth, want;
    } rows[] = {
        {"xterm-256color", TERM_DEPTH_TRUE, TERM_DEPTH_TRUE},
        {"xterm-256color", TERM_DEPTH_AUTO, TERM_DEPTH_256},
        {"xterm-256color", TERM_DEPTH_16, TERM_DEPTH_16},
        {"xterm", TERM_DEPTH_AUTO, TERM_DEPTH_8},
        {"xterm-256color", TERM_DEPTH_MONO, TERM_DEPTH_MONO},
        {"no-such-terminal", TERM_DEPTH_AUTO, TERM_DEPTH_256},
        {"vt220", TERM_DEPTH_AUTO, TERM_DEPTH_MONO},
        {"dumb", TERM_DEPTH_AUTO, TERM_DEPTH_MONO},
        {"screen-256color", TERM_DEPTH_AUTO, TERM_DEPTH_256},
        {"linux", TERM_DEPTH_AUTO, TERM_DEPTH_8},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct rig rig;
        uint32_t seed = 88172645u + (uint32_t)i;
        rig_open(&rig, rows[i].name, rows[i].depth, 61, 17);
        if (term_depth(rig.term) != rows[i].want) {
            fail_msg("%s: depth %d", rows[i].name, term_depth(rig.term));
        }
        for (int frame = 0; frame < 8; frame++) {
            scribble(&rig.canvas, &seed, frame == 0 ? 2000 : 60);
            rig_draw(&rig);
            expect_arrived(&rig);
        }
        rig_close(&rig);
    }
}

/* More pairs of colours than curses has, but never as many on one screen: a pair that cells which
 * did not change still need is not given to others. */
/* Two colours of a theme may be the same one of 256: writing is then drawn in the terminal's own,
 * the cell of a heatmap is of that colour. */
static void
test_term__two_colours_that_became_one(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "xterm-256color", TERM_DEPTH_256, 20, 5);
    const int high = ROLE_RAMP_HEAT + RAMP_STEPS - 1, lower = ROLE_RAMP_HEAT + RAMP_STEPS - 3;
    rig.theme.colour[high] = rig.theme.colour[ROLE_CHART_1] = 0x304080;
    rig.theme.colour[lower] = 0x304081;
    term_set_theme(rig.term, &rig.theme);
    canvas_put(&rig.canvas, 0, 0, 0x2593, (struct style){(uint8_t)high, (uint8_t)lower, 0});
    canvas_put(&rig.canvas, 1, 0, 'a', (struct style){ROLE_CHART_1, (uint8_t)lower, 0});
    rig_draw(&rig);
    VTermScreenCell cell;
    vterm_screen_get_cell(rig.screen, (VTermPos){.row = 0, .col = 0}, &cell);
    expect_colour(&rig, cell.fg, high, false);
    expect_colour(&rig, cell.bg, lower, true);
    vterm_screen_get_cell(rig.screen, (VTermPos){.row = 0, .col = 1}, &cell);
    assert_true(VTERM_COLOR_IS_DEFAULT_FG(&cell.fg));
    expect_colour(&rig, cell.bg, lower, true);
    rig_close(&rig);
}

static void
test_term__pairs_on_screen_are_not_taken_away(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "xterm-256color", TERM_DEPTH_TRUE, 61, 16);
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        bool own = i == ROLE_DEFAULT || i == ROLE_BACKGROUND;
        rig.theme.colour[i] = own ? THEME_NO_COLOUR : 0x102030u + (uint32_t)i * 0x010203u;
    }
    term_set_theme(rig.term, &rig.theme);
    size_t cells = 61 * 16, pair = 0, at = 0;
    for (int frame = 0; frame < 12; frame++) {
        for (int i = 0; i < 300; i++, pair++, at = (at + 7) % cells) {
            struct style style = {.fg = (uint8_t)(1 + pair % (ROLE_COUNT - 1)),
                                  .bg = (uint8_t)(1 + pair / (ROLE_COUNT - 1) % (ROLE_COUNT - 1))};
            canvas_put(&rig.canvas, (int)(at % 61), (int)(at / 61), 'x', style);
        }
        rig_draw(&rig);
        expect_arrived(&rig);
    }
    rig_close(&rig);
}

static void
test_term__one_write_a_frame_and_none_for_the_same(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t seed = 42;
    rig_open(&rig, "xterm-256color", TERM_DEPTH_TRUE, 80, 24);
    rig_draw(&rig);
    for (int frame = 0; frame < 20; frame++) {
        scribble(&rig.canvas, &seed, 30);
        write_count = 0;
        long sent = term_draw(rig.term, &rig.canvas);
        assert_true(sent > 0);
        assert_int_equal(write_count, 1);
        assert_int_equal(rig_read(&rig), sent);
        write_count = 0;
        assert_int_equal(term_draw(rig.term, &rig.canvas), 0);
        assert_int_equal(write_count, 0);
    }
    expect_arrived(&rig);
    rig_close(&rig);
}

static void
test_term__drops_frames_for_a_terminal_that_is_behind(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t seed = 7;
    rig_open(&rig, "xterm-256color", TERM_DEPTH_TRUE, 200, 50);
    int frame = 0;
    while (!term_wants_write(rig.term) && frame++ < 100) {
        scribble(&rig.canvas, &seed, 5000);
        assert_true(term_draw(rig.term, &rig.canvas) >= 0);
    }
    assert_true(term_wants_write(rig.term));
    for (int i = 0; i < 5; i++) { /* nobody reads: nothing is written, nothing piles up */
        scribble(&rig.canvas, &seed, 5000);
        assert_int_equal(term_draw(rig.term, &rig.canvas), 0);
    }
    rig_draw(&rig);
    assert_int_equal(term_draw(rig.term, &rig.canvas), 0);
    expect_arrived(&rig);
    rig_close(&rig);
}

static void
test_term__follows_the_size(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t seed = 99;
    static const struct winsize sizes[] = {
        {30, 100, 0, 0}, {5, 12, 0, 0}, {1, 1, 0, 0}, {50, 200, 0, 0}};
    rig_open(&rig, "xterm-256color", TERM_DEPTH_256, 40, 10);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        int width, height;
        assert_int_equal(ioctl(rig.master, TIOCSWINSZ, &sizes[i]), 0);
        vterm_set_size(rig.vterm, sizes[i].ws_row, sizes[i].ws_col);
        struct term_event event = term_key(rig.term);
        assert_int_equal(event.key, TERM_RESIZE);
        assert_int_equal(event.x, sizes[i].ws_col);
        assert_int_equal(term_key(rig.term).key, KEY_NONE);
        term_size(rig.term, &width, &height);
        assert_int_equal(width, sizes[i].ws_col);
        assert_int_equal(height, sizes[i].ws_row);
        canvas_resize(&rig.canvas, width, height);
        scribble(&rig.canvas, &seed, 500);
        rig_draw(&rig);
        expect_arrived(&rig);
    }
    struct winsize none = {0};
    ioctl(rig.master, TIOCSWINSZ, &none); /* a terminal that forgot: the last known size stays */
    assert_int_equal(term_key(rig.term).key, KEY_NONE);
    rig_close(&rig);
}

static void
test_term__gives_the_terminal_back(void **state)
{
    (void)state;
    struct rig rig;
    struct termios before, during, after;
    rig_open(&rig, "xterm-256color", TERM_DEPTH_TRUE, 40, 10);
    tcgetattr(rig.slave, &during);
    assert_int_equal(during.c_lflag & (ICANON | ECHO | ISIG), ISIG);
    rig_draw(&rig);
    term_suspend(rig.term);
    rig_read(&rig);
    tcgetattr(rig.slave, &before);
    assert_int_equal(before.c_lflag & (ICANON | ECHO | ISIG), ICANON | ECHO | ISIG);
    assert_true((before.c_oflag & OPOST) != 0);
    term_resume(rig.term);
    tcgetattr(rig.slave, &after);
    assert_memory_equal(&after.c_lflag, &during.c_lflag, sizeof(after.c_lflag));
    uint32_t seed = 3;
    scribble(&rig.canvas, &seed, 200);
    vterm_screen_reset(rig.screen, 1); /* the shell's doing */
    rig_draw(&rig);
    expect_arrived(&rig);
    term_close(rig.term);
    term_close(rig.term);
    char bytes[512];
    rig_text(&rig, bytes, sizeof(bytes));
    assert_non_null(strstr(bytes, "\33[?1049l"));
    assert_non_null(strstr(bytes, "\33[?25h"));
    assert_non_null(strstr(bytes, "\33[?1000l"));
    tcgetattr(rig.slave, &after);
    assert_int_equal(after.c_lflag, before.c_lflag);
    assert_int_equal(fcntl(rig.slave, F_GETFL) & O_NONBLOCK, 0); /* the shell's descriptor */
    assert_int_equal(term_draw(rig.term, &rig.canvas), 0);
    rig_close(&rig);
}

static void
type(struct rig *rig, const char *bytes)
{
    assert_int_equal(write(rig->master, bytes, strlen(bytes)), strlen(bytes));
}

static void
test_term__reads_keys(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "xterm-256color", TERM_DEPTH_256, 40, 10);
    type(&rig, "q\33OA\33[<0;3;4M\33[<0;3;4M");
    assert_int_equal(term_key(rig.term).key, 'q');
    assert_int_equal(term_key(rig.term).key, TERM_UP);
    assert_int_equal(term_key(rig.term).button, TERM_CLICK);
    struct term_event event = term_key(rig.term);
    assert_int_equal(event.button, TERM_DOUBLE_CLICK);
    assert_int_equal(event.y, 3);
    assert_int_equal(term_key(rig.term).key, KEY_NONE);
    type(&rig, "\33");
    assert_int_equal(term_key(rig.term).key, 27);
    close(rig.slave);
    rig.slave = -1;
    rig_close(&rig);
}

static bool
has_background(struct rig *rig)
{
    VTermScreenCell cell;
    rig_draw(rig);
    assert_true(vterm_screen_get_cell(rig->screen, (VTermPos){.row = 0, .col = 30}, &cell) != 0);
    return !VTERM_COLOR_IS_DEFAULT_BG(&cell.bg);
}

/* A light theme on a terminal that says nothing, says it is light, says it is dark; a dark one. */
static void
test_term__paints_a_background_where_the_terminals_is_of_the_other_kind(void **state)
{
    (void)state;
    struct rig rig;
    struct theme light;
    struct buf errors;
    buf_init(&errors, 4096);
    assert_true(theme_load("light", &light, &errors));
    rig_open(&rig, "xterm-256color", TERM_DEPTH_256, 40, 10);
    canvas_text(&rig.canvas, 0, 0, 9, STR("one"), (struct style){.fg = ROLE_TITLE});
    assert_false(has_background(&rig));
    term_set_theme(rig.term, &light);
    assert_true(has_background(&rig));
    VTermScreenCell cell;
    vterm_screen_get_cell(rig.screen, (VTermPos){.row = 0, .col = 1}, &cell);
    assert_false(VTERM_COLOR_IS_DEFAULT_FG(&cell.fg)); /* dark letters, not the terminal's own */
    type(&rig, "\33]11;rgb:ffff/ffff/ffff\33\\");
    assert_int_equal(term_key(rig.term).key, TERM_RESIZE);
    assert_false(has_background(&rig));
    type(&rig, "\33]11;rgb:1010/1212/1616\7");
    assert_int_equal(term_key(rig.term).key, TERM_RESIZE);
    assert_true(has_background(&rig));
    term_set_theme(rig.term, &rig.theme);
    assert_false(has_background(&rig));
    type(&rig, "\33]11;rgb:1010/1212/1616\7");
    assert_int_equal(term_key(rig.term).key, KEY_NONE);
    buf_done(&errors);
    rig_close(&rig);
}

static void
test_term__synchronised_output_only_where_answered(void **state)
{
    (void)state;
    struct rig rig;
    char bytes[2048];
    rig_open(&rig, "xterm-256color", TERM_DEPTH_256, 40, 10);
    assert_true(rig_text(&rig, bytes, sizeof(bytes)) > 0);
    assert_non_null(strstr(bytes, "\33[?2026$p"));
    canvas_text(&rig.canvas, 0, 0, 9, STR("one"), (struct style){0});
    assert_true(term_draw(rig.term, &rig.canvas) > 0);
    assert_true(rig_text(&rig, bytes, sizeof(bytes)) > 0);
    assert_null(strstr(bytes, "2026"));
    type(&rig, "\33[?2026;2$y");
    assert_int_equal(term_key(rig.term).key, KEY_NONE);
    canvas_text(&rig.canvas, 0, 0, 9, STR("two"), (struct style){0});
    assert_true(term_draw(rig.term, &rig.canvas) > 0);
    size_t n = rig_text(&rig, bytes, sizeof(bytes));
    assert_true(n > 8);
    assert_int_equal(strncmp(bytes, "\33[?2026h", 8), 0);
    assert_string_equal(bytes + n - 8, "\33[?2026l");
    rig_close(&rig);
}

static void
test_term__notices_that_it_is_gone(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "xterm-256color", TERM_DEPTH_256, 40, 10);
    rig_draw(&rig);
    close(rig.master);
    assert_int_equal(term_key(rig.term).key, TERM_GONE);
    canvas_text(&rig.canvas, 0, 0, 9, STR("one"), (struct style){0});
    assert_true(term_draw(rig.term, &rig.canvas) < 0);
    rig.master = -1;
    rig_close(&rig);
}

static void
test_term__copies_by_osc_52(void **state)
{
    (void)state;
    struct rig rig;
    char bytes[256];
    rig_open(&rig, "xterm-256color", TERM_DEPTH_256, 40, 10);
    rig_draw(&rig);
    static const char *const rows[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char want[64];
        snprintf(want, sizeof(want), "\33]52;c;%s\7", rows[i][1]);
        term_copy(rig.term, str_from(rows[i][0]));
        rig_text(&rig, bytes, sizeof(bytes));
        assert_string_equal(bytes, want);
    }
    rig_close(&rig);
}

static void
test_term__leaves_the_environment_alone(void **state)
{
    (void)state;
    struct rig rig;
    setenv("TERMINFO", "/nowhere", 1);
    rig_open(&rig, "xterm-256color", TERM_DEPTH_TRUE, 40, 10);
    assert_string_equal(getenv("TERMINFO"), "/nowhere");
    rig_close(&rig);
    unsetenv("TERMINFO");
    struct sigaction stop;
    rig_open(&rig, "xterm-256color", TERM_DEPTH_TRUE, 40, 10);
    assert_null(getenv("TERMINFO"));
    assert_null(getenv("NCURSES_NO_PADDING"));
    sigaction(SIGTSTP, NULL, &stop);
    assert_true(stop.sa_handler == SIG_DFL); /* and the signals */
    rig_close(&rig);
}

int
main(void)
{
    signal(SIGHUP, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_term__what_arrives_is_the_canvas),
        cmocka_unit_test(test_term__two_colours_that_became_one),
        cmocka_unit_test(test_term__pairs_on_screen_are_not_taken_away),
        cmocka_unit_test(test_term__one_write_a_frame_and_none_for_the_same),
        cmocka_unit_test(test_term__drops_frames_for_a_terminal_that_is_behind),
        cmocka_unit_test(test_term__follows_the_size),
        cmocka_unit_test(test_term__gives_the_terminal_back),
        cmocka_unit_test(test_term__reads_keys),
        cmocka_unit_test(test_term__synchronised_output_only_where_answered),
        cmocka_unit_test(test_term__paints_a_background_where_the_terminals_is_of_the_other_kind),
        cmocka_unit_test(test_term__notices_that_it_is_gone),
        cmocka_unit_test(test_term__copies_by_osc_52),
        cmocka_unit_test(test_term__leaves_the_environment_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
