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
#define FLEET_ROWS_AROUND 5

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

/* What is drawn or written: one moment of one target, or of all. */
struct seen {
    const struct app_target *targets; /* their names, when there are several; NULL: one */
    struct picture *const *pictures;  /* NULL where nothing was heard */
    size_t count;
};

/* The targets below each other need rows; the head and foot of the screen take the rest. */
static int
default_height(const struct seen *seen)
{
    return (int)CLAMP(seen->count + FLEET_ROWS_AROUND, (size_t)40, (size_t)200);
}

static int
draw(const struct cli *cli, const struct seen *seen, enum drawing drawing, const char *filter,
     struct buf *out)
{
    struct app_options options = {
        .catalog = cli->catalog, .filter = filter, .span_ns = config_integer(cli->config, "span")};
    struct app *app = app_new(&options);
    struct canvas canvas;
    canvas_init(&canvas);
    int width = size_from("COLUMNS", 120, 40, 500),
        height = size_from("LINES", default_height(seen), 12, 200);
    if (app == NULL || !canvas_resize(&canvas, width, height) ||
        (seen->targets != NULL && !app_set_targets(app, seen->targets, seen->count))) {
        app_free(app);
        canvas_done(&canvas);
        return -ENOMEM;
    }
    canvas.glyphs = (enum glyphs)cli_glyphs(cli, GLYPHS_BRAILLE);
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->pictures[i] != NULL) {
            app_set_target_picture(app, i, seen->pictures[i]);
        }
    }
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

