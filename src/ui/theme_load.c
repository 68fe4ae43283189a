/* Where themes are found. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flametop/base/buf.h"
#include "flametop/base/file.h"
#include "flametop/base/macros.h"
#include "flametop/ui/theme.h"
#include "theme_builtin.h"

#define FILE_BYTES_MAX ((size_t)256 * 1024)

/* The folder the program lies in, without a slash at the end; "" when unknown. */
static void
program_folder(char *dst, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", dst, size - 1);
    dst[n > 0 ? n : 0] = 0;
    char *slash = strrchr(dst, '/');
    if (slash != NULL) {
        *slash = 0;
    }
}

/* The i-th place to look for a theme; false after the last. Empty where the place does not exist.
 */
static bool
place(int i, const char *name, char *dst, size_t size)
{
    char program[PATH_MAX];
    program_folder(program, sizeof(program));
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    dst[0] = 0;
    switch (i) {
    case 0:
        if (config != NULL && config[0] == '/') {
            snprintf(dst, size, "%s/flametop/themes/%s.theme", config, name);
        } else if (home != NULL && home[0] == '/') {
            snprintf(dst, size, "%s/.config/flametop/themes/%s.theme", home, name);
        }
        return true;
    case 1: /* the source tree, where the program is build/src/flametop or, by ./dev,
               build/release/src/flametop */
        snprintf(dst, size, "%s/../../themes/%s.theme", program, name);
        return true;
    case 2:
        snprintf(dst, size, "%s/../../../themes/%s.theme", program, name);
        return true;
    case 3:
        snprintf(dst, size, "%s/../share/flametop/themes/%s.theme", program, name);
        return true;
    case 4:
        snprintf(dst, size, "/usr/local/share/flametop/themes/%s.theme", name);
        return true;
    case 5:
        snprintf(dst, size, "/usr/share/flametop/themes/%s.theme", name);
        return true;
    default:
        return false;
    }
}

static bool
parse_file(const char *path, struct theme *ret_theme, struct buf *errors, bool *ret_found)
{
    char *data = NULL;
    ssize_t n = file_load(path, FILE_BYTES_MAX, &data);
    *ret_found = n != -ENOENT && n != -ENOTDIR;
    if (n < 0) {
        if (*ret_found) {
            buf_printf(errors, "%s: cannot be read: %s\n", path, strerror((int)-n));
        }
        return false;
    }
    bool good = theme_parse((struct str){data, (size_t)n}, path, ret_theme, errors);
    free(data);
    return good;
}

bool
theme_load(const char *name_or_path, struct theme *ret_theme, struct buf *errors)
{
    bool found;
    if (strchr(name_or_path, '/') != NULL || str_ends(str_from(name_or_path), ".theme")) {
        bool good = parse_file(name_or_path, ret_theme, errors, &found);
        if (!found) {
            buf_printf(errors, "%s: no such file\n", name_or_path);
        }
        return good;
    }
    char path[PATH_MAX + 64];
    for (int i = 0; place(i, name_or_path, path, sizeof(path)); i++) {
        bool good = parse_file(path, ret_theme, errors, &found);
        if (found) {
            return good;
        }
    }
    if (strcmp(name_or_path, "dark") == 0) {
        theme_default(ret_theme);
        return true;
    }
    if (strcmp(name_or_path, "light") == 0) {
        return theme_parse(str_from(theme_light_text), "built-in", ret_theme, errors);
    }
    if (strcmp(name_or_path, "mono") == 0) {
        theme_mono(ret_theme);
        return true;
    }
    buf_printf(
        errors,
        "%s: no such theme: dark, light and mono are built in, others are NAME.theme files in "
        "~/.config/flametop/themes or /usr/share/flametop/themes\n",
        name_or_path);
    return false;
}

static void
list_folder(char *path, void (*each)(void *context, const char *name), void *context)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return;
    }
    *slash = '\0';
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char name[sizeof(entry->d_name)];
        struct str stem = str_from(entry->d_name);
        if (str_ends(stem, ".theme") && entry->d_name[0] != '.') {
            stem.n -= strlen(".theme");
            each(context, str_copy(stem, name, sizeof(name)));
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

void
theme_list(void (*each)(void *context, const char *name), void *context)
{
    static const char *const builtin[] = {"dark", "light", "mono"};
    for (size_t i = 0; i < ARRAY_SIZE(builtin); i++) {
        each(context, builtin[i]);
    }
    char path[PATH_MAX + 64];
    for (int i = 0; place(i, "", path, sizeof(path)); i++) {
        list_folder(path, each, context);
    }
}
