/* Nodes lie anywhere, so that each step waits for memory; but who is visited soon is known long before: what they need is asked for in time. */
#include "heap/visit.h"

#include <string.h>

#include "heap/hot_memory.h"

/* Asks for what the places will need that come soon: the edges, then the nodes that they lead to. */
static inline void look_ahead(const struct csr *csr, const struct visit *visit, uint32_t place)
{
    enum {
        FAR = 48,
        NEARER = 32,
        NEAR = 16,
        EDGES_MAX = 16
    };
    if (place + NEAR >= visit->count)
        return;
    if (place + FAR < visit->count)
        __builtin_prefetch(&csr->first[visit->node[place + FAR]]);
    if (place + NEARER < visit->count)
        __builtin_prefetch(&csr->to[csr->first[visit->node[place + NEARER]]]);
    uint32_t near = visit->node[place + NEAR], first = csr->first[near];
    uint32_t end = csr->first[near + 1];
    for (uint32_t i = first; i < end && i < first + EDGES_MAX; i++)
        __builtin_prefetch(&visit->place[csr->to[i]], 1);
}

static inline uint32_t reach(struct visit *visit, uint32_t node, uint32_t parent)
{
    if (visit->place[node] == CSR_NONE) {
        uint32_t place = visit->count++;
        visit->place[node] = place;
        visit->node[place] = node;
        visit->parent[place] = parent;
    }
    return visit->place[node];
}

/* Follows all places from this one on. */
static void go_on(const struct csr *csr, struct visit *visit, uint32_t place)
{
    struct csr *outgoing = &visit->outgoing;
    uint32_t edges = outgoing->first[place], settled = visit->settled;
    for (; place < visit->count; place++) {
        uint32_t node = visit->node[place], end = csr->first[node + 1];
        look_ahead(csr, visit, place);
        for (uint32_t i = csr->first[node]; i < end; i++) {
            uint32_t to = reach(visit, csr->to[i], place);
            if (to != place && to >= settled)
                outgoing->to[edges++] = to;
        }
        outgoing->first[place + 1] = edges;
    }
    outgoing->nodes = visit->count;
}

void visit_more(const struct csr *csr, struct visit *visit, uint32_t node)
{
    uint32_t from = visit->count;
    VECTOR_PUSH(&visit->late, reach(visit, node, 0));
    go_on(csr, visit, from);
}

void visit_from(const struct csr *csr, uint32_t root, struct visit *visit_ret)
{
    *visit_ret = (struct visit){
        .place = hot_memory_unset(csr->nodes, sizeof(*visit_ret->place)),
        .node = hot_memory_unset(csr->nodes, sizeof(*visit_ret->node)),
        .parent = hot_memory_unset(csr->nodes, sizeof(*visit_ret->parent)),
        .outgoing = {.first = hot_memory_unset((size_t)csr->nodes + 1, sizeof(uint32_t)),
                     .to = hot_memory_unset((size_t)csr->first[csr->nodes] + 1, sizeof(uint32_t))},
    };
    memset(visit_ret->place, 0xff, csr->nodes * sizeof(*visit_ret->place));
    visit_ret->outgoing.first[0] = 0;
    reach(visit_ret, root, 0);
    go_on(csr, visit_ret, 0);
    visit_ret->settled = visit_ret->count;
}

void visit_free(struct visit *visit)
{
    free(visit->place);
    free(visit->node);
    free(visit->parent);
    csr_free(&visit->outgoing);
    VECTOR_DEINIT(&visit->late);
    *visit = (struct visit){0};
}
