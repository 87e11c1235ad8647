/* The order of the nodes is that in which their edges are gathered: who leads to others of them comes behind these, the root at the end. */
#include "heap/graph_holders.h"

#include "heap/hiding.h"
#include "heap/specials.h"

enum {
    VARIABLES_MAX = 1 << 22 /* more are put together */
};

/* Deferred calls that a goroutine made at one place. */
struct defers {
    uint32_t goroutine;
    address pc;
    struct hidden_range records;
    uint32_t node;
};

/* A word outside of a variable that belongs to it, in an object of the data that it leads to. */
struct owned_word {
    address owner;
    uint32_t to;
};

struct building {
    struct graph *graph;
    struct graph_edges edges;
    struct marker marker; /* collects; its marks are what is hidden */
    struct numbers collected;
    struct stack_scanner scanner;
    struct hiding hiding;
    struct goroutine_ranges VECTOR_OF(struct hidden_range) ranges; /* by goroutine */
    struct defers_list VECTOR_OF(struct defers) defers;            /* by goroutine */
    struct graph_edge_list specials;
    const struct data_symbol *symbol;                      /* of the last variable */
    struct owned_words VECTOR_OF(struct owned_word) owned; /* by owner */
    size_t next_owned;
    struct finalizer_edges *finalizers;
    struct numbers *late;
    uint32_t threads, first_goroutine; /* nodes */
};

static uint32_t add_holder(struct building *building, struct graph_holder holder)
{
    struct graph *graph = building->graph;
    VECTOR_PUSH(&graph->holders, holder);
    return graph->objects + (uint32_t)graph->holders.length - 1;
}

/* Edges from a node to all that was collected. */
static void add_collected(struct building *building, uint32_t node)
{
    marker_drain(&building->marker);
    for (size_t i = 0; i < building->collected.length; i++)
        graph_edges_add(&building->edges, node, building->collected.at[i]);
    building->collected.length = 0;
}

/* ---- what is hidden */

static void hide_defers_of(struct building *building, uint32_t goroutine)
{
    struct hidden_defers_list list = {0};
    hide_all_defers(&building->hiding, &building->graph->observation->goroutines.at[goroutine],
                    &list);
    for (size_t i = 0; i < list.length; i++)
        VECTOR_PUSH(&building->defers, (struct defers){.goroutine = goroutine,
                                                       .pc = list.at[i].pc,
                                                       .records = list.at[i].records});
    VECTOR_DEINIT(&list);
}

/* Deferred calls of goroutines that have several from one statement. */
static void hide_all(struct building *building)
{
    const struct observation *observation = building->graph->observation;
    AUTO_FREE uint8_t *several = xcalloc(observation->goroutines.length + 1, 1);
    for (size_t i = 0; i < observation->goroutines.length; i++)
        VECTOR_PUSH(&building->ranges,
                    hide_goroutine(&building->hiding, &observation->goroutines.at[i]));
    for (size_t i = 0; i < observation->defers.length; i++) {
        const struct defer_site *site = &observation->defers.at[i];
        if (site->goroutine < observation->goroutines.length && site->pc && site->record)
            several[site->goroutine] = 1;
    }
    for (uint32_t i = 0; i < observation->goroutines.length; i++) {
        if (several[i])
            hide_defers_of(building, i);
    }
}

static uint32_t hidden_number(const struct building *building, uint32_t index)
{
    return object_number(&building->graph->heap->objects, building->hiding.objects.at[index]);
}

static void add_records(struct building *building, uint32_t node, struct hidden_range range)
{
    for (uint32_t i = 0; i < range.count; i++)
        graph_edges_add_always(&building->edges, node, hidden_number(building, range.first + i));
}

/* ---- specials */

static void note_special(void *context, const struct special *special)
{
    struct building *building = context;
    const struct objects *objects = &building->graph->heap->objects;
    struct object owner, held;
    if (!objects_at(objects, special->owner, &owner))
        return;
    for (unsigned i = 0; i < SPECIAL_WORDS; i++) {
        if (objects_at(objects, special->words[i], &held))
            VECTOR_PUSH(&building->specials,
                        (struct graph_edge){.from = object_number(objects, owner),
                                            .to = object_number(objects, held)});
    }
}

