/* What the tests of src/heap/ ask of a target that stands still (a core file, or a process that they have stopped):
 *
 *   heapcheck proof CORE [EXE]   goroutines that wait for ever, a line each, and what was reached
 *   heapcheck marks CORE [EXE]   the reachable set beside the collector's own marks, object for object
 *   heapcheck graph CORE [EXE]   the heap graph beside marking, and what each group of goroutines holds, by both
 *   heapcheck types CORE [EXE]   objects, values and bytes by type, and how each type was found
 *   heapcheck fields CORE [EXE]  the same, how the words of an object of each type are called, where sampled ones were made
 *   heapcheck twins CORE [EXE]   types with what debug information says of variables beside those without it
 *   heapcheck graph-only CORE    the graph by itself: what it costs
 *   heapcheck who CORE EXE AT    every word that points to the object at an address (in hexadecimal), to look into a difference
 *   heapcheck fresh-marks ..., heapcheck fresh-who ...   the same at the very end of a collection, before anything was swept
 *   heapcheck address CORE NAME  where a function is
 *   heapcheck poison PID TIMES   interrupts a thread so often, and overwrites the registers that its code is said not to use
 *
 * In place of CORE the number of a process will do: then no registers of its threads are known, which only the proof needs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heapcheck.h"

double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct error *open_all(const char *path, const char *exe, struct opened *opened)
{
    if (path[0] >= '0' && path[0] <= '9')
        TRY(target_open_process((pid_t)strtol(path, NULL, 10), &opened->target));
    else
        TRY(target_open_core(path, exe, &opened->target));
    TRY(program_open(opened->target, runtime_wanted_types, &opened->program));
    TRY(runtime_open(opened->target, opened->program, &opened->runtime));
    return observe(opened->runtime, OBSERVE_STACKS, &opened->stacks, &opened->observation);
}

static void close_all(struct opened *opened)
{
    observation_deinit(&opened->observation);
    stack_table_deinit(&opened->stacks);
    if (opened->runtime)
        runtime_close(opened->runtime);
    if (opened->program)
        program_close(opened->program);
    if (opened->target)
        target_close(opened->target);
}

static struct error *print_proof(struct opened *opened)
{
    struct heap *heap = NULL;
    struct proof *proof = NULL;
    double start = now_s();
    TRY(heap_open(opened->runtime, &heap));
    TRY(proof_open(heap, &opened->observation, &proof));
    double spent = now_s() - start;
    AUTO_FREE uint8_t *stuck = proof_stuck(proof);
    for (size_t i = 0; i < opened->observation.goroutines.length; i++) {
        if (stuck[i])
            printf("stuck %" PRIu64 "\n", opened->observation.goroutines.at[i].id);
    }
    printf("goroutines %zu\nsleepers %zu\nstuck_count %" PRIu64 "\nobjects %" PRIu64
           "\nbytes %" PRIu64 "\nguessed %" PRIu64 "\nseconds %.3f\n",
           opened->observation.goroutines.length, proof->sleepers.length, proof->stuck,
           proof->reached_objects, proof->reached_bytes, proof->heap->guessed_objects, spent);
    proof_close(proof);
    heap_close(heap);
    return NULL;
}

static struct error *print_address(struct opened *opened, const char *name)
{
    struct func func;
    if (!pclntab_func_named(&opened->program->pclntab, name, &func))
        return error_create(ERROR_NOT_FOUND, "the program has no %s", name);
    printf("0x%" PRIx64 "\n", func.entry);
    return NULL;
}

static struct error *run(struct opened *opened, int argc, char **argv)
{
    const char *command = argv[1];
    unswept = !strncmp(command, "fresh-", 6);
    command += unswept ? 6 : 0;
    if (!strcmp(command, "marks"))
        return print_marks(opened);
    if (!strcmp(command, "types") || !strcmp(command, "fields"))
        return print_types(opened, command[0] == 'f');
    if (!strcmp(command, "twins"))
        return print_twins(opened);
    if (!strncmp(command, "graph", 5))
        return print_graph(opened, !command[5]);
    if (!strcmp(command, "address") && argc > 3)
        return print_address(opened, argv[3]);
    if (!strcmp(command, "poison") && argc > 3)
        return poison_threads(opened, (pid_t)strtol(argv[2], NULL, 10),
                              strtoull(argv[3], NULL, 10));
    if (!strcmp(command, "who") && argc > 4)
        return print_holders(opened, strtoull(argv[4], NULL, 16));
    return print_proof(opened);
}

int main(int argc, char **argv)
{
    struct opened opened = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: heapcheck proof|marks|graph CORE [EXE]\n");
        return 2;
    }
    struct error *error = open_all(
        argv[2],
        argc > 3 && strcmp(argv[1], "address") && strcmp(argv[1], "poison") ? argv[3] : NULL,
        &opened);
    if (!error)
        error = run(&opened, argc, argv);
    if (error)
        fprintf(stderr, "heapcheck: %s\n", error_message(error));
    error_destroy(error);
    close_all(&opened);
    return error ? 2 : 0;
}
