/* The check command. A condition is METRIC OPERATOR VALUE [for TIME]: with a time it must have held
 * at each reading of that time, for which a target with a memory need not be waited. */
#include "check.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/nearest.h"
#include "flametop/core/query.h"
#include "flametop/core/unit.h"
#include "look.h"

#define FORMULA_BYTES 512
#define POINTS_MAX 4096
#define UNKNOWN_TICKS_MAX 3
#define GAP_NS                                                                                     \
    (60 * NS_PER_S) /* without readings for longer nothing is known of the time between */

enum comparison { ABOVE, ABOVE_OR_EQUAL, BELOW, BELOW_OR_EQUAL, EQUAL, NOT_EQUAL };

/* Longer ones first: ">" is the beginning of ">=". */
static const struct {
    const char *text;
    enum comparison comparison;
} operators[] = {{">=", ABOVE_OR_EQUAL}, {"<=", BELOW_OR_EQUAL}, {"==", EQUAL},
                 {"!=", NOT_EQUAL},      {">", ABOVE},           {"<", BELOW}};

struct condition {
    char formula[FORMULA_BYTES];
    char value_text[64]; /* read once the metric's unit is known */
    enum comparison comparison;
    double value;
    char unit[40];
    int64_t for_ns;
};

/* ---- reading it ---- */

/* The first operator outside braces. */
static bool
split(struct str text, struct str *ret_left, struct str *ret_right, enum comparison *ret)
{
    bool inside = false;
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = {text.p + i, text.n - i};
        inside = text.p[i] == '{' || (inside && text.p[i] != '}');
        for (size_t k = 0; !inside && k < ARRAY_SIZE(operators); k++) {
            if (str_starts(rest, operators[k].text)) {
                size_t n = strlen(operators[k].text);
                *ret_left = str_trim((struct str){text.p, i});
                *ret_right = str_trim((struct str){rest.p + n, rest.n - n});
                *ret = operators[k].comparison;
                return true;
            }
        }
    }
    return false;
}

/* Takes " for TIME" off the end. */
static bool
take_duration(struct str *value, int64_t *ret_ns, char *why, size_t why_size)
{
    static const char word[] = " for ";
    const char *at = memmem(value->p, value->n, word, strlen(word));
    double seconds;
    *ret_ns = 0;
    if (at == NULL) {
        return true;
    }
    struct str time = {at + strlen(word), value->n - (size_t)(at + strlen(word) - value->p)};
    if (!unit_parse(str_trim(time), "s", &seconds, why, why_size)) {
        return false;
    }
    if (!(seconds >= 0 && seconds <= 86400)) {
        snprintf(why, why_size, "the time after `for` is at most a day");
        return false;
    }
    *ret_ns = (int64_t)(seconds * 1e9);
    *value = str_trim((struct str){value->p, (size_t)(at - value->p)});
    return true;
}

static bool
condition_parse(const char *text, struct condition *ret, char *why, size_t why_size)
{
    struct str left, right;
    *ret = (struct condition){.value = NAN};
    if (!split(str_from(text), &left, &right, &ret->comparison) || left.n == 0) {
        snprintf(why, why_size,
                 "write METRIC OPERATOR VALUE, as in 'system.cpu.utilization > 90%% "
                 "for 10s'; the operators are > >= < <= == !=");
        return false;
    }
    if (!take_duration(&right, &ret->for_ns, why, why_size)) {
        return false;
    }
    if (left.n >= sizeof(ret->formula) || right.n >= sizeof(ret->value_text) || right.n == 0) {
        snprintf(why, why_size, "a value follows the operator: 90%%, 512MiB, 2s, 10");
        return false;
    }
    str_copy(left, ret->formula, sizeof(ret->formula));
    str_copy(right, ret->value_text, sizeof(ret->value_text));
    return true;
}

/* Whether it divides or multiplies: then it has another unit than what stands in it. */
static bool
is_product(struct str formula)
{
    bool inside = false;
    for (size_t i = 0; i < formula.n; i++) {
        inside = formula.p[i] == '{' || (inside && formula.p[i] != '}');
        if (!inside && (formula.p[i] == '*' || formula.p[i] == '/')) {
            return true;
        }
    }
    return false;
}