static void keep_special(void *context, const struct special *special)
{
    struct building *building = context;
    struct finalizer_edges *finalizers = building->finalizers;
    struct object owner;
    if (!objects_at(&building->graph->heap->objects, special->owner, &owner))
        return;
    for (unsigned i = 0; i < SPECIAL_WORDS; i++)
        marker_reach_perhaps(&building->marker, special->words[i]);
    if (special->kind == SPECIAL_FINALIZER)
        marker_scan(&building->marker, owner);
    marker_drain(&building->marker);
    uint32_t number = object_number(&building->graph->heap->objects, owner);
    while (finalizers->owners.length < building->collected.length)
        VECTOR_PUSH(&finalizers->owners, number);
}

static int by_from(const void *left, const void *right)
{
    const struct graph_edge *a = left, *b = right;
    return (a->from > b->from) - (a->from < b->from);
}

/* ---- holders */

static struct error *add_runtime(struct building *building)
{
    uint32_t node = add_holder(building, (struct graph_holder){.kind = HOLDER_DESCRIPTORS});
    for (size_t i = 0; i < building->ranges.length; i++)
        add_records(building, node, building->ranges.at[i]);
    node = add_holder(building, (struct graph_holder){.kind = HOLDER_RUNTIME});
    tiny_roots(&building->marker);
    add_collected(building, node);
    building->threads = add_holder(building, (struct graph_holder){.kind = HOLDER_THREADS});
    TRY(thread_roots(&building->scanner));
    add_collected(building, building->threads);
    return NULL;
}

/* What waits in the queues; then, as a node of its own, what finalizers of single objects keep. Its edges have owners, so none of them may be dropped. */
static struct error *add_finalizers(struct building *building)
{
    struct finalizer_edges *finalizers = building->finalizers;
    uint32_t queues = add_holder(building, (struct graph_holder){.kind = HOLDER_FINALIZERS});
    TRY(finalizer_queue_roots(&building->marker));
    add_collected(building, queues);
    finalizers->node = add_holder(building, (struct graph_holder){.kind = HOLDER_FINALIZERS});
    TRY(specials_each(building->graph->heap, keep_special, building));
    size_t kept = 0;
    for (size_t i = 0; i < building->collected.length; i++) {
        if (graph_edges_hide(&building->edges, building->collected.at[i]))
            continue;
        graph_edges_add_always(&building->edges, finalizers->node, building->collected.at[i]);
        finalizers->owners.at[kept++] = finalizers->owners.at[i];
    }
    finalizers->owners.length = kept;
    building->collected.length = 0;
    return NULL;
}

/* ---- variables */

static bool leads_to_object(const struct building *building, uint64_t word, bool is_pointer,
                            uint32_t *number_ret)
{
    struct heap *heap = building->graph->heap;
    struct object object;
    if (!objects_at(&heap->objects, word, &object) ||
        (!is_pointer && !heap_is_allocated(heap, object)))
        return false;
    *number_ret = object_number(&heap->objects, object);
    return true;
}

static bool is_owned(const struct data_symbol *symbol)
{
    return symbol && symbol->owner != symbol->at;
}

/* The words that belong to the variable at an address. */
static void add_owned(struct building *building, address owner, uint32_t node)
{
    for (; building->next_owned < building->owned.length &&
           building->owned.at[building->next_owned].owner == owner;
         building->next_owned++)
        graph_edges_add(&building->edges, node, building->owned.at[building->next_owned].to);
}

/* Those of variables before an address, none of whose own words leads into the heap. */
static void add_owners(struct building *building, address end)
{
    while (building->next_owned < building->owned.length &&
           building->owned.at[building->next_owned].owner < end) {
        address owner = building->owned.at[building->next_owned].owner;
        const struct data_symbol *symbol = data_symbol_at(building->graph->symbols, owner);
        add_owned(building, owner,
                  add_holder(building, (struct graph_holder){.kind = HOLDER_VARIABLE,
                                                             .at = owner,
                                                             .size = symbol ? symbol->size : 8}));
    }
}

