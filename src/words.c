/* Words of the command line: a file, a URL, nodes, a group of the configuration, and braces that
 * stand for several of them. */
#include "words.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/nearest.h"
#include "flametop/net/url.h"
#include "flametop/sources/guess.h"
#include "nodes.h"

#define GROUP_DEPTH_MAX 4

/* ---- braces ---- */

/* "web-{01..40}" and "{a,b}.example" into `out`, one a line; a text without braces is one line.
 * False when there would be more than `max`, or a brace does not close. */
static bool expand(struct str text, size_t max, struct buf *out);

/* The body between braces is "01..40" or "a,b,c". */
static bool expand_body(struct str before, struct str body, struct str after, size_t max,
                        struct buf *out);

static bool
expand_range(struct str before, struct str body, struct str after, size_t max, struct buf *out,
             bool *ret_is_range)
{
    struct str rest = body, dots;
    uint64_t from, to;
    *ret_is_range = false;
    if (!str_u64(&rest, &from) || !str_starts(rest, "..")) {
        return true;
    }
    int width = rest.p - body.p > 1 && body.p[0] == '0' ? (int)(rest.p - body.p) : 0;
    dots = (struct str){rest.p + 2, rest.n - 2};
    if (!str_u64(&dots, &to) || dots.n > 0) {
        return true;
    }
    *ret_is_range = true;
    char number[24];
    if (to < from || to - from >= max || width >= (int)sizeof(number)) {
        return false;
    }
    for (uint64_t i = from; i <= to; i++) {
        snprintf(number, sizeof(number), "%0*llu", width, (unsigned long long)i);
        if (!expand_body(before, str_from(number), after, max, out)) {
            return false;
        }
    }
    return true;
}

/* One choice put between its neighbours, whose own braces are expanded then. */
static bool
expand_body(struct str before, struct str body, struct str after, size_t max, struct buf *out)
{
    char text[TARGET_NAME_BYTES];
    int n = snprintf(text, sizeof(text), "%.*s%.*s%.*s", (int)before.n, before.p, (int)body.n,
                     body.p, (int)after.n, after.p);
    return n > 0 && (size_t)n < sizeof(text) && expand((struct str){text, (size_t)n}, max, out);
}

static size_t
line_count(const struct buf *text)
{
    size_t count = 0;
    for (size_t i = 0; i < text->n; i++) {
        count += text->data[i] == '\n';
    }
    return count;
}

static bool
expand(struct str text, size_t max, struct buf *out)
{
    const char *open = memchr(text.p, '{', text.n);
    if (open == NULL) {
        buf_printf(out, "%.*s\n", (int)text.n, text.p);
        return !out->full && line_count(out) <= max;
    }
    size_t at = (size_t)(open - text.p) + 1;
    const char *close = memchr(text.p + at, '}', text.n - at);
    if (close == NULL) {
        return false;
    }
    struct str before = {text.p, at - 1}, body = {text.p + at, (size_t)(close - text.p) - at};
    struct str after = {close + 1, text.n - at - body.n - 1}, part;
    bool is_range;
    if (body.n == 0 || !expand_range(before, body, after, max, out, &is_range)) {
        return false;
    }
    if (!is_range && memchr(body.p, ',', body.n) == NULL &&
        memmem(body.p, body.n, "..", 2) != NULL) {
        return false; /* half a range */
    }
    while (!is_range && str_until(&body, ',', &part)) {
        if (!expand_body(before, part, after, max, out)) {
            return false;
        }
    }
    return true;
}

/* ---- one word ---- */

static bool
has_port(struct str text)
{
    const char *colon = memrchr(text.p, ':', text.n);
    uint64_t port;
    if (colon == NULL) {
        return false;
    }
    struct str rest = {colon + 1, text.n - (size_t)(colon + 1 - text.p)};
    return str_u64(&rest, &port) && (rest.n == 0 || rest.p[0] == '/');
}

static bool
add_url(struct targets *targets, const struct cli *cli, const char *word)
{
    struct url url;
    char why[200] = "";
    if (!url_parse(str_from(word), &url, why, sizeof(why))) {
        char shown[200];
        utf8_clean(str_from(word), shown, sizeof(shown));
        if (strchr(word, '@') != NULL && strstr(why, "netrc") != NULL) {
            str_copy(str_from("the target"), shown, sizeof(shown)); /* it holds a password */
        }
        cli_complain("%s: %s", shown, why);
        return false;
    }
    struct target *target = targets_add(targets, cli, TARGET_LINK, word);
    if (target != NULL) {
        target->guess = guess_wanted(&url);
    }
    return target != NULL;
}

