/* Profiles: read whole, then shown in the flame view; without a terminal, as a table of frames. */
#include "flame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/base/pages.h"
#include "flametop/base/utf8.h"
#include "flametop/core/flame.h"
#include "flametop/core/picture.h"
#include "flametop/core/unit.h"
#include "flametop/profile/read.h"
#include "flametop/profile/write.h"
#include "flametop/ui/app.h"
#include "flame_live.h"
#include "flame_requests.h"
#include "machine.h"
#include "monitor.h"

#define VIEW_FLAME 6
#define TEXT_BYTES 400
#define FRAMES_PRINTED 40
#define WHY_BYTES 300

/* ---- reading ---- */

static ssize_t
read_head(const char *path, char head[PROFILE_HEAD_BYTES])
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    ssize_t n = pread(fd, head, PROFILE_HEAD_BYTES, 0);
    close(fd);
    return n;
}

bool
flame_is_target(const struct cli *cli)
{
    if (cli->line.command->id != COMMAND_MONITOR || cli->line.argument_count != 1) {
        return false;
    }
    char *head = malloc(PROFILE_HEAD_BYTES);
    ssize_t n = head != NULL ? read_head(cli->line.arguments[0], head) : -1;
    struct str text = {head, n > 0 ? (size_t)n : 0};
    bool whole = text.n < PROFILE_HEAD_BYTES;
    bool is =
        text.n > 0 && (profile_detect(text, whole) != NULL || profile_begins_folded(text, whole));
    free(head);
    return is;
}

