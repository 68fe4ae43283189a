/* External terms as text, as Erlang and Elixir write them. What is open is a stack of fixed depth.
 */
#include <stdio.h>
#include <string.h>

#include "etf.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"

#define PRINT_DEPTH_MAX 12
#define TEXT_CHARACTERS_MAX 1024

/* A list of characters, of which some are beyond bytes. */
static bool
write_characters(struct etf_list *list, char *dst, size_t size)
{
    char text[TEXT_CHARACTERS_MAX];
    size_t n = 0;
    int64_t c;
    while (n + 4 <= sizeof(text) && etf_list_integer(list, &c)) {
        if (c < 0 || c > 0x10FFFF) {
            return false;
        }
        n += utf8_put((uint32_t)c, text + n);
    }
    utf8_clean((struct str){text, n}, dst, size);
    return list->left == 0 || n + 4 > sizeof(text);
}

bool
etf_text(struct str term, char *dst, size_t size)
{
    struct str at = term;
    struct etf_term head;
    struct etf_list list;
    if (!etf_next(&at, &head)) {
        return false;
    }
    switch (head.type) {
    case ETF_ATOM:
    case ETF_BINARY:
        utf8_clean(head.text, dst, size);
        return true;
    case ETF_NIL:
    case ETF_STRING:
    case ETF_LIST:
        return etf_list(&term, &list) && write_characters(&list, dst, size);
    default:
        return false;
    }
}

/* Where the printer is: what is open, and how much of it is left. */
struct level {
    uint32_t left;
    enum etf_type type;
    bool first, value;
};

struct printer {
    char *dst;
    size_t size, n;
    struct level levels[PRINT_DEPTH_MAX];
    size_t depth;
};

static void
print(struct printer *printer, struct str text)
{
    size_t room = printer->size - 1 - printer->n, n = MIN(room, text.n);
    memcpy(printer->dst + printer->n, text.p, n);
    printer->n += n;
}

/* What may hold anything: a few bytes of it at a time would cut characters in two. */
static void
print_foreign(struct printer *printer, struct str text)
{
    size_t room = printer->size - printer->n;
    if (room > 1) {
        printer->n += utf8_clean(text, printer->dst + printer->n, room);
    }
}

static bool
is_plain_atom(struct str text)
{
    if (text.n == 0 || text.p[0] < 'a' || text.p[0] > 'z') {
        return false;
    }
    for (size_t i = 1; i < text.n; i++) {
        char c = text.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '@')) {
            return false;
        }
    }
    return true;
}

static void
print_atom(struct printer *printer, struct str text)
{
    if (str_starts(text, "Elixir.") && text.n > 7) {
        print_foreign(printer, (struct str){text.p + 7, text.n - 7});
    } else if (is_plain_atom(text)) {
        print(printer, text);
    } else {
        print(printer, STR("'"));
        print_foreign(printer, text);
        print(printer, STR("'"));
    }
}

static bool
is_text(struct str text)
{
    struct str rest = text;
    uint32_t c;
    while ((c = utf8_next(&rest)) != 0) {
        if (c < ' ' || c == UTF8_BAD) {
            return false;
        }
    }
    return rest.n == 0;
}

/* Bytes that are no text, as the numbers they are. */
static void
print_bytes(struct printer *printer, struct str bytes)
{
    for (size_t i = 0; i < bytes.n && printer->n + 1 < printer->size; i++) {
        char number[8];
        snprintf(number, sizeof(number), "%s%u", i == 0 ? "[" : ",", (unsigned char)bytes.p[i]);
        print(printer, str_from(number));
    }
    print(printer, STR("]"));
}

