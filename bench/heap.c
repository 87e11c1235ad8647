/* What the heap graph of one process costs, part by part, as one line of JSON.
 *
 *   bench-heap PID copy|twin
 *
 * Times are the processor's, in seconds; the pause is the clock's. The second proof finds the spans read already: it is marking and nothing else. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "heap/proof.h"
#include "target/freeze.h"

struct costs {
    double observe_s, first_s, mark_s, held_s;
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
           "\"objects\": %llu, \"bytes\": %llu, \"goroutines\": %llu, \"stuck\": %llu, "
           "\"peak_kib\": %ld}\n",
           (double)facts.pause_ns / 1e9, costs.observe_s, costs.first_s, costs.mark_s,
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