/* What is not in the page cache comes at the speed of the disk; all else is one copy. */
static char *
load(const char *path, size_t *ret_n)
{
    struct stat info;
    int error = 0, fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *data = NULL;
    if (fd < 0 || fstat(fd, &info) < 0) {
        error = errno;
    } else if (!S_ISREG(info.st_mode)) {
        error = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    } else if ((uint64_t)info.st_size > PROFILE_FILE_BYTES_MAX) {
        error = EFBIG;
    } else if ((data = pages_new((size_t)info.st_size + 1, 1, PAGES_HUGE)) == NULL) {
        error = ENOMEM;
    }
    size_t n = 0;
    while (error == 0 && n < (size_t)info.st_size) {
        ssize_t got = read(fd, data + n, (size_t)info.st_size - n);
        if (got <= 0) {
            error = got < 0 && errno != EINTR ? errno : 0;
            if (got == 0) {
                break;
            }
        }
        n += got > 0 ? (size_t)got : 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (error != 0) {
        cli_complain("%s: %s", path, strerror(error));
        pages_free(data);
        return NULL;
    }
    *ret_n = n;
    return data;
}

/* What is opened: the newer side, and the older where it is compared. Those of agents are targets,
 * in this order. */
struct opening {
    const struct cli *cli;
    const char *words[PROFILE_SIDES];
    unsigned count;
    struct targets targets;
    char shown[PROFILE_SIDES][TARGET_NAME_BYTES]; /* without what may be a secret */
};

static bool
is_of_requests(const char *word)
{
    return flame_requests_are_there(word) || flame_requests_are_in(word);
}

/* The targets of the words that are addresses; one word is one target. */
static bool
find_targets(struct opening *opening)
{
    struct cli asked = *opening->cli;
    const char *addresses[PROFILE_SIDES];
    asked.line.arguments = addresses;
    asked.line.argument_count = 0;
    for (unsigned i = 0; i < opening->count; i++) {
        str_copy(str_from(opening->words[i]), opening->shown[i], TARGET_NAME_BYTES);
        if (flame_requests_are_there(opening->words[i])) {
            addresses[asked.line.argument_count++] = opening->words[i];
        }
    }
    if (asked.line.argument_count == 0) {
        return true;
    }
    bool good = targets_init(&opening->targets, &asked);
    if (good && opening->targets.count > asked.line.argument_count) {
        cli_complain("a flame graph is of the requests of one agent: give its address");
        good = false;
    }
    return good;
}

/* Where the side's target stands; the same agent twice is one target. */
static size_t
target_of(const struct opening *opening, unsigned side)
{
    bool second = side > 0 && flame_requests_are_there(opening->words[0]);
    return second ? opening->targets.count - 1 : 0;
}

static bool
begin_opening(struct opening *opening, const struct cli *cli, const char *path, const char *older)
{
    *opening = (struct opening){
        .cli = cli, .words = {path, older}, .count = older[0] != '\0' ? PROFILE_SIDES : 1};
    bool requests = false;
    if (!find_targets(opening)) {
        return false;
    }
    for (unsigned i = 0; i < opening->count; i++) {
        requests |= is_of_requests(opening->words[i]);
        if (flame_requests_are_there(opening->words[i])) {
            const struct target *target = &opening->targets.list[target_of(opening, i)];
            str_copy(str_from(target->shown), opening->shown[i], TARGET_NAME_BYTES);
        }
    }
    bool chosen = flame_requests_are_chosen(cli);
    if (!requests && chosen) {
        cli_complain(
            "--filter, --from and --to choose requests: give an agent or a file of traces");
        return false;
    }
    return !chosen || flame_requests_check(cli);
}

static bool
add_side(const struct opening *opening, unsigned side, struct profile *profile)
{
    const char *word = opening->words[side];
    char why[WHY_BYTES] = "", *data;
    bool there = flame_requests_are_there(word), file = !there && !flame_requests_are_in(word);
    size_t n;
    data = there  ? flame_requests_ask(opening->cli, &opening->targets, target_of(opening, side),
                                       side == 0, &n)
           : file ? load(word, &n)
                  : flame_requests_load(opening->cli, word, side == 0, &n);
    if (data == NULL) {
        return false;
    }
    bool good = profile_read((struct str){data, n}, profile, why, sizeof(why));
    if (file) {
        pages_free(data);
    } else {
        free(data);
    }
    if (!good) {
        cli_complain("%s: %s", opening->shown[side], why);
    }
    return good;
}

static bool
has_values(const struct profile *profile)
{
    bool any = false;
    for (unsigned i = 0; i < profile->measure_count; i++) {
        any |= profile->values[0][i] != NULL;
    }
    return any;
}

static struct profile *
read_profile(const struct opening *opening, bool names_only)
{
    struct profile *profile = profile_new();
    bool requests = is_of_requests(opening->words[0]);
    if (profile == NULL) {
        cli_complain("out of memory");
        return NULL;
    }
    profile->names_only = names_only;
    profile->comparable = opening->count > 1 && requests && is_of_requests(opening->words[1]);
    bool good = add_side(opening, 0, profile);
    if (good && opening->count > 1) {
        profile_second_side(profile);
        good = add_side(opening, 1, profile);
    }
    if (good && !has_values(profile)) {
        bool far = flame_requests_are_there(opening->words[0]);
        cli_complain("%s: %s", opening->shown[0],
                     !requests ? "there are no stacks in it"
                     : flame_requests_are_chosen(opening->cli)
                         ? "no request there matches --filter, --from and --to"
                     : far ? "no requests are held there; --pid, --machine and --node sample"
                           : "no requests are held there");
        good = false;
    }
    profile_order(profile);
    profile_close(profile);
    if (!good) {
        profile_release(profile);
        return NULL;
    }
    return profile;
}

static bool
can_be_read_again(const struct opening *opening)
{
    struct stat there;
    bool can = true;
    for (unsigned i = 0; i < opening->count; i++) {
        bool file = stat(opening->words[i], &there) == 0 && S_ISREG(there.st_mode);
        can &= file || flame_requests_are_there(opening->words[i]);
    }
    return can;
}

/* Formats that do not know modules would share no frame with those that do. */
static struct profile *
open_profile(const struct opening *opening)
{
    struct profile *profile = read_profile(opening, false);
    if (profile != NULL && opening->count > 1 && profile->modules[0] != profile->modules[1] &&
        can_be_read_again(opening)) {
        profile_release(profile);
        profile = read_profile(opening, true);
    }
    return profile;
}

/* ---- saying what it is ---- */

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static void
name_side(const struct opening *opening, unsigned side, char *dst, size_t size)
{
    char name[128];
    utf8_clean(str_from(base_name(opening->shown[side])), name, sizeof(name));
    snprintf(dst, size, "%s%s", is_of_requests(opening->words[side]) ? "requests of " : "", name);
}

/* What of the whole is not there. */
static void
say_left(const struct profile *profile, char *dst, size_t size)
{
    uint64_t refused = profile->refused[0] + profile->refused[1];
    dst[0] = '\0';
    if (profile->cut > 0) {
        snprintf(dst, size, "; %llu calls did not fit and count for their caller",
                 (unsigned long long)profile->cut);
    } else if (refused > 0) {
        snprintf(dst, size, "; %llu values below zero are left out", (unsigned long long)refused);
    }
}

static void
describe(const struct profile *profile, const struct opening *opening, char *dst, size_t size)
{
    char name[160], other[160] = "", left[160], chosen[160];
    name_side(opening, 0, name, sizeof(name));
    if (opening->count > 1) {
        name_side(opening, 1, other, sizeof(other));
    }
    flame_requests_say(opening->cli, chosen, sizeof(chosen));
    say_left(profile, left, sizeof(left));
    snprintf(dst, size, "%s%s%s%s: %u frames in %u calls%s", name,
             other[0] != '\0' ? " against " : "", other, chosen, profile->frame_count,
             profile->node_count - 1, left);
}

/* ---- writing ---- */

int
flame_save(const struct flame *flame, const char *title, const char *path, char *why,
           size_t why_size)
{
    struct buf out;
    buf_init(&out, PROFILE_FILE_BYTES_MAX);
    int error = profile_write(flame, title, path, &out, why, why_size) ? 0 : -EINVAL;
    if (error == 0) {
        error = file_write_atomic(path, out.data, out.n, 0644);
        if (error != 0) {
            snprintf(why, why_size, "%s: %s", path, strerror(-error));
        }
    }
    buf_done(&out);
    return error;
}

static struct flame *
make_flame(const struct profile *profile)
{
    struct flame_options options = {.measure = profile->measure_chosen};
    struct flame *flame = flame_new(profile, &options);
    if (flame == NULL || !flame_step(flame, INT64_MAX) || flame->failed) {
        cli_complain("out of memory");
        flame_free(flame);
        return NULL;
    }
    return flame;
}

static int
write_file(const struct profile *profile, const char *title, const char *path)
{
    struct flame *flame = make_flame(profile);
    char why[WHY_BYTES] = "";
    int code = EXIT_FAILED;
    if (flame == NULL) {
        return code;
    }
    if (strcmp(path, "-") == 0) {
        struct buf out;
        buf_init(&out, PROFILE_FILE_BYTES_MAX);
        if (profile_write(flame, title, ".folded", &out, why, sizeof(why))) {
            code = cli_print(&out);
        }
        buf_done(&out);
    } else if (flame_save(flame, title, path, why, sizeof(why)) == 0) {
        code = EXIT_DONE;
    }
    if (why[0] != '\0') {
        cli_complain("%s", why);
    }
    flame_free(flame);
    return code;
}

/* ---- without a terminal ---- */

struct row {
    double self;
    uint32_t frame;
};

static int
compare(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    return left->self != right->self ? (left->self < right->self ? 1 : -1)
                                     : (left->frame > right->frame) - (left->frame < right->frame);
}

static void
print_row(const struct profile *profile, const struct flame *flame, uint32_t frame, struct buf *out)
{
    const struct profile_measure *measure = &profile->measures[profile->measure_chosen];
    const struct flame_sum *sum = &flame->sums[frame];
    char self[32], total[32], name[256], change[32] = "";
    utf8_clean((struct str){profile->frames[frame].name, profile->frames[frame].name_n}, name,
               sizeof(name));
    unit_format(sum->self[0] * measure->scale, measure->unit, true, self, sizeof(self));
    unit_format(sum->total[0] * measure->scale, measure->unit, true, total, sizeof(total));
    double whole = MAX(flame->total[0][0], 1e-300);
    if (profile->sides > 1) {
        snprintf(change, sizeof(change), "%+9.1f %%", (sum->self[0] - sum->self[1]) / whole * 100);
    }
    buf_printf(out, "%10s %6.1f %%  %10s %6.1f %%%s  %s\n", self, sum->self[0] / whole * 100, total,
               sum->total[0] / whole * 100, change, name);
}

static int
print_frames(const struct profile *profile, const char *text)
{
    struct flame *flame = make_flame(profile);
    struct row *rows = calloc((size_t)profile->frame_count + 1, sizeof(*rows));
    if (flame == NULL || rows == NULL) {
        flame_free(flame);
        free(rows);
        return EXIT_FAILED;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < profile->frame_count; i++) {
        if (flame->sums[i].total[0] > 0 || flame->sums[i].total[1] > 0) {
            rows[count++] = (struct row){flame->sums[i].self[0], i};
        }
    }
    qsort(rows, count, sizeof(*rows), compare);
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    buf_printf(&out, "%s\n%10s %8s  %10s %8s%s  FRAME\n", text, "SELF", "", "TOTAL", "",
               profile->sides > 1 ? "   SELF +/-" : "");
    for (uint32_t i = 0; i < MIN(count, (uint32_t)FRAMES_PRINTED); i++) {
        print_row(profile, flame, rows[i].frame, &out);
    }
    int code = cli_print(&out);
    buf_done(&out);
    free(rows);
    flame_free(flame);
    return code;
}

/* ---- the screen ---- */

static int
show(const struct cli *cli, const struct profile *profile, const char *path, const char *text)
{
    struct picture *picture = machine_file_picture(cli, path);
    if (picture == NULL) {
        cli_complain("out of memory");
        return EXIT_FAILED;
    }
    struct app_options options = {
        .view = VIEW_FLAME, .profile = profile, .profile_text = text, .save_flame = flame_save};
    int code = monitor_show(cli, &options, picture);
    picture_release(picture);
    return code;
}

static const char *
output_of(const struct cli *cli)
{
    bool named = cli->line.command->id == COMMAND_FLAME;
    return named ? config_text(cli->config, "flame.output") : "";
}

int
flame_finish(const struct cli *cli, const struct profile *profile, const char *text)
{
    const char *output = output_of(cli);
    return output[0] != '\0' ? write_file(profile, text, output) : print_frames(profile, text);
}

/* Of an agent the requests view is behind the graph. */
static int
finish(struct opening *opening, const struct profile *profile)
{
    const struct cli *cli = opening->cli;
    char text[TEXT_BYTES];
    describe(profile, opening, text, sizeof(text));
    if (output_of(cli)[0] != '\0' || !isatty(STDOUT_FILENO)) {
        return flame_finish(cli, profile, text);
    }
    if (flame_requests_are_there(opening->words[0])) {
        opening->targets.count = 1;
        return monitor_profile(cli, &opening->targets, profile, text);
    }
    return show(cli, profile, opening->words[0], text);
}

int
flame_run(const struct cli *cli)
{
    bool named = cli->line.command->id == COMMAND_FLAME;
    const char *older = named ? config_text(cli->config, "flame.diff") : "";
    const char *output = output_of(cli);
    char why[WHY_BYTES];
    bool writes = output[0] != '\0' && strcmp(output, "-") != 0; /* sampling may take long */
    if (writes && !profile_writes(output, why, sizeof(why))) {
        cli_complain("%s", why);
        return EXIT_USAGE;
    }
    int error = writes ? file_may_write(output) : 0;
    if (error != 0) {
        cli_complain("%s: %s", output, strerror(-error));
        return EXIT_FAILED;
    }
    if (flame_live_is_wanted(cli)) {
        return flame_live_run(cli);
    }
    struct opening opening;
    bool good = begin_opening(&opening, cli, cli->line.arguments[0], older);
    struct profile *profile = good ? open_profile(&opening) : NULL;
    int code = profile != NULL ? finish(&opening, profile) : good ? EXIT_FAILED : EXIT_USAGE;
    profile_release(profile);
    targets_done(&opening.targets);
    return code;
}
