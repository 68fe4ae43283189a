/* Lines of a name and what is said of it, under headings: details of a span, callers of a query,
 * what was different in a selection. */
#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/utf8.h"

#define LINES_BYTES_MAX ((size_t)4 << 20)
#define LINES_MAX ((size_t)20000)
#define KEY_WIDTH_MAX 34
#define COLUMN_WIDTH_MIN 58

void
request_lines_init(struct request_lines *lines)
{
    *lines = (struct request_lines){0};
    arena_init(&lines->arena, LINES_BYTES_MAX);
}

void
request_lines_done(struct request_lines *lines)
{
    arena_done(&lines->arena);
    free(lines->list);
    *lines = (struct request_lines){0};
}

void
request_lines_clear(struct request_lines *lines)
{
    arena_clear(&lines->arena);
    lines->count = 0;
}

static void
add(struct request_lines *lines, struct request_line line)
{
    if (lines->count == lines->capacity) {
        size_t capacity = MAX(lines->capacity * 2, (size_t)64);
        struct request_line *list =
            lines->capacity < LINES_MAX ? reallocarray(lines->list, capacity, sizeof(*list)) : NULL;
        if (list == NULL) {
            return;
        }
        lines->list = list;
        lines->capacity = capacity;
    }
    lines->list[lines->count++] = line;
}

void
request_lines_heading(struct request_lines *lines, const char *text)
{
    add(lines, (struct request_line){.key = arena_text(&lines->arena, text, strlen(text)),
                                     .value = "",
                                     .heading = true});
}

void
request_lines_add(struct request_lines *lines, uint8_t role, const char *key, const char *format,
                  ...)
{
    char value[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    add(lines, (struct request_line){.key = arena_text(&lines->arena, key, strlen(key)),
                                     .value = arena_text(&lines->arena, value, strlen(value)),
                                     .role = role});
}

static int
key_width(const struct request_lines *lines, int width)
{
    int most = 0;
    for (size_t i = 0; i < lines->count; i++) {
        if (!lines->list[i].heading) {
            most = MAX(most, (int)utf8_text_width(str_from(lines->list[i].key)));
        }
    }
    return MIN(MIN(most, KEY_WIDTH_MAX), MAX(width / 2, 1));
}

static void
draw_line(const struct request_line *line, struct canvas *canvas, struct rect row, int key)
{
    if (line->heading) {
        canvas_text(canvas, row.x, row.y, row.width, str_from(line->key),
                    (struct style){.fg = ROLE_TITLE, .attributes = CELL_BOLD});
        return;
    }
    canvas_text(canvas, row.x, row.y, MIN(key, row.width), str_from(line->key),
                (struct style){.fg = ROLE_DIM});
    canvas_text(canvas, row.x + key + 2, row.y, MAX(row.width - key - 2, 0), str_from(line->value),
                (struct style){.fg = line->role});
}

/* Newspaper columns where there is room for several: down first, then right. */
void
request_lines_draw(struct request_lines *lines, struct canvas *canvas, struct rect area)
{
    if (area.width <= 0 || area.height <= 0) {
        return;
    }
    int columns = MAX(area.width / COLUMN_WIDTH_MIN, 1), width = area.width / columns;
    columns = MIN(columns, (int)((lines->count + (size_t)area.height - 1) / (size_t)area.height));
    columns = MAX(columns, 1);
    width = columns > 1 ? width : area.width;
    size_t room = (size_t)columns * (size_t)area.height;
    lines->room = room;
    lines->first = lines->count > room ? MIN(lines->first, lines->count - room) : 0;
    int key = key_width(lines, width - 2);
    for (size_t i = 0; i < room && lines->first + i < lines->count; i++) {
        struct rect row = {area.x + (int)(i / (size_t)area.height) * width,
                           area.y + (int)(i % (size_t)area.height), width - (columns > 1 ? 2 : 0),
                           1};
        draw_line(&lines->list[lines->first + i], canvas, row, key);
    }
}

bool
request_lines_move(struct request_lines *lines, const char *name)
{
    size_t last = lines->count > lines->room ? lines->count - lines->room : 0;
    size_t page = MAX(lines->room, (size_t)2) - 1;
    if (strcmp(name, "move.up") == 0) {
        lines->first -= lines->first > 0;
    } else if (strcmp(name, "move.down") == 0) {
        lines->first += lines->first < last;
    } else if (strcmp(name, "move.page.up") == 0) {
        lines->first -= MIN(lines->first, page);
    } else if (strcmp(name, "move.page.down") == 0) {
        lines->first = MIN(lines->first + page, last);
    } else if (strcmp(name, "move.first") == 0) {
        lines->first = 0;
    } else if (strcmp(name, "move.last") == 0) {
        lines->first = last;
    } else {
        return false;
    }
    return true;
}
