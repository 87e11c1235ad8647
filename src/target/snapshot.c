#include "target/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/cursor.h"
#include "elf/cutfile.h"
#include "target/limits.h"
#include "target/snapshot_format.h"

enum block_state {
    BLOCK_PACKED,
    BLOCK_READY,
    BLOCK_BAD
};

struct snapshot {
    struct target target; /* first: a struct target * is a struct snapshot * */
    char *path;           /* escaped */
    const uint8_t *file;
    size_t file_size;
    bool is_mapped;
    struct snapshot_directory directory;
    uint8_t *stream; /* of stream_size, mapped; a block is there once it is BLOCK_READY */
    uint8_t *states; /* enum block_state, by block */
    ZSTD_DCtx *unpacker;
    bool damaged;
    size_t damaged_block;
    size_t last; /* the range that was found last: reads follow each other */
};

static void snapshot_destroy(struct target *target)
{
    struct snapshot *snapshot = (struct snapshot *)target;
    target_deinit(target);
    if (snapshot->stream)
        munmap(snapshot->stream, snapshot->directory.stream_size);
    snapshot_directory_deinit(&snapshot->directory);
    ZSTD_freeDCtx(snapshot->unpacker);
    free(snapshot->states);
    if (snapshot->is_mapped) {
        cutfile_forget(snapshot->file);
        munmap((void *)(uintptr_t)snapshot->file, snapshot->file_size);
    }
    free(snapshot->path);
    free(snapshot);
}

/* Unpacking. */

/* One frame with its checksum; behind it nothing but padding. */
static bool unpack(ZSTD_DCtx *unpacker, const uint8_t *packed, size_t size, uint8_t *to,
                   size_t room)
{
    size_t frame = ZSTD_findFrameCompressedSize(packed, size);
    if (ZSTD_isError(frame) || ZSTD_getFrameContentSize(packed, size) != room)
        return false;
    return ZSTD_decompressDCtx(unpacker, to, room, packed, frame) == room;
}

static bool unpack_block(struct snapshot *snapshot, size_t block)
{
    const uint64_t *places = snapshot->directory.blocks.at;
    uint64_t at = (uint64_t)block * SNAPSHOT_BLOCK;
    uint64_t left = snapshot->directory.stream_size - at;
    if (snapshot->states[block] == BLOCK_PACKED) {
        bool good = unpack(snapshot->unpacker, snapshot->file + places[block],
                           places[block + 1] - places[block], snapshot->stream + at,
                           left < SNAPSHOT_BLOCK ? left : SNAPSHOT_BLOCK);
        snapshot->states[block] = good ? BLOCK_READY : BLOCK_BAD;
        if (!good && !snapshot->damaged)
            snapshot->damaged_block = block;
        snapshot->damaged |= !good;
    }
    return snapshot->states[block] == BLOCK_READY;
}

/* A part of the stream; NULL if it is damaged. */
static const uint8_t *stream_at(struct snapshot *snapshot, uint64_t at, uint64_t size)
{
    for (uint64_t block = at / SNAPSHOT_BLOCK; size && block <= (at + size - 1) / SNAPSHOT_BLOCK;
         block++)
        if (!unpack_block(snapshot, block))
            return NULL;
    return snapshot->stream + at;
}

static struct error *damage(const struct snapshot *snapshot)
{
    return error_create(ERROR_BAD_DATA, "%s is damaged: block %zu of %zu cannot be unpacked",
                        snapshot->path, snapshot->damaged_block + 1,
                        snapshot->directory.blocks.length - 1);
}

/* Reading. */

static bool holds(const struct snapshot *snapshot, size_t index, address at)
{
    const struct snapshot_ranges *ranges = &snapshot->directory.memory;
    return index < ranges->length && at >= ranges->at[index].start && at < ranges->at[index].end;
}

static const struct snapshot_range *range_at(struct snapshot *snapshot, address at)
{
    const struct snapshot_ranges *ranges = &snapshot->directory.memory;
    size_t low = 0;
    size_t high = ranges->length;
    for (size_t near = snapshot->last; near <= snapshot->last + 1; near++) {
        if (!holds(snapshot, near, at))
            continue;
        snapshot->last = near;
        return &ranges->at[near];
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->at[middle].start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || !holds(snapshot, low - 1, at))
        return NULL;
    snapshot->last = low - 1;
    return &ranges->at[low - 1];
}

/* As far as it is alike: from a range, or from the executable's file where nobody writes. */
static struct error *read_piece(struct snapshot *snapshot, address at, uint8_t *to, size_t size,
                                size_t *done_ret)
{
    const struct snapshot_range *range = range_at(snapshot, at);
    size_t left = 0;
    const uint8_t *bytes = range ? NULL : target_view(&snapshot->target, at, false, &left);
    if (range)
        left = range->end - at;
    else if (!bytes)
        return target_fault(at, size);
    *done_ret = left < size ? left : size;
    if (range && range->at == snapshot_zeros) {
        memset(to, 0, *done_ret);
        return NULL;
    }
    if (range)
        bytes = stream_at(snapshot, range->at + (at - range->start), *done_ret);
    if (!bytes)
        return damage(snapshot);
    memcpy(to, bytes, *done_ret);
    return NULL;
}

