/* What a reader of the record stream says that it looks at (POST /api/v1/interest). */
#ifndef FLAMETOP_AGENT_WISHES_H
#define FLAMETOP_AGENT_WISHES_H

#include <cjson/cJSON.h>

#include "flametop/core/interest.h"
#include "flametop/core/picture.h"

/* Of an object; columns are those of the picture's processes, NULL: none. What is unknown or of
 * another type is not there. */
struct interest wishes_read(const struct picture *picture, const cJSON *body);

#endif
