/* Where configuration files are (XDG Base Directory Specification 0.8). */
#ifndef FLAMETOP_CONFIG_PATHS_H
#define FLAMETOP_CONFIG_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#define PATHS_CONFIG_SYSTEM "/etc/flametop/config.yml"

/* The user's file below $XDG_CONFIG_HOME/flametop, else $HOME/.config/flametop. `name` is
 * "config.yml", "themes". False when neither variable holds an absolute path, or the path does not
 * fit. The file need not exist. */
bool paths_user(char *const *environment, const char *name, char *dst, size_t size);

/* The value of a variable; NULL when it is not set. */
const char *paths_variable(char *const *environment, const char *name);

#endif
