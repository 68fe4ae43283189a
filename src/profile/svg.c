/* A flame graph as a picture that needs nothing but a browser: one rectangle a call, and a script
 * that zooms and searches.
 *
 * It has UNITS columns, a tenth of a pixel each: calls narrower than that are one rectangle that
 * says how many they are. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/core/flame_layout.h"
#include "flametop/core/unit.h"
#include "writers.h"

#define UNITS 12000
#define WIDTH 1200
#define ROW_HEIGHT 17
#define TOP 46
#define GONE_MAX 8
#define ROWS_MAX ((size_t)8192)
#define CELLS_MAX ((size_t)400000)

static const char style[] =
    "text{font:12px ui-monospace,monospace;fill:#111;pointer-events:none}"
    "#title{font-size:15px}.b{pointer-events:all;cursor:pointer;fill:#06c}"
    ".f{cursor:pointer}.f rect{stroke:#fff;stroke-width:.5}"
    ".f:hover rect{stroke:#000;stroke-width:1}.p{opacity:.5}.m rect{fill:#e600e6}";

/* Positions are those of the layout: data-x and data-w in columns, data-y in rows. */
static const char script[] =
    "var S=document.documentElement,U=12000,W=1200,F=[].slice.call(document.querySelectorAll('.f'))"
    ".map(function(g){return{g:g,r:g.querySelector('rect'),t:g.querySelector('text'),"
    "x:+g.getAttribute('data-x'),w:+g.getAttribute('data-w'),y:+g.getAttribute('data-y'),"
    "n:g.getAttribute('data-n')}});\n"
    "function by(id){return document.getElementById(id)}\n"
    "function view(x0,w0,y0){F.forEach(function(f){var above=f.y<y0&&f.x<=x0&&f.x+f.w>=x0+w0,"
    "inside=f.y>=y0&&f.x>=x0&&f.x+f.w<=x0+w0;f.g.style.display=above||inside?'':'none';"
    "if(!above&&!inside)return;f.g.setAttribute('class',f.g.getAttribute('class').replace(/ p/,'')"
    "+(above?' p':''));var x=above?0:(f.x-x0)/w0*W,w=above?W:f.w/w0*W,c=Math.floor((w-6)/7.3);"
    "f.r.setAttribute('x',x);f.r.setAttribute('width',w);f.t.setAttribute('x',x+3);"
    "f.t.textContent=c<2?'':f.n.length<=c?f.n:f.n.slice(0,c-1)+'\\u2026'})}\n"
    "function zoom(f){view(f.x,f.w,f.y);by('reset').style.display=f.y>0?'':'none'}\n"
    "function reset(){view(0,U,0);by('reset').style.display='none'}\n"
    "function search(s){var e=null,a=[],sum=0,to=0;try{e=s?new RegExp(s):null}catch(x){"
    "by('found').textContent=String(x.message);return}F.forEach(function(f){var m=e&&e.test(f.n);"
    "f.g.setAttribute('class',f.g.getAttribute('class').replace(/ m/,'')+(m?' m':''));"
    "if(m)a.push(f)});a.sort(function(p,q){return p.x-q.x});a.forEach(function(f){"
    "var from=Math.max(f.x,to);if(f.x+f.w>from){sum+=f.x+f.w-from;to=f.x+f.w}});"
    "by('found').textContent=e?'matched '+(sum/U*100).toFixed(1)+' %':''}\n"
    "function ask(){var s=prompt('Search (regular expression)','');if(s!==null)search(s)}\n"
    "F.forEach(function(f){f.g.addEventListener('click',function(){zoom(f)})});\n"
    "by('reset').addEventListener('click',reset);by('search').addEventListener('click',ask);\n"
    "window.addEventListener('keydown',function(e){if(e.key==='/'||(e.ctrlKey&&e.key==='f')){"
    "e.preventDefault();ask()}else if(e.key==='Escape'){search('');reset()}});\n"
    "reset();\n";