/* What the metric's values are written in: counters are looked at as their rate a second. */
static void
find_unit(const struct cli *cli, struct condition *condition)
{
    char name[FORMULA_BYTES];
    struct str text = str_from(condition->formula);
    if (is_product(text)) {
        str_copy(STR("1"), condition->unit, sizeof(condition->unit));
        return;
    }
    text.n = strcspn(text.p, " {+-()");
    str_copy(text, name, sizeof(name));
    const struct metric *metric = catalog_metric(cli->catalog, name);
    if (metric == NULL) {
        return;
    }
    bool seconds = strcmp(metric->unit, "s") == 0;
    snprintf(condition->unit, sizeof(condition->unit), "%s%s",
             metric->kind == METRIC_COUNTER && seconds ? "1" : metric->unit,
             metric->kind == METRIC_COUNTER && !seconds ? "/s" : "");
}

/* ---- judging it ---- */

static bool
holds(const struct condition *condition, double value)
{
    switch (condition->comparison) {
    case ABOVE:
        return value > condition->value;
    case ABOVE_OR_EQUAL:
        return value >= condition->value;
    case BELOW:
        return value < condition->value;
    case BELOW_OR_EQUAL:
        return value <= condition->value;
    case EQUAL:
        return value == condition->value;
    case NOT_EQUAL:
        return value != condition->value;
    }
    return false;
}

enum verdict { HOLDS, FAILS, NOT_YET, UNKNOWN };

/* Since when it has held at every reading. Kept from picture to picture: the time asked for may be
 * longer than the history. */
struct streak {
    int64_t since_ns, seen_ns; /* 0: nothing yet */
};

/* Back from the picture's moment, where it holds: to the reading in force at from_ns, to where the
 * streak was seen already, or to a time that nothing is known of. False and the value when it did
 * not hold at a reading since from_ns. */
static bool
look_back(const struct condition *condition, struct query *query, const struct picture *picture,
          int64_t from_ns, struct streak *streak, double *ret_value)
{
    static struct point points[POINTS_MAX];
    int64_t gap_ns = MAX(GAP_NS, 5 * picture->interval_ns);
    int64_t first_ns = picture->mono_ns, until_ns = MAX(from_ns - gap_ns, streak->seen_ns);
    size_t n = POINTS_MAX;
    for (int64_t to_ns = first_ns; n == POINTS_MAX; to_ns = points[0].mono_ns - 1) {
        n = query_points(query, picture, until_ns, to_ns, points, POINTS_MAX);
        for (size_t i = n; i-- > 0 && first_ns > from_ns;) {
            if (isnan(points[i].value)) {
                continue;
            }
            if (points[i].mono_ns > from_ns && !holds(condition, points[i].value)) {
                *ret_value = points[i].value;
                return false;
            }
            if (first_ns - points[i].mono_ns > gap_ns || !holds(condition, points[i].value)) {
                streak->since_ns = first_ns;
                return true;
            }
            first_ns = points[i].mono_ns;
        }
    }
    bool joins = streak->seen_ns > 0 && first_ns - streak->seen_ns <= gap_ns;
    streak->since_ns = joins ? MIN(streak->since_ns, first_ns) : first_ns;
    return true;
}

static enum verdict
judge(const struct condition *condition, struct query *query, const struct picture *picture,
      struct streak *streak, double *ret_value)
{
    *ret_value = query_now(query, picture);
    if (isnan(*ret_value)) {
        return UNKNOWN;
    }
    if (!holds(condition, *ret_value)) {
        return FAILS;
    }
    int64_t from_ns = picture->mono_ns - condition->for_ns;
    if (condition->for_ns == 0) {
        return HOLDS;
    }
    if (!look_back(condition, query, picture, from_ns, streak, ret_value)) {
        return FAILS;
    }
    streak->seen_ns = picture->mono_ns;
    return streak->since_ns <= from_ns + picture->interval_ns / 2 ? HOLDS : NOT_YET;
}

static int
say(const char *name, const struct condition *condition, enum verdict verdict, double value)
{
    static const struct {
        const char *word;
        int code;
    } answers[] = {[HOLDS] = {"true", EXIT_DONE},
                   [FAILS] = {"false", EXIT_FAILED},
                   [NOT_YET] = {"unknown", EXIT_UNKNOWN},
                   [UNKNOWN] = {"unknown", EXIT_UNKNOWN}};
    char text[64];
    unit_format(value, condition->unit, true, text, sizeof(text));
    printf("%s%s%s: %s is %s\n", name, name[0] != 0 ? " " : "", answers[verdict].word,
           condition->formula, text);
    fflush(stdout);
    return answers[verdict].code;
}

/* What the name that the formula begins with may have been meant to be; NULL: it is a metric, or
 * nothing is near. */