static void
print_leaf(struct printer *printer, const struct etf_term *term)
{
    char text[64] = "";
    bool quoted = (term->type == ETF_BINARY || term->type == ETF_STRING) && is_text(term->text);
    switch (term->type) {
    case ETF_INTEGER:
        snprintf(text, sizeof(text), "%lld", (long long)term->integer);
        break;
    case ETF_BIG:
    case ETF_REAL:
        snprintf(text, sizeof(text), "%.6g", term->real);
        break;
    case ETF_NIL:
        snprintf(text, sizeof(text), "[]");
        break;
    case ETF_PID:
        snprintf(text, sizeof(text), "<0.%lld.%u>", (long long)term->integer, term->serial);
        break;
    case ETF_PORT:
        snprintf(text, sizeof(text), "#Port<0.%lld>", (long long)term->integer);
        break;
    case ETF_REFERENCE:
        snprintf(text, sizeof(text), "#Ref<0.%u.%lld>", term->serial, (long long)term->integer);
        break;
    case ETF_FUN:
        snprintf(text, sizeof(text), "#Fun");
        break;
    default:
        snprintf(text, sizeof(text), quoted ? "" : "<<%zu bytes>>", term->text.n);
    }
    if (term->type == ETF_STRING && !quoted) {
        print_bytes(printer, term->text);
    } else if (term->type == ETF_ATOM) {
        print_atom(printer, term->text);
    } else if (quoted) {
        print(printer, STR("\""));
        print_foreign(printer, term->text);
        print(printer, STR("\""));
    } else {
        print(printer, str_from(text));
    }
}

static void
print_between(struct printer *printer)
{
    struct level *level = &printer->levels[printer->depth - 1];
    bool tail = level->type == ETF_LIST && level->left == 1;
    bool exported = level->type == ETF_FUN;
    if (level->value) {
        print(printer, STR(" => "));
    } else if (!level->first && !tail) {
        print(printer, exported ? (level->left == 1 ? STR("/") : STR(":")) : STR(","));
    } else if (tail) {
        print(printer, STR("|"));
    }
    level->value = level->type == ETF_MAP && !level->value;
    level->first = false;
    level->left--;
}

static void
print_open(struct printer *printer, const struct etf_term *term)
{
    static const char *const open[] = {
        [ETF_TUPLE] = "{", [ETF_LIST] = "[", [ETF_MAP] = "#{", [ETF_FUN] = "fun "};
    print(printer, str_from(open[term->type]));
    printer->levels[printer->depth++] =
        (struct level){.left = term->children, .type = term->type, .first = true};
}

static void
print_close(struct printer *printer)
{
    static const char *const close[] = {
        [ETF_TUPLE] = "}", [ETF_LIST] = "]", [ETF_MAP] = "}", [ETF_FUN] = ""};
    while (printer->depth > 0 && printer->levels[printer->depth - 1].left == 0) {
        print(printer, str_from(close[printer->levels[--printer->depth].type]));
    }
}

/* The tail of a proper list is not written. */
static bool
is_end_of_list(const struct printer *printer, struct str rest)
{
    const struct level *level = &printer->levels[MAX(printer->depth, 1) - 1];
    struct etf_term term;
    return printer->depth > 0 && level->type == ETF_LIST && level->left == 1 &&
           etf_next(&rest, &term) && term.type == ETF_NIL;
}

char *
etf_print(struct str term, char *dst, size_t size)
{
    static const bool has_children[] = {
        [ETF_TUPLE] = true, [ETF_LIST] = true, [ETF_MAP] = true, [ETF_FUN] = true};
    struct printer printer = {.dst = dst, .size = size};
    struct etf_term head;
    do {
        if (is_end_of_list(&printer, term)) {
            etf_next(&term, &head);
            printer.levels[printer.depth - 1].left = 0;
        } else {
            if (printer.depth > 0) {
                print_between(&printer);
            }
            struct str before = term;
            if (!etf_next(&term, &head)) {
                break;
            }
            bool opens = (size_t)head.type < ARRAY_SIZE(has_children) && has_children[head.type] &&
                         (head.children > 0 || head.type != ETF_FUN);
            if (!opens) {
                print_leaf(&printer, &head);
            } else if (printer.depth < PRINT_DEPTH_MAX) {
                print_open(&printer, &head);
            } else {
                print(&printer, STR("..."));
                term = before;
                if (!etf_skip(&term, NULL)) {
                    break;
                }
            }
        }
        print_close(&printer);
    } while (printer.depth > 0 && printer.n + 1 < printer.size);
    dst[printer.n] = '\0';
    return dst;
}