/* The node of the variable that the word is a part of: without symbols each word is one. */
static uint32_t variable_of(struct building *building, address at, const struct data_symbol *symbol)
{
    struct graph *graph = building->graph;
    size_t count = graph->holders.length;
    bool last_is_variable = graph->holders.at[count - 1].kind == HOLDER_VARIABLE;
    if (last_is_variable && ((symbol && symbol == building->symbol) || count > VARIABLES_MAX))
        return graph->objects + (uint32_t)count - 1;
    building->symbol = symbol;
    address start = symbol ? symbol->at : at;
    add_owners(building, start);
    uint32_t node = add_holder(building, (struct graph_holder){.kind = HOLDER_VARIABLE,
                                                               .at = start,
                                                               .size = symbol ? symbol->size : 8});
    add_owned(building, start, node);
    return node;
}

static const struct data_symbol *symbol_at(const struct building *building, address at)
{
    const struct data_symbol *last = building->symbol;
    return last && at - last->at < last->size ? last : data_symbol_at(building->graph->symbols, at);
}

static void add_variable(void *context, address at, uint64_t word, bool is_pointer)
{
    struct building *building = context;
    uint32_t number = 0;
    if (!leads_to_object(building, word, is_pointer, &number))
        return;
    const struct data_symbol *symbol = symbol_at(building, at);
    if (!is_owned(symbol))
        graph_edges_add(&building->edges, variable_of(building, at, symbol), number);
}

static void note_owned(void *context, address at, uint64_t word, bool is_pointer)
{
    struct building *building = context;
    const struct data_symbol *symbol = data_symbol_at(building->graph->symbols, at);
    uint32_t number = 0;
    if (is_owned(symbol) && leads_to_object(building, word, is_pointer, &number))
        VECTOR_PUSH(&building->owned, (struct owned_word){.owner = symbol->owner, .to = number});
}

static int by_owner(const void *left, const void *right)
{
    const struct owned_word *a = left, *b = right;
    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    return (a->to > b->to) - (a->to < b->to);
}

/* Variables by address, each with what belongs to it. */
static struct error *add_variables(struct building *building)
{
    struct graph *graph = building->graph;
    bool any = false;
    for (size_t i = 0; i < graph->symbols->length && !any; i++)
        any = is_owned(&graph->symbols->at[i]);
    if (any)
        TRY(variables_each(graph->heap, note_owned, building));
    if (building->owned.length)
        qsort(building->owned.at, building->owned.length, sizeof(*building->owned.at), by_owner);
    TRY(variables_each(graph->heap, add_variable, building));
    add_owners(building, UINT64_MAX);
    return NULL;
}

static void add_defers(struct building *building)
{
    for (size_t i = 0; i < building->defers.length; i++) {
        struct defers *defers = &building->defers.at[i];
        defers->node = add_holder(building, (struct graph_holder){.kind = HOLDER_DEFERS,
                                                                  .index = defers->goroutine,
                                                                  .at = defers->pc});
        add_records(building, defers->node, defers->records);
        for (uint32_t k = 0; k < defers->records.count; k++)
            marker_scan(&building->marker, building->hiding.objects.at[defers->records.first + k]);
        add_collected(building, defers->node);
    }
}

static void add_goroutine(struct building *building, uint32_t index, size_t *next_defers)
{
    const struct observation *observation = building->graph->observation;
    const struct goroutine *goroutine = &observation->goroutines.at[index];
    uint32_t node =
        add_holder(building, (struct graph_holder){.kind = HOLDER_GOROUTINE,
                                                   .index = index,
                                                   .stack_bytes = goroutine->stack_high -
                                                                  goroutine->stack_low});
    for (; *next_defers < building->defers.length &&
           building->defers.at[*next_defers].goroutine == index;
         (*next_defers)++)
        graph_edges_add_always(&building->edges, node, building->defers.at[*next_defers].node);
    struct hidden_range range = building->ranges.at[index];
    for (uint32_t i = 0; i < range.count; i++)
        marker_scan(&building->marker, building->hiding.objects.at[range.first + i]);
    stack_roots(&building->scanner, goroutine, observation->stacks);
    add_collected(building, node);
}

