/* Snapshots from the command line. Text and ANSI are the screen drawn on a canvas; other formats
 * are export's. */
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/buf.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/str.h"
#include "flametop/core/filter.h"
#include "flametop/core/format.h"
#include "flametop/export/table.h"
#include "flametop/ui/ansi.h"
#include "flametop/ui/app.h"
#include "look.h"
#include "machine.h"
#include "wanted.h"

#define SNAPSHOT_MAX ((size_t)256 << 20)
#define TEXT_BYTES_MAX ((size_t)1 << 20)

enum drawing { DRAWING_NONE, DRAWING_TEXT, DRAWING_ANSI };

/* The formats that are drawings of the screen. */
static const struct {
    const char *name, *extension;
    enum drawing drawing;
} drawings[] = {{"text", ".txt", DRAWING_TEXT}, {"ansi", ".ansi", DRAWING_ANSI}};

struct chosen {
    enum drawing drawing;
    const struct format *format;
    const char *filter; /* of processes; NULL: all */
};

/* ".txt" of a path; "" when the name has none. */
static const char *
extension_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return dot != NULL && dot != name ? dot : "";
}

static int
choose(const char *path, const char *name, struct chosen *ret, char *why, size_t why_size)
{
    struct str file = str_from(path);
    *ret = (struct chosen){.format = name[0] != 0 ? format_by_name(name) : format_by_path(path)};
    for (size_t i = 0; ret->format == NULL && i < ARRAY_SIZE(drawings); i++) {
        if (name[0] != 0 ? strcmp(name, drawings[i].name) == 0
                         : str_ends(file, drawings[i].extension)) {
            ret->drawing = drawings[i].drawing;
        }
    }
    if (ret->format != NULL || ret->drawing != DRAWING_NONE) {
        return 0;
    }
    if (name[0] == 0 && extension_of(path)[0] == 0) {
        ret->drawing = DRAWING_TEXT;
        return 0;
    }
    struct buf formats;
    buf_init(&formats, 256);
    snapshot_list_formats(&formats);
    const char *all = formats.n > 0 ? formats.data : " none";
    if (name[0] != 0) {
        snprintf(why, why_size, "there is no format %s; there are:%s", name, all);
    } else {
        snprintf(why, why_size, "%s: no format ends in %s; --format chooses one of:%s", path,
                 extension_of(path), all);
    }
    buf_done(&formats);
    return -EINVAL;
}

bool
snapshot_check_format(const char *name, char *why, size_t why_size)
{
    struct chosen chosen;
    return choose("", name, &chosen, why, why_size) == 0;
}

void
snapshot_list_formats(struct buf *out)
{
    for (size_t i = 0; i < format_table_count; i++) {
        buf_printf(out, " %s", format_table[i]->name);
    }
    for (size_t i = 0; i < ARRAY_SIZE(drawings); i++) {
        buf_printf(out, " %s", drawings[i].name);
    }
}

/* From the environment, as shells keep it for programs without a terminal. */
static int
size_from(const char *variable, int fallback, int low, int high)
{
    const char *text = getenv(variable);
    uint64_t value;
    struct str rest = str_from(text != NULL ? text : "");
    return str_u64(&rest, &value) && rest.n == 0 ? (int)CLAMP(value, (uint64_t)low, (uint64_t)high)
                                                 : fallback;
}

static int
draw(const struct cli *cli, const struct picture *picture, enum drawing drawing, const char *filter,
     struct buf *out)
{
    struct app_options options = {
        .catalog = cli->catalog, .filter = filter, .span_ns = config_integer(cli->config, "span")};
    struct app *app = app_new(&options);
    struct canvas canvas;
    canvas_init(&canvas);
    int width = size_from("COLUMNS", 120, 40, 500), height = size_from("LINES", 40, 12, 200);
    if (app == NULL || !canvas_resize(&canvas, width, height)) {
        app_free(app);
        canvas_done(&canvas);
        return -ENOMEM;
    }
    canvas.glyphs = (enum glyphs)cli_glyphs(cli, GLYPHS_BRAILLE);
    app_set_picture(app, (struct picture *)picture);
    app_draw(app, &canvas);
    if (drawing == DRAWING_TEXT) {
        canvas_dump(&canvas, out);
    } else {
        struct theme theme;
        struct buf errors;
        buf_init(&errors, 4096);
        if (!theme_load(config_text(cli->config, "theme"), &theme, &errors)) {
            theme_default(&theme);
        }
        buf_done(&errors);
        ansi_write(&canvas, &theme, out);
    }
    app_free(app);
    canvas_done(&canvas);
    return out->full ? -EFBIG : 0;
}

static bool
wants(const void *context, const struct table *table, const union cell *row)
{
    return strcmp(table->def->name, "processes") != 0 || filter_matches(context, row);
}

static int
render(const struct cli *cli, const struct picture *picture, const struct chosen *chosen,
       bool pretty, bool continues, struct buf *out)
{
    struct format_options options = {.span_ns = config_integer(cli->config, "span"),
                                     .rows_max = 100000,
                                     .pretty = pretty,
                                     .continues = continues};
    if (chosen->format == NULL) {
        return draw(cli, picture, chosen->drawing, chosen->filter, out);
    }
    const struct table *processes = picture_table(picture, "processes");
    char why[160] = "";
    struct filter *filter = NULL;
    if (chosen->filter != NULL && processes != NULL) {
        filter = filter_new(str_from(chosen->filter), processes->def, why, sizeof(why));
        options.wants = wants;
        options.wants_context = filter;
    }
    int error = why[0] != 0 ? -EINVAL : chosen->format->write(picture, &options, out);
    filter_free(filter);
    return error;
}

