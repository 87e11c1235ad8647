#include "heap/held.h"

#include "heap/hiding.h"

struct measuring {
    struct marker marker;
    struct stack_scanner scanner;
    struct hiding hiding;
    const struct observation *observation;
    uint8_t *without; /* by goroutine: its stack is left out */
    struct ranges
        VECTOR_OF(struct hidden_range) ranges; /* holder by holder, goroutine by goroutine */
};

static void hide_holder(struct measuring *measuring, const struct holder *holder)
{
    for (size_t i = 0; i < holder->count; i++) {
        uint32_t index = holder->goroutines[i];
        const struct goroutine *goroutine = &measuring->observation->goroutines.at[index];
        struct hidden_range range;
        if (holder->defer_pc) {
            range = hide_defers(&measuring->hiding, goroutine, holder->defer_pc);
        } else {
            range = hide_goroutine(&measuring->hiding, goroutine);
            measuring->without[index] = 1;
        }
        VECTOR_PUSH(&measuring->ranges, range);
    }
}

/* `next` is the first of the holder's ranges. */
static uint64_t add_holder(struct measuring *measuring, const struct holder *holder, size_t next)
{
    uint64_t before = measuring->marker.bytes;
    for (size_t i = 0; i < holder->count; i++) {
        uint32_t index = holder->goroutines[i];
        if (holder->defer_pc) {
            unhide(&measuring->hiding, measuring->ranges.at[next + i]);
            continue;
        }
        unhide_uncounted(&measuring->hiding, measuring->ranges.at[next + i]);
        stack_roots(&measuring->scanner, &measuring->observation->goroutines.at[index],
                    measuring->observation->stacks);
    }
    marker_drain(&measuring->marker);
    return measuring->marker.bytes - before;
}

static struct error *measure(struct measuring *measuring, struct holder *holders, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hide_holder(measuring, &holders[i]);
    TRY(all_roots(&measuring->scanner, measuring->observation, measuring->without, true));
    marker_drain(&measuring->marker);
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        holders[i].bytes = add_holder(measuring, &holders[i], next);
        next += holders[i].count;
    }
    return NULL;
}

struct error *held_measure(struct heap *heap, const struct observation *observation,
                           struct holder *holders, size_t count)
{
    struct measuring measuring = {.observation = observation};
    marker_open(heap, &measuring.marker);
    stack_scanner_open(&measuring.marker, &measuring.scanner);
    measuring.hiding.marker = &measuring.marker;
    measuring.without = xcalloc(observation->goroutines.length + 1, 1);
    struct error *error = measure(&measuring, holders, count);
    VECTOR_DEINIT(&measuring.ranges);
    free(measuring.without);
    hiding_deinit(&measuring.hiding);
    stack_scanner_close(&measuring.scanner);
    marker_close(&measuring.marker);
    return error;
}
