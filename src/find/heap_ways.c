#include "find/heap_viewing.h"

#include <string.h>

#include "heap/path.h"

/* A variable is called what its line is called. */
static char *holder_name(struct viewing *viewing, uint32_t place)
{
    const struct graph_holder *holder = graph_holder_at(viewing->graph, place);
    const struct heap_lines *lines = &viewing->view->lines;
    for (size_t i = 0; holder->kind == HOLDER_VARIABLE && i < lines->length; i++) {
        if (lines->at[i].variable == holder->at)
            return xstrdup(lines->at[i].name);
    }
    return heap_line_name(viewing, holder_names_label(&viewing->holders, holder));
}

/* The field of an object that leads on: of a map only whether it is a key or a value. */
static void put_field(struct viewing *viewing, const struct path_step *step, uint32_t number,
                      bool of_map, struct text *text)
{
    struct text field = {0};
    const struct object object = object_numbered(&viewing->graph->heap->objects, number);
    if (step->offset != UINT64_MAX && viewing->objects.typing &&
        typing_field(viewing->objects.typing, object, step->offset, &field) && field.bytes &&
        (!of_map || !strncmp(field.bytes, "[key", 4) || !strncmp(field.bytes, "[value", 6)))
        text_puts(text, field.bytes);
    text_deinit(&field);
}

/* From a variable to the word that leads on: the field, or, if the word stands in an object of the data that belongs to the variable, the way there. */
static void put_data(struct viewing *viewing, const struct graph_holder *holder, address word,
                     struct text *text)
{
    enum {
        STEPS_MAX = 32
    };
    struct typing *typing = viewing->objects.typing;
    address words[STEPS_MAX], starts[STEPS_MAX];
    size_t count = 0;
    while (count < STEPS_MAX) {
        const struct data_symbol *symbol = data_symbol_at(viewing->graph->symbols, word);
        bool last = !symbol || symbol->at == holder->at || !symbol->from;
        words[count] = word;
        starts[count++] = symbol ? symbol->at : holder->at;
        if (last)
            break;
        word = symbol->from;
    }
    for (size_t i = count; i-- > 0;) {
        struct text step = {0};
        if (i + 1 < count && typing_static_name(typing, starts[i], &step))
            text_puts(text, " → ");
        (void)typing_data_field(typing, starts[i], words[i], &step);
        text_puts(text, step.bytes ? step.bytes : "");
        text_deinit(&step);
    }
}

/* Tables and buckets of a map belong to the step before, the map. */
static void put_step(struct viewing *viewing, const struct path_step *step, struct text *text)
{
    const struct graph_holder *holder = graph_holder_at(viewing->graph, step->place);
    uint32_t number = viewing->graph->visit.node[step->place];
    if (holder && holder->kind == HOLDER_GROUP) /* its goroutine follows */
        return;
    uint32_t name = holder ? 0 : object_names_of(&viewing->objects, number);
    bool part = !holder && text->length && object_names_whole(&viewing->objects, name);
    AUTO_FREE char *shown =
        holder ? holder_name(viewing, step->place) : heap_line_name(viewing, name);
    if (!part)
        text_printf(text, "%s%s", text->length ? " → " : "", shown);
    if (holder && holder->kind == HOLDER_VARIABLE && step->offset != UINT64_MAX &&
        viewing->objects.typing)
        put_data(viewing, holder, holder->at + step->offset, text);
    if (!holder)
        put_field(viewing, step, number, part || !strncmp(shown, "map[", 4), text);
}

char *heap_way(struct viewing *viewing, uint32_t place)
{
    struct path path;
    struct text text = {0};
    path_to(viewing->graph, place, &path);
    text_puts(&text, "");
    for (size_t i = 0; i < path.length; i++)
        put_step(viewing, &path.at[i], &text);
    VECTOR_DEINIT(&path);
    return text.bytes;
}
