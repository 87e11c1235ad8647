/* What the dynamic linker would write into an executable's data before it runs. A position
 * independent executable, a shared library and a plugin keep their pointers as relocations: on
 * file, runtime.moduledata is full of zeros. */
#ifndef SEEP_TARGET_RELOCATIONS_H
#define SEEP_TARGET_RELOCATIONS_H

#include "elf/elffile.h"

/* A writable segment as it is in memory, linked addresses, bias 0. */
struct relocated {
    uint64_t start;
    uint64_t size; /* of the bytes; what follows up to memory_size is zero */
    uint64_t memory_size;
    const uint8_t *bytes; /* the file's, or the copy */
    uint8_t *copy;        /* or NULL: nothing in it is relocated */
};

/* Applies DT_RELA to the segment's copy: R_*_RELATIVE, and R_*_64/ABS64 and GLOB_DAT
 * whose symbol is in the file itself; others stay as they are. Entries outside of every segment are
 * passed over. `segments` are sorted by start and writable. ERROR_LIMIT if the file wants more
 * memory than seep allows. */
struct error *relocations_apply(const struct elffile *file, struct relocated *segments,
                                size_t count) NODISCARD;

#endif
