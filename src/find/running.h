/* A goroutine that runs may be anywhere, so that no map of its stack holds: each word of it may be a pointer, or where a frame goes on. */
#ifndef SEEP_FIND_RUNNING_H
#define SEEP_FIND_RUNNING_H

#include "find/finding.h"

struct running_words VECTOR_OF(uint64_t);

static inline bool is_running(const struct goroutine *goroutine)
{
    return goroutine->state == GOROUTINE_RUNNING || goroutine->stack == STACK_NONE;
}

/* The words of its stack, from its stack pointer on if that is known, and the registers of the thread that runs on it. None if the stack can't be read. The
 * caller ends the array with VECTOR_DEINIT. */
void running_read(const struct looks *looks, const struct goroutine *goroutine,
                  struct running_words *words_ret);

#endif
