/* Handles of libuv's loop. */
#include "flametop/net/loop.h"

#include <stdlib.h>
#include <uv.h>

static void
free_handle(uv_handle_t *handle)
{
    free(handle);
}

void
loop_close(void *handle)
{
    if (handle != NULL) {
        uv_close(handle, free_handle);
    }
}
