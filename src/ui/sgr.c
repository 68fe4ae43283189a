#include <stdbool.h>
#include <string.h>

#include "sgr.h"

/* The length of the sequence these bytes begin with; 0: with none. */
static size_t
sgr_length(const char *bytes, size_t n)
{
    if (n < 3 || bytes[0] != '\33' || bytes[1] != '[') {
        return 0;
    }
    size_t i = 2;
    while (i < n && ((bytes[i] >= '0' && bytes[i] <= '9') || bytes[i] == ';')) {
        i++;
    }
    return i < n && bytes[i] == 'm' ? i + 1 : 0;
}

/* Whether nothing of what was set before is left after it: no parameter, or 0 as the first. */
static bool
begins_anew(const char *sequence)
{
    const char *first = sequence + 2;
    return *first == 'm' || (first[0] == '0' && (first[1] == ';' || first[1] == 'm'));
}

size_t
sgr_fold(char *bytes, size_t n)
{
    size_t kept = 0, run = 0; /* where the sequences begin that stand right before `kept` */
    for (size_t at = 0; at < n;) {
        size_t length = sgr_length(bytes + at, n - at);
        if (length == 0) {
            bytes[kept++] = bytes[at++];
            run = kept;
            continue;
        }
        if (begins_anew(bytes + at)) {
            kept = run;
        }
        memmove(bytes + kept, bytes + at, length);
        kept += length;
        at += length;
    }
    return kept;
}
