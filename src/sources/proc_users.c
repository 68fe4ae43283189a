/* User names by number, read from passwd(5) and read again when the file changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "flametop/base/clock.h"
#include "flametop/base/file.h"
#include "flametop/base/hash.h"
#include "flametop/base/macros.h"
#include "flametop/base/utf8.h"
#include "flametop/sources/users.h"

#define USERS_MAX 16384
#define PASSWD_BYTES_MAX ((size_t)4 << 20)
#define TICKS_BETWEEN_CHECKS 60
#define USER_NAME_BYTES 33 /* 32 and NUL, as useradd(8) allows */

struct user {
    uint32_t uid;
    char name[USER_NAME_BYTES];
    const char *copy; /* in the arena of `tick` */
    uint64_t tick;
};

struct users {
    const char *path;
    struct map by_uid;        /* uid + 1 */
    int64_t changed_ns, size; /* of the file that was read */
    uint64_t checked_tick;
};

static void
forget(struct users *users)
{
    size_t at = 0;
    uint64_t key;
    struct user *user;
    while ((user = map_next(&users->by_uid, &at, &key)) != NULL) {
        free(user);
    }
    map_clear(&users->by_uid);
}

static struct user *
add(struct users *users, uint32_t uid, struct str name)
{
    struct user *user = calloc(1, sizeof(*user));
    if (user == NULL) {
        return NULL;
    }
    user->uid = uid;
    utf8_clean(name, user->name, sizeof(user->name));
    if (!map_put(&users->by_uid, (uint64_t)uid + 1, user)) {
        free(user);
        return NULL;
    }
    return user;
}

/* name:password:uid:gid:... The first of several names for a number counts. */
static void
take_line(struct users *users, struct str line)
{
    struct str name, password;
    uint64_t uid;
    if (str_until(&line, ':', &name) && name.n > 0 && str_until(&line, ':', &password) &&
        str_u64(&line, &uid) && uid < UINT32_MAX && map_get(&users->by_uid, uid + 1) == NULL) {
        add(users, (uint32_t)uid, name);
    }
}

static void
load(struct users *users)
{
    struct stat info;
    if (stat(users->path, &info) < 0 || !S_ISREG(info.st_mode)) {
        return;
    }
    int64_t changed_ns = info.st_mtim.tv_sec * NS_PER_S + info.st_mtim.tv_nsec;
    char *data;
    if (changed_ns == users->changed_ns && info.st_size == users->size) {
        return;
    }
    ssize_t n = file_load(users->path, PASSWD_BYTES_MAX, &data);
    if (n < 0) {
        return;
    }
    users->changed_ns = changed_ns;
    users->size = info.st_size;
    forget(users);
    struct str rest = {data, (size_t)n}, line;
    while (str_line(&rest, &line)) {
        take_line(users, line);
    }
    free(data);
}

struct users *
users_new(const char *path)
{
    struct users *users = calloc(1, sizeof(*users));
    if (users != NULL) {
        users->path = path;
        map_init(&users->by_uid, USERS_MAX);
        load(users);
    }
    return users;
}

void
users_free(struct users *users)
{
    if (users != NULL) {
        forget(users);
        map_done(&users->by_uid);
        free(users);
    }
}

static void
check(struct users *users, uint64_t tick)
{
    users->checked_tick = tick;
    load(users);
}

static struct user *
find(struct users *users, uint32_t uid, uint64_t tick)
{
    if (tick - users->checked_tick >= TICKS_BETWEEN_CHECKS) {
        check(users, tick); /* also who is known may have got another name, or a number one */
    }
    struct user *user = map_get(&users->by_uid, (uint64_t)uid + 1);
    if (user == NULL && users->checked_tick != tick) {
        check(users, tick);
        user = map_get(&users->by_uid, (uint64_t)uid + 1);
    }
    if (user == NULL) {
        char number[16];
        int n = snprintf(number, sizeof(number), "%u", uid);
        user = add(users, uid, (struct str){number, (size_t)n});
    }
    return user;
}

const char *
users_name(struct users *users, uint32_t uid, struct arena *arena, uint64_t tick)
{
    struct user *user = find(users, uid, tick);
    if (user == NULL) {
        return NULL;
    }
    if (user->tick != tick) {
        user->copy = arena_text(arena, user->name, strlen(user->name));
        user->tick = tick;
    }
    return user->copy;
}

const char *
users_next(const struct users *users, size_t *at, uint32_t *ret_uid)
{
    uint64_t key;
    const struct user *user = map_next(&users->by_uid, at, &key);
    if (user == NULL) {
        return NULL;
    }
    *ret_uid = user->uid;
    return user->name;
}
