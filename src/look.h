/* Looking at a target without a screen: its pictures, one after the other. This machine is read by
 * hand, in this thread; a link has its engine. */
#ifndef FLAMETOP_LOOK_H
#define FLAMETOP_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flametop/core/picture.h"
#include "flametop/ui/app.h"
#include "targets.h"

struct look;

/* NULL, and a sentence on stderr, when it cannot be looked at. Links connect from now on, so that
 * of several none waits for another. */
struct look *look_open(const struct targets *targets, const struct cli *cli, size_t which);
void look_close(struct look *look);

/* The next picture, an interval after the last (the second of this machine comes early, for rates),
 * with one reference. Of a link only pictures that are live; NULL, and a sentence on stderr, when
 * there is none for 15 s, over ssh 40 s (of the first: since look_open) or the other end refuses
 * us. */
struct picture *look_next(struct look *look);

/* Looks for the given time, at least twice, and answers the last picture; NULL as above. */
struct picture *look_for(struct look *look, int64_t for_ns);

/* A document of the agent there by its path, with its query: its bytes, with a NUL behind them, for
 * the caller to free. NULL, and a sentence on stderr. */
char *look_ask(struct look *look, const char *path, size_t *ret_n);

/* Who samples stacks there, of a link alone (flametop/ui/app.h). */
struct app_sampler look_sampler(struct look *look);

/* The newest picture that says how the link is doing, live or not; NULL: there is none. For when
 * the above had none. */
struct picture *look_last(struct look *look);

#endif
