#include "heap/span_queue.h"

#include <stdlib.h>

#include "base/memory.h"

void span_queue_open(struct span_queue *queue_ret, size_t spans)
{
    size_t bits = spans;
    *queue_ret = (struct span_queue){0};
    for (int level = 0; level < SPAN_QUEUE_LEVELS; level++) {
        bits = bits / 64 + 1;
        queue_ret->words[level] = bits;
        queue_ret->waiting[level] = xcalloc(bits, sizeof(uint64_t));
    }
}

void span_queue_close(struct span_queue *queue)
{
    for (int level = 0; level < SPAN_QUEUE_LEVELS; level++)
        free(queue->waiting[level]);
}

void span_queue_add(struct span_queue *queue, uint32_t span)
{
    size_t at = span;
    for (int level = 0; level < SPAN_QUEUE_LEVELS; level++, at /= 64)
        queue->waiting[level][at / 64] |= UINT64_C(1) << at % 64;
    queue->length++;
}

static void clear(struct span_queue *queue, size_t at)
{
    for (int level = 0; level < SPAN_QUEUE_LEVELS; level++, at /= 64) {
        uint64_t *word = &queue->waiting[level][at / 64];
        *word &= ~(UINT64_C(1) << at % 64);
        if (*word)
            break;
    }
    queue->length--;
}

/* The first bit that is set, from `at` (at most the number of spans) on; false if there is none up to the end. Up while there is nothing in the word, then down. */
static bool find(const struct span_queue *queue, size_t at, uint32_t *at_ret)
{
    int level = 0;
    size_t word = at / 64;
    uint64_t bits = queue->waiting[0][word] & UINT64_MAX << at % 64;
    while (!bits) {
        if (level < SPAN_QUEUE_LEVELS - 1) {
            at = word + 1;
            word = at / 64;
            bits = queue->waiting[++level][word] & UINT64_MAX << at % 64;
        } else if (++word < queue->words[level]) {
            bits = queue->waiting[level][word];
        } else {
            return false;
        }
    }
    at = word * 64 + (unsigned)__builtin_ctzll(bits);
    while (level > 0)
        at = at * 64 + (unsigned)__builtin_ctzll(queue->waiting[--level][at]);
    *at_ret = (uint32_t)at;
    return true;
}

bool span_queue_take(struct span_queue *queue, uint32_t *span_ret)
{
    if (!queue->length)
        return false;
    if (!find(queue, queue->place, span_ret))
        find(queue, 0, span_ret);
    clear(queue, *span_ret);
    queue->place = *span_ret + 1;
    return true;
}
