#include "find/heap_viewing.h"

struct sampling {
    struct viewing *viewing;
    uint32_t *seen;  /* by line: objects so far */
    uint32_t *first; /* by line: where its samples stand */
};

static uint64_t room_of(const struct viewing *viewing, const struct heap_line *line)
{
    if (line->kind != HEAP_LINE_OBJECTS)
        return 0;
    return line->objects < viewing->wanted->samples ? line->objects : viewing->wanted->samples;
}

/* The n-th object takes the place of an earlier one as often as makes all equally likely. */
static void sample_object(void *context, uint32_t number, uint32_t place, uint64_t size)
{
    struct sampling *sampling = context;
    struct viewing *viewing = sampling->viewing;
    uint32_t line = viewing->line_of[viewing->holdings.of[place]];
    (void)size;
    uint64_t room = line == HEAP_LINE_NONE ? 0 : room_of(viewing, &viewing->view->lines.at[line]);
    if (!room)
        return;
    uint64_t seen = sampling->seen[line]++;
    uint64_t at = seen < room ? seen : u64_mix(number) % (seen + 1);
    const struct objects *objects = &viewing->graph->heap->objects;
    if (at < room)
        viewing->view->samples.at[sampling->first[line] + at] = (struct heap_sample){
            .line = line, .at = object_address(objects, object_numbered(objects, number))};
}

void heap_samples_take(struct viewing *viewing)
{
    struct heap_lines *lines = &viewing->view->lines;
    AUTO_FREE uint32_t *seen = xcalloc(lines->length, sizeof(*seen));
    AUTO_FREE uint32_t *first = xcalloc(lines->length, sizeof(*first));
    struct sampling sampling = {.viewing = viewing, .seen = seen, .first = first};
    for (size_t i = 0; i < lines->length; i++) {
        first[i] = (uint32_t)viewing->view->samples.length;
        for (uint64_t k = room_of(viewing, &lines->at[i]); k > 0; k--)
            VECTOR_PUSH(&viewing->view->samples, (struct heap_sample){.line = (uint32_t)i});
    }
    if (viewing->view->samples.length)
        graph_each_object(viewing->graph, sample_object, &sampling);
}

static uint32_t line_at(const struct viewing *viewing, address at)
{
    const struct objects *objects = &viewing->graph->heap->objects;
    struct object object;
    if (!objects_at(objects, at, &object))
        return HEAP_LINE_NONE;
    uint32_t place = graph_place(viewing->graph, object_number(objects, object));
    return place == CSR_NONE ? HEAP_LINE_NONE : viewing->line_of[viewing->holdings.of[place]];
}

void heap_samples_find(struct viewing *viewing, const struct heap_view *before)
{
    viewing->view->then_now = xcalloc(before->samples.length + 1, sizeof(*viewing->view->then_now));
    for (size_t i = 0; i < before->samples.length; i++)
        viewing->view->then_now[i] = line_at(viewing, before->samples.at[i].at);
}
