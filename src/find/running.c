#include "find/running.h"

enum {
    BYTES_MAX = 1 << 20
};

static bool is_at_its_place(const struct looks *looks, const struct goroutine *goroutine)
{
    const struct stack_table *stacks = looks->now->stacks;
    return goroutine->stack != STACK_NONE && goroutine->sp &&
           stacks->pcs.at[stacks->stacks.at[goroutine->stack].first] & STACK_PC_EXACT;
}

static void add_registers(const struct looks *looks, const struct goroutine *goroutine,
                          struct running_words *words)
{
    size_t count = 0;
    const struct thread_registers *threads = target_threads(looks->target, &count);
    for (size_t i = 0; i < count; i++) {
        const struct thread_registers *thread = &threads[i];
        if (thread->sp < goroutine->stack_low || thread->sp >= goroutine->stack_high)
            continue;
        VECTOR_PUSH(words, thread->pc);
        for (unsigned n = 0; n < thread->general_count; n++)
            VECTOR_PUSH(words, thread->general[n]);
        for (unsigned n = 0; n < VECTOR_WORDS; n++)
            VECTOR_PUSH(words, thread->vector[n]);
    }
}

void running_read(const struct looks *looks, const struct goroutine *goroutine,
                  struct running_words *words_ret)
{
    bool placed = is_at_its_place(looks, goroutine);
    address from = (placed ? goroutine->sp : goroutine->stack_low) & ~UINT64_C(7);
    *words_ret = (struct running_words){0};
    if (from >= goroutine->stack_high)
        return;
    if (goroutine->stack_high - from > BYTES_MAX)
        from = goroutine->stack_high - BYTES_MAX;
    size_t count = (goroutine->stack_high - from) / 8;
    VECTOR_RESERVE(words_ret, count + 1);
    struct error *error = target_read(looks->target, from, words_ret->at, count * 8);
    words_ret->length = error_ignore(error) ? 0 : count;
    add_registers(looks, goroutine, words_ret);
}