/* What the word could have meant. Who it would be there, and a password, are not repeated. */
static void
explain(const char *word)
{
    char shown[200];
    const char *at = strrchr(word, '@');
    word = at != NULL && at[1] != '\0' ? at + 1 : word;
    utf8_clean(str_from(word), shown, sizeof(shown));
    if (strpbrk(word, "/.") != NULL && word[0] != '.' && strchr(word, '/') == NULL) {
        cli_complain("there is no file %s; if it is a server: http://%s for an agent or another "
                     "monitoring endpoint, ssh://%s to start an agent there",
                     shown, shown, shown);
    } else if (strchr(word, '/') != NULL) {
        cli_complain(
            "there is no file %s: give a snapshot (flametop snapshot -o x.json writes one), "
            "or nothing for this machine",
            shown);
    } else {
        cli_complain("%s is neither a file nor a command: http://%s attaches to a server of that "
                     "name (an agent listens on 7711), ssh://%s starts an agent there, and nothing "
                     "means this machine",
                     shown, shown, shown);
    }
}

static bool add_word(struct targets *targets, const struct cli *cli, const char *word,
                     unsigned depth);

static bool
add_group(struct targets *targets, const struct cli *cli, const char *name, unsigned depth)
{
    size_t count;
    const char *const *members = config_group(cli->config, name, &count);
    if (members == NULL) {
        struct nearest nearest;
        const char *other;
        nearest_init(&nearest, str_from(name));
        for (size_t i = 0; (other = config_group_name(cli->config, i)) != NULL; i++) {
            nearest_try(&nearest, other);
        }
        cli_complain("@%s: there is no such group in the configuration (targets: %s: [...])%s%s%s",
                     name, name, nearest.best != NULL ? "; did you mean @" : "",
                     nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?" : "");
        return false;
    }
    if (count == 0) {
        cli_complain("@%s: there is nothing in this group", name);
        return false;
    }
    if (depth == GROUP_DEPTH_MAX) {
        cli_complain("@%s: groups are nested too deep", name);
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        good = add_word(targets, cli, members[i], depth + 1) && good;
    }
    return good;
}

static bool
add_one(struct targets *targets, const struct cli *cli, const char *word, unsigned depth)
{
    struct stat info;
    if (strcmp(word, "local") == 0) {
        return targets_add(targets, cli, TARGET_LOCAL, word) != NULL;
    }
    if (word[0] == '@') {
        return add_group(targets, cli, word + 1, depth);
    }
    if (stat(word, &info) == 0) {
        char url[TARGET_NAME_BYTES];
        snprintf(url, sizeof(url), "unix:%s", word);
        return S_ISSOCK(info.st_mode) ? add_url(targets, cli, url)
                                      : targets_add(targets, cli, TARGET_FILE, word) != NULL;
    }
    if (nodes_is_one(word)) {
        return nodes_add(targets, cli, word);
    }
    if (strncmp(word, "ssh://", 6) == 0) {
        return targets_add(targets, cli, TARGET_SSH, word) != NULL;
    }
    if (strncmp(word, "unix:", 5) == 0 || strstr(word, "://") != NULL || has_port(str_from(word))) {
        return add_url(targets, cli, word);
    }
    explain(word);
    return false;
}

static bool
add_word(struct targets *targets, const struct cli *cli, const char *word, unsigned depth)
{
    struct buf lines;
    struct stat info;
    if (strchr(word, '{') == NULL || stat(word, &info) == 0) {
        return add_one(targets, cli, word, depth);
    }
    buf_init(&lines, (size_t)TARGETS_MAX * TARGET_NAME_BYTES);
    bool good = expand(str_from(word), TARGETS_MAX, &lines);
    if (!good) {
        cli_complain("%s: braces are {01..40} or {a,b}, and stand for at most %d targets", word,
                     TARGETS_MAX);
    }
    struct str rest = {lines.data, lines.n}, line;
    while (good && str_line(&rest, &line)) {
        char one[TARGET_NAME_BYTES];
        good = add_one(targets, cli, str_copy(line, one, sizeof(one)), depth);
    }
    buf_done(&lines);
    return good;
}

bool
words_to_targets(struct targets *targets, const struct cli *cli, const char *word)
{
    return add_word(targets, cli, word, 0);
}
