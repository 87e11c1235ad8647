#include "find/heap_view.h"

#include <string.h>

#include "find/holder_names.h"
#include "find/object_names.h"
#include "find/variable_users.h"
#include "heap/holding.h"
#include "heap/path.h"

const struct heap_view_wanted heap_view_usual = {
    .share = 0.001, .lines = 50, .paths = 10, .samples = 64};
const struct heap_view_wanted heap_view_full = {.share = 0, .lines = 2000};

const struct heap_view_wanted heap_view_held = {.lines = 0};

struct viewing {
    const struct graph *graph;
    const struct heap_view_wanted *wanted;
    struct object_names objects;
    struct holder_names holders;
    struct holdings holdings;
    uint32_t *line_of; /* by holding; HEAP_LINE_NONE: it has none */
    struct heap_view *view;
    struct label_types VECTOR_OF(uint32_t) types; /* object name -> index of the type + 1 */
    struct examples VECTOR_OF(uint32_t) examples; /* by type: place of its largest object */
};

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

/* ---- the tree */

static char *name_of(struct viewing *viewing, holding_label label)
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
    line.name = holding ? name_of(viewing, from->label) : xstrdup("all");
    if (line.kind == HEAP_LINE_GOROUTINES && line.members > 1)
        line.members--; /* the group itself */
    if (holding && from->label & HOLDER_LABELS)
        line.at = holder_names_place(&viewing->holders, from->label);
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

/* ---- samples */

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

static void take_samples(struct viewing *viewing)
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

static void find_samples(struct viewing *viewing, const struct heap_view *before)
{
    viewing->view->then_now = xcalloc(before->samples.length + 1, sizeof(*viewing->view->then_now));
    for (size_t i = 0; i < before->samples.length; i++)
        viewing->view->then_now[i] = line_at(viewing, before->samples.at[i].at);
}

/* ---- elements */

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

/* ---- by type */

static struct heap_type *type_of(struct viewing *viewing, uint32_t name)
{
    struct heap_types *types = &viewing->view->types;
    while (viewing->types.length <= name)
        VECTOR_PUSH(&viewing->types, 0);
    uint32_t *index = &viewing->types.at[name];
    if (!*index) {
        VECTOR_PUSH(types,
                    (struct heap_type){.name = name_of(viewing, name),
                                       .typed = object_names_is_typed(&viewing->objects, name)});
        VECTOR_PUSH(&viewing->examples, 0);
        *index = (uint32_t)types->length;
    }
    return &types->at[*index - 1];
}

static void count_object(void *context, uint32_t number, uint32_t place, uint64_t size)
{
    struct viewing *viewing = context;
    struct heap_type *type = type_of(viewing, object_names_of(&viewing->objects, number));
    (void)place;
    type->objects++;
    type->bytes += size;
    viewing->view->typed_bytes += type->typed ? size : 0;
}

static void count_types(struct viewing *viewing)
{
    const struct holdings *holdings = &viewing->holdings;
    for (size_t i = 1; i < holdings->list.length; i++) {
        const struct holding *holding = &holdings->list.at[i];
        if (holding->label & HOLDER_LABELS)
            continue;
        struct heap_type *type = type_of(viewing, holding->label);
        uint32_t *example = &viewing->examples.at[type - viewing->view->types.at];
        type->held_bytes += holding->held_bytes;
        if (!*example || viewing->graph->held[holding->example] > viewing->graph->held[*example])
            *example = holding->example;
    }
    graph_each_object(viewing->graph, count_object, viewing);
}

