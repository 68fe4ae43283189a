/* Magic and hello are written for each reader, with its own time: those of the writer go nowhere.
 */
#include "maker.h"

#define PIECE_BYTES_MAX ((size_t)64 << 20)

static void
swallow_magic(struct maker *maker)
{
    struct record_hello hello = {.protocol = RECORD_PROTOCOL, .interval_ns = 1};
    record_write_hello(maker->writer, &hello);
    buf_clear(&maker->out);
}

bool
maker_init(struct maker *maker)
{
    *maker = (struct maker){0};
    buf_init(&maker->out, PIECE_BYTES_MAX);
    buf_init(&maker->aside, PIECE_BYTES_MAX);
    maker->writer = record_writer_new(&maker->out);
    if (maker->writer == NULL || !packer_init(&maker->packer)) {
        record_writer_free(maker->writer);
        return false;
    }
    swallow_magic(maker);
    return true;
}

void
maker_done(struct maker *maker)
{
    picture_release(maker->picture);
    record_writer_free(maker->writer);
    packer_done(&maker->packer);
    buf_done(&maker->out);
    buf_done(&maker->aside);
}

bool
maker_piece(struct maker *maker, bool packed, bool head, struct piece *piece)
{
    bool good =
        piece->bytes != NULL ||
        (!maker->aside.full && piece_make(&maker->packer, &maker->aside, packed, head, piece));
    buf_clear(&maker->aside);
    return good;
}
