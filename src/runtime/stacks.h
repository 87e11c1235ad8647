/* Call stacks, each kept once: goroutines with the same return addresses share one. */
#ifndef SEEP_RUNTIME_STACKS_H
#define SEEP_RUNTIME_STACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/u64map.h"
#include "base/vector.h"
#include "target/address.h"

enum {
    STACK_INNER_MAX = 100, /* physical frames kept at the inner end */
    STACK_OUTER_MAX = 100, /* and at the outer end, where the stack is deeper than both */
};

struct stack {
    uint64_t hash;
    uint32_t first; /* index into pcs */
    uint16_t kept;  /* pcs kept: inner ones, then outer ones */
    uint32_t depth; /* frames walked; more than `kept` if the middle was left out */
    bool complete;  /* walked to its end */
};

struct stack_table {
    struct stacks VECTOR_OF(struct stack) stacks;
    struct pcs VECTOR_OF(address) pcs; /* see stack_pc() and stack_lookup_pc() */
    struct u64map by_hash;
};

/* Index of the stack, added if it is new. `pcs` holds the kept ones. */
uint32_t stack_table_intern(struct stack_table *table, const address *pcs,
                            const struct stack *walked);

/* A frame's pc is the return address into it, but for the innermost frame and one that a signal interrupted: there it is the
 * very instruction. Bit 63, which no user-space address has, marks those. */
#define STACK_PC_EXACT (UINT64_C(1) << 63)

static inline address stack_pc(const struct stack_table *table, const struct stack *stack,
                               uint32_t i)
{
    return table->pcs.at[stack->first + i] & ~STACK_PC_EXACT;
}

/* The address to look up source lines of the i-th kept frame. */
static inline address stack_lookup_pc(const struct stack_table *table, const struct stack *stack,
                                      uint32_t i)
{
    address pc = table->pcs.at[stack->first + i];
    return pc & STACK_PC_EXACT ? pc & ~STACK_PC_EXACT : pc - 1;
}

void stack_table_deinit(struct stack_table *table);

#endif
