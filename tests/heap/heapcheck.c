/* What the tests of src/heap/ ask of a target that stands still (a core file, or a process that they have stopped):
 *
 *   heapcheck proof CORE [EXE]   goroutines that wait for ever, a line each, and what was reached
 *   heapcheck marks CORE [EXE]   the reachable set beside the collector's own marks, object for object
 *   heapcheck who CORE EXE AT    every word that points to the object at an address (in hexadecimal), to look into a difference
 *
 * Marks: after a collection has been swept, a span's allocation bits are its mark bits (runtime/mgcsweep.go). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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
    struct proof *proof = NULL;
    double start = now_s();
    TRY(proof_open(opened->runtime, &opened->observation, &proof));
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

/* What a walk over the whole heap needs, and its end. */
struct walk {
    struct heap *heap;
    struct marker marker;
    struct stack_scanner scanner;
};

static struct error *walk_all(struct opened *opened, struct walk *walk)
{
    TRY(heap_open(opened->runtime, &walk->heap));
    marker_open(walk->heap, &walk->marker);
    stack_scanner_open(&walk->marker, &walk->scanner);
    TRY(global_roots(&walk->marker));
    TRY(finalizer_roots(&walk->marker, false));
    tiny_roots(&walk->marker);
    for (size_t i = 0; i < opened->observation.goroutines.length; i++)
        stack_roots(&walk->scanner, &opened->observation.goroutines.at[i], &opened->stacks);
    marker_drain(&walk->marker);
    return NULL;
}

static void walk_end(struct walk *walk)
{
    stack_scanner_close(&walk->scanner);
    marker_close(&walk->marker);
    heap_close(walk->heap);
}

static struct error *print_marks(struct opened *opened)
{
    struct walk walk = {0};
    struct comparison comparison = {0};
    double start = now_s();
    TRY(walk_all(opened, &walk));
    double spent = now_s() - start;
    struct heap *heap = walk.heap;
    for (uint32_t span = 0; span < heap->objects.span_count; span++) {
        for (uint32_t i = 0; i < heap->objects.spans[span].count; i++)
            compare_object(&walk.marker, (struct object){.span = span, .index = i}, &comparison);
    }
    printf("both %" PRIu64 "\nfresh %" PRIu64 "\nfresh_unreached %" PRIu64 "\nonly_reached %" PRIu64
           "\nonly_kept %" PRIu64 "\nonly_kept_bytes %" PRIu64 "\nguessed %" PRIu64
           "\nunreadable %" PRIu64 "\nunreadable_stacks %" PRIu64 "\nseconds %.3f\n",
           comparison.both, comparison.fresh, comparison.fresh_unreached, comparison.only_reached,
           comparison.only_kept, comparison.kept_bytes, heap->guessed_objects,
           heap->unreadable_bytes, walk.scanner.unreadable, spent);
    walk_end(&walk);
    return NULL;
}

/* ---- who holds an object */

static void print_holder(struct opened *opened, struct walk *walk, address at, uint64_t into)
{
    struct object holder;
    if (objects_at(&walk->heap->objects, at, &holder)) {
        const struct span *span = &walk->heap->spans.list.at[holder.span];
        address start = object_address(&walk->heap->objects, holder);
        printf("+%" PRIu64 " from object 0x%" PRIx64 "+%" PRIu64 " size %" PRIu64
               " class %u kept %d reached %d\n",
               into, start, at - start, span->element_size, span->class,
               bit_at(walk->heap, span->alloc_bits, holder.index),
               marker_has(&walk->marker, object_number(&walk->heap->objects, holder)));
        return;
    }
    for (size_t i = 0; i < opened->observation.goroutines.length; i++) {
        const struct goroutine *goroutine = &opened->observation.goroutines.at[i];
        if (at >= goroutine->stack_low && at < goroutine->stack_high) {
            printf("+%" PRIu64 " from stack of %" PRIu64 " at 0x%" PRIx64 ", sp + %" PRId64
                   " state %d\n",
                   into, goroutine->id, at, (int64_t)(at - goroutine->sp), goroutine->state);
            return;
        }
    }
    const struct mapping *mapping = target_mapping_at(opened->target, at);
    printf("+%" PRIu64 " from 0x%" PRIx64 " %s\n", into, at, mapping ? mapping->path : "");
}

static struct error *print_holders(struct opened *opened, address wanted)
{
    enum {
        CHUNK = 1 << 20
    };
    struct walk walk = {0};
    struct object object;
    size_t count = 0;
    TRY(walk_all(opened, &walk));
    uint64_t size = objects_at(&walk.heap->objects, wanted, &object)
                        ? object_size(&walk.heap->objects, object)
                        : 8;
    const struct mapping *mappings = target_mappings(opened->target, &count);
    AUTO_FREE uint8_t *bytes = xmalloc(CHUNK);
    for (size_t i = 0; i < count; i++) {
        for (address at = mappings[i].start; at < mappings[i].end; at += CHUNK) {
            size_t piece = mappings[i].end - at < CHUNK ? mappings[i].end - at : CHUNK;
            struct error *error = target_read(opened->target, at, bytes, piece);
            if (error_ignore(error))
                continue;
            for (size_t j = 0; j + 8 <= piece; j += 8) {
                uint64_t word = load_u64(bytes + j);
                if (word >= wanted && word < wanted + size)
                    print_holder(opened, &walk, at + j, word - wanted);
            }
        }
    }
    walk_end(&walk);
    return NULL;
}

static struct error *run(struct opened *opened, int argc, char **argv)
{
    if (!strcmp(argv[1], "marks"))
        return print_marks(opened);
    if (!strcmp(argv[1], "who") && argc > 4)
        return print_holders(opened, strtoull(argv[4], NULL, 16));
    return print_proof(opened);
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
        error = run(&opened, argc, argv);
    if (error)
        fprintf(stderr, "heapcheck: %s\n", error_message(error));
    error_destroy(error);
    close_all(&opened);
    return error ? 2 : 0;
}
