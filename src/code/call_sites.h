/* Every place of a program that calls one of a few functions: the list that rules start from. */
#ifndef SEEP_CODE_CALL_SITES_H
#define SEEP_CODE_CALL_SITES_H

#include "code/calls.h"
#include "program/program.h"
#include "target/target.h"

struct call_site {
    address return_pc;
    uint32_t name; /* of the callee, as named_entries has it */
};

struct call_sites VECTOR_OF(struct call_site);

enum {
    CALL_SITES_MAX = 1 << 22
};

/* All direct calls of these functions, by address, in one pass over the text. A call is known by its
 * bytes, which may also occur within other instructions: whoever claims something follows the
 * function's code to the place first. Reads the target; ERROR_LIMIT over CALL_SITES_MAX. The caller
 * ends the array with VECTOR_DEINIT. */
struct error *call_sites_find(struct target *target, const struct program *program,
                              const struct named_entries *entries,
                              struct call_sites *sites_ret) NODISCARD;

/* Those of [start, end): pointer to the first, and how many. */
const struct call_site *call_sites_within(const struct call_sites *sites, address start,
                                          address end, size_t *count_ret);

#endif