/* Text inside an element or an attribute. What XML cannot hold becomes U+FFFD. */
static void
put_text(struct buf *out, struct str text)
{
    while (text.n > 0) {
        char bytes[4];
        uint32_t c = utf8_next(&text);
        c = c < ' ' || c == 0xFFFE || c == 0xFFFF || (c >= 0xD800 && c <= 0xDFFF) ? UTF8_BAD : c;
        switch (c) {
        case '<':
            buf_puts(out, "&lt;");
            break;
        case '>':
            buf_puts(out, "&gt;");
            break;
        case '&':
            buf_puts(out, "&amp;");
            break;
        case '"':
            buf_puts(out, "&quot;");
            break;
        default:
            buf_add(out, bytes, utf8_put(c, bytes));
            break;
        }
    }
}

/* What stands before the last separator of a name, or its module: the same hue for what belongs
 * together. */
static unsigned
hue_of(const struct profile_frame *frame)
{
    struct str name = frame->module_n > 0 ? (struct str){frame->module, frame->module_n}
                                          : (struct str){frame->name, frame->name_n};
    for (size_t i = name.n; frame->module_n == 0 && i > 1; i--) {
        if (name.p[i - 1] == '.' || name.p[i - 1] == '/' || name.p[i - 1] == ':') {
            name.n = i - 1;
            break;
        }
    }
    return (unsigned)(hash_bytes(name.p, name.n) >> 16) % 360;
}

/* Blue shrank, orange grew. */
static void
put_colour(const struct flame *flame, const struct flame_cell *cell, struct buf *out)
{
    uint32_t frame = flame->frame[cell->node];
    if (cell->kind == FLAME_REST || frame == PROFILE_NONE) {
        buf_puts(out, "#ddd");
    } else if (flame->total[1] != NULL) {
        double now = flame->total[0][cell->node], before = flame->total[1][cell->node];
        double change = (now - before) / fmax(fmax(now, before), 1e-300);
        buf_printf(out, "hsl(%d,85%%,%d%%)", change > 0 ? 28 : 212, 93 - (int)(fabs(change) * 35));
    } else {
        buf_printf(out, "hsl(%u,55%%,72%%)", hue_of(&flame->profile->frames[frame]));
    }
}

static void
put_weight(const struct flame *flame, double weight, struct buf *out)
{
    const struct profile_measure *measure = &flame->profile->measures[flame->measure];
    char text[48];
    double whole = flame->total[0][0];
    buf_printf(out, "%s (%.2f %%)",
               unit_format(weight * measure->scale, measure->unit, false, text, sizeof(text)),
               whole > 0 ? weight / whole * 100 : 0);
}

/* "+ name": of a comparison the sign stands before the name. */
static void
put_name(const struct flame *flame, const struct flame_cell *cell, struct buf *out)
{
    uint32_t frame = flame->frame[cell->node];
    if (cell->kind == FLAME_REST) {
        buf_printf(out, "+%u", cell->count);
        return;
    }
    if (frame == PROFILE_NONE) {
        buf_puts(out, "all");
        return;
    }
    if (flame->total[1] != NULL) {
        double now = flame->total[0][cell->node], before = flame->total[1][cell->node];
        buf_puts(out, now > before * 1.02 ? "+ " : now < before * 0.98 ? "- " : "= ");
    }
    const struct profile_frame *found = &flame->profile->frames[frame];
    put_text(out, (struct str){found->name, found->name_n});
}

static void
put_title(const struct flame *flame, const struct flame_cell *cell, struct buf *out)
{
    uint32_t frame = flame->frame[cell->node];
    if (cell->kind == FLAME_REST) {
        buf_printf(out, "%u calls too narrow to draw: ", cell->count);
        put_weight(flame, cell->weight, out);
        return;
    }
    put_name(flame, cell, out);
    if (frame != PROFILE_NONE && flame->profile->frames[frame].module_n > 0) {
        buf_puts(out, " \xE2\x80\x94 ");
        put_text(out, (struct str){flame->profile->frames[frame].module,
                                   flame->profile->frames[frame].module_n});
    }
    buf_puts(out, "\ntotal ");
    put_weight(flame, flame->total[0][cell->node], out);
    buf_puts(out, ", self ");
    put_weight(flame, flame->self[0][cell->node], out);
    if (flame->total[1] != NULL) {
        buf_puts(out, "\nbefore ");
        put_weight(flame, flame->total[1][cell->node], out);
    }
}

