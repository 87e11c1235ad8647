/* A snapshot of the memory of a whole target, in memory, for tests and fuzzing. */
#ifndef SEEP_TESTS_SAVED_H
#define SEEP_TESTS_SAVED_H

#include <sys/stat.h>

#include "packed.h"
#include "target/snapshot_write.h"

/* All that is mapped. */
static inline struct unpacked saved_whole(struct target *target)
{
    struct extents kept = {0};
    struct snapshot_written written;
    char path[FILE_IN_MEMORY_PATH];
    size_t count = 0;
    const struct mapping *mappings = target_mappings(target, &count);
    for (size_t i = 0; i < count; i++)
        extents_add(&kept, mappings[i].start, mappings[i].end);
    extents_order(&kept);
    struct snapshot_order order = {.target = target, .kept = &kept, .now_ns = 7};
    int file = file_in_memory("", 0, path);
    packed_demand(!error_ignore(target_measure(target)), "measured");
    packed_demand(!error_ignore(snapshot_write(file, &order, &written)), "written");
    struct unpacked saved = {.size = written.file_bytes, .bytes = malloc(written.file_bytes)};
    packed_demand(pread(file, saved.bytes, saved.size, 0) == (ssize_t)saved.size, "read again");
    close(file);
    VECTOR_DEINIT(&kept);
    return saved;
}

#endif