static bool
is_standard_output(const char *path)
{
    return path[0] == 0 || strcmp(path, "-") == 0;
}

static int
put(const char *path, const struct buf *text)
{
    if (!is_standard_output(path)) {
        return file_write_atomic(path, text->data, text->n, 0644);
    }
    bool good = fwrite(text->data, 1, text->n, stdout) == text->n && fflush(stdout) == 0;
    return good ? 0 : -errno;
}

/* 0, or a negative errno and a sentence. */
static int
save(const struct cli *cli, const struct picture *picture, const struct chosen *chosen,
     const char *path, char *why, size_t why_size)
{
    struct buf out;
    buf_init(&out, SNAPSHOT_MAX);
    int error = render(cli, picture, chosen, true, false, &out);
    error = error != 0 ? error : put(path, &out);
    buf_done(&out);
    if (error != 0) {
        snprintf(why, why_size, "%s: %s", is_standard_output(path) ? "standard output" : path,
                 strerror(-error));
    }
    return error;
}

int
snapshot_save(const struct cli *cli, const struct picture *picture, const char *path,
              const char *format, char *why, size_t why_size)
{
    struct chosen chosen;
    int error = choose(path, format, &chosen, why, why_size);
    return error != 0 ? error : save(cli, picture, &chosen, path, why, why_size);
}

/* Lines of JSON, or drawings one after the other, collected and written at the end when a file is
 * asked for. */
static int
run_many(const struct cli *cli, struct look *look, const struct chosen *chosen, const char *path)
{
    struct buf out;
    int64_t count = config_integer(cli->config, "snapshot.count");
    int error = 0;
    buf_init(&out, SNAPSHOT_MAX);
    struct picture *picture = look_for(look, config_integer(cli->config, "snapshot.for"));
    for (int64_t i = 0; error == 0 && i < count; i++) {
        if (i > 0) {
            picture_release(picture);
            picture = look_next(look);
        }
        error = picture == NULL ? -ENODATA : render(cli, picture, chosen, count == 1, i > 0, &out);
        if (error == 0 && is_standard_output(path)) {
            error = put(path, &out);
            buf_clear(&out);
        }
    }
    if (error == 0 && !is_standard_output(path)) {
        error = put(path, &out);
    }
    picture_release(picture);
    buf_done(&out);
    return error;
}

static int
run_file(const struct cli *cli, const char *file, const struct chosen *chosen, const char *path)
{
    char why[512] = "";
    struct picture *picture = machine_open_file(cli, file);
    if (picture == NULL) {
        return EXIT_FAILED;
    }
    int error = save(cli, picture, chosen, path, why, sizeof(why));
    picture_release(picture);
    if (error != 0) {
        cli_complain("%s", why);
    }
    return error != 0 ? EXIT_FAILED : EXIT_DONE;
}

static int
run_target(const struct cli *cli, const struct targets *targets, size_t which,
           const struct chosen *chosen, const char *path)
{
    struct look *look = look_open(targets, cli, which);
    if (look == NULL) {
        return EXIT_FAILED;
    }
    int error = run_many(cli, look, chosen, path);
    look_close(look);
    if (error != 0 && error != -ENODATA) {
        cli_complain("%s: %s", is_standard_output(path) ? "standard output" : path,
                     strerror(-error));
    }
    return error != 0 ? EXIT_FAILED : EXIT_DONE;
}

/* Of several targets one after the other, which only a stream can take. */
static int
run_all(const struct cli *cli, const struct targets *targets, const struct chosen *chosen,
        const char *path)
{
    int code = EXIT_DONE;
    if (targets->count > 1 && !is_standard_output(path)) {
        cli_complain("%s: a file holds one target, there are %zu; - writes them one after the "
                     "other",
                     path, targets->count);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < targets->count; i++) {
        const struct target *target = &targets->list[i];
        int one = target->kind == TARGET_FILE ? run_file(cli, target->name, chosen, path)
                                              : run_target(cli, targets, i, chosen, path);
        code = one != EXIT_DONE ? one : code;
    }
    return code;
}

static int
run_chosen(const struct cli *cli, struct chosen *chosen, const char *path)
{
    struct buf filter;
    struct targets targets = {0};
    int code = EXIT_USAGE;
    buf_init(&filter, TEXT_BYTES_MAX);
    if (wanted_filter(cli, &filter) && targets_init(&targets, cli)) {
        chosen->filter = filter.n > 0 ? filter.data : NULL;
        code = run_all(cli, &targets, chosen, path);
    }
    targets_done(&targets);
    buf_done(&filter);
    return code;
}

int
snapshot_run(const struct cli *cli)
{
    bool monitor = cli->line.command->id == COMMAND_MONITOR; /* without a terminal */
    const char *path = monitor ? "" : config_text(cli->config, "snapshot.output");
    const char *format = monitor ? "text" : config_text(cli->config, "snapshot.format");
    struct chosen chosen;
    char why[240] = "";
    if (choose(path, format, &chosen, why, sizeof(why)) != 0) {
        cli_complain("%s", why);
        return EXIT_USAGE;
    }
    if (chosen.format != NULL && chosen.format->one_moment &&
        config_integer(cli->config, "snapshot.count") > 1) {
        cli_complain("--count: %s is of one moment; json and csv hold several",
                     chosen.format->name);
        return EXIT_USAGE;
    }
    if (chosen.format != NULL && !chosen.format->has_tables &&
        wanted_in_vain(cli, chosen.format->name)) {
        return EXIT_USAGE;
    }
    return run_chosen(cli, &chosen, path);
}
