/* The files of tests/unit/data: what data/make.py packed, as the files that they were. */
#ifndef SEEP_TESTS_PACKED_H
#define SEEP_TESTS_PACKED_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PACKED_MAX = 16 << 20
};

struct unpacked {
    uint8_t *bytes; /* owned */
    size_t size;
};

static inline uint32_t packed_u32(const uint8_t *at)
{
    uint32_t value = 0;
    memcpy(&value, at, sizeof(value));
    return value;
}

/* These are our own files: one that makes no sense ends the program. */
static inline void packed_demand(bool condition, const char *path)
{
    if (condition)
        return;
    fprintf(stderr, "%s cannot be read or is broken\n", path);
    abort();
}

static inline struct unpacked packed_read(const char *path)
{
    FILE *file = fopen(path, "rbe");
    packed_demand(file, path);
    uint8_t *packed = malloc(PACKED_MAX);
    size_t length = fread(packed, 1, PACKED_MAX, file);
    fclose(file);
    packed_demand(length >= 4, path);
    struct unpacked out = {.size = packed_u32(packed)};
    out.bytes = calloc(1, out.size);
    for (size_t at = 4; at < length;) {
        packed_demand(length - at >= 8, path);
        size_t to = packed_u32(packed + at), count = packed_u32(packed + at + 4);
        at += 8;
        packed_demand(count <= length - at && to <= out.size && count <= out.size - to, path);
        memcpy(out.bytes + to, packed + at, count);
        at += count;
    }
    free(packed);
    return out;
}

enum {
    FILE_IN_MEMORY_PATH = 32
};

/* A file without a name that holds the bytes: its path, good until the descriptor is closed. */
static inline int file_in_memory(const void *bytes, size_t size, char path[FILE_IN_MEMORY_PATH])
{
    int file = memfd_create("seep-test", MFD_CLOEXEC);
    packed_demand(file >= 0 && write(file, bytes, size) == (ssize_t)size, "a file in memory");
    snprintf(path, FILE_IN_MEMORY_PATH, "/proc/self/fd/%d", file);
    return file;
}

#endif