static void
put_cell(const struct flame *flame, const struct flame_cell *cell, size_t row, struct buf *out)
{
    int y = TOP + (int)row * ROW_HEIGHT;
    buf_printf(out, "<g class=\"f\" data-x=\"%d\" data-w=\"%d\" data-y=\"%zu\" data-n=\"", cell->x,
               cell->width, row);
    put_name(flame, cell, out);
    buf_puts(out, "\"><title>");
    put_title(flame, cell, out);
    buf_printf(out, "</title><rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"",
               cell->x / 10.0, y, cell->width / 10.0, ROW_HEIGHT - 1);
    put_colour(flame, cell, out);
    buf_printf(out, "\"/><text x=\"%.1f\" y=\"%d\"></text></g>\n", cell->x / 10.0 + 3, y + 12);
}

/* Frames that a comparison has on its older side alone have no width: the heaviest are named. */
static void
put_gone(const struct flame *flame, int y, struct buf *out)
{
    const struct flame_sum *sums = flame->total[1] != NULL ? flame->sums : NULL;
    uint32_t gone[GONE_MAX], count = 0, all = 0;
    for (uint32_t i = 0; sums != NULL && i < flame->profile->frame_count; i++) {
        if (sums[i].total[0] > 0 || sums[i].total[1] <= 0) {
            continue;
        }
        uint32_t at = MIN(count, (uint32_t)GONE_MAX - 1);
        bool fits = count < GONE_MAX || sums[gone[at]].total[1] < sums[i].total[1];
        for (; fits && at > 0 && sums[gone[at - 1]].total[1] < sums[i].total[1]; at--) {
            gone[at] = gone[at - 1];
        }
        if (fits) {
            gone[at] = i;
        }
        count = MIN(count + 1, (uint32_t)GONE_MAX);
        all++;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct profile_frame *frame = &flame->profile->frames[gone[i]];
        buf_printf(out, i == 0 ? "<text id=\"gone\" x=\"8\" y=\"%d\">gone: " : ", ", y);
        put_text(out, (struct str){frame->name, frame->name_n});
        buf_printf(out, " %.1f %%", sums[gone[i]].total[1] / flame->total[1][0] * 100);
    }
    if (count > 0) {
        buf_printf(out, all > count ? ", %u more</text>\n" : "</text>\n", all - count);
    }
}

/* As many rows as there are, and as can be drawn. */
static size_t
lay_out(struct flame_layout *layout)
{
    size_t rows = 1;
    while (rows < ROWS_MAX && layout->count < CELLS_MAX) {
        flame_layout_extend(layout, rows + 1);
        if (layout->row_count <= rows) {
            break;
        }
        rows++;
    }
    return layout->row_count;
}

bool
writer_svg(const struct flame *flame, const char *title, struct buf *out)
{
    struct flame_layout layout;
    struct flame_zoom zoom = {0};
    flame_layout_init(&layout);
    flame_layout_begin(&layout, flame, &zoom, 0, UNITS);
    size_t rows = lay_out(&layout);
    int height = TOP + (int)rows * ROW_HEIGHT + (flame->total[1] != NULL ? 26 : 8);
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
               "viewBox=\"0 0 %d %d\">\n<style>%s</style>\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
               "<text id=\"title\" x=\"8\" y=\"20\">",
               WIDTH, height, WIDTH, height, style);
    put_text(out, str_from(title));
    buf_printf(out,
               "</text>\n<text class=\"b\" id=\"search\" x=\"8\" y=\"38\">/ search</text>"
               "<text class=\"b\" id=\"reset\" x=\"90\" y=\"38\">Esc zoom out</text>"
               "<text id=\"found\" x=\"%d\" y=\"38\" text-anchor=\"end\"></text>\n",
               WIDTH - 8);
    put_gone(flame, height - 8, out);
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = layout.rows[row]; i < layout.rows[row + 1] && !out->full; i++) {
            if (layout.cells[i].kind != FLAME_SELF) {
                put_cell(flame, &layout.cells[i], row, out);
            }
        }
    }
    buf_printf(out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", script);
    bool good = !layout.failed;
    flame_layout_done(&layout);
    return good;
}
