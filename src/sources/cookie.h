/* The cookie: the word that nodes show each other. Whoever has it may run anything on a node, so it
 * is never in arguments, logs or snapshots. */
#ifndef FLAMETOP_SOURCES_COOKIE_H
#define FLAMETOP_SOURCES_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/base/str.h"

#define COOKIE_BYTES 513 /* libei's limit, with its NUL */

struct cookie_setup {
    const char *file;  /* the option's; NULL: none. What it holds is the cookie, or nothing is */
    const char *given; /* from FLAMETOP_COOKIE or the terminal; NULL: none */
    const char *proc;  /* where processes are; NULL: none is looked at */
    int64_t pid;       /* the node's own process on this machine; 0: elsewhere or unknown */
};

struct cookie {
    char text[COOKIE_BYTES];
    char from[400]; /* "/root/.erlang.cookie", for sentences */
};

/* The first of these that there is: the file; what is given; what the node's own process was
 * started with (-setcookie, RELEASE_COOKIE, releases/COOKIE of its release, .erlang.cookie of its
 * home; of these only files of the user it runs as); RELEASE_COOKIE;
 * $XDG_CONFIG_HOME/erlang/.erlang.cookie; ~/.erlang.cookie. 0, or a negative errno and a sentence:
 * -ENOENT when there is none at all, -EACCES when the one there is may not be read, -EPERM when it
 * is another user's than the node's, -EINVAL when what there is can be no cookie. */
int cookie_find(const struct cookie_setup *setup, struct cookie *ret_cookie, char *why,
                size_t why_size);

void cookie_forget(struct cookie *cookie);

/* A cookie out of a file's text: its first line without blanks around it. */
bool cookie_parse(struct str text, char dst[COOKIE_BYTES]);

#endif
