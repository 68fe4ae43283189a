/* Foreign JSON. */
#include "json_read.h"

#include <math.h>
#include <string.h>

#include "flametop/base/utf8.h"

enum { CELL_BYTES = 256 };

cJSON *
json_parse(struct str text)
{
    return text.p != NULL ? cJSON_ParseWithLength(text.p, text.n) : NULL;
}

const cJSON *
json_at(const cJSON *item, const char *path)
{
    struct str rest = str_from(path), part;
    while (item != NULL && str_until(&rest, '.', &part)) {
        char key[64];
        str_copy(part, key, sizeof(key));
        item = cJSON_IsObject(item) ? cJSON_GetObjectItemCaseSensitive(item, key) : NULL;
    }
    return item;
}

double
json_number(const cJSON *item)
{
    double value;
    if (cJSON_IsNumber(item)) {
        return isfinite(item->valuedouble) ? item->valuedouble : NAN;
    }
    if (!cJSON_IsString(item)) {
        return NAN;
    }
    struct str rest = str_trim(str_from(item->valuestring));
    bool whole = rest.n > 0 && str_double(&rest, &value) && rest.n == 0;
    return whole && isfinite(value) ? value : NAN;
}

double
json_number_at(const cJSON *item, const char *path)
{
    return json_number(json_at(item, path));
}

char *
json_text_at(const cJSON *item, const char *path, char *dst, size_t size)
{
    const cJSON *at = json_at(item, path);
    utf8_clean(cJSON_IsString(at) ? str_from(at->valuestring) : STR(""), dst, size);
    return dst;
}

const char *
json_cell_at(const cJSON *item, const char *path, struct arena *arena)
{
    char text[CELL_BYTES];
    if (!cJSON_IsString(json_at(item, path))) {
        return NULL;
    }
    json_text_at(item, path, text, sizeof(text));
    return arena_text(arena, text, strlen(text));
}
