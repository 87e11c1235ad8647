#include "find/heap_viewing.h"

#include <string.h>

struct counting {
    struct viewing *viewing;
    struct type_index VECTOR_OF(uint32_t) index;  /* by object name: index of the type + 1 */
    struct examples VECTOR_OF(uint32_t) examples; /* by type: place of its largest object */
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
        VECTOR_PUSH(&counting->examples, 0);
        *index = (uint32_t)types->length;
    }
    return &types->at[*index - 1];
}

static void count_object(void *context, uint32_t number, uint32_t place, uint64_t size)
{
    struct counting *counting = context;
    struct heap_type *type =
        type_of(counting, object_names_of(&counting->viewing->objects, number));
    (void)place;
    type->objects++;
    type->bytes += size;
    counting->viewing->view->typed_bytes += type->typed ? size : 0;
}

static void count_types(struct counting *counting)
{
    const struct holdings *holdings = &counting->viewing->holdings;
    for (size_t i = 1; i < holdings->list.length; i++) {
        const struct holding *holding = &holdings->list.at[i];
        if (holding->label & HOLDER_LABELS)
            continue;
        struct heap_type *type = type_of(counting, holding->label);
        uint32_t *example = &counting->examples.at[type - counting->viewing->view->types.at];
        type->held_bytes += holding->held_bytes;
        if (!*example || counting->viewing->graph->held[holding->example] >
                             counting->viewing->graph->held[*example])
            *example = holding->example;
    }
    graph_each_object(counting->viewing->graph, count_object, counting);
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
            if (!taken[i] && (best == SIZE_MAX || types->at[i].bytes > types->at[best].bytes))
                best = i;
        }
        taken[best] = 1;
        types->at[best].path = heap_way(counting->viewing, counting->examples.at[best]);
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
}