static struct error *snapshot_read(struct target *target, address at, void *to, size_t size)
{
    uint8_t *out = to;
    while (size) {
        size_t done = 0;
        TRY(read_piece((struct snapshot *)target, at, out, size, &done));
        at += done;
        out += done;
        size -= done;
    }
    return NULL;
}

static struct error *snapshot_read_many(struct target *target, struct read_request *requests,
                                        size_t count)
{
    return requests_read_each(target, snapshot_read, requests, count);
}

static const uint8_t *snapshot_in_place(const struct target *target, address at, uint64_t size)
{
    /* What is unpacked on demand is no part of what the target is. */
    struct snapshot *snapshot = (struct snapshot *)(uintptr_t)target;
    const struct snapshot_range *range = range_at(snapshot, at);
    if (!range || range->at == snapshot_zeros || size > range->end - at || at % 8)
        return NULL;
    return stream_at(snapshot, range->at + (at - range->start), size);
}

/* The rest of what a target can do. */

static struct error *snapshot_measure(struct target *target)
{
    (void)target; /* the mappings came with what was resident of them */
    return NULL;
}

static struct error *snapshot_resident(struct target *target, address start, uint64_t size,
                                       uint64_t *resident_ret)
{
    const struct snapshot *snapshot = (const struct snapshot *)target;
    address end = size <= UINT64_MAX - start ? start + size : UINT64_MAX;
    *resident_ret = extents_measure(&snapshot->directory.resident, start, end);
    return NULL;
}

static struct error *snapshot_check(struct target *target)
{
    const struct snapshot *snapshot = (const struct snapshot *)target;
    return snapshot->damaged ? damage(snapshot) : NULL;
}

static const struct thread_registers *snapshot_threads(const struct target *target,
                                                       size_t *count_ret)
{
    const struct snapshot *snapshot = (const struct snapshot *)target;
    *count_ret = snapshot->directory.threads.length;
    return snapshot->directory.threads.at;
}

static int64_t snapshot_now_ns(const struct target *target)
{
    return ((const struct snapshot *)target)->directory.now_ns;
}

int64_t snapshot_pause_ns(const struct target *target)
{
    return target->facts.kind == TARGET_SNAPSHOT
               ? ((const struct snapshot *)target)->directory.pause_ns
               : 0;
}

static struct error *snapshot_touched(struct target *target, struct extents *touched_ret)
{
    const struct snapshot_ranges *ranges = &((const struct snapshot *)target)->directory.memory;
    for (size_t i = 0; i < ranges->length; i++)
        if (ranges->at[i].at != snapshot_zeros)
            extents_add(touched_ret, ranges->at[i].start, ranges->at[i].end);
    return NULL;
}

static const struct target_operations operations = {
    .read = snapshot_read,
    .read_many = snapshot_read_many,
    .in_place = snapshot_in_place,
    .measure = snapshot_measure,
    .resident = snapshot_resident,
    .check = snapshot_check,
    .threads = snapshot_threads,
    .now_ns = snapshot_now_ns,
    .touched = snapshot_touched,
    .destroy = snapshot_destroy,
};

/* Opening. */

bool snapshot_is_one(const uint8_t *bytes, size_t size)
{
    return size >= SNAPSHOT_MAGIC_BYTES && !memcmp(bytes, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_BYTES);
}

static struct error *check_header(const struct snapshot *snapshot)
{
    uint32_t format = 0;
    if (!snapshot_is_one(snapshot->file, snapshot->file_size))
        return error_create(ERROR_BAD_DATA, "%s is not a snapshot", snapshot->path);
    if (snapshot->file_size < SNAPSHOT_HEADER_BYTES + SNAPSHOT_TRAILER_BYTES)
        return error_create(ERROR_BAD_DATA, "%s is cut off", snapshot->path);
    memcpy(&format, snapshot->file + SNAPSHOT_MAGIC_BYTES, sizeof(format));
    if (format > SNAPSHOT_FORMAT)
        return error_create(ERROR_UNSUPPORTED,
                            "%s was saved by a newer seep (format %u; this one reads up to %d)",
                            snapshot->path, format, SNAPSHOT_FORMAT);
    if (!format)
        return error_create(ERROR_BAD_DATA, "%s is damaged: it has no format", snapshot->path);
    if (memcmp(snapshot->file + snapshot->file_size - SNAPSHOT_MAGIC_BYTES, SNAPSHOT_MAGIC_END,
               SNAPSHOT_MAGIC_BYTES) != 0)
        return error_create(ERROR_BAD_DATA, "%s is cut off, or its end is damaged", snapshot->path);
    return NULL;
}

static struct error *damaged_directory(const struct snapshot *snapshot)
{
    return error_create(ERROR_BAD_DATA, "%s is damaged: its directory cannot be unpacked",
                        snapshot->path);
}

