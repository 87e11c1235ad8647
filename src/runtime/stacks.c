#include "runtime/stacks.h"

#include <string.h>

static uint64_t hash_of(const address *pcs, const struct stack *walked)
{
    uint64_t hash = walked->depth * 2 + walked->complete;
    for (uint32_t i = 0; i < walked->kept; i++)
        hash = u64_mix(hash ^ pcs[i]);
    return hash;
}

static bool is_same(const struct stack_table *table, const struct stack *have, const address *pcs,
                    const struct stack *walked)
{
    return have->kept == walked->kept && have->depth == walked->depth &&
           have->complete == walked->complete &&
           !memcmp(table->pcs.at + have->first, pcs, walked->kept * sizeof(*pcs));
}

uint32_t stack_table_intern(struct stack_table *table, const address *pcs,
                            const struct stack *walked)
{
    uint64_t hash = hash_of(pcs, walked);
    for (;; hash++) { /* stacks that share a hash take the next ones */
        uint32_t index = 0;
        if (!u64map_get(&table->by_hash, hash, &index))
            break;
        if (is_same(table, &table->stacks.at[index], pcs, walked))
            return index;
    }
    uint32_t index = (uint32_t)table->stacks.length;
    struct stack stack = *walked;
    stack.hash = hash;
    stack.first = (uint32_t)table->pcs.length;
    for (uint32_t i = 0; i < walked->kept; i++)
        VECTOR_PUSH(&table->pcs, pcs[i]);
    VECTOR_PUSH(&table->stacks, stack);
    u64map_set(&table->by_hash, hash, index);
    return index;
}

void stack_table_deinit(struct stack_table *table)
{
    VECTOR_DEINIT(&table->stacks);
    VECTOR_DEINIT(&table->pcs);
    u64map_deinit(&table->by_hash);
}
