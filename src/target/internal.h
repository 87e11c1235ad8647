/* What the kinds of target share. A kind (process.c, core.c) embeds struct target as its first
 * member and fills the table of operations; target.c does what is the same for all: the
 * executable's bytes, the cache, the torture hook. */
#ifndef SEEP_TARGET_INTERNAL_H
#define SEEP_TARGET_INTERNAL_H

#include "base/vector.h"
#include "target/readlog.h"
#include "target/target.h"

enum {
    TARGET_PAGE = 4096
}; /* the unit of the cache; no page of any target is smaller */

struct mappings VECTOR_OF(struct mapping);

/* A part of the executable's file at the address where it is loaded. */
struct file_range {
    address start;
    address end;
    const uint8_t *bytes;
    bool writable;
};
struct file_ranges VECTOR_OF(struct file_range);

struct target_operations {
    /* All or an error, as target_read. */
    struct error *(*read)(struct target *target, address at, void *to, size_t size);
    /* Sorted by address; sets `failed` for each, and zeroes what failed. */
    struct error *(*read_many)(struct target *target, struct read_request *requests, size_t count);
    /* May be NULL, as what it returns. */
    const uint8_t *(*in_place)(const struct target *target, address at, uint64_t size);
    struct error *(*measure)(struct target *target);
    struct error *(*resident)(struct target *target, address start, uint64_t size,
                              uint64_t *resident_ret);
    struct error *(*check)(struct target *target);
    /* Sorted by tid. */
    const struct thread_registers *(*threads)(const struct target *target, size_t *count_ret);
    int64_t (*now_ns)(const struct target *target);
    /* As target_touched; NULL: all that is mapped. */
    struct error *(*touched)(struct target *target, struct extents *touched_ret);
    void (*destroy)(struct target *target);
};

struct page_cache {
    address *tags; /* page address + 1; 0 marks a free place */
    uint8_t *pages;
};

struct target {
    const struct target_operations *operations;
    struct target_facts facts;
    struct elffile *executable;
    uint64_t bias;
    struct mappings mappings;
    struct file_ranges
        file_ranges; /* sorted, all segments of the executable that have bytes in its file */
    struct page_cache cache;
    uint64_t read_count;
    uint64_t fail_at; /* 0: no failure is wanted */
    bool fail_all_after;
    struct readlog *log; /* borrowed; NULL: nobody wants to know what is read */
};

/* Takes the executable. Called once by a kind, when the bias is known. */
void target_set_executable(struct target *target, struct elffile *executable, uint64_t bias);

/* Frees what struct target itself owns. */
void target_deinit(struct target *target);

/* The range of the executable's file that holds an address, or NULL. */
const struct file_range *target_file_range(const struct target *target, address at);

/* The error of a read that met a hole. */
struct error *target_fault(address at, size_t size) NODISCARD;

/* Reads one piece after the other: what an operation `read_many` does where many are no faster than one. Returns an error only if the target is gone. */
struct error *requests_read_each(struct target *target,
                                 struct error *(*read)(struct target *target, address at, void *to,
                                                       size_t size),
                                 struct read_request *requests, size_t count) NODISCARD;

/* Sorts by address, in linear time when they are sorted already. */
void requests_sort(struct read_request *requests, size_t count);

/* The text of /proc/PID/maps or smaps. The list is sorted by start; lines that make no sense are
 * left out. */
struct error *mappings_parse(const char *text, size_t length,
                             struct mappings *mappings_ret) NODISCARD;
void mappings_deinit(struct mappings *mappings);
void mappings_sort(struct mappings *mappings);
struct mapping *mappings_at(const struct mappings *mappings, address at);

#endif
