/* Pictures. */
#include "flametop/core/picture.h"

#include <stdlib.h>
#include <string.h>

#include "flametop/base/macros.h"
#include "flametop/core/traces.h"

struct picture *
picture_new(struct catalog *catalog, size_t arena_bytes_max)
{
    struct picture *picture = calloc(1, sizeof(*picture));
    if (picture != NULL) {
        picture->refs = 1;
        picture->catalog = catalog;
        picture->host.name = picture->host.system = "";
        picture->host.kernel = picture->host.virtualization = "";
        picture->looked_at = "";
        arena_init(&picture->arena, arena_bytes_max);
    }
    return picture;
}

struct picture *
picture_acquire(struct picture *picture)
{
    __atomic_add_fetch(&picture->refs, 1, __ATOMIC_RELAXED);
    return picture;
}

void
picture_release(struct picture *picture)
{
    if (picture == NULL || __atomic_sub_fetch(&picture->refs, 1, __ATOMIC_ACQ_REL) != 0) {
        return;
    }
    for (size_t i = 0; i < picture->track_count; i++) {
        chunk_list_release(picture->tracks[i].chunks);
        head_release(picture->tracks[i].head);
    }
    for (size_t i = 0; i < picture->kept_count; i++) {
        kept_release(picture->kept[i]);
    }
    traces_release(picture->traces);
    picture_release(picture->base);
    arena_done(&picture->arena);
    free(picture);
}

const struct table *
picture_table(const struct picture *picture, const char *name)
{
    for (size_t i = 0; i < picture->table_count; i++) {
        if (strcmp(picture->tables[i]->def->name, name) == 0) {
            return picture->tables[i];
        }
    }
    return NULL;
}

const struct track *
picture_track(const struct picture *picture, const char *name)
{
    for (size_t i = 0; i < picture->track_count; i++) {
        if (strcmp(picture->tracks[i].name, name) == 0) {
            return &picture->tracks[i];
        }
    }
    return NULL;
}

static int64_t
first_tick(const struct track *track)
{
    return track->chunks != NULL && track->chunks->count > 0 ? track->chunks->chunks[0]->first_ns
           : track->head_ticks > 0                           ? track->head->mono_ns[0]
                                                             : INT64_MAX;
}

/* The track with the longest history stands for the machine's clock. */
static const struct track *
clock_track(const struct picture *picture)
{
    const struct track *best = NULL;
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < picture->track_count; i++) {
        if (first_tick(&picture->tracks[i]) < oldest) {
            oldest = first_tick(&picture->tracks[i]);
            best = &picture->tracks[i];
        }
    }
    return best;
}

int64_t
picture_wall(const struct picture *picture, int64_t mono_ns)
{
    const struct track *track = clock_track(picture);
    if (track == NULL) {
        return mono_ns + picture->wall_ns - picture->mono_ns;
    }
    if (track->head_ticks > 0 && mono_ns >= track->head->mono_ns[0]) {
        return mono_ns + track->head->wall_offset_ns;
    }
    size_t low = 0, high = track->chunks != NULL ? track->chunks->count : 0;
    if (high == 0) {
        return mono_ns + picture->wall_ns - picture->mono_ns;
    }
    while (low + 1 < high) {
        size_t middle = (low + high) / 2;
        if (track->chunks->chunks[middle]->first_ns <= mono_ns) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return mono_ns + track->chunks->chunks[low]->wall_offset_ns;
}

int64_t
picture_oldest(const struct picture *picture)
{
    const struct track *track = clock_track(picture);
    if (track == NULL) {
        return picture->mono_ns;
    }
    return first_tick(track);
}

static size_t
tick_count(const struct track *track)
{
    size_t count = track->head_ticks;
    for (size_t i = 0; track->chunks != NULL && i < track->chunks->count; i++) {
        count += track->chunks->chunks[i]->ticks;
    }
    return count;
}

/* Whose ticks are the moments around a time: of the tracks that reach back to it the one with the
 * most, as slow sources have few; the one with the longest history when none reaches back. */
static const struct track *
finest_track(const struct picture *picture, int64_t mono_ns)
{
    const struct track *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < picture->track_count; i++) {
        const struct track *track = &picture->tracks[i];
        if (first_tick(track) <= mono_ns && tick_count(track) > most) {
            most = tick_count(track);
            best = track;
        }
    }
    return best != NULL ? best : clock_track(picture);
}

/* The newest tick <= mono_ns among a track's, or the oldest there is; *ret_after is the one after
 * it (itself at the end). */
