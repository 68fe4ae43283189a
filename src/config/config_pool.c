/* What the configuration says of pools. */
#include <stddef.h>
#include <string.h>

#include "config_parts.h"
#include "flametop/base/macros.h"

bool
config_pool(const struct config *config, size_t index, struct config_pool *ret_pool)
{
    static const struct {
        const char *field;
        size_t offset;
    } rows[] = {
        {"call", offsetof(struct config_pool, call)},
        {"process", offsetof(struct config_pool, process)},
        {"rows", offsetof(struct config_pool, rows)},
        {"pool", offsetof(struct config_pool, pool)},
        {"workers", offsetof(struct config_pool, workers)},
        {"busy", offsetof(struct config_pool, busy)},
        {"available", offsetof(struct config_pool, available)},
        {"queue", offsetof(struct config_pool, queue)},
        {"queue_limit", offsetof(struct config_pool, queue_limit)},
        {"requests", offsetof(struct config_pool, requests)},
        {"errors", offsetof(struct config_pool, errors)},
        {"timeouts", offsetof(struct config_pool, timeouts)},
        {"refused", offsetof(struct config_pool, refused)},
        {"sessions", offsetof(struct config_pool, sessions)},
    };
    const struct entry *first = config_named(config, "pools", index);
    if (first == NULL) {
        return false;
    }
    *ret_pool = (struct config_pool){.name = first->key.context};
    for (const struct entry *entry = first; entry != NULL;
         entry = config_named_next(first, entry)) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            if (strcmp(entry->field->name, rows[i].field) == 0) {
                const char **field = (const char **)((char *)ret_pool + rows[i].offset);
                *field = entry->setting.value.text;
            }
        }
    }
    return true;
}
