/* A snapshot: a process at one instant as a file, with all that an analysis reads, to be analysed on another machine
 * (snapshot_format.h). It holds the executable, too.
 *
 * Blocks are unpacked when something of them is read for the first time, and stay: so that reading costs what it reads, and
 * memory is in place. A block that is damaged makes reads fail, and target_check() say so: an analysis must not pass off the
 * damage as a hole. */
#ifndef SEEP_TARGET_SNAPSHOT_H
#define SEEP_TARGET_SNAPSHOT_H

#include "target/target.h"

/* Whether these are the first bytes of a snapshot, of any format: eight suffice. */
bool snapshot_is_one(const uint8_t *bytes, size_t size);

/* Errors: no snapshot; cut off; of a newer seep; damaged; more memory than is free here. */
struct error *target_open_snapshot(const char *path, struct target **target_ret) NODISCARD;

/* The same over bytes that the caller keeps alive: for tests and fuzzing. */
struct error *target_open_snapshot_bytes(const uint8_t *bytes, size_t size, const char *shown,
                                         struct target **target_ret) NODISCARD;

/* For how long the process stood still when it was saved. */
int64_t snapshot_pause_ns(const struct target *target);

#endif