static int64_t
tick_at(const struct track *track, int64_t mono_ns, int64_t *ret_after)
{
    int64_t best = INT64_MIN, after = INT64_MAX, oldest = INT64_MAX;
    size_t chunk_count = track->chunks != NULL ? track->chunks->count : 0;
    for (size_t part = 0; part <= chunk_count; part++) {
        int64_t times[CHUNK_TICKS];
        size_t count;
        if (part < chunk_count) {
            const struct chunk *chunk = track->chunks->chunks[part];
            bool next_starts_before =
                part + 1 < chunk_count ? track->chunks->chunks[part + 1]->last_ns < mono_ns : false;
            if (part > 0 && next_starts_before) {
                continue; /* far before: needs no decoding */
            }
            if (chunk->first_ns > mono_ns && after != INT64_MAX) {
                break;
            }
            count = chunk_times(chunk, times) ? chunk->ticks : 0;
        } else {
            count = track->head_ticks;
            if (count > 0) {
                memcpy(times, track->head->mono_ns, count * sizeof(times[0]));
            }
        }
        for (size_t i = 0; i < count; i++) {
            oldest = times[i] < oldest ? times[i] : oldest;
            if (times[i] <= mono_ns) {
                best = times[i];
            } else if (times[i] < after) {
                after = times[i];
            }
        }
    }
    if (best == INT64_MIN) {
        best = oldest;
    }
    *ret_after = after == INT64_MAX ? best : after;
    return best;
}

int64_t
picture_step(const struct picture *picture, int64_t mono_ns, int steps)
{
    const struct picture *whole = picture->base != NULL ? picture->base : picture;
    const struct track *track = finest_track(whole, mono_ns);
    if (track == NULL) {
        return mono_ns;
    }
    int64_t after, start = tick_at(track, mono_ns, &after), now = start;
    for (bool moved = true; steps != 0 && moved; steps += steps < 0 ? 1 : -1) {
        int64_t from = steps < 0 ? now - 1 : now;
        int64_t at = tick_at(finest_track(whole, from), from, &after);
        int64_t next = steps < 0 ? MIN(at, now) : MAX(after, now);
        moved = next != now;
        now = next;
    }
    return now != start ? now : mono_ns;
}

static bool
past_tracks(struct picture *past, const struct picture *base)
{
    past->tracks = arena_news(&past->arena, struct track, base->track_count);
    if (past->tracks == NULL) {
        return base->track_count == 0;
    }
    for (size_t i = 0; i < base->track_count; i++) {
        struct track *track = &past->tracks[past->track_count++];
        *track = base->tracks[i];
        track->chunks = chunk_list_acquire(track->chunks);
        track->head = track->head != NULL ? head_acquire(track->head) : NULL;
    }
    return true;
}

static void
past_tables(struct picture *past, const struct picture *base)
{
    past->tables = arena_news(&past->arena, struct table *, base->kept_count);
    for (size_t i = 0; past->tables != NULL && i < base->kept_count; i++) {
        struct table *table = kept_table_at(base->kept[i], past->mono_ns, &past->arena);
        if (table == NULL) {
            continue;
        }
        if (table->def != &finding_table) {
            past->tables[past->table_count++] = table;
            continue;
        }
        past->looked_at = base->looked_at;
        past->not_looked_at = base->not_looked_at;
        past->findings = arena_news(&past->arena, struct finding, table->count);
        if (past->findings != NULL) {
            past->finding_count = findings_from_table(table, past->findings, table->count);
        }
    }
}

struct picture *
picture_at(struct picture *picture, int64_t mono_ns)
{
    struct picture *base = picture->base != NULL ? picture->base : picture;
    const struct track *track = finest_track(base, mono_ns);
    struct picture *past = picture_new(base->catalog, base->arena.bytes_max);
    if (past == NULL) {
        return NULL;
    }
    past->base = picture_acquire(base);
    if (track != NULL) {
        int64_t after;
        mono_ns = tick_at(track, mono_ns, &after);
    }
    past->number = base->number;
    past->mono_ns = mono_ns;
    past->wall_ns = picture_wall(base, mono_ns);
    past->interval_ns = base->interval_ns;
    past->ticks_missed = base->ticks_missed;
    past->arrivals = base->arrivals;
    past->traces = traces_acquire(base->traces);
    past->past = true;
    past->host = base->host;
    past->host.uptime_s -= (double)(base->mono_ns - mono_ns) / 1e9;
    past->looked_at = NULL; /* until findings of that moment are found */
    if (!past_tracks(past, base)) {
        picture_release(past);
        return NULL;
    }
    past_tables(past, base);
    findings_sort(past->findings, past->finding_count);
    return past;
}
