/* What the tests of src/heap/ ask of a target that stands still (a core file, or a process that they have stopped):
 *
 *   heapcheck proof CORE [EXE]   goroutines that wait for ever, a line each, and what was reached
 *   heapcheck marks CORE [EXE]   the reachable set beside the collector's own marks, object for object
 *
 * Marks: after a collection has been swept, a span's allocation bits are its mark bits (runtime/mgcsweep.go). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "heap/proof.h"

struct opened {
    struct target *target;
    struct program *program;
    struct runtime *runtime;
    struct stack_table stacks;
    struct observation observation;
};

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct error *open_all(const char *path, const char *exe, struct opened *opened)
{
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

/* ---- marks */

static bool bit_at(struct heap *heap, address bits, uint32_t index)
{
    uint8_t byte = 0;
    struct error *error = target_read_cached(heap->target, bits + index / 8, &byte, 1);
    return !error_ignore(error) && byte >> index % 8 & 1;
}

struct comparison {
    uint64_t both, fresh, fresh_unreached, only_reached, only_kept, kept_bytes;
    unsigned printed;
};

static void compare_object(struct marker *marker, struct object object,
                           struct comparison *comparison)
{
    enum {
        PRINTED_MAX = 200
    };
    struct heap *heap = marker->heap;
    const struct span *span = &heap->spans.list.at[object.span];
    bool reached = marker_has(marker, object_number(&heap->objects, object));
    bool kept = bit_at(heap, span->alloc_bits, object.index);
    bool fresh = !kept && object.index < span->free_index;
    comparison->both += reached && kept;
    comparison->fresh += fresh && reached;
    comparison->fresh_unreached += fresh && !reached;
    comparison->only_reached += reached && !kept && !fresh;
    comparison->only_kept += kept && !reached;
    if (kept && !reached)
        comparison->kept_bytes += span->element_size;
    if (reached != kept && !fresh && comparison->printed++ < PRINTED_MAX)
        printf("%s 0x%" PRIx64 " size %" PRIu64 " class %u specials %d\n",
               reached ? "only-reached" : "only-kept", object_address(&heap->objects, object),
               span->element_size, span->class, span->specials != 0);
}

static struct error *print_marks(struct opened *opened)
{
    struct heap *heap = NULL;
    struct marker marker;
    struct stack_scanner scanner;
    struct comparison comparison = {0};
    double start = now_s();
    TRY(heap_open(opened->runtime, &heap));
    marker_open(heap, &marker);
    stack_scanner_open(&marker, &scanner);
    TRY(global_roots(&marker));
    TRY(finalizer_roots(&marker, false));
    tiny_roots(&marker);
    for (size_t i = 0; i < opened->observation.goroutines.length; i++)
        stack_roots(&scanner, &opened->observation.goroutines.at[i], &opened->stacks);
    marker_drain(&marker);
    double spent = now_s() - start;
    for (uint32_t span = 0; span < heap->objects.span_count; span++) {
        for (uint32_t i = 0; i < heap->objects.spans[span].count; i++)
            compare_object(&marker, (struct object){.span = span, .index = i}, &comparison);
    }
    printf("both %" PRIu64 "\nfresh %" PRIu64 "\nfresh_unreached %" PRIu64 "\nonly_reached %" PRIu64
           "\nonly_kept %" PRIu64 "\nonly_kept_bytes %" PRIu64 "\nguessed %" PRIu64
           "\nunreadable %" PRIu64 "\nunreadable_stacks %" PRIu64 "\nseconds %.3f\n",
           comparison.both, comparison.fresh, comparison.fresh_unreached, comparison.only_reached,
           comparison.only_kept, comparison.kept_bytes, heap->guessed_objects,
           heap->unreadable_bytes, scanner.unreadable, spent);
    stack_scanner_close(&scanner);
    marker_close(&marker);
    heap_close(heap);
    return NULL;
}

int main(int argc, char **argv)
{
    struct opened opened = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: heapcheck proof|marks CORE [EXE]\n");
        return 2;
    }
    struct error *error = open_all(argv[2], argc > 3 ? argv[3] : NULL, &opened);
    if (!error)
        error = strcmp(argv[1], "marks") ? print_proof(&opened) : print_marks(&opened);
    if (error)
        fprintf(stderr, "heapcheck: %s\n", error_message(error));
    error_destroy(error);
    close_all(&opened);
    return error ? 2 : 0;
}
