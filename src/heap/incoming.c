#include "heap/incoming.h"

#include "heap/hot_memory.h"

/* How many lead to each place, summed up: where the last one of them will stand. */
static void make_room(const struct visit *visit, uint32_t *first)
{
    const struct csr *outgoing = &visit->outgoing;
    uint32_t edges = outgoing->first[visit->count], sum = 0;
    for (uint32_t i = 0; i < edges; i++)
        first[outgoing->to[i]]++;
    for (size_t i = 0; i < visit->late.length; i++)
        first[visit->late.at[i]]++;
    for (uint32_t place = 0; place < visit->count; place++) {
        sum += first[place];
        first[place] = sum;
    }
    first[visit->count] = sum;
}

void incoming_edges(const struct visit *visit, struct csr *incoming_ret)
{
    const struct csr *outgoing = &visit->outgoing;
    size_t edges = outgoing->first[visit->count] + visit->late.length;
    uint32_t *first = hot_memory((size_t)visit->count + 1, sizeof(*first));
    uint32_t *to = hot_memory_unset(edges + 1, sizeof(*to));
    make_room(visit, first);
    for (uint32_t place = visit->count; place-- > 0;) {
        for (uint32_t i = outgoing->first[place + 1]; i-- > outgoing->first[place];)
            to[--first[outgoing->to[i]]] = place;
    }
    for (size_t i = 0; i < visit->late.length; i++)
        to[--first[visit->late.at[i]]] = 0;
    *incoming_ret = (struct csr){.first = first, .to = to, .nodes = visit->count};
}
