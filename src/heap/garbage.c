#include "heap/garbage.h"

#include <string.h>

#include "heap/roots.h"
#include "runtime/slots.h"

struct weighing {
    struct heap *heap;
    const uint64_t *reached;
    struct garbage *garbage;
};

/* Divides what is allocated (all, if it is NULL) in reached and not; returns how many are not. */
static uint32_t divide(const struct weighing *weighing, const struct object_span *span,
                       const uint8_t *allocated, uint8_t *reached, uint8_t *garbage)
{
    uint32_t count = 0;
    memset(reached, 0, SLOT_BITS_BYTES);
    memset(garbage, 0, SLOT_BITS_BYTES);
    for (uint32_t i = 0; i < span->count; i++) {
        uint32_t number = span->first + i;
        if (allocated && !(allocated[i / 8] >> i % 8 & 1))
            continue;
        bool is_reached = weighing->reached[number / 64] >> number % 64 & 1;
        (is_reached ? reached : garbage)[i / 8] |= (uint8_t)(1u << i % 8);
        count += !is_reached;
    }
    return count;
}

static void add_span(void *context, const struct span *span, const uint8_t *allocated)
{
    struct weighing *weighing = context;
    struct heap *heap = weighing->heap;
    struct garbage *sums = weighing->garbage;
    const struct object_span *known = &heap->objects.spans[span - heap->objects.source];
    uint8_t reached[SLOT_BITS_BYTES], garbage[SLOT_BITS_BYTES];
    if (known->count > SLOTS_MAX) { /* no Go makes such a span: nothing is said against it */
        sums->reached_bytes += slots_weigh(heap->target, span, NULL).wanted_bytes;
        return;
    }
    uint32_t count = divide(weighing, known, allocated, reached, garbage);
    sums->reached_bytes += slots_weigh(heap->target, span, reached).wanted_bytes;
    if (!count)
        return;
    sums->objects += count;
    sums->bytes += count * span->element_size;
    sums->resident_bytes += slots_weigh(heap->target, span, garbage).wanted_bytes;
}

struct error *garbage_weigh(struct heap *heap, const uint64_t *reached, struct garbage *garbage_ret)
{
    struct weighing weighing = {.heap = heap, .reached = reached, .garbage = garbage_ret};
    *garbage_ret = (struct garbage){0};
    return slots_each(heap->target, &heap->spans, add_span, &weighing);
}

struct error *garbage_find(struct heap *heap, const struct observation *observation,
                           struct garbage *garbage_ret)
{
    struct marker marker;
    struct stack_scanner scanner;
    AUTO_FREE uint8_t *without = xcalloc(observation->goroutines.length + 1, 1);
    marker_open(heap, &marker);
    stack_scanner_open(&marker, &scanner);
    struct error *error = all_roots(&scanner, observation, without, true);
    if (!error) {
        marker_drain(&marker);
        error = garbage_weigh(heap, marker.marked, garbage_ret);
    }
    stack_scanner_close(&scanner);
    marker_close(&marker);
    return error;
}
