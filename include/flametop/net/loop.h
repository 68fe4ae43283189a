/* Handles of libuv's loop. */
#ifndef FLAMETOP_NET_LOOP_H
#define FLAMETOP_NET_LOOP_H

/* Closes a uv_*_t that calloc or malloc gave, and frees it once its loop has let go of it. NULL is
 * allowed. */
void loop_close(void *handle);

#endif
