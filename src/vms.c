/* Looking for Erlang VMs. The thread fills `found` and says so by `done`; nobody looks at it
 * before. */
#include "vms.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "flametop/base/clock.h"
#include "flametop/base/thread.h"
#include "flametop/sources/beam.h"
#include "machine.h"

#define FOUND_MAX 16
#define EVERY_NS (3 * NS_PER_S)
#define PATIENCE_NS (500 * NS_PER_MS)

struct vms {
    struct beam_options options;
    pthread_t thread;
    bool running;
    atomic_bool done;
    int64_t looked_ns;        /* 0: never */
    struct beam_found *found; /* [FOUND_MAX], the thread's until it is done */
    size_t count;
    struct buf lines;
};

struct vms *
vms_new(const struct cli *cli, const char *cookie)
{
    struct vms *vms = calloc(1, sizeof(*vms));
    struct beam_found *found = calloc(FOUND_MAX, sizeof(*found));
    const char *cookie_file = config_text(cli->config, "attach.cookie_file");
    if (vms == NULL || found == NULL) {
        free(vms);
        free(found);
        return NULL;
    }
    vms->found = found;
    vms->options = (struct beam_options){.cookie_file = cookie_file[0] != '\0' ? cookie_file : NULL,
                                         .cookie = cookie,
                                         .roots = machine_roots(cli),
                                         .patience_ns = PATIENCE_NS};
    buf_init(&vms->lines, 65536);
    return vms;
}

void
vms_free(struct vms *vms)
{
    if (vms == NULL) {
        return;
    }
    if (vms->running) {
        pthread_join(vms->thread, NULL); /* it waits for epmd, half a second at most */
    }
    buf_done(&vms->lines);
    free(vms->found);
    free(vms);
}

static void *
look(void *context)
{
    struct vms *vms = context;
    char why[400];
    vms->count = beam_find("", &vms->options, vms->found, FOUND_MAX, why, sizeof(why));
    atomic_store(&vms->done, true);
    return NULL;
}

static void
write_line(const struct beam_found *found, struct buf *lines)
{
    char port[16] = "";
    if (found->port != 0) {
        snprintf(port, sizeof(port), ":%u", found->port);
    }
    if (found->pid != 0) {
        buf_printf(lines, "pid %lld", (long long)found->pid);
    }
    if (found->user[0] != '\0') {
        buf_printf(lines, " of %s", found->user);
    }
    if (found->name[0] != '\0') {
        buf_printf(lines, "  %s@%s", found->name, found->host);
    }
    if (found->why[0] != '\0') {
        buf_printf(lines, ": %s\n", found->why);
    } else {
        buf_printf(lines, ": flametop %s@%s%s\n", found->name, found->host, port);
    }
}

static void
take(struct vms *vms)
{
    pthread_join(vms->thread, NULL);
    vms->running = false;
    buf_clear(&vms->lines);
    for (size_t i = 0; i < vms->count; i++) {
        write_line(&vms->found[i], &vms->lines);
    }
}

void
vms_lines(void *context, struct buf *lines)
{
    struct vms *vms = context;
    int64_t now_ns = clock_mono_ns();
    if (vms->running && atomic_load(&vms->done)) {
        take(vms);
    }
    if (!vms->running && (vms->looked_ns == 0 || now_ns - vms->looked_ns >= EVERY_NS)) {
        vms->looked_ns = now_ns;
        atomic_store(&vms->done, false);
        vms->running = thread_start(look, vms, &vms->thread) == 0;
    }
    buf_add(lines, vms->lines.data, vms->lines.n);
}
