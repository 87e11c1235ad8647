/* The walk that made the graph was breadth first: the way by its parents is a shortest one. */
#include "heap/path.h"

/* ---- where the pointer stands */

static bool leads_to(const struct graph *graph, uint64_t word, uint32_t number)
{
    struct object object;
    return objects_at(&graph->heap->objects, word, &object) &&
           object_number(&graph->heap->objects, object) == number;
}

/* The offset of the first word of [at, at + size) that leads to the object. */
static uint64_t find_word(const struct graph *graph, address at, uint64_t size, uint32_t number)
{
    enum {
        CHUNK_WORDS = 512
    };
    uint64_t words[CHUNK_WORDS];
    for (uint64_t done = 0; done + 8 <= size;) {
        uint64_t count = (size - done) / 8 < CHUNK_WORDS ? (size - done) / 8 : CHUNK_WORDS;
        struct error *error = target_read(graph->heap->target, at + done, words, count * 8);
        if (error_ignore(error))
            return UINT64_MAX;
        for (uint64_t i = 0; i < count; i++) {
            if (leads_to(graph, words[i], number))
                return done + i * 8;
        }
        done += count * 8;
    }
    return UINT64_MAX;
}

/* From the variable's start to the word in it, or in an object of the data that belongs to it. */
static uint64_t find_in_variable(const struct graph *graph, const struct graph_holder *holder,
                                 uint32_t number)
{
    const struct data_symbols *symbols = graph->symbols;
    uint64_t found = find_word(graph, holder->at, holder->size ? holder->size : 8, number);
    for (size_t i = 0; i < symbols->length && found == UINT64_MAX; i++) {
        const struct data_symbol *symbol = &symbols->at[i];
        if (symbol->owner != holder->at || symbol->at == holder->at)
            continue;
        found = find_word(graph, symbol->at, symbol->size, number);
        if (found != UINT64_MAX)
            found += symbol->at - holder->at;
    }
    return found;
}

static uint64_t offset_of(const struct graph *graph, uint32_t from, uint32_t to)
{
    const struct graph_holder *holder = graph_holder_at(graph, from);
    uint32_t number = graph->visit.node[to];
    if (number >= graph->objects)
        return UINT64_MAX;
    if (holder)
        return holder->kind == HOLDER_VARIABLE ? find_in_variable(graph, holder, number)
                                               : UINT64_MAX;
    struct object object = object_numbered(&graph->heap->objects, graph->visit.node[from]);
    return find_word(graph, object_address(&graph->heap->objects, object),
                     object_size(&graph->heap->objects, object), number);
}

void path_to(const struct graph *graph, uint32_t place, struct path *path_ret)
{
    *path_ret = (struct path){0};
    for (uint32_t at = place; at != 0; at = graph->visit.parent[at])
        VECTOR_PUSH(path_ret, (struct path_step){.place = at, .offset = UINT64_MAX});
    for (size_t i = 0, k = path_ret->length; i + 1 < k; i++) {
        struct path_step step = path_ret->at[i];
        path_ret->at[i] = path_ret->at[--k];
        path_ret->at[k] = step;
    }
    for (size_t i = 0; i + 1 < path_ret->length; i++)
        path_ret->at[i].offset = offset_of(graph, path_ret->at[i].place, path_ret->at[i + 1].place);
}
