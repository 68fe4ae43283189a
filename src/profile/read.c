/* The table of formats, and unpacking. */
#include "flametop/profile/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "flametop/base/buf.h"
#include "flametop/base/macros.h"
#include "formats.h"

#define GZIP_BITS (16 + MAX_WBITS)

/* Those that are surest of themselves first. */
const struct profile_format *const profile_format_table[] = {
    &profile_format_speedscope,  &profile_format_chrome, &profile_format_callgrind,
    &profile_format_perf_script, &profile_format_folded, &profile_format_pprof,
};
const size_t profile_format_count = ARRAY_SIZE(profile_format_table);

static bool
is_gzip(struct str bytes)
{
    return bytes.n > 2 && (unsigned char)bytes.p[0] == 0x1f && (unsigned char)bytes.p[1] == 0x8b;
}

/* As much as `out` may hold; files put one after another are one. False when it is damaged. */
static bool
unpack(struct str bytes, struct buf *out, bool *ret_whole)
{
    z_stream stream = {0};
    int code = inflateInit2(&stream, GZIP_BITS);
    if (code != Z_OK) {
        return false;
    }
    stream.next_in = (unsigned char *)bytes.p;
    size_t left = bytes.n;
    while (code == Z_OK && !out->full) {
        size_t room = MIN(MAX(out->n, (size_t)65536), out->max - out->n);
        char *to = room > 0 ? buf_reserve(out, room) : NULL;
        if (to == NULL) {
            out->full = true;
            break;
        }
        size_t given = MIN(left, (size_t)1 << 30);
        stream.avail_in = (uInt)given;
        stream.next_out = (unsigned char *)to;
        stream.avail_out = (uInt)MIN(room, (size_t)1 << 30);
        uInt offered = stream.avail_out;
        code = inflate(&stream, Z_NO_FLUSH);
        out->n += offered - stream.avail_out;
        left -= given - stream.avail_in;
        if (code == Z_STREAM_END && left > 18 &&
            is_gzip((struct str){(char *)stream.next_in, left})) {
            code = inflateReset(&stream);
        }
    }
    inflateEnd(&stream);
    *ret_whole = code == Z_STREAM_END;
    return code == Z_STREAM_END || code == Z_OK || code == Z_BUF_ERROR;
}

static const struct profile_format *
find(struct str head, bool whole)
{
    for (size_t i = 0; i < profile_format_count; i++) {
        if (profile_format_table[i]->is(head, whole)) {
            return profile_format_table[i];
        }
    }
    return NULL;
}

const struct profile_format *
profile_detect(struct str head, bool whole)
{
    if (!is_gzip(head)) {
        return find(head, whole);
    }
    struct buf unpacked;
    buf_init(&unpacked, PROFILE_HEAD_BYTES);
    bool all = false;
    const struct profile_format *format = NULL;
    if (unpack(head, &unpacked, &all)) {
        format = find((struct str){unpacked.data, unpacked.n}, all);
    }
    buf_done(&unpacked);
    return format;
}

static bool
read_plain(struct str text, struct profile *profile, char *why, size_t why_size)
{
    bool whole = text.n <= PROFILE_HEAD_BYTES;
    const struct profile_format *format =
        find((struct str){text.p, MIN(text.n, PROFILE_HEAD_BYTES)}, whole);
    if (format == NULL && text.n == 0) {
        snprintf(why, why_size, "the file is empty");
        return false;
    }
    if (format == NULL &&
        profile_begins_folded((struct str){text.p, MIN(text.n, PROFILE_HEAD_BYTES)}, whole)) {
        format = &profile_format_folded;
    }
    if (format == NULL) {
        int used = snprintf(why, why_size, "this is no profile that is known (");
        for (size_t i = 0; i < profile_format_count && used > 0 && (size_t)used < why_size; i++) {
            used += snprintf(why + used, why_size - (size_t)used, "%s%s", i > 0 ? ", " : "",
                             profile_format_table[i]->name);
        }
        strlcat(why, ")", why_size);
        return false;
    }
    if (!format->read(text, profile, why, why_size)) {
        return false;
    }
    if (profile->failed) {
        snprintf(why, why_size, "out of memory");
    }
    return !profile->failed;
}

bool
profile_read(struct str bytes, struct profile *profile, char *why, size_t why_size)
{
    if (!is_gzip(bytes)) {
        return read_plain(bytes, profile, why, why_size);
    }
    struct buf unpacked;
    buf_init(&unpacked, PROFILE_FILE_BYTES_MAX);
    bool whole = false, good = unpack(bytes, &unpacked, &whole) && whole && !unpacked.full;
    if (!good) {
        snprintf(why, why_size, "%s",
                 unpacked.full ? "more than 2 GiB when unpacked"
                               : "the gzip data is damaged or cut");
    }
    good = good && read_plain((struct str){unpacked.data, unpacked.n}, profile, why, why_size);
    buf_done(&unpacked);
    return good;
}
