/* -p and -u. Names of users are those of the file that the process table's are from. */
#include "wanted.h"

#include <stdio.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/config/nearest.h"
#include "flametop/sources/users.h"
#include "flametop/core/filter.h"

/* The options, and the columns they are about. */
static const struct {
    const char *option, *term;
} rows[] = {{"processes.pids", "pid"}, {"processes.users", "user"}};

static bool
is_number(const char *text, uint64_t *ret_number)
{
    struct str rest = str_from(text);
    return text[0] >= '0' && text[0] <= '9' && str_u64(&rest, ret_number) && rest.n == 0;
}

/* The name, for a number that has one; else what was given. */
static const char *
name_of(const struct users *users, const char *user)
{
    uint64_t number;
    if (!is_number(user, &number)) {
        return user;
    }
    const char *name;
    uint32_t uid;
    for (size_t at = 0; (name = users_next(users, &at, &uid)) != NULL;) {
        if (uid == number) {
            return name;
        }
    }
    return user;
}

static bool
is_there(const struct users *users, const char *user, struct nearest *nearest)
{
    const char *name;
    uint32_t uid;
    for (size_t at = 0; (name = users_next(users, &at, &uid)) != NULL;) {
        if (strcmp(name, user) == 0) {
            return true;
        }
        nearest_try(nearest, name);
    }
    return false;
}

bool
wanted_check_user(const char *user, char *why, size_t why_size)
{
    uint64_t number;
    struct users *users = users_new(USERS_FILE);
    struct nearest nearest;
    nearest_init(&nearest, str_from(user));
    /* Numbers need no name: containers have users that only their own files name. */
    bool known = users == NULL || is_number(user, &number) || is_there(users, user, &nearest);
    if (!known) {
        char shown[64];
        utf8_clean(str_from(user), shown, sizeof(shown));
        snprintf(why, why_size, "there is no user %s in " USERS_FILE "%s%s%s", shown,
                 nearest.best != NULL ? "; did you mean " : " (a number is taken as it is)",
                 nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?" : "");
    }
    users_free(users);
    return known;
}

/* user=a|b */
static void
add_term(struct buf *text, const char *term, const char *const *items, size_t count,
         const struct users *users)
{
    for (size_t i = 0; i < count; i++) {
        const char *item = users != NULL ? name_of(users, items[i]) : items[i];
        if (i == 0) {
            buf_printf(text, "%s%s=", text->n > 0 ? " " : "", term);
        }
        buf_printf(text, "%s%s", i > 0 ? "|" : "", item);
    }
}

bool
wanted_filter(const struct cli *cli, struct buf *text)
{
    struct users *users = NULL;
    for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
        size_t count;
        const char *const *items = config_list(cli->config, rows[r].option, &count);
        if (r == 1 && count > 0) {
            users = users_new(USERS_FILE);
        }
        add_term(text, rows[r].term, items, count, users);
    }
    users_free(users);
    if (text->n > FILTER_BYTES_MAX || text->full) {
        cli_complain("-p and -u: too many; together they fill more than %d characters",
                     FILTER_BYTES_MAX);
        return false;
    }
    return true;
}

bool
wanted_in_vain(const struct cli *cli, const char *what)
{
    for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
        const char *origin = config_origin(cli->config, rows[r].option);
        if (origin[0] == '-') { /* a flag: what stands in a file is for other commands as well */
            cli_complain("%s: %s shows no processes", origin, what);
            return true;
        }
    }
    return false;
}
