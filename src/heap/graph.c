#include "heap/graph.h"

#include "heap/dominators.h"
#include "heap/graph_holders.h"
#include "heap/hot_memory.h"
#include "heap/incoming.h"

enum {
    NODES_MAX = UINT32_MAX / 2 /* objects: room is left for their holders */
};

/* What a finalizer keeps counts only for objects that nothing else reaches. */
static void drop_reached(const struct graph *graph, struct csr *csr,
                         const struct finalizer_edges *finalizers)
{
    uint32_t first = csr->first[finalizers->node];
    for (uint32_t i = first; i < csr->first[finalizers->node + 1]; i++) {
        uint32_t owner = finalizers->owners.at[i - first];
        if (graph_place(graph, owner) != CSR_NONE)
            csr->to[i] = finalizers->node;
    }
}

static void visit_all(struct graph *graph, struct csr *csr, const struct numbers *late,
                      const struct finalizer_edges *finalizers)
{
    visit_from(csr, graph->root, &graph->visit);
    for (size_t i = 0; i < late->length; i++) {
        if (late->at[i] == finalizers->node)
            drop_reached(graph, csr, finalizers);
        visit_more(csr, &graph->visit, late->at[i]);
    }
}

/* Who dominates whom. Edges forwards are not needed any more after that. */
static void dominate(struct graph *graph)
{
    struct tangle tangle;
    incoming_edges(&graph->visit, &graph->incoming);
    graph->edges = graph->incoming.first[graph->visit.count];
    tangle_find(&graph->visit, &graph->incoming, &tangle);
    csr_free(&graph->visit.outgoing);
    graph->dominator = dominators_find(&graph->visit, &graph->incoming, &tangle);
    tangle_free(&tangle);
}

void graph_each_object(const struct graph *graph,
                       void (*each)(void *context, uint32_t number, uint32_t place,
                                    uint64_t size_bytes),
                       void *context)
{
    const struct objects *objects = &graph->heap->objects;
    for (uint32_t i = 0; i < objects->span_count; i++) {
        const struct object_span *span = &objects->spans[i];
        uint64_t size = object_size(objects, (struct object){.span = i});
        for (uint32_t k = 0; k < span->count; k++) {
            uint32_t place = graph_place(graph, span->first + k);
            if (place != CSR_NONE)
                each(context, span->first + k, place, size);
        }
    }
}

static void weigh_object(void *context, uint32_t number, uint32_t place, uint64_t size)
{
    struct graph *graph = context;
    (void)number;
    graph->held[place] = size;
    graph->reached_objects++;
    graph->reached_bytes += size;
}

/* What each place itself weighs. */
static void weigh(struct graph *graph)
{
    graph_each_object(graph, weigh_object, graph);
    for (uint32_t i = 0; i < graph->holders.length; i++) {
        uint32_t place = graph_place(graph, graph->objects + i);
        if (place != CSR_NONE)
            graph->held[place] = graph->holders.at[i].stack_bytes;
    }
}

static void measure(struct graph *graph)
{
    graph->held = hot_memory(graph->visit.count, sizeof(*graph->held));
    weigh(graph);
    for (uint32_t place = graph->visit.count; --place > 0;)
        graph->held[graph->dominator[place]] += graph->held[place];
}

static struct error *build(struct graph *graph, const struct group_table *groups)
{
    struct csr csr = {0};
    struct numbers late = {0};
    struct finalizer_edges finalizers = {0};
    if (graph->objects > NODES_MAX)
        return error_create(ERROR_LIMIT, "the heap has more than 2^31 objects");
    struct error *error = graph_holders_build(graph, groups, &csr, &late, &finalizers);
    if (!error)
        visit_all(graph, &csr, &late, &finalizers);
    csr_free(&csr);
    VECTOR_DEINIT(&late);
    VECTOR_DEINIT(&finalizers.owners);
    if (error)
        return error;
    dominate(graph);
    measure(graph);
    return NULL;
}

struct error *graph_open(struct heap *heap, const struct observation *observation,
                         const struct group_table *groups, const struct data_symbols *symbols,
                         struct graph **graph_ret)
{
    struct graph *graph = xcalloc(1, sizeof(*graph));
    *graph = (struct graph){.heap = heap,
                            .observation = observation,
                            .symbols = symbols,
                            .objects = heap->objects.count};
    struct error *error = build(graph, groups);
    if (error) {
        graph_close(graph);
        return error;
    }
    *graph_ret = graph;
    return NULL;
}

void graph_close(struct graph *graph)
{
    if (!graph)
        return;
    VECTOR_DEINIT(&graph->holders);
    visit_free(&graph->visit);
    csr_free(&graph->incoming);
    free(graph->dominator);
    free(graph->held);
    free(graph);
}
