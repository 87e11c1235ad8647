/* Which variables a function's code names: the addresses of data that its instructions load from, store to or take. The way to a global
 * of the runtime that has no symbol: a function that has a name uses it. */
#ifndef SEEP_CODE_DATA_REFS_H
#define SEEP_CODE_DATA_REFS_H

#include "base/vector.h"
#include "program/program.h"
#include "target/target.h"

/* A constant address in the code: `taken` if it is computed, not loaded from or stored to. Also numbers that only look like one. */
typedef void data_note(void *context, address at, bool taken);

/* All of one function, in order of the code. */
struct error *data_refs_each(struct target *target, const struct program *program,
                             const struct func *func, data_note *note, void *context) NODISCARD;

struct data_refs VECTOR_OF(address);

enum {
    DATA_REFS_MAX = 4096
};

/* Adds the addresses in [low, high) that the code of the first function of that name uses, each once, in order of the code. Nothing is added if
 * there is no such function or its code can't be read: what is found is to be checked by what it holds. The caller ends the array with
 * VECTOR_DEINIT. */
void data_refs_add(struct target *target, const struct program *program, const char *function,
                   address low, address high, struct data_refs *refs);

#endif
