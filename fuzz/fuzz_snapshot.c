/* Everything from a snapshot to all reports. What starts as a file does is one. Else the input is damage to the directory of a
 * snapshot of a synthetic program (tests/unit/data): u8 which of the two, then records of 6 bytes: what is done, a place, a
 * value. The damaged directory is packed anew, so that its checksum hides nothing. */
#include <zstd.h>

#include "fuzz.h"
#include "packed.h"
#include "pipeline.h"
#include "saved.h"
#include "target/snapshot.h"
#include "target/snapshot_format.h"

enum damage {
    BYTE_SET,
    BYTE_ADDED,
    BYTE_REMOVED,
    BYTES_REPEATED,
    CUT,
    STREAM_SET,
    DAMAGES
};

struct subject {
    struct unpacked blocks;    /* the file up to its directory */
    struct unpacked directory; /* unpacked */
};

static struct subject load(const char *name)
{
    char from[512], paths[2][FILE_IN_MEMORY_PATH];
    struct subject subject;
    struct target *target = NULL;
    uint64_t place[3];
    for (unsigned i = 0; i < 2; i++) {
        snprintf(from, sizeof(from), "%s/%s%s.packed", TEST_DATA, name, i ? ".core" : "");
        struct unpacked file = packed_read(from);
        file_in_memory(file.bytes, file.size, paths[i]);
        free(file.bytes);
    }
    packed_demand(!error_ignore(target_open_core(paths[1], paths[0], &target)), "a core");
    struct unpacked saved = saved_whole(target);
    target_close(target);
    memcpy(place, saved.bytes + saved.size - SNAPSHOT_TRAILER_BYTES, sizeof(place));
    subject.directory = (struct unpacked){.size = place[2], .bytes = malloc(place[2])};
    size_t frame = ZSTD_findFrameCompressedSize(saved.bytes + place[0], place[1]);
    packed_demand(ZSTD_decompress(subject.directory.bytes, place[2], saved.bytes + place[0],
                                  frame) == place[2],
                  "a directory");
    subject.blocks = (struct unpacked){.size = place[0], .bytes = saved.bytes};
    return subject;
}

static void apply(struct fuzz_input *input, uint8_t *bytes, size_t *size, struct unpacked *blocks)
{
    enum damage damage = (enum damage)(fuzz_number(input, 1) % DAMAGES);
    size_t at = fuzz_number(input, 4) % (*size ? *size : 1);
    uint8_t value = (uint8_t)fuzz_number(input, 1);
    if (!*size)
        return;
    if (damage == BYTE_SET)
        bytes[at] = value;
    if (damage == BYTE_REMOVED)
        memmove(bytes + at, bytes + at + 1, --*size - at);
    if (damage == BYTE_ADDED) {
        memmove(bytes + at + 1, bytes + at, (*size)++ - at);
        bytes[at] = value;
    }
    if (damage == BYTES_REPEATED) {
        size_t part = value < *size - at ? value : *size - at;
        memmove(bytes + at + part, bytes + at, *size - at);
        *size += part;
    }
    if (damage == CUT)
        *size = at;
    if (damage == STREAM_SET)
        blocks->bytes[at % blocks->size] = value;
}

/* Blocks, the directory and what belongs behind it. */
static struct unpacked assemble(const struct unpacked *blocks, const uint8_t *bytes, size_t size)
{
    size_t least = size / SNAPSHOT_DIRECTORY_RATIO + 1;
    size_t room = ZSTD_compressBound(size) + least;
    struct unpacked file = {.bytes = calloc(1, blocks->size + room + SNAPSHOT_TRAILER_BYTES)};
    ZSTD_CCtx *packer = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(packer, ZSTD_c_checksumFlag, 1);
    memcpy(file.bytes, blocks->bytes, blocks->size);
    size_t packed = ZSTD_compress2(packer, file.bytes + blocks->size, room, bytes, size);
    packed = packed > least ? packed : least;
    uint64_t trailer[4] = {blocks->size, packed, size, 0};
    memcpy(&trailer[3], SNAPSHOT_MAGIC_END, SNAPSHOT_MAGIC_BYTES);
    memcpy(file.bytes + blocks->size + packed, trailer, sizeof(trailer));
    file.size = blocks->size + packed + sizeof(trailer);
    ZSTD_freeCCtx(packer);
    return file;
}

static void look(const uint8_t *bytes, size_t size)
{
    static FILE *sink;
    struct target *target = NULL;
    size_t findings = 0;
    sink = sink ? sink : fopen("/dev/null", "we");
    struct error *error = target_open_snapshot_bytes(bytes, size, "snapshot", &target);
    if (!error)
        error = pipeline_run(target, sink, &findings);
    error_destroy(error);
    target_close(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct subject subjects[2];
    if (snapshot_is_one(data, size)) {
        look(data, size);
        return 0;
    }
    if (!subjects[0].blocks.bytes) {
        subjects[0] = load("shop-amd64");
        subjects[1] = load("shop-arm64");
    }
    struct fuzz_input input = {data, size};
    const struct subject *subject = &subjects[fuzz_number(&input, 1) % 2];
    struct unpacked blocks = {.size = subject->blocks.size, .bytes = malloc(subject->blocks.size)};
    size_t directory_size = subject->directory.size;
    uint8_t *directory = malloc(directory_size + input.left * 256 + 1);
    memcpy(blocks.bytes, subject->blocks.bytes, blocks.size);
    memcpy(directory, subject->directory.bytes, directory_size);
    while (input.left)
        apply(&input, directory, &directory_size, &blocks);
    struct unpacked file = assemble(&blocks, directory, directory_size);
    look(file.bytes, file.size);
    free(file.bytes);
    free(directory);
    free(blocks.bytes);
    return 0;
}
