/* Bytes that findings hold, from the heap graph: the largest finding first, so that what several of them share is counted with it. */
#include "heap/held.h"

#include "find/finding.h"

static struct holder holder_of(const struct finding *finding)
{
    return (struct holder){.goroutines = finding->members.at,
                           .count = finding->members.length,
                           .defer_pc = finding->defer_pc};
}

void find_held(const struct looks *looks, struct findings *findings)
{
    if (!looks->heap || !findings->length)
        return;
    AUTO_FREE struct holder *holders = xcalloc(findings->length, sizeof(*holders));
    for (size_t i = 0; i < findings->length; i++)
        holders[i] = holder_of(&findings->at[i]);
    struct error *error = held_measure(looks->heap, looks->now, holders, findings->length);
    if (error_ignore(error))
        return;
    for (size_t i = 0; i < findings->length; i++) {
        struct finding *finding = &findings->at[i];
        uint64_t stacks = finding->defer_pc ? 0 : finding->held_bytes;
        if (!finding->members.length)
            continue;
        finding->held_bytes = stacks + holders[i].bytes;
        finding->held_measured = true;
    }
}
