/* Spans that wait for their turn, taken in the order of their addresses, round and round: so that memory is walked through, not jumped about in. */
#ifndef SEEP_HEAP_SPAN_QUEUE_H
#define SEEP_HEAP_SPAN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPAN_QUEUE_LEVELS = 3
};

struct span_queue {
    uint64_t *waiting
        [SPAN_QUEUE_LEVELS]; /* a bit per span; above, a bit per word of the level below that is not 0 */
    size_t words[SPAN_QUEUE_LEVELS];
    uint32_t place; /* the next to be looked at */
    size_t length;  /* bits that are set */
};

void span_queue_open(struct span_queue *queue_ret, size_t spans);
void span_queue_close(struct span_queue *queue);

/* Not one that waits already. */
void span_queue_add(struct span_queue *queue, uint32_t span);

/* The next one; false if none waits. */
bool span_queue_take(struct span_queue *queue, uint32_t *span_ret);

#endif
