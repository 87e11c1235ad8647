/* A core file, shared between reading it (core.c) and finding its executable
 * (core_executable.c). */
#ifndef SEEP_TARGET_CORE_H
#define SEEP_TARGET_CORE_H

#include "target/core_notes.h"
#include "target/internal.h"

/* One mapping of the process as the core describes it. */
struct core_load {
    address start;
    address end;          /* of the mapping */
    address present_end;  /* of what the file holds of it, from the start */
    bool was_dumped;      /* the dump meant to hold at least a part of it */
    const uint8_t *bytes; /* at start */
    uint32_t flags;       /* PF_R, PF_W, PF_X */
};
struct core_loads VECTOR_OF(struct core_load);

struct core {
    struct target target; /* first: a struct target * is a struct core * */
    struct elffile *file;
    struct core_notes notes;
    struct core_loads loads; /* sorted by start */
};

/* What the core itself holds at an address, and how much; NULL if it does not hold it. */
const uint8_t *core_bytes(const struct core *core, address at, size_t *left_ret);

/* Finds and opens the program of the core. `core_path` is where the core lies, `wanted` the path of
 * the program that the user gave, or NULL. */
struct error *core_find_executable(const struct core *core, const char *core_path,
                                   const char *wanted, struct elffile **file_ret,
                                   uint64_t *bias_ret) NODISCARD;

#endif
