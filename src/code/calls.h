/* Who calls whom, by direct calls only. For questions such as "does this function receive from a
 * channel anywhere?". */
#ifndef SEEP_CODE_CALLS_H
#define SEEP_CODE_CALLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/vector.h"
#include "program/program.h"
#include "target/target.h"

enum {
    CALLS_FUNCTIONS_MAX = 512
};

/* True if `from`, or a function that it calls through at most `depth` levels of direct calls, calls
 * one of the targets directly (their entries). The call that returns to except_return_pc does not
 * count (0: all count). The levels go through functions outside the standard library only, and at
 * most CALLS_FUNCTIONS_MAX of them are looked at; what can't be read is passed over. Reads the
 * target. */
bool calls_reach(struct target *target, const struct program *program, const struct func *from,
                 const address *targets, size_t target_count, unsigned depth,
                 address except_return_pc);

/* A function that has one of several wanted names. */
struct named_entry {
    address entry;
    uint32_t name; /* index */
};

struct named_entries VECTOR_OF(struct named_entry);

/* All functions of these names, in one pass, by address: a name may stand for two (runtime.newproc
 * and its wrapper for assembly). The caller ends the array with VECTOR_DEINIT. */
void calls_entries(const struct program *program, const char *const *names, size_t count,
                   struct named_entries *entries_ret);

/* The entries of the functions of these names, in one pass over all functions. Those that the
 * program does not have are left out: returns how many of entries_ret[count] are filled. */
size_t calls_resolve(const struct program *program, const char *const *names, size_t count,
                     address *entries_ret);

/* True for a function of the standard library or the runtime: its package path has no dot in its
 * first element, and is neither "main" nor of the program's main module. */
bool calls_is_standard(const struct program *program, const char *name);

/* The next direct call in the code, by its bytes: from *at_ret on, which moves behind it. amd64: E8
 * and a 32-bit distance; such bytes also occur inside other instructions, so that only a callee
 * that is exactly a function's entry means anything. arm64: BL. */
bool calls_next(enum architecture arch, const uint8_t *bytes, size_t size, address entry,
                size_t *at_ret, address *callee_ret);

#endif
