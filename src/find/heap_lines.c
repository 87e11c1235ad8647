#include "find/heap_viewing.h"

#include <string.h>

#include "find/variable_users.h"

static holding_label label_of(void *context, const struct graph *graph, uint32_t place)
{
    struct viewing *viewing = context;
    const struct graph_holder *holder = graph_holder_at(graph, place);
    if (holder)
        return holder_names_label(&viewing->holders, holder);
    uint32_t name = object_names_of(&viewing->objects, graph->visit.node[place]);
    uint32_t whole = object_names_whole(&viewing->objects, name);
    return whole ? whole | HOLDING_PART : name;
}

char *heap_line_name(struct viewing *viewing, holding_label label)
{
    struct text text = {0};
    text_puts(&text, "");
    if (label & HOLDER_LABELS)
        holder_names_put(&viewing->holders, label, &text);
    else
        object_names_put(&viewing->objects, label, &text);
    return text.bytes;
}

static enum heap_line_kind kind_of(const struct viewing *viewing, holding_label label)
{
    static const enum heap_line_kind kinds[] = {
        [HOLDER_VARIABLE] = HEAP_LINE_VARIABLE,
        [HOLDER_DEFERS] = HEAP_LINE_DEFERS,
        [HOLDER_GOROUTINE] = HEAP_LINE_GOROUTINES,
        [HOLDER_GROUP] = HEAP_LINE_GOROUTINES,
        [HOLDER_ROOT] = HEAP_LINE_ALL,
    };
    if (!(label & HOLDER_LABELS))
        return HEAP_LINE_OBJECTS;
    enum holder_kind kind = holder_names_kind(&viewing->holders, label);
    return kind < HOLDER_VARIABLE ? HEAP_LINE_RUNTIME : kinds[kind];
}

static uint32_t add_line(struct viewing *viewing, uint32_t holding, uint32_t parent)
{
    const struct holding *from = &viewing->holdings.list.at[holding];
    struct heap_lines *lines = &viewing->view->lines;
    struct heap_line line = {.kind = holding ? kind_of(viewing, from->label) : HEAP_LINE_ALL,
                             .parent = parent,
                             .depth = holding ? lines->at[parent].depth + 1 : 0,
                             .members = from->members,
                             .objects = from->objects,
                             .bytes = from->bytes,
                             .held_objects = from->held_objects,
                             .held_bytes = from->held_bytes};
    line.name = holding ? heap_line_name(viewing, from->label) : xstrdup("all");
    if (line.kind == HEAP_LINE_GOROUTINES && line.members > 1)
        line.members--; /* the group itself */
    if (holding && from->label & HOLDER_LABELS)
        line.at = holder_names_place(&viewing->holders, from->label);
    if (line.kind == HEAP_LINE_GOROUTINES)
        line.started_at = holder_names_start(&viewing->holders, from->label, &line.of_main);
    if (line.kind == HEAP_LINE_VARIABLE)
        line.variable = holder_names_unnamed(&viewing->holders, from->label);
    viewing->line_of[holding] = (uint32_t)lines->length;
    VECTOR_PUSH(lines, line);
    return (uint32_t)lines->length - 1;
}

/* The children that are too small, or too many. */
static void add_others(struct viewing *viewing, uint32_t first, uint32_t parent)
{
    const struct holding_list *list = &viewing->holdings.list;
    struct heap_lines *lines = &viewing->view->lines;
    struct heap_line others = {
        .kind = HEAP_LINE_OTHERS, .parent = parent, .depth = lines->at[parent].depth + 1};
    for (uint32_t i = first; i != HOLDING_NONE; i = list->at[i].next) {
        others.members++;
        others.objects += list->at[i].objects;
        others.bytes += list->at[i].bytes;
        others.held_objects += list->at[i].held_objects;
        others.held_bytes += list->at[i].held_bytes;
    }
    if (!others.members)
        return;
    others.name = xstrdup("others");
    VECTOR_PUSH(lines, others);
}

/* As deep as the tree is, which HOLDING_DEPTH_MAX bounds. */
static void add_children(struct viewing *viewing, uint32_t holding, uint32_t line)
{
    const struct holding_list *list = &viewing->holdings.list;
    double least = (double)list->at[0].held_bytes * viewing->wanted->share;
    unsigned count = 0;
    uint32_t child = list->at[holding].first;
    for (; child != HOLDING_NONE && count < viewing->wanted->lines &&
           (double)list->at[child].held_bytes >= least;
         child = list->at[child].next, count++)
        add_children(viewing, child, add_line(viewing, child, line));
    add_others(viewing, child, line);
}

/* Variables without a name get one by who uses them. */
static void name_variables(struct viewing *viewing, const struct looks *looks)
{
    struct heap_lines *lines = &viewing->view->lines;
    struct addresses VECTOR_OF(address) unnamed = {0};
    for (size_t i = 0; i < lines->length; i++) {
        if (lines->at[i].variable)
            VECTOR_PUSH(&unnamed, lines->at[i].variable);
    }
    AUTO_FREE char **users = xcalloc(unnamed.length + 1, sizeof(*users));
    variable_users(looks, unnamed.at, unnamed.length, users);
    size_t next = 0;
    for (size_t i = 0; i < lines->length; i++) {
        if (!lines->at[i].variable)
            continue;
        AUTO_FREE char *user = users[next++];
        AUTO_FREE char *plain = lines->at[i].name;
        struct text text = {0};
        text_puts(&text, plain);
        if (user)
            text_printf(&text, " (used by %s)", user);
        lines->at[i].name = text.bytes;
    }
    VECTOR_DEINIT(&unnamed);
}

/* Of lines with one large object: entries of a map, length of a slice. */
static void count_elements(struct viewing *viewing)
{
    enum {
        BYTES_MIN = 1 << 13,
        LINES_MAX = 256
    };
    const struct holding_list *list = &viewing->holdings.list;
    unsigned counted = 0;
    for (size_t i = 1; i < list->length && counted < LINES_MAX; i++) {
        uint32_t line = viewing->line_of[i];
        if (line == HEAP_LINE_NONE || list->at[i].members != 1 || list->at[i].bytes < BYTES_MIN ||
            viewing->view->lines.at[line].kind != HEAP_LINE_OBJECTS)
            continue;
        viewing->view->lines.at[line].elements =
            elements_of(viewing->graph, viewing->objects.typing, list->at[i].example);
        counted++;
    }
}

void heap_lines_build(struct viewing *viewing, const struct looks *looks)
{
    struct holdings *holdings = &viewing->holdings;
    holdings_build(viewing->graph, label_of, viewing, holdings);
    viewing->line_of = xmalloc(holdings->list.length * sizeof(*viewing->line_of));
    memset(viewing->line_of, 0xff, holdings->list.length * sizeof(*viewing->line_of));
    add_children(viewing, 0, add_line(viewing, 0, 0));
    name_variables(viewing, looks);
    count_elements(viewing);
}
