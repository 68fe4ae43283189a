/* Symbols of the kernel and its modules, from the text of /proc/kallsyms. */
#ifndef FLAMETOP_SRC_PROFILE_KALLSYMS_H
#define FLAMETOP_SRC_PROFILE_KALLSYMS_H

#include "symbols.h"

#define KALLSYMS_MAX (UINT32_C(1) << 20)

/* Adds the whole lines of `text` that name code. Answers how many bytes those lines are: what is
 * left is the beginning of a line. Addresses that the kernel hides (they are 0) are left out. */
size_t kallsyms_add(struct symbols *symbols, struct str text);

#endif
