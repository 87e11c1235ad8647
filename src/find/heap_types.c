#include "find/heap_viewing.h"

#include <string.h>

/* Of one type: the object that holds most, and the largest one, where a way is to lead. */
struct example {
    uint32_t place; /* 0: none */
    uint32_t largest;
    uint64_t size; /* of the largest, in bytes */
};

struct counting {
    struct viewing *viewing;
    struct type_index VECTOR_OF(uint32_t) index;        /* by object name: index of the type + 1 */
    struct examples VECTOR_OF(struct example) examples; /* by type */
    struct part_list VECTOR_OF(uint32_t)
        parts; /* places of what is a part of something larger: buckets and tables of maps */
};

static struct heap_type *type_of(struct counting *counting, uint32_t name)
{
    struct heap_types *types = &counting->viewing->view->types;
    while (counting->index.length <= name)
        VECTOR_PUSH(&counting->index, 0);
    uint32_t *index = &counting->index.at[name];
    if (!*index) {
        VECTOR_PUSH(types, (struct heap_type){
                               .name = heap_line_name(counting->viewing, name),
                               .typed = object_names_is_typed(&counting->viewing->objects, name)});
        VECTOR_PUSH(&counting->examples, (struct example){0});
        *index = (uint32_t)types->length;
    }
    return &types->at[*index - 1];
}

static struct example *example_of(struct counting *counting, const struct heap_type *type)
{
    return &counting->examples.at[type - counting->viewing->view->types.at];
}

static void count_object(void *context, uint32_t number, uint32_t place, uint64_t size)
{
    struct counting *counting = context;
    const struct object_names *names = &counting->viewing->objects;
    uint32_t name = object_names_of(names, number);
    struct heap_type *type = type_of(counting, name);
    struct example *example = example_of(counting, type);
    type->objects++;
    type->bytes += size;
    counting->viewing->view->typed_bytes += type->typed ? size : 0;
    if (size > example->size)
        *example = (struct example){example->place, place, size};
    if (object_names_whole(names, name))
        VECTOR_PUSH(&counting->parts, place);
}

static void take_example(const struct graph *graph, uint32_t place, struct example *example)
{
    if (!example->place || graph->held[place] > graph->held[example->place])
        example->place = place;
}

static void count_lines(struct counting *counting)
{
    const struct holdings *holdings = &counting->viewing->holdings;
    for (size_t i = 1; i < holdings->list.length; i++) {
        const struct holding *holding = &holdings->list.at[i];
        if (holding->label & HOLDER_LABELS)
            continue;
        struct heap_type *type = type_of(counting, holding->label);
        type->held_bytes += holding->held_bytes;
        take_example(counting->viewing->graph, holding->example, example_of(counting, type));
    }
}

/* By place: the next part that it hangs on; 0: none. Who dominates has a lower place. The caller frees. */
static uint32_t *parts_above(const struct counting *counting)
{
    const struct graph *graph = counting->viewing->graph;
    AUTO_FREE uint8_t *is_part = xcalloc(graph->visit.count, 1);
    uint32_t *above = xcalloc(graph->visit.count, sizeof(*above));
    for (size_t i = 0; i < counting->parts.length; i++)
        is_part[counting->parts.at[i]] = 1;
    for (uint32_t place = 1; place < graph->visit.count; place++) {
        uint32_t dominator = graph->dominator[place];
        above[place] = is_part[dominator] ? dominator : above[dominator];
    }
    return above;
}

/* It hangs on another part of that name, as in a tree of maps; what is too deep to tell is taken for that. */
static bool is_inside(const struct counting *counting, const uint32_t *above, uint32_t place,
                      uint32_t name)
{
    const struct graph *graph = counting->viewing->graph;
    uint32_t at = above[place];
    for (unsigned depth = 0; at && depth < HOLDING_DEPTH_MAX; at = above[at], depth++) {
        if (object_names_of(&counting->viewing->objects, graph->visit.node[at]) == name)
            return true;
    }
    return at;
}

/* Parts have no line of their own: each holds what only it leads to. */
static void count_parts(struct counting *counting)
{
    const struct graph *graph = counting->viewing->graph;
    AUTO_FREE uint32_t *above = counting->parts.length ? parts_above(counting) : NULL;
    for (size_t i = 0; i < counting->parts.length; i++) {
        uint32_t place = counting->parts.at[i];
        uint32_t name = object_names_of(&counting->viewing->objects, graph->visit.node[place]);
        struct heap_type *type = type_of(counting, name);
        take_example(graph, place, example_of(counting, type));
        if (!is_inside(counting, above, place, name))
            type->held_bytes += graph->held[place];
    }
}

/* What is too deep to have a line holds itself at least, and the way to its largest object is told. */
static void complete_types(struct counting *counting)
{
    struct heap_types *types = &counting->viewing->view->types;
    for (size_t i = 0; i < types->length; i++) {
        struct heap_type *type = &types->at[i];
        struct example *example = example_of(counting, type);
        if (type->held_bytes < type->bytes)
            type->held_bytes = type->bytes;
        if (!example->place)
            example->place = example->largest;
    }
}

static void count_types(struct counting *counting)
{
    count_lines(counting);
    graph_each_object(counting->viewing->graph, count_object, counting);
    count_parts(counting);
    complete_types(counting);
}

static int most_bytes_first(const void *left, const void *right)
{
    const struct heap_type *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Largest first, the first of them with their paths. */
static void finish_types(struct counting *counting)
{
    struct heap_types *types = &counting->viewing->view->types;
    AUTO_FREE uint8_t *taken = xcalloc(types->length + 1, 1);
    for (unsigned n = 0; n < counting->viewing->wanted->paths && n < types->length; n++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < types->length; i++) {
            if (!taken[i] &&
                (best == SIZE_MAX || most_bytes_first(&types->at[i], &types->at[best]) < 0))
                best = i;
        }
        taken[best] = 1;
        types->at[best].path = heap_way(counting->viewing, counting->examples.at[best].place);
    }
    if (types->length)
        qsort(types->at, types->length, sizeof(*types->at), most_bytes_first);
}

void heap_types_count(struct viewing *viewing)
{
    struct counting counting = {.viewing = viewing};
    count_types(&counting);
    finish_types(&counting);
    VECTOR_DEINIT(&counting.index);
    VECTOR_DEINIT(&counting.examples);
    VECTOR_DEINIT(&counting.parts);
}
