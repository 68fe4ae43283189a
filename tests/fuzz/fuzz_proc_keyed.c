/* Files of keys and values: one plan over a sequence of texts, each ended by a NUL, never answers a
 * number that no line of the text has for that key. */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../src/sources/proc_parse.h"
#include "flametop/base/macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether one of the lines, read alone, says so. */
static bool
is_there(struct str text, struct keyed_shape shape, const char *const *key, double value)
{
    while (text.n > 0) {
        const char *end = memchr(text.p, '\n', text.n);
        if (end == NULL) {
            return false;
        }
        size_t n = (size_t)(end - text.p) + 1;
        struct keyed_plan alone = {.lines = 0};
        double got;
        parse_keyed((struct str){text.p, n}, shape, key, 1, &alone, &got);
        if (got == value) {
            return true;
        }
        text = (struct str){text.p + n, text.n - n};
    }
    return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const keys[] = {"a", "b", "MemTotal", "MemFree", "Active(anon)"};
    if (size == 0) {
        return 0;
    }
    struct keyed_shape shape = {data[0] & 3, data[0] >> 2 & 3};
    struct keyed_plan plan = {.lines = 0};
    struct str rest = {(const char *)data + 1, size - 1}, text;
    while (str_until(&rest, 0, &text)) {
        double values[ARRAY_SIZE(keys)];
        parse_keyed(text, shape, keys, ARRAY_SIZE(keys), &plan, values);
        assert(plan.lines <= KEYED_LINES_MAX);
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
            assert(isnan(values[i]) || is_there(text, shape, &keys[i], values[i]));
        }
    }
    return 0;
}
