/* A pass over the heap in the order of its addresses, which is the order of the edges: memory is read as fast as it can be. What pointers lead to lies
 * anywhere: so that is looked up many at a time (pointers.h). */
#include "heap/graph_edges.h"

struct pass {
    struct graph_edges *edges;
    uint32_t owner; /* object whose pointers are taken */
    uint64_t words[POINTERS_AT_A_TIME];
    uint32_t owners[POINTERS_AT_A_TIME];
    size_t count;
    const struct graph_edge_list *more;
    size_t next_more;
};

void graph_edges_open(struct heap *heap, const uint64_t *hidden, struct graph_edges *edges_ret)
{
    *edges_ret = (struct graph_edges){.heap = heap, .hidden = hidden};
    VECTOR_RESERVE(&edges_ret->first, (size_t)heap->objects.count + 1);
    VECTOR_PUSH(&edges_ret->first, 0);
}

void graph_edges_close(struct graph_edges *edges)
{
    VECTOR_DEINIT(&edges->first);
    VECTOR_DEINIT(&edges->to);
}

bool graph_edges_hide(const struct graph_edges *edges, uint32_t node)
{
    return node < edges->heap->objects.count && edges->hidden[node / 64] >> node % 64 & 1;
}

/* The edges of all nodes before this one are complete. */
static inline void reach_node(struct graph_edges *edges, uint32_t node)
{
    while (edges->first.length <= node)
        VECTOR_PUSH(&edges->first, (uint32_t)edges->to.length);
}

void graph_edges_add_always(struct graph_edges *edges, uint32_t from, uint32_t to)
{
    reach_node(edges, from);
    if (edges->to.length == UINT32_MAX)
        edges->too_many = true;
    else
        VECTOR_PUSH(&edges->to, to);
}

void graph_edges_add(struct graph_edges *edges, uint32_t from, uint32_t to)
{
    if (graph_edges_hide(edges, to))
        return;
    reach_node(edges, from);
    if (edges->to.length == edges->first.at[from] || edges->to.at[edges->to.length - 1] != to)
        graph_edges_add_always(edges, from, to);
}

static void look_up(struct pass *pass)
{
    const struct objects *objects = &pass->edges->heap->objects;
    struct object found[POINTERS_AT_A_TIME];
    size_t count = pointers_look_up(objects, pass->words, pass->owners, pass->count, found);
    for (size_t i = 0; i < count; i++)
        graph_edges_add(pass->edges, pass->owners[i], object_number(objects, found[i]));
    pass->count = 0;
}

static void take(void *context, uint64_t word)
{
    struct pass *pass = context;
    pass->words[pass->count] = word;
    pass->owners[pass->count++] = pass->owner;
    if (pass->count == POINTERS_AT_A_TIME)
        look_up(pass);
}

static void guess(void *context, uint64_t word)
{
    struct pass *pass = context;
    struct heap *heap = pass->edges->heap;
    struct object object;
    if (!objects_at(&heap->objects, word, &object) || !heap_is_allocated(heap, object))
        return;
    look_up(pass);
    graph_edges_add(pass->edges, pass->owner, object_number(&heap->objects, object));
}

/* Edges that are not pointers, of objects up to this one. */
static void take_more(struct pass *pass, uint32_t until)
{
    const struct graph_edge_list *more = pass->more;
    if (pass->next_more == more->length || more->at[pass->next_more].from > until)
        return;
    look_up(pass);
    for (; pass->next_more < more->length && more->at[pass->next_more].from <= until;
         pass->next_more++)
        graph_edges_add(pass->edges, more->at[pass->next_more].from, more->at[pass->next_more].to);
}

static void take_span(struct pass *pass, uint32_t index)
{
    struct heap *heap = pass->edges->heap;
    const struct object_span *span = heap_contents(heap, index);
    if (!span)
        return;
    AUTO_FREE uint8_t *allocated = heap_allocated(heap, index);
    for (uint32_t i = 0; i < span->count; i++) {
        pass->owner = span->first + i;
        if (!(allocated[i / 8] >> i % 8 & 1) || graph_edges_hide(pass->edges, pass->owner))
            continue;
        take_more(pass, pass->owner);
        pointers_of(heap, span, (struct object){.span = index, .index = i},
                    &(struct pointer_taker){.take = take, .guess = guess, .context = pass});
    }
}

void graph_edges_of_objects(struct graph_edges *edges, const struct graph_edge_list *more)
{
    struct pass pass = {.edges = edges, .more = more};
    for (uint32_t i = 0; i < edges->heap->objects.span_count; i++)
        take_span(&pass, i);
    take_more(&pass, UINT32_MAX);
    look_up(&pass);
}

struct error *graph_edges_finish(struct graph_edges *edges, uint32_t nodes, struct csr *csr_ret)
{
    if (edges->too_many)
        return error_create(ERROR_LIMIT, "the heap has more than 2^32 pointers");
    reach_node(edges, nodes);
    *csr_ret = (struct csr){
        .first = xrealloc(edges->first.at, edges->first.length * sizeof(*edges->first.at)),
        .to = xrealloc(edges->to.at, (edges->to.length + 1) * sizeof(*edges->to.at)),
        .nodes = nodes};
    edges->first = edges->to = (struct numbers){0};
    return NULL;
}
