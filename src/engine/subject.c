/* Subjects of pictures. */
#include "subject.h"

#include <math.h>
#include <string.h>

static struct query *
optional_query(struct catalog *catalog, const char *metric)
{
    char why[160];
    return catalog_metric(catalog, metric) != NULL
               ? query_new(catalog, metric, NULL, why, sizeof(why))
               : NULL;
}

void
subject_init(struct subject *subject, const char *target, const struct roots *roots,
             struct catalog *catalog, int64_t boot_ns)
{
    *subject = (struct subject){.host = {.name = target != NULL ? target : "",
                                         .system = "",
                                         .kernel = "",
                                         .virtualization = ""}};
    arena_init(&subject->host_arena, (size_t)64 * 1024);
    arena_init(&subject->link_arena, (size_t)16 * 1024);
    if (target == NULL) {
        host_read(&subject->host, roots, &subject->host_arena);
    }
    subject->host_boot_ns = boot_ns;
    subject->core_limit = optional_query(catalog, "container.cpu.limit");
    subject->memory_limit = optional_query(catalog, "container.memory.limit");
}

void
subject_done(struct subject *subject)
{
    query_free(subject->core_limit);
    query_free(subject->memory_limit);
    arena_done(&subject->host_arena);
    arena_done(&subject->link_arena);
}

static void
copy_host(struct host *to, const struct host *from, struct arena *arena)
{
    *to = *from;
    to->name = arena_text(arena, from->name, strlen(from->name));
    to->system = arena_text(arena, from->system, strlen(from->system));
    to->kernel = arena_text(arena, from->kernel, strlen(from->kernel));
    to->virtualization = arena_text(arena, from->virtualization, strlen(from->virtualization));
}

static void
copy_link(struct link_status *to, const struct link_status *from, struct arena *arena)
{
    *to = *from;
    to->target = arena_text(arena, from->target, strlen(from->target));
    to->kind = arena_text(arena, from->kind, strlen(from->kind));
    to->why = arena_text(arena, from->why, strlen(from->why));
    to->offer = from->offer != NULL ? arena_text(arena, from->offer, strlen(from->offer)) : "";
}

void
subject_set_host(struct subject *subject, const struct host *host, int64_t boot_ns)
{
    arena_clear(&subject->host_arena);
    copy_host(&subject->host, host, &subject->host_arena);
    subject->host_boot_ns = boot_ns;
}

void
subject_set_link(struct subject *subject, const struct link_status *status)
{
    arena_clear(&subject->link_arena);
    subject->linked = status != NULL;
    if (status != NULL) {
        copy_link(&subject->link, status, &subject->link_arena);
    }
}

bool
subject_is_lost(const struct subject *subject)
{
    return subject->linked && subject->link.state == LINK_LOST;
}

static void
fill_host(const struct subject *subject, int64_t boot_ns, struct picture *picture)
{
    struct host *host = &picture->host;
    copy_host(host, &subject->host, &picture->arena);
    if (host->uptime_s > 0) { /* 0: nobody knows */
        host->uptime_s += (double)(boot_ns - subject->host_boot_ns) / 1e9;
    }
    double cores = subject->core_limit != NULL ? query_now(subject->core_limit, picture) : NAN;
    double memory = subject->memory_limit != NULL ? query_now(subject->memory_limit, picture) : NAN;
    host->core_limit = isnan(cores) ? 0 : cores;
    host->memory_limit = isnan(memory) ? 0 : memory;
}

void
subject_fill(const struct subject *subject, int64_t boot_ns, struct picture *picture)
{
    fill_host(subject, boot_ns, picture);
    struct link_status *link =
        subject->linked ? arena_new(&picture->arena, struct link_status) : NULL;
    if (link != NULL) {
        copy_link(link, &subject->link, &picture->arena);
        picture->link = link;
    }
}