/* `options` says what differs from one document to the next. */
static int
render(const struct cli *cli, struct picture *picture, const struct chosen *chosen,
       struct format_options options, struct buf *out)
{
    options.span_ns = config_integer(cli->config, "span");
    options.rows_max = 100000;
    if (chosen->format == NULL) {
        return draw(cli, &(struct seen){.pictures = &picture, .count = 1}, chosen->drawing,
                    chosen->filter, out);
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
    bool written = text->n == 0 || fwrite(text->data, 1, text->n, stdout) == text->n;
    bool good = written && fflush(stdout) == 0;
    return good ? 0 : -errno;
}

/* 0, or a negative errno and a sentence. */
static int
save(const struct cli *cli, struct picture *picture, const struct chosen *chosen, const char *path,
     char *why, size_t why_size)
{
    struct buf out;
    buf_init(&out, SNAPSHOT_MAX);
    int error = render(cli, picture, chosen, (struct format_options){.pretty = true}, &out);
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
    return error != 0 ? error : save(cli, (struct picture *)picture, &chosen, path, why, why_size);
}

/* The targets, each looked at, and the newest picture of each. */
struct round {
    const struct targets *targets;
    struct look **looks; /* NULL of a file, which keeps its picture */
    struct app_target *names;
    struct picture **pictures; /* NULL of one that does not answer any more */
    char (*texts)[TARGET_NAME_BYTES];
    size_t count, number; /* of rounds so far */
    int64_t wanted;       /* rounds; files alone have one moment */
};

static void
round_done(struct round *round)
{
    for (size_t i = 0; i < round->count; i++) {
        look_close(round->looks[i]);
        picture_release(round->pictures[i]);
    }
    free(round->looks);
    free(round->names);
    free(round->pictures);
    free(round->texts);
}

/* False, and a sentence on stderr, when one of them cannot be looked at at all. round_done in
 * either case. */
static bool
round_init(struct round *round, const struct cli *cli, const struct targets *targets)
{
    size_t n = targets->count;
    *round = (struct round){.targets = targets,
                            .looks = calloc(n, sizeof(struct look *)),
                            .names = calloc(n, sizeof(*round->names)),
                            .pictures = calloc(n, sizeof(struct picture *)),
                            .texts = calloc(n, sizeof(*round->texts))};
    if (round->looks == NULL || round->names == NULL || round->pictures == NULL ||
        round->texts == NULL) {
        cli_complain("out of memory");
        return false;
    }
    round->count = n;
    round->wanted = 1;
    for (size_t i = 0; i < n; i++) {
        bool file = targets->list[i].kind == TARGET_FILE;
        round->wanted = file ? round->wanted : config_integer(cli->config, "snapshot.count");
        round->names[i].name = targets_short_name(targets, i, round->texts[i], TARGET_NAME_BYTES);
        round->pictures[i] = file ? machine_open_file(cli, targets->list[i].name) : NULL;
        round->looks[i] = file ? NULL : look_open(targets, cli, i);
        if (round->pictures[i] == NULL && round->looks[i] == NULL) {
            return false;
        }
    }
    return true;
}

/* The next picture of each that still answers; true when all did. */
static bool
round_next(struct round *round, const struct cli *cli)
{
    bool all = true;
    for (size_t i = 0; i < round->count; i++) {
        bool silent = round->number > 0 && round->pictures[i] == NULL;
        if (round->looks[i] != NULL && !silent) {
            picture_release(round->pictures[i]);
            round->pictures[i] =
                round->number == 0
                    ? look_for(round->looks[i], config_integer(cli->config, "snapshot.for"))
                    : look_next(round->looks[i]);
        }
        all &= round->pictures[i] != NULL;
    }
    round->number++;
    return all;
}

/* The table of all targets; those that do not answer are in it with the reason. */
static int
draw_round(const struct round *round, const struct cli *cli, const struct chosen *chosen,
           struct buf *out)
{
    struct picture **pictures = calloc(round->count, sizeof(*pictures));
    struct seen seen = {.targets = round->names, .pictures = pictures, .count = round->count};
    for (size_t i = 0; pictures != NULL && i < round->count; i++) {
        pictures[i] = round->pictures[i] != NULL ? picture_acquire(round->pictures[i])
                                                 : look_last(round->looks[i]);
    }
    int error = pictures != NULL ? draw(cli, &seen, chosen->drawing, chosen->filter, out) : -ENOMEM;
    for (size_t i = 0; pictures != NULL && i < round->count; i++) {
        picture_release(pictures[i]);
    }
    free(pictures);
    return error;
}

static int
write_round(const struct round *round, const struct cli *cli, const struct chosen *chosen,
            struct buf *out)
{
    bool several = round->count > 1;
    bool pretty = !several && round->wanted == 1;
    int error = 0;
    if (several && chosen->format == NULL) {
        return draw_round(round, cli, chosen, out);
    }
    for (size_t i = 0; error == 0 && i < round->count; i++) {
        struct format_options options = {.pretty = pretty,
                                         .target = several ? round->names[i].name : NULL,
                                         .continues = round->number > 1 || i > 0};
        error =
            round->pictures[i] != NULL ? render(cli, round->pictures[i], chosen, options, out) : 0;
    }
    return error;
}

/* Lines of JSON, or drawings one after the other, collected and written at the end when a file is
 * asked for. */
static int
run_rounds(struct round *round, const struct cli *cli, const struct chosen *chosen,
           const char *path)
{
    struct buf out;
    bool stream = is_standard_output(path), any = false, all = true;
    int error = 0;
    buf_init(&out, SNAPSHOT_MAX);
    for (int64_t i = 0; error == 0 && i < round->wanted; i++) {
        all = round_next(round, cli) && all;
        error = write_round(round, cli, chosen, &out);
        any |= out.n > 0;
        if (error == 0 && stream) {
            error = put(path, &out);
            buf_clear(&out);
        }
    }
    if (error == 0 && !stream && any) {
        error = put(path, &out);
    }
    buf_done(&out);
    return error != 0 ? error : all ? 0 : -ENODATA;
}

/* Whether what is asked for can hold several targets; a sentence when not. */
static bool
check_several(const struct targets *targets, const struct chosen *chosen)
{
    bool fits = chosen->format == NULL || chosen->format->has_target;
    if (targets->count > 1 && !fits) {
        cli_complain("%s does not say which target a value is of, and there are %zu: take one, or "
                     "--format json, which is a document a line",
                     chosen->format->name, targets->count);
        return false;
    }
    return true;
}

static int
run_all(const struct cli *cli, const struct targets *targets, const struct chosen *chosen,
        const char *path)
{
    struct round round = {0};
    int code = EXIT_FAILED;
    if (!check_several(targets, chosen)) {
        return EXIT_USAGE;
    }
    if (round_init(&round, cli, targets)) {
        int error = run_rounds(&round, cli, chosen, path);
        if (error != 0 && error != -ENODATA) {
            cli_complain("%s: %s", is_standard_output(path) ? "standard output" : path,
                         strerror(-error));
        }
        code = error != 0 ? EXIT_FAILED : EXIT_DONE;
    }
    round_done(&round);
    return code;
}

static int
run_chosen(const struct cli *cli, struct chosen *chosen, const char *path)
{
    struct buf filter;
    struct targets targets = {0};
    int code = EXIT_USAGE;
    buf_init(&filter, TEXT_BYTES_MAX);
    bool wanted = wanted_filter(cli, &filter);
    if (wanted && targets_init(&targets, cli)) {
        chosen->filter = filter.n > 0 ? filter.data : NULL;
        code = run_all(cli, &targets, chosen, path);
    } else if (wanted) {
        code = targets_refusal(&targets);
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
