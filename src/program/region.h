/* A region of the executable as bytes: in place in its file, or a copy of the target's memory if
 * the file does not hold it (an executable that unpacks itself, or was cut off). For plain data:
 * the file's pointers are as linked. */
#ifndef SEEP_PROGRAM_REGION_H
#define SEEP_PROGRAM_REGION_H

#include "base/error.h"
#include "program/pclntab.h"
#include "target/target.h"

enum {
    REGION_MAX = 512 << 20
};

/* *owned_ret is NULL or the copy, which the caller frees; pages that can't be read are zero in
 * it. */
struct error *region_bytes(struct target *target, address start, uint64_t size,
                           struct bytes *bytes_ret, void **owned_ret) NODISCARD;

#endif