static bool is_moving(const struct goroutine *goroutine)
{
    return goroutine->state == GOROUTINE_RUNNING || goroutine->state == GOROUTINE_RUNNABLE;
}

static void add_groups(struct building *building, const struct group_table *groups)
{
    const struct goroutine *goroutines = building->graph->observation->goroutines.at;
    for (uint32_t i = 0; i < groups->groups.length; i++) {
        uint32_t node =
            add_holder(building, (struct graph_holder){.kind = HOLDER_GROUP, .index = i});
        for (uint32_t k = groups->groups.at[i].first; k != UINT32_MAX; k = groups->next[k]) {
            if (!is_moving(&goroutines[k]))
                graph_edges_add_always(&building->edges, node, building->first_goroutine + k);
        }
    }
}

/* Whether the root leads to a holder, and that at once. */
static bool is_under_root(const struct building *building, uint32_t node)
{
    enum holder_kind kind = building->graph->holders.at[node - building->graph->objects].kind;
    return kind != HOLDER_GOROUTINE && kind != HOLDER_DEFERS && kind != HOLDER_THREADS &&
           node != building->finalizers->node;
}

static void add_root(struct building *building)
{
    struct graph *graph = building->graph;
    graph->root = add_holder(building, (struct graph_holder){.kind = HOLDER_ROOT});
    for (uint32_t node = graph->objects; node < graph->root; node++) {
        if (is_under_root(building, node))
            graph_edges_add_always(&building->edges, graph->root, node);
    }
    for (uint32_t i = 0; i < graph->observation->goroutines.length; i++) {
        if (is_moving(&graph->observation->goroutines.at[i]))
            VECTOR_PUSH(building->late, building->first_goroutine + i);
    }
    VECTOR_PUSH(building->late, building->threads);
    VECTOR_PUSH(building->late, building->finalizers->node);
}

static struct error *build(struct building *building, const struct group_table *groups,
                           struct csr *csr_ret)
{
    struct graph *graph = building->graph;
    hide_all(building);
    TRY(specials_each(graph->heap, note_special, building));
    if (building->specials.length)
        qsort(building->specials.at, building->specials.length, sizeof(*building->specials.at),
              by_from);
    graph_edges_of_objects(&building->edges, &building->specials);
    TRY(add_runtime(building));
    TRY(add_finalizers(building));
    TRY(add_variables(building));
    add_defers(building);
    building->first_goroutine = graph->objects + (uint32_t)graph->holders.length;
    size_t next_defers = 0;
    for (uint32_t i = 0; i < graph->observation->goroutines.length; i++)
        add_goroutine(building, i, &next_defers);
    add_groups(building, groups);
    add_root(building);
    if (building->scanner.unreadable)
        return error_create(ERROR_FAULT, "some stacks could not be read");
    return graph_edges_finish(&building->edges, graph->root + 1, csr_ret);
}

struct error *graph_holders_build(struct graph *graph, const struct group_table *groups,
                                  struct csr *csr_ret, struct numbers *late_ret,
                                  struct finalizer_edges *finalizers_ret)
{
    struct building building = {.graph = graph, .late = late_ret, .finalizers = finalizers_ret};
    marker_open(graph->heap, &building.marker);
    building.marker.collected = &building.collected;
    building.hiding.marker = &building.marker;
    stack_scanner_open(&building.marker, &building.scanner);
    graph_edges_open(graph->heap, building.marker.marked, &building.edges);
    struct error *error = build(&building, groups, csr_ret);
    graph_edges_close(&building.edges);
    stack_scanner_close(&building.scanner);
    hiding_deinit(&building.hiding);
    marker_close(&building.marker);
    VECTOR_DEINIT(&building.collected);
    VECTOR_DEINIT(&building.ranges);
    VECTOR_DEINIT(&building.defers);
    VECTOR_DEINIT(&building.specials);
    VECTOR_DEINIT(&building.owned);
    return error;
}
