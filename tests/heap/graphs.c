/* The heap graph beside plain marking, which tests compare with the collector's own: both must reach the same objects. And what holders hold, measured by
 * the graph and, for each one by itself, by marking all without it. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#include "heap/graph.h"
#include "heap/hiding.h"
#include "heap/path.h"
#include "heap/typing.h"
#include "heapcheck.h"
#include "program/variable_types.h"

struct comparison {
    uint64_t both, only_graph, only_marks;
};

static struct error *mark_all(struct opened *opened, struct heap *heap, struct marker *marker)
{
    struct stack_scanner scanner;
    AUTO_FREE uint8_t *without = xcalloc(opened->observation.goroutines.length + 1, 1);
    marker_open(heap, marker);
    stack_scanner_open(marker, &scanner);
    struct error *error = all_roots(&scanner, &opened->observation, without, false);
    marker_drain(marker);
    stack_scanner_close(&scanner);
    return error;
}

static struct error *compare(struct opened *opened, const struct graph *graph)
{
    struct marker marker;
    struct comparison comparison = {0};
    TRY(mark_all(opened, graph->heap, &marker));
    for (uint32_t i = 0; i < graph->objects; i++) {
        bool marked = marker_has(&marker, i), reached = graph_place(graph, i) != CSR_NONE;
        comparison.both += marked && reached;
        comparison.only_graph += !marked && reached;
        comparison.only_marks += marked && !reached;
        if (marked != reached && comparison.only_graph + comparison.only_marks < 20)
            printf("%s number %" PRIu32 "\n", marked ? "only-marks" : "only-graph", i);
    }
    printf("both %" PRIu64 "\nonly_graph %" PRIu64 "\nonly_marks %" PRIu64 "\n", comparison.both,
           comparison.only_graph, comparison.only_marks);
    marker_close(&marker);
    return NULL;
}

struct alone {
    struct marker marker;
    struct stack_scanner scanner;
    struct hiding hiding;
    uint8_t *member; /* by goroutine */
};

/* All but the group, and but what passes by: goroutines that run or are about to, and threads. */
static struct error *mark_others(struct opened *opened, struct alone *alone)
{
    for (size_t i = 0; i < opened->observation.goroutines.length; i++) {
        if (alone->member[i])
            hide_goroutine(&alone->hiding, &opened->observation.goroutines.at[i]);
    }
    TRY(global_roots(&alone->marker));
    TRY(finalizer_roots(&alone->marker, false));
    tiny_roots(&alone->marker);
    for (size_t i = 0; i < opened->observation.goroutines.length; i++) {
        const struct goroutine *goroutine = &opened->observation.goroutines.at[i];
        if (!alone->member[i] && !is_moving(goroutine))
            stack_roots(&alone->scanner, goroutine, &opened->stacks);
    }
    marker_drain(&alone->marker);
    return NULL;
}

/* What is reached when the group comes to the others. */
static struct error *measure_alone(struct opened *opened, struct heap *heap, uint8_t *member,
                                   uint64_t *bytes_ret)
{
    struct alone alone = {.member = member};
    marker_open(heap, &alone.marker);
    stack_scanner_open(&alone.marker, &alone.scanner);
    alone.hiding.marker = &alone.marker;
    struct error *error = mark_others(opened, &alone);
    uint64_t before = alone.marker.bytes;
    unhide_uncounted(&alone.hiding,
                     (struct hidden_range){.count = (uint32_t)alone.hiding.objects.length});
    for (size_t i = 0; i < opened->observation.goroutines.length; i++) {
        if (member[i])
            stack_roots(&alone.scanner, &opened->observation.goroutines.at[i], &opened->stacks);
    }
    marker_drain(&alone.marker);
    *bytes_ret = alone.marker.bytes - before;
    hiding_deinit(&alone.hiding);
    stack_scanner_close(&alone.scanner);
    marker_close(&alone.marker);
    return error;
}

