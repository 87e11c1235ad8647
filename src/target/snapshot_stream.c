#include "target/snapshot_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct error *snapshot_stream_init(struct snapshot_stream *stream, int file)
{
    *stream = (struct snapshot_stream){.file = file, .packer = ZSTD_createCCtx()};
    if (!stream->packer)
        return error_create(ERROR_NO_MEMORY, "out of memory");
    ZSTD_CCtx_setParameter(stream->packer, ZSTD_c_compressionLevel, 1);
    ZSTD_CCtx_setParameter(stream->packer, ZSTD_c_checksumFlag, 1);
    stream->block = xmalloc(SNAPSHOT_BLOCK);
    return NULL;
}

void snapshot_stream_deinit(struct snapshot_stream *stream)
{
    ZSTD_freeCCtx(stream->packer);
    free(stream->block);
    free(stream->packed);
    text_deinit(&stream->sizes);
}

struct error *snapshot_stream_write(struct snapshot_stream *stream, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    stream->written_bytes += size;
    while (size) {
        ssize_t written = write(stream->file, from, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return error_os(written ? errno : ENOSPC, "it could not be written");
        from += written;
        size -= (size_t)written;
    }
    return NULL;
}

struct error *snapshot_stream_frame(struct snapshot_stream *stream, const uint8_t *bytes,
                                    size_t size, unsigned ratio)
{
    size_t least = size / ratio + 1;
    size_t room = ZSTD_compressBound(size) + least;
    if (room > stream->packed_room) {
        stream->packed = xrealloc(stream->packed, room);
        stream->packed_room = room;
    }
    size_t packed = ZSTD_compress2(stream->packer, stream->packed, room, bytes, size);
    if (ZSTD_isError(packed))
        return error_create(ERROR_NO_MEMORY, "packing failed: %s", ZSTD_getErrorName(packed));
    if (packed < least) {
        memset(stream->packed + packed, 0, least - packed);
        packed = least;
    }
    return snapshot_stream_write(stream, stream->packed, packed);
}

static struct error *write_block(struct snapshot_stream *stream)
{
    uint64_t before = stream->written_bytes;
    TRY(snapshot_stream_frame(stream, stream->block, stream->used, SNAPSHOT_BLOCK_RATIO));
    snapshot_put_uvarint(&stream->sizes, stream->written_bytes - before);
    stream->used = 0;
    return NULL;
}

uint8_t *snapshot_stream_room(struct snapshot_stream *stream, size_t *room_ret)
{
    *room_ret = SNAPSHOT_BLOCK - stream->used;
    return stream->block + stream->used;
}

struct error *snapshot_stream_filled(struct snapshot_stream *stream, size_t size)
{
    stream->used += size;
    stream->put_bytes += size;
    return stream->used == SNAPSHOT_BLOCK ? write_block(stream) : NULL;
}

struct error *snapshot_stream_put(struct snapshot_stream *stream, const uint8_t *bytes,
                                  uint64_t size)
{
    while (size) {
        size_t room = 0;
        uint8_t *to = snapshot_stream_room(stream, &room);
        size_t part = size < room ? size : room;
        memcpy(to, bytes, part);
        TRY(snapshot_stream_filled(stream, part));
        bytes += part;
        size -= part;
    }
    return NULL;
}

struct error *snapshot_stream_end(struct snapshot_stream *stream)
{
    return stream->used ? write_block(stream) : NULL;
}
