/* Profile files, told apart by what is in them.
 *
 * To add a format: write src/profile/NAME.c with `const struct profile_format profile_format_NAME`,
 * and give it a row in src/profile/read.c. */
#ifndef FLAMETOP_PROFILE_READ_H
#define FLAMETOP_PROFILE_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "flametop/base/str.h"
#include "flametop/core/profile.h"

#define PROFILE_FILE_BYTES_MAX ((size_t)2 << 30) /* unpacked as well */
#define PROFILE_HEAD_BYTES ((size_t)64 << 10)    /* so much of a file says what it is */

struct profile_format {
    const char *name; /* "folded" */
    const char *text; /* one sentence */

    /* Whether a file that begins so is of this format. `whole`: there is no more of it. */
    bool (*is)(struct str head, bool whole);

    /* Adds all of it. False, and a sentence with the place of what is wrong; then the profile holds
     * what came before. */
    bool (*read)(struct str text, struct profile *profile, char *why, size_t why_size);
};

extern const struct profile_format *const profile_format_table[];
extern const size_t profile_format_count;

/* The format of a file that begins so, packed by gzip or not; NULL when it is no profile. */
const struct profile_format *profile_detect(struct str head, bool whole);

/* Whether a file that begins so, of no known format as a whole, was meant as folded stacks: then
 * profile_read says which line is wrong. */
bool profile_begins_folded(struct str head, bool whole);

/* Adds a file's bytes to the profile's present side. False, and a sentence. */
bool profile_read(struct str bytes, struct profile *profile, char *why, size_t why_size);

#endif
