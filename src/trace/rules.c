/* Rules as they are written in the configuration. */
#include <stdio.h>
#include <string.h>

#include "flametop/base/utf8.h"
#include "flametop/core/unit.h"
#include "flametop/trace/filter.h"
#include "flametop/trace/store.h"

/* "PATTERNS=VALUE" at its last =. */
static bool
split(struct str text, struct str *ret_what, struct str *ret_value)
{
    text = str_trim(text);
    for (size_t i = text.n; i-- > 0;) {
        if (text.p[i] == '=') {
            *ret_what = str_trim((struct str){text.p, i});
            *ret_value = str_trim((struct str){text.p + i + 1, text.n - i - 1});
            return ret_what->n > 0 && ret_value->n > 0;
        }
    }
    return false;
}

/* Takes "NAME:PATTERN" off the front; the pattern ends at a blank. */
static const char *
take(struct str *what, const char *name, struct arena *arena)
{
    struct str rest = *what, word;
    size_t n = strlen(name);
    if (!str_word(&rest, &word) || !str_starts(word, name)) {
        return "";
    }
    *what = str_trim(rest);
    return arena_text(arena, word.p + n, word.n - n);
}

static bool
complain(char *why, size_t why_size, struct str text, const char *example)
{
    char shown[64];
    utf8_clean(text, shown, sizeof(shown));
    snprintf(why, why_size, "'%s' is no rule; write it like %s", shown, example);
    return false;
}

bool
trace_threshold_parse(struct str text, struct arena *arena, struct trace_threshold *ret_rule,
                      char *why, size_t why_size)
{
    struct str what, value;
    struct trace_threshold rule;
    if (!split(text, &what, &value)) {
        return complain(why, why_size, text,
                        "\"POST /tools/*=5s\" or \"tool:database-query=200ms\"");
    }
    if (!unit_parse(value, "s", &rule.seconds, why, why_size)) {
        return false;
    }
    rule.tool = take(&what, "tool:", arena);
    rule.endpoint = arena_text(arena, what.p, what.n);
    *ret_rule = rule;
    return true;
}

bool
trace_sampling_parse(struct str text, struct arena *arena, struct trace_sampling *ret_rule,
                     char *why, size_t why_size)
{
    struct str what, value;
    struct trace_sampling rule;
    if (!split(text, &what, &value)) {
        return complain(why, why_size, text, "\"GET /health=1%\" or \"service:shop *=10%\"");
    }
    if (!unit_parse(value, "1", &rule.probability, why, why_size)) {
        return false;
    }
    if (rule.probability < 0 || rule.probability > 1) {
        snprintf(why, why_size, "a share of traces is 0%% to 100%%");
        return false;
    }
    rule.service = take(&what, "service:", arena);
    rule.endpoint = arena_text(arena, what.p, what.n);
    *ret_rule = rule;
    return true;
}
