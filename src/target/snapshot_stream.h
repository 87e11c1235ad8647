/* The blocks of a snapshot on their way to a file: bytes are put in, a full block is packed and written. */
#ifndef SEEP_TARGET_SNAPSHOT_STREAM_H
#define SEEP_TARGET_SNAPSHOT_STREAM_H

#include <zstd.h>

#include "target/snapshot_format.h"

struct snapshot_stream {
    int file;
    ZSTD_CCtx *packer;
    uint8_t *block; /* of SNAPSHOT_BLOCK */
    size_t used;    /* of it */
    uint8_t *packed;
    size_t packed_room;
    uint64_t put_bytes;     /* the length of the stream so far */
    uint64_t written_bytes; /* to the file */
    struct text sizes;      /* of the blocks, for the directory */
};

struct error *snapshot_stream_init(struct snapshot_stream *stream, int file) NODISCARD;
void snapshot_stream_deinit(struct snapshot_stream *stream);

/* Room for the next bytes of the stream: fill in up to *room_ret of them, then say how many. Room is never 0. */
uint8_t *snapshot_stream_room(struct snapshot_stream *stream, size_t *room_ret);
struct error *snapshot_stream_filled(struct snapshot_stream *stream, size_t size) NODISCARD;

struct error *snapshot_stream_put(struct snapshot_stream *stream, const uint8_t *bytes,
                                  uint64_t size) NODISCARD;

/* Writes the block that is not full. Nothing is put behind it. */
struct error *snapshot_stream_end(struct snapshot_stream *stream) NODISCARD;

/* Bytes as one frame that is at least 1/ratio of them, to the file. */
struct error *snapshot_stream_frame(struct snapshot_stream *stream, const uint8_t *bytes,
                                    size_t size, unsigned ratio) NODISCARD;

/* To the file as they are. */
struct error *snapshot_stream_write(struct snapshot_stream *stream, const void *bytes,
                                    size_t size) NODISCARD;

#endif
