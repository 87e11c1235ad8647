/* Writing a snapshot (snapshot.h): the memory that is to be kept is read from a target that stands still, packed and written
 * block by block, so that no more than a block of it is held. */
#ifndef SEEP_TARGET_SNAPSHOT_WRITE_H
#define SEEP_TARGET_SNAPSHOT_WRITE_H

#include "target/target.h"

struct snapshot_order {
    struct target *target;      /* target_measure() was called */
    const struct extents *kept; /* ordered; what of it is not there is left out */
    int64_t now_ns;             /* the instant; 0 if it is not known */
    int64_t pause_ns;           /* for how long the process was stopped */
    bool ran_on;                /* it was not stopped */
};

struct snapshot_written {
    uint64_t file_bytes;
    uint64_t memory_bytes; /* with what is all zeros */
    uint64_t executable_bytes;
};

/* Writes to an empty file from its start on. Errors: of writing (a full disk), ERROR_GONE if the target ended. */
struct error *snapshot_write(int file, const struct snapshot_order *order,
                             struct snapshot_written *written_ret) NODISCARD;

#endif