/* A variable is called what its line is called. */
static char *holder_name(struct viewing *viewing, uint32_t place)
{
    const struct graph_holder *holder = graph_holder_at(viewing->graph, place);
    const struct heap_lines *lines = &viewing->view->lines;
    for (size_t i = 0; holder->kind == HOLDER_VARIABLE && i < lines->length; i++) {
        if (lines->at[i].variable == holder->at)
            return xstrdup(lines->at[i].name);
    }
    return name_of(viewing, holder_names_label(&viewing->holders, holder));
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

/* Tables and buckets of a map belong to the step before, the map. */
static void put_step(struct viewing *viewing, const struct path_step *step, struct text *text)
{
    const struct graph_holder *holder = graph_holder_at(viewing->graph, step->place);
    uint32_t number = viewing->graph->visit.node[step->place];
    if (holder && holder->kind == HOLDER_GROUP) /* its goroutine follows */
        return;
    uint32_t name = holder ? 0 : object_names_of(&viewing->objects, number);
    bool part = !holder && text->length && object_names_whole(&viewing->objects, name);
    AUTO_FREE char *shown = holder ? holder_name(viewing, step->place) : name_of(viewing, name);
    if (!part)
        text_printf(text, "%s%s", text->length ? " → " : "", shown);
    if (!holder)
        put_field(viewing, step, number, part || !strncmp(shown, "map[", 4), text);
}

static char *path_text(struct viewing *viewing, uint32_t place)
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

static int most_bytes_first(const void *left, const void *right)
{
    const struct heap_type *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Largest first, the first of them with their paths. */
static void finish_types(struct viewing *viewing)
{
    struct heap_types *types = &viewing->view->types;
    AUTO_FREE uint8_t *taken = xcalloc(types->length + 1, 1);
    for (unsigned n = 0; n < viewing->wanted->paths && n < types->length; n++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < types->length; i++) {
            if (!taken[i] && (best == SIZE_MAX || types->at[i].bytes > types->at[best].bytes))
                best = i;
        }
        taken[best] = 1;
        types->at[best].path = path_text(viewing, viewing->examples.at[best]);
    }
    if (types->length)
        qsort(types->at, types->length, sizeof(*types->at), most_bytes_first);
}

/* ---- */

/* A goroutine that runs stands beside its group, not under it. */
static void add_running(struct viewing *viewing, const struct group_table *groups,
                        const uint8_t *running)
{
    struct heap_view *view = viewing->view;
    for (size_t i = 0; i < groups->groups.length; i++) {
        for (uint32_t k = groups->groups.at[i].first; k != UINT32_MAX; k = groups->next[k])
            view->group_held[i] += running[k] ? view->goroutine_held[k] : 0;
    }
}

static void note_held(struct viewing *viewing, const struct group_table *groups)
{
    const struct graph *graph = viewing->graph;
    struct heap_view *view = viewing->view;
    size_t goroutines = graph->observation->goroutines.length;
    AUTO_FREE uint8_t *running = xcalloc(goroutines + 1, 1);
    view->group_held = xcalloc(groups->groups.length + 1, sizeof(*view->group_held));
    view->goroutine_held = xcalloc(goroutines + 1, sizeof(*view->goroutine_held));
    for (uint32_t i = 0; i < graph->holders.length; i++) {
        const struct graph_holder *holder = &graph->holders.at[i];
        uint32_t place = graph_place(graph, graph->objects + i);
        if (place == CSR_NONE)
            continue;
        view->stack_bytes += holder->stack_bytes;
        if (holder->kind == HOLDER_GROUP)
            view->group_held[holder->index] = graph->held[place];
        if (holder->kind != HOLDER_GOROUTINE)
            continue;
        view->goroutine_held[holder->index] = graph->held[place];
        running[holder->index] = !graph->dominator[place];
    }
    add_running(viewing, groups, running);
}

void heap_view_build(const struct graph *graph, struct typing *typing, const struct looks *looks,
                     const struct group_table *groups, const struct data_symbols *symbols,
                     const struct heap_view_wanted *wanted, struct heap_view *view_ret)
{
    struct viewing viewing = {.graph = graph, .wanted = wanted, .view = view_ret};
    *view_ret =
        (struct heap_view){.objects = graph->reached_objects, .bytes = graph->reached_bytes};
    note_held(&viewing, groups);
    if (!wanted->lines)
        return;
    object_names_open(graph, typing, &viewing.objects);
    holder_names_open(looks, groups, symbols, &viewing.holders);
    holdings_build(graph, label_of, &viewing, &viewing.holdings);
    viewing.line_of = xmalloc(viewing.holdings.list.length * sizeof(*viewing.line_of));
    memset(viewing.line_of, 0xff, viewing.holdings.list.length * sizeof(*viewing.line_of));
    add_children(&viewing, 0, add_line(&viewing, 0, 0));
    name_variables(&viewing, looks);
    take_samples(&viewing);
    count_elements(&viewing);
    if (wanted->before)
        find_samples(&viewing, wanted->before);
    count_types(&viewing);
    finish_types(&viewing);
    free(viewing.line_of);
    holdings_free(&viewing.holdings);
    object_names_close(&viewing.objects);
    holder_names_close(&viewing.holders);
    VECTOR_DEINIT(&viewing.types);
    VECTOR_DEINIT(&viewing.examples);
}

void heap_view_deinit(struct heap_view *view)
{
    for (size_t i = 0; i < view->lines.length; i++) {
        free(view->lines.at[i].name);
        place_deinit(&view->lines.at[i].at);
    }
    for (size_t i = 0; i < view->types.length; i++) {
        free(view->types.at[i].name);
        free(view->types.at[i].path);
    }
    VECTOR_DEINIT(&view->lines);
    VECTOR_DEINIT(&view->types);
    VECTOR_DEINIT(&view->samples);
    free(view->then_now);
    free(view->group_held);
    free(view->goroutine_held);
    *view = (struct heap_view){0};
}
