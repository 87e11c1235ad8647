/* Spans that wait for their turn, taken in the order of their addresses, round and round: so that memory is walked through, not jumped about in. What comes next is known
 * some spans ahead. */
#ifndef SEEP_HEAP_SPAN_QUEUE_H
#define SEEP_HEAP_SPAN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPANS_AHEAD = 64,
    SPAN_QUEUE_LEVELS = 3
};

struct span_queue {
    uint64_t *waiting
        [SPAN_QUEUE_LEVELS]; /* a bit per span; above, a bit per word of the level below that is not 0 */
    size_t words[SPAN_QUEUE_LEVELS];
    uint32_t place;             /* the next to be looked at */
    size_t length;              /* bits that are set */
    uint32_t soon[SPANS_AHEAD]; /* a ring of those that were taken out of `waiting` already */
    unsigned soon_first, soon_count;
};

void span_queue_open(struct span_queue *queue_ret, size_t spans);
void span_queue_close(struct span_queue *queue);

/* Not one that waits already. */
void span_queue_add(struct span_queue *queue, uint32_t span);

/* The next one; false if none waits. */
bool span_queue_take(struct span_queue *queue, uint32_t *span_ret);

/* The one that will be taken after `ahead` others, of those that are known; false if it is not. */
static inline bool span_queue_ahead(const struct span_queue *queue, unsigned ahead,
                                    uint32_t *span_ret)
{
    if (ahead >= queue->soon_count)
        return false;
    *span_ret = queue->soon[(queue->soon_first + ahead) % SPANS_AHEAD];
    return true;
}

#endif
