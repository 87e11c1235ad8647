/* Which memory of a target was read: a snapshot must hold all of it, so that an analysis of the snapshot meets what the
 * analysis of the process met. Kept in units of 16 bytes, a bit for each, because around what was read lie the data of the
 * program's users, which a snapshot leaves out. */
#ifndef SEEP_TARGET_READLOG_H
#define SEEP_TARGET_READLOG_H

#include "base/u64map.h"
#include "target/extents.h"

enum {
    READLOG_UNIT = 16
};

struct readlog_page {
    address page; /* its number */
    uint64_t units[4];
};

struct readlog {
    struct u64map pages; /* by number: index of its bits */
    struct readlog_bits VECTOR_OF(struct readlog_page) bits;
};

void readlog_note(struct readlog *log, address at, uint64_t size);

/* Adds what was read. The list is to be ordered then. */
void readlog_add_to(const struct readlog *log, struct extents *extents);

void readlog_deinit(struct readlog *log);

#endif
