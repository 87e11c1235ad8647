/* What the heap graph of one process costs, part by part, as one line of JSON.
 *
 *   bench-heap PID copy|twin
 *
 * Times are the processor's, in seconds; the pause is the clock's. The second proof finds the spans read already: it is marking and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "heap/graph.h"
#include "heap/graph_holders.h"
#include "heap/proof.h"
#include "target/freeze.h"

struct costs {
    double observe_s, first_s, mark_s, edges_s, graph_s;
    uint64_t edges;
    long graph_kib;
    uint64_t objects, bytes, stuck, goroutines;
};

static double cpu_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct error *prove(struct heap *heap, const struct observation *observation,
                           struct costs *costs)
{
    struct proof *proof = NULL;
    TRY(proof_open(heap, observation, &proof));
    costs->objects = proof->reached_objects;
    costs->bytes = proof->reached_bytes;
    costs->stuck = proof->stuck;
    proof_close(proof);
    return NULL;
}

/* A line of /proc/self/status in KiB; 0 if it is not there. */
static long status_kib(const char *name)
{
    char line[128];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (!strncmp(line, name, strlen(name)))
            kib = strtol(line + strlen(name), NULL, 10);
    }
    if (file)
        fclose(file);
    return kib;
}

/* The highest resident memory counts from here on. */
static void forget_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (file) {
        fputs("5", file);
        fclose(file);
    }
}

/* The edges alone, as graph_open() gathers them first. */
static struct error *gather(struct heap *heap, const struct observation *observation,
                            struct costs *costs)
{
    const struct data_symbols none = {0};
    struct graph graph = {
        .heap = heap, .observation = observation, .symbols = &none, .objects = heap->objects.count};
    struct group_table groups;
    struct csr csr = {0};
    struct numbers late = {0};
    struct finalizer_edges finalizers = {0};
    groups_build(observation, &groups);
    double start = cpu_s();
    struct error *error = graph_holders_build(&graph, &groups, &csr, &late, &finalizers);
    costs->edges_s = cpu_s() - start;
    groups_deinit(&groups);
    csr_free(&csr);
    VECTOR_DEINIT(&graph.holders);
    VECTOR_DEINIT(&late);
    VECTOR_DEINIT(&finalizers.owners);
    return error;
}

/* All of it: edges, dominators, held bytes. */
static struct error *hold(struct heap *heap, const struct observation *observation,
                          struct costs *costs)
{
    struct graph *graph = NULL;
    struct group_table groups;
    const struct data_symbols none = {0};
    groups_build(observation, &groups);
    forget_peak();
    long before = status_kib("VmRSS:");
    struct error *error = graph_open(heap, observation, &groups, &none, &graph);
    groups_deinit(&groups);
    if (error)
        return error;
    costs->edges = graph->edges;
    costs->graph_kib = status_kib("VmHWM:") - before;
    graph_close(graph);
    return NULL;
}

static struct error *measure(struct target *frozen, struct costs *costs)
{
    struct program *program = NULL;
    struct runtime *runtime = NULL;
    struct heap *heap = NULL;
    struct stack_table stacks = {0};
    struct observation observation;
    double start = cpu_s();
    TRY(program_open(frozen, runtime_wanted_types, &program));
    TRY(runtime_open(frozen, program, &runtime));
    TRY(observe(runtime, OBSERVE_STACKS, &stacks, &observation));
    double observed = cpu_s();
    TRY(heap_open(runtime, &heap));
    TRY(prove(heap, &observation, costs));
    double first = cpu_s();
    TRY(prove(heap, &observation, costs));
    costs->observe_s = observed - start;
    costs->first_s = first - observed;
    costs->mark_s = cpu_s() - first;
    TRY(gather(heap, &observation, costs));
    double gathered = cpu_s();
    TRY(hold(heap, &observation, costs));
    costs->graph_s = cpu_s() - gathered;
    costs->goroutines = observation.goroutines.length;
    heap_close(heap);
    observation_deinit(&observation);
    stack_table_deinit(&stacks);
    runtime_close(runtime);
    program_close(program);
    return NULL;
}

static struct error *run(int pid, enum freeze_way way)
{
    struct freeze_options options = {.budget_ns = INT64_C(60000000000), .way = way};
    struct freeze_facts facts;
    struct costs costs = {0};
    struct target *live = NULL, *frozen = NULL;
    TRY(target_open_process(pid, &live));
    TRY(target_freeze(live, &options, &frozen, &facts));
    TRY(measure(frozen, &costs));
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"pause_s\": %.6f, \"observe_s\": %.4f, \"first_s\": %.4f, \"mark_s\": %.4f, "
           "\"edges_s\": %.4f, \"graph_s\": %.4f, \"graph_kib\": %ld, \"edges\": %llu, "
           "\"objects\": %llu, \"bytes\": %llu, \"goroutines\": %llu, \"stuck\": %llu, "
           "\"peak_kib\": %ld}\n",
           (double)facts.pause_ns / 1e9, costs.observe_s, costs.first_s, costs.mark_s,
           costs.edges_s, costs.graph_s, costs.graph_kib, (unsigned long long)costs.edges,
           (unsigned long long)costs.objects, (unsigned long long)costs.bytes,
           (unsigned long long)costs.goroutines, (unsigned long long)costs.stuck, usage.ru_maxrss);
    target_close(frozen);
    target_close(live);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench-heap PID copy|twin\n");
        return 2;
    }
    struct error *error = run(atoi(argv[1]), strcmp(argv[2], "copy") ? FREEZE_TWIN : FREEZE_COPY);
    if (error)
        fprintf(stderr, "bench-heap: %s\n", error_message(error));
    error_destroy(error);
    return error ? 2 : 0;
}