static const char *
nearest_metric(const struct cli *cli, const char *formula)
{
    size_t n = 0;
    while (isalnum((unsigned char)formula[n]) || (formula[n] != 0 && strchr("._:", formula[n]))) {
        n++;
    }
    char name[FORMULA_BYTES];
    str_copy((struct str){formula, n}, name, sizeof(name));
    if (n == 0 || catalog_metric(cli->catalog, name) != NULL) {
        return NULL;
    }
    struct nearest nearest;
    const struct metric *metric;
    nearest_init(&nearest, (struct str){formula, n});
    for (size_t i = 0; (metric = catalog_metric_at(cli->catalog, i)) != NULL; i++) {
        nearest_try(&nearest, metric->name);
    }
    return nearest.best;
}

/* The query can only be made when the target has said what it measures. */
static struct query *
prepare(const struct cli *cli, struct condition *condition, int *ret_code)
{
    char why[200] = "";
    struct query *query = query_new_formula(cli->catalog, condition->formula, why, sizeof(why));
    if (query == NULL) {
        const char *nearest = nearest_metric(cli, condition->formula);
        cli_complain(nearest != NULL ? "%s: did you mean %s?" : "%s", why, nearest);
        *ret_code = EXIT_UNKNOWN;
        return NULL;
    }
    find_unit(cli, condition);
    if (!unit_parse(str_from(condition->value_text), condition->unit, &condition->value, why,
                    sizeof(why))) {
        cli_complain("%s", why);
        query_free(query);
        *ret_code = EXIT_USAGE;
        return NULL;
    }
    return query;
}

/* `name` is "" when there is one target only. */
static int
check_target(const struct cli *cli, struct condition *condition, struct look *look,
             const char *name)
{
    int code = EXIT_UNKNOWN;
    double value = NAN;
    struct picture *picture = look_for(look, 0);
    struct query *query = picture != NULL ? prepare(cli, condition, &code) : NULL;
    enum verdict verdict = UNKNOWN;
    struct streak streak = {0};
    unsigned unknown = 0;
    while (query != NULL && picture != NULL) {
        verdict = judge(condition, query, picture, &streak, &value);
        unknown = verdict == UNKNOWN ? unknown + 1 : 0;
        if (verdict == HOLDS || verdict == FAILS || unknown == UNKNOWN_TICKS_MAX) {
            code = say(name, condition, verdict, value);
            break;
        }
        picture_release(picture);
        picture = look_next(look);
    }
    picture_release(picture);
    query_free(query);
    return code;
}

/* The first file among them; NULL. */
static const struct target *
find_file(const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        if (targets->list[i].kind == TARGET_FILE) {
            return &targets->list[i];
        }
    }
    return NULL;
}

/* Of two targets' answers the one that stands for both: EXIT_USAGE, true, unknown, false. */
static int
join(int code, int other)
{
    static const int order[] = {EXIT_USAGE, EXIT_DONE, EXIT_UNKNOWN};
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        if (code == order[i] || other == order[i]) {
            return order[i];
        }
    }
    return EXIT_FAILED;
}

/* All are connected at once, and asked one after the other. */
static int
check_all(const struct cli *cli, struct condition *condition, const struct targets *targets)
{
    struct look **looks = calloc(targets->count, sizeof(*looks));
    int code = looks != NULL ? EXIT_FAILED : EXIT_UNKNOWN;
    for (size_t i = 0; looks != NULL && i < targets->count; i++) {
        looks[i] = look_open(targets, cli, i);
    }
    for (size_t i = 0; looks != NULL && i < targets->count && code != EXIT_USAGE; i++) {
        char name[TARGET_NAME_BYTES] = "";
        if (targets->count > 1) {
            targets_short_name(targets, i, name, sizeof(name));
        }
        code = join(code,
                    looks[i] != NULL ? check_target(cli, condition, looks[i], name) : EXIT_UNKNOWN);
    }
    for (size_t i = 0; looks != NULL && i < targets->count; i++) {
        look_close(looks[i]);
    }
    free(looks);
    return code;
}

int
check_run(const struct cli *cli)
{
    struct condition condition;
    struct targets targets;
    char why[300] = "";
    if (!condition_parse(cli->line.arguments[0], &condition, why, sizeof(why))) {
        cli_complain("%s", why);
        return EXIT_USAGE;
    }
    struct cli rest = *cli; /* what follows the condition */
    rest.line.arguments++;
    rest.line.argument_count--;
    bool good = targets_init(&targets, &rest);
    const struct target *file = good ? find_file(&targets) : NULL;
    if (file != NULL) {
        cli_complain("%s is a file: check asks a target that is alive", file->name);
    }
    int code = good && file == NULL ? check_all(cli, &condition, &targets) : EXIT_USAGE;
    targets_done(&targets);
    return code;
}