/* Each group of goroutines that wait, by itself. */
static struct error *compare_groups(struct opened *opened, const struct graph *graph,
                                    const struct group_table *groups)
{
    for (uint32_t i = 0; i < graph->holders.length; i++) {
        const struct graph_holder *holder = &graph->holders.at[i];
        if (holder->kind != HOLDER_GROUP)
            continue;
        uint64_t stacks = 0, bytes = 0;
        bool moving = false;
        AUTO_FREE uint8_t *member = xcalloc(opened->observation.goroutines.length + 1, 1);
        for (uint32_t k = groups->groups.at[holder->index].first; k != UINT32_MAX;
             k = groups->next[k]) {
            const struct goroutine *goroutine = &opened->observation.goroutines.at[k];
            member[k] = 1;
            moving = moving || is_moving(goroutine);
            stacks += goroutine->stack_high - goroutine->stack_low;
        }
        if (moving)
            continue;
        TRY(measure_alone(opened, graph->heap, member, &bytes));
        printf("group %" PRIu64 " graph %" PRIu64 " marks %" PRIu64 "\n",
               groups->groups.at[holder->index].count,
               graph->held[graph_place(graph, graph->objects + i)] - stacks, bytes);
    }
    return NULL;
}

/* The shortest way to every thousandth object: where each step stands, and at which word the pointer to the next one. */
static void print_paths(const struct graph *graph)
{
    enum {
        EVERY = 1000
    };
    for (uint32_t place = 1; place < graph->visit.count; place += EVERY) {
        struct path path;
        path_to(graph, place, &path);
        printf("path");
        for (size_t i = 0; i < path.length; i++) {
            uint32_t node = graph->visit.node[path.at[i].place];
            const struct graph_holder *holder = graph_holder_at(graph, path.at[i].place);
            const struct objects *objects = &graph->heap->objects;
            struct object object = holder ? (struct object){0} : object_numbered(objects, node);
            if (holder)
                printf(" %d:%" PRIx64 ":%" PRIx64, (int)holder->kind, holder->at, holder->size);
            else
                printf(" object:%" PRIx64 ":%" PRIx64, object_address(objects, object),
                       object_size(objects, object));
            printf(":%" PRIx64, path.at[i].offset);
        }
        printf("\n");
        VECTOR_DEINIT(&path);
    }
}

/* With the objects of the data that belong to variables. */
static struct error *add_statics(struct opened *opened, struct heap *heap,
                                 struct data_symbols *symbols)
{
    struct variable_types variables;
    struct typing *typing = NULL;
    variable_types_read(opened->target, opened->program, &variables);
    TRY(typing_open(heap, &opened->observation, &variables, &typing));
    typing_add_statics(typing, symbols);
    typing_close(typing);
    variable_types_deinit(&variables);
    return NULL;
}

struct error *print_graph(struct opened *opened, bool compared)
{
    struct heap *heap = NULL;
    struct graph *graph = NULL;
    struct group_table groups;
    struct data_symbols symbols;
    double start = now_s();
    groups_build(&opened->observation, &groups);
    data_symbols_read(opened->target, &symbols);
    TRY(heap_open(opened->runtime, &heap));
    if (compared)
        TRY(add_statics(opened, heap, &symbols));
    TRY(graph_open(heap, &opened->observation, &groups, &symbols, &graph));
    printf("seconds %.3f\nobjects %" PRIu64 "\nbytes %" PRIu64 "\nedges %" PRIu64 "\nslots %" PRIu32
           "\nholders %zu\n",
           now_s() - start, graph->reached_objects, graph->reached_bytes, graph->edges,
           graph->objects, graph->holders.length);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("peak_kib %ld\n", usage.ru_maxrss);
    if (compared) {
        print_paths(graph);
        TRY(compare(opened, graph));
        TRY(compare_groups(opened, graph, &groups));
    }
    graph_close(graph);
    heap_close(heap);
    groups_deinit(&groups);
    VECTOR_DEINIT(&symbols);
    return NULL;
}
