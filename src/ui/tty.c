/* The line to the terminal: what it is and can, its modes, and how it is taken and given back. */
#include <fcntl.h>
#include <langinfo.h>
#include <linux/kd.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "flametop/base/macros.h"
#include "outlet.h"
#include "term_parts.h"

#define COPY_BYTES_MAX ((size_t)100 << 10)

long
tty_flush(struct term *term)
{
    long sent = outlet_send(term->fd, &term->out, &term->out_at);
    term->gone = term->gone || sent < 0;
    return sent;
}

/* A descriptor of our own, so that O_NONBLOCK does not reach the shell's. */
bool
tty_open(struct term *term)
{
    term->shared_flags = -1;
    int source = isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDIN_FILENO;
    char name[128];
    term->fd = ttyname_r(source, name, sizeof(name)) == 0
                   ? open(name, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
                   : -1;
    if (term->fd < 0 && isatty(source)) { /* another user's terminal, as after su */
        term->fd = fcntl(source, F_DUPFD_CLOEXEC, 3);
        term->shared_flags = fcntl(source, F_GETFL);
        fcntl(source, F_SETFL, term->shared_flags | O_NONBLOCK);
    }
    return term->fd >= 0 && tcgetattr(term->fd, &term->cooked) == 0;
}

/* A real line, neither a pseudo terminal (136-143) nor the console (4:0-63). */
static bool
is_serial(int fd)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return false;
    }
    unsigned major_number = major(info.st_rdev), minor_number = minor(info.st_rdev);
    bool pty = major_number >= 136 && major_number <= 143;
    bool console = (major_number == 4 && minor_number < 64) || major_number == 5;
    return !pty && !console;
}

void
tty_make_raw(struct term *term)
{
    bool serial = is_serial(term->fd);
    term->slow = serial && cfgetospeed(&term->cooked) < B115200;
    term->raw = term->cooked;
    term->raw.c_lflag &=
        ~(tcflag_t)(ICANON | ECHO | IEXTEN); /* ISIG stays: Ctrl-C and Ctrl-Z are signals */
    term->raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | ISTRIP);
    if (!serial) { /* flow control is for lines */
        term->raw.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
    }
    term->raw.c_oflag &= ~(tcflag_t)OPOST;
    term->raw.c_cc[VMIN] = 1;
    term->raw.c_cc[VTIME] = 0;
}

static bool
is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* Terminals that print what they do not understand, or have few glyphs, whatever the locale says.
 */
bool
tty_is_simple(const char *name)
{
    static const char *const names[] = {"linux", "vt", "ansi", "dumb", "unknown", "cons", "sun"};
    return name[0] == 0 || is_one_of(name, names, ARRAY_SIZE(names));
}

/* The console tells which characters its font has: the eighth blocks must all be there. */
static bool
console_has_blocks(int fd)
{
    enum { ENTRIES = 8192 };
    struct unipair *entries = calloc(ENTRIES, sizeof(*entries));
    struct unimapdesc map = {.entry_ct = ENTRIES, .entries = entries};
    unsigned found = 0;
    if (entries != NULL && ioctl(fd, GIO_UNIMAP, &map) == 0) {
        for (size_t i = 0; i < map.entry_ct; i++) {
            unsigned c = entries[i].unicode;
            found |= c >= 0x2581 && c <= 0x2588 ? 1u << (c - 0x2581) : 0;
        }
    }
    free(entries);
    return found == 0xFF;
}

void
tty_choose_glyphs(struct term *term, const struct term_options *options, const char *name)
{
    setlocale(LC_CTYPE, "");
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    /* From here on curses shows UTF-8: what may be shown at all is decided by the glyph set. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        setlocale(LC_CTYPE, "C.utf8");
    }
    term->glyphs_fixed = options->glyphs >= GLYPHS_ASCII && options->glyphs <= GLYPHS_BRAILLE;
    if (term->glyphs_fixed) {
        term->glyphs = (enum glyphs)options->glyphs;
    } else if (!utf8) {
        term->glyphs = GLYPHS_ASCII;
    } else if (strncmp(name, "linux", 5) == 0) {
        term->glyphs = console_has_blocks(term->fd) ? GLYPHS_BLOCKS : GLYPHS_ASCII;
    } else {
        term->glyphs = tty_is_simple(name) ? GLYPHS_ASCII : GLYPHS_BRAILLE;
    }
}

enum term_depth
tty_wanted_depth(const struct term_options *options, const char *name)
{
    const char *no_colour = getenv("NO_COLOR"), *colour_term = getenv("COLORTERM");
    if (options->depth != TERM_DEPTH_AUTO) {
        return options->depth;
    }
    if ((no_colour != NULL && no_colour[0] != 0) || strcmp(name, "dumb") == 0 || name[0] == 0) {
        return TERM_DEPTH_MONO;
    }
    if (colour_term != NULL &&
        (strcmp(colour_term, "truecolor") == 0 || strcmp(colour_term, "24bit") == 0)) {
        return TERM_DEPTH_TRUE;
    }
    return TERM_DEPTH_AUTO; /* what terminfo says */
}

/* terminfo's size where the terminal does not know its own. */
bool
tty_read_size(const struct term *term, int *ret_width, int *ret_height)
{
    struct winsize size;
    if (ioctl(term->fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) {
        return false;
    }
    *ret_width = CLAMP(size.ws_col, 1, 1000);
    *ret_height = CLAMP(size.ws_row, 1, 1000);
    return true;
}

void
tty_enter(struct term *term)
{
    tcsetattr(term->fd, TCSANOW, &term->raw);
    buf_add(&term->out, term->enter, term->enter_n);
    tty_flush(term);
}

/* Asks what cannot be known otherwise; the answers come as input. The sign is covered by the first
 * frame. */
void
tty_ask(struct term *term)
{
    if (!term->glyphs_fixed && term->glyphs == GLYPHS_BRAILLE) {
        buf_puts(&term->out,
                 "\33[H\xE2\x96\xB2\33[?6n"); /* does an ambiguous character take one cell? */
    }
    buf_puts(&term->out, "\33[?2026$p\33]11;?\33\\"); /* synchronised output? background? */
    tty_flush(term);
}

void
tty_restore(struct term *term)
{
    if (term->out.n > term->out_at) {
        outlet_send_patiently(term->fd, "\30", 1); /* CAN: ends a sequence that was cut */
    }
    if (term->sync) {
        outlet_send_patiently(term->fd, SYNC_END, strlen(SYNC_END));
    }
    outlet_send_patiently(term->fd, term->leave, term->leave_n);
    tcflush(term->fd, TCIFLUSH); /* an answer still under way must not reach the shell */
    tcsetattr(term->fd, TCSANOW, &term->cooked);
    term->out_at = term->out.n;
}

void
term_copy(struct term *term, struct str text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text.n = MIN(text.n, COPY_BYTES_MAX);
    buf_puts(&term->out, "\33]52;c;");
    for (size_t i = 0; i < text.n; i += 3) {
        uint32_t three = 0;
        for (size_t j = 0; j < 3; j++) {
            three = three << 8 | (i + j < text.n ? (unsigned char)text.p[i + j] : 0);
        }
        char four[4];
        for (size_t j = 0; j < 4; j++) {
            four[j] = i + j > text.n ? '=' : digits[three >> (18 - 6 * j) & 63];
        }
        buf_add(&term->out, four, sizeof(four));
    }
    buf_puts(&term->out, "\7");
    tty_flush(term);
}
