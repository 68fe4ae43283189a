/* The formats there are, for the table. */
#ifndef FLAMETOP_SRC_PROFILE_FORMATS_H
#define FLAMETOP_SRC_PROFILE_FORMATS_H

#include "flametop/profile/read.h"

extern const struct profile_format profile_format_folded;

#endif
