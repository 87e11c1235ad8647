/* A copy of the memory of a stopped process that it can change: its private mappings that can be
 * written, and of those only the pages that it has (/proc/PID/pagemap). Go reserves much more than
 * it uses: what is not there is zeros, and is not touched. */
#ifndef SEEP_TARGET_COPY_H
#define SEEP_TARGET_COPY_H

#include "target/process.h"

struct copy_range {
    address start;
    address end;
    uint64_t offset; /* of its bytes in the copy */
};
struct copy_ranges VECTOR_OF(struct copy_range);

struct copy {
    uint8_t *bytes;
    uint64_t room_bytes;
    uint64_t used_bytes;
    struct copy_ranges ranges; /* sorted by start, none empty, none overlaps */
};

/* Whether a mapping is one of those that are copied. */
bool copy_keeps(const struct mapping *mapping);

/* Which ranges are to be copied, and how much that is. */
struct error *copy_survey(struct process *process, const struct mappings *mappings,
                          struct copy_ranges *ranges_ret, uint64_t *bytes_ret) NODISCARD;

/* The ranges alone, for a process that is not copied. */
struct error *copy_touched(struct process *process, const struct mappings *mappings,
                           struct extents *touched_ret) NODISCARD;

/* Room for a copy, brought in before it is needed. `slack_bytes` more may come than `bytes`. */
struct error *copy_init(struct copy *copy, uint64_t bytes, uint64_t slack_bytes) NODISCARD;
void copy_deinit(struct copy *copy);

/* Copies the ranges, until `deadline_ns` at the latest. Takes their list. A page that cannot be read
 * is left out. ERROR_LIMIT if there is too much of it for the time or the room. */
struct error *copy_take(struct copy *copy, struct process *process, struct copy_ranges *ranges,
                        int64_t deadline_ns) NODISCARD;

/* The bytes at an address, and how many follow in one piece; NULL if it was not copied: then
 * *left_ret is how far it is to the next that was. */
const uint8_t *copy_at(const struct copy *copy, address at, uint64_t *left_ret);

/* How many bytes of a range were copied. */
uint64_t copy_measure(const struct copy *copy, address start, address end);

#endif