static struct error *read_directory(struct snapshot *snapshot)
{
    uint64_t place[3]; /* where, size, size when unpacked */
    uint64_t end = snapshot->file_size - SNAPSHOT_TRAILER_BYTES;
    AUTO_FREE uint8_t *bytes = NULL;
    memcpy(place, snapshot->file + end, sizeof(place));
    if (place[0] < SNAPSHOT_HEADER_BYTES || place[0] > end || place[1] != end - place[0] ||
        !place[2] || place[2] > SNAPSHOT_DIRECTORY_MAX ||
        place[2] / SNAPSHOT_DIRECTORY_RATIO > place[1])
        return damaged_directory(snapshot);
    TRY(memory_try(place[2], 1, &bytes));
    if (!unpack(snapshot->unpacker, snapshot->file + place[0], place[1], bytes, place[2]))
        return damaged_directory(snapshot);
    struct error *error = snapshot_directory_read(bytes, place[2], place[0], &snapshot->directory);
    return error ? error_context(error, "%s", snapshot->path) : NULL;
}

/* Address space for all of it; memory comes as blocks are unpacked. */
static struct error *make_room(struct snapshot *snapshot)
{
    uint64_t size = snapshot->directory.stream_size;
    char buffer[2][TEXT_SIZE_ROOM];
    struct limits own;
    limits_read_own(&own);
    if (size > own.memory_bytes)
        return error_create(ERROR_LIMIT, "%s holds %s, and %s of memory are free here",
                            snapshot->path, text_size(buffer[0], size),
                            text_size(buffer[1], own.memory_bytes));
    void *stream = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stream == MAP_FAILED)
        return error_os(errno, "no room for %s of memory", text_size(buffer[0], size));
    snapshot->stream = stream;
    snapshot->states = xcalloc(snapshot->directory.blocks.length, sizeof(*snapshot->states));
    return NULL;
}

static struct error *open_executable(struct snapshot *snapshot)
{
    struct target_facts *facts = &snapshot->target.facts;
    struct elffile *executable = NULL;
    const uint8_t *bytes = stream_at(snapshot, 0, snapshot->directory.executable_size);
    if (!bytes)
        return damage(snapshot);
    struct error *error =
        elffile_open_bytes(bytes, snapshot->directory.executable_size,
                           facts->exe_path ? facts->exe_path : facts->name, &executable);
    if (error)
        return error_context(error, "%s: its executable", snapshot->path);
    target_set_executable(&snapshot->target, executable, snapshot->directory.bias);
    return NULL;
}

static void take_facts(struct snapshot *snapshot)
{
    struct snapshot_directory *directory = &snapshot->directory;
    snapshot->target.facts = directory->facts;
    snapshot->target.facts.kind = TARGET_SNAPSHOT;
    snapshot->target.mappings = directory->mappings;
    directory->facts = (struct target_facts){0};
    directory->mappings = (struct mappings){0};
}

static struct error *open_steps(struct snapshot *snapshot)
{
    TRY(check_header(snapshot));
    snapshot->unpacker = ZSTD_createDCtx();
    if (!snapshot->unpacker)
        return error_create(ERROR_NO_MEMORY, "out of memory");
    TRY(read_directory(snapshot));
    take_facts(snapshot);
    TRY(make_room(snapshot));
    return open_executable(snapshot);
}

/* Takes the snapshot. */
static struct error *open_over(struct snapshot *snapshot, struct target **target_ret)
{
    snapshot->target.operations = &operations;
    struct error *error = open_steps(snapshot);
    if (error) {
        snapshot_destroy(&snapshot->target);
        return error;
    }
    *target_ret = &snapshot->target;
    return NULL;
}

struct error *target_open_snapshot_bytes(const uint8_t *bytes, size_t size, const char *shown,
                                         struct target **target_ret)
{
    struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
    snapshot->path = text_escaped(shown, strlen(shown));
    snapshot->file = bytes;
    snapshot->file_size = size;
    return open_over(snapshot, target_ret);
}

static struct error *map_file(const char *path, const char *shown, const uint8_t **bytes_ret,
                              size_t *size_ret)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error_os(errno, "%s", shown);
    int reason = fstat(file, &status) < 0 ? errno : 0;
    void *bytes = MAP_FAILED;
    if (!reason && status.st_size > 0)
        bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (!reason && status.st_size > 0 && bytes == MAP_FAILED)
        reason = errno;
    close(file);
    if (reason)
        return error_os(reason, "%s", shown);
    if (status.st_size <= 0)
        return error_create(ERROR_BAD_DATA, "%s is empty", shown);
    *bytes_ret = bytes;
    *size_ret = (size_t)status.st_size;
    return NULL;
}

struct error *target_open_snapshot(const char *path, struct target **target_ret)
{
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    const uint8_t *bytes = NULL;
    size_t size = 0;
    TRY(map_file(path, shown, &bytes, &size));
    cutfile_watch(bytes, size, shown);
    struct snapshot *snapshot = xcalloc(1, sizeof(*snapshot));
    snapshot->path = xstrdup(shown);
    snapshot->file = bytes;
    snapshot->file_size = size;
    snapshot->is_mapped = true;
    return open_over(snapshot, target_ret);
}
