/* Every resident page belongs to one mapping, and every mapping to one class:
 *
 *   heap         mappings that hold spans, and what Linux cut off them. Their resident pages are in use (state 1), goroutine stacks (state 2, cut into
 *                stack-sized pieces, or a single large stack), the runtime's own (other state 2), or idle: the rest
 *   mapped files the executable, libraries, files
 *   runtime      the program's zeroed globals, and what the runtime's globals lead to (ownmemory.c); what Linux names
 *                "[anon: Go: …" (Go 1.25+); the first thread's stack
 *   outside Go   the C heap, thread stacks, what the program mapped itself
 *
 * Span states are runtime/mheap.go's; a stack span's element size is its stack size (runtime/stack.go, stackalloc). */
#include "runtime/memorysplit.h"

#include <string.h>

#include "runtime/memoryparts.h"
#include "runtime/ownmemory.h"

enum {
    ARENA_SHIFT = 26, /* heapArenaBytes: 64 MiB (runtime/malloc.go) */
    RUNS_MAX = 1 << 18
}; /* more runs than this are weighed as wholly resident: the look must stay quick */

enum memory_class {
    CLASS_IN_USE,
    CLASS_STACKS,
    CLASS_RUNTIME,
    CLASS_COUNT
};

struct run {
    address start, end;
    enum memory_class class;
};

static enum memory_class class_of(const struct span *span)
{
    if (span->state == SPAN_IN_USE)
        return CLASS_IN_USE;
    return span->element_size && span->element_size < span->pages * SPAN_PAGE_BYTES ? CLASS_STACKS
                                                                                    : CLASS_RUNTIME;
}

/* All of it, where that can't be told. */
static uint64_t resident_of(struct runtime *runtime, address start, uint64_t size)
{
    uint64_t resident = 0;
    struct error *error = target_resident(runtime->target, start, size, &resident);
    return error_ignore(error) ? size : resident;
}

/* A stack so large that it has a span of its own looks like other manual memory: the goroutine list tells. */
static uint64_t large_stacks(struct runtime *runtime, const struct observation *observation,
                             const struct spans *spans)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < observation->goroutines.length; i++) {
        const struct goroutine *goroutine = &observation->goroutines.at[i];
        if (goroutine->stack_high - goroutine->stack_low < 4 * SPAN_PAGE_BYTES)
            continue;
        const struct span *span = spans_at(spans, goroutine->stack_low);
        if (span && span->state == SPAN_MANUAL && class_of(span) == CLASS_RUNTIME)
            bytes += resident_of(runtime, span->start, span->pages * SPAN_PAGE_BYTES);
    }
    return bytes;
}

static size_t runs_of(const struct spans *spans, struct run *runs)
{
    size_t count = 0;
    for (size_t i = 0; i < spans->list.length; i++) {
        const struct span *span = &spans->list.at[i];
        enum memory_class class = class_of(span);
        address end = span->start + span->pages * SPAN_PAGE_BYTES;
        if (count && runs[count - 1].end == span->start && runs[count - 1].class == class)
            runs[count - 1].end = end;
        else
            runs[count++] = (struct run){.start = span->start, .end = end, .class = class};
    }
    return count;
}

/* Resident bytes of each class of span. */
static void weigh_spans(struct runtime *runtime, const struct spans *spans,
                        uint64_t bytes[CLASS_COUNT])
{
    AUTO_FREE struct run *runs = xmalloc(spans->list.length * sizeof(*runs));
    size_t count = runs_of(spans, runs);
    for (size_t i = 0; i < count; i++) {
        uint64_t size = runs[i].end - runs[i].start;
        bytes[runs[i].class] +=
            count <= RUNS_MAX ? resident_of(runtime, runs[i].start, size) : size;
    }
}

/* Go reserves whole arenas, so that nothing else lies in one that has a span. */
static bool is_in_arena(const struct spans *spans, address at)
{
    address start = at >> ARENA_SHIFT << ARENA_SHIFT;
    return spans_in(spans, start, start + (UINT64_C(1) << ARENA_SHIFT));
}

/* Linux cuts the heap in several mappings where advice on huge pages differs (madvise), and a piece may have no span of its own: then its arena tells, or
 * that it goes on where the heap before it ends. */
static bool is_heap(const struct spans *spans, const struct mapping *mapping,
                    const struct mapping *heap_before)
{
    if (spans_in(spans, mapping->start, mapping->end))
        return true;
    if (mapping->shared)
        return false;
    return is_in_arena(spans, mapping->start) || is_in_arena(spans, mapping->end - 1) ||
           (heap_before && heap_before->end == mapping->start &&
            !strcmp(heap_before->path, mapping->path));
}

/* The kernel's name for it tells, or a pointer of the runtime's. */
static bool is_runtime(const struct mapping *mapping, bool own)
{
    return own || !strncmp(mapping->path, "[anon: Go:", 10) || !strcmp(mapping->path, "[stack]") ||
           !strncmp(mapping->path, "[vv", 3) || !strcmp(mapping->path, "[vdso]");
}

/* Takes at most what is left of the heap's resident memory: spans move while they are counted. */
static uint64_t take(uint64_t *left, uint64_t wanted)
{
    uint64_t taken = wanted < *left ? wanted : *left;
    *left -= taken;
    return taken;
}

struct error *memory_split(struct runtime *runtime, struct observation *observation,
                           const struct spans *spans)
{
    struct memory_split *memory = &observation->memory;
    uint64_t heap = 0, bytes[CLASS_COUNT] = {0};
    size_t count = 0;
    if (!spans->list.length)
        return NULL;
    TRY(target_measure(runtime->target));
    weigh_spans(runtime, spans, bytes);
    const struct mapping *mappings = target_mappings(runtime->target, &count);
    const struct mapping *heap_before = NULL;
    AUTO_FREE uint8_t *own = own_memory_find(runtime, spans);
    for (size_t i = 0; i < count; i++) {
        const struct mapping *mapping = &mappings[i];
        memory->total += mapping->rss_bytes;
        memory->parts.huge += mapping->huge_bytes;
        if (mapping->is_file) {
            memory->mapped_files += mapping->rss_bytes;
            memory_parts_add_file(&memory->parts, mappings, count, i);
        } else if (is_heap(spans, mapping, heap_before)) {
            heap_before = mapping;
            heap += mapping->rss_bytes;
            memory->parts.heap_huge += mapping->huge_bytes;
        } else if (is_runtime(mapping, own[i])) {
            memory->runtime += mapping->rss_bytes;
        } else {
            memory->outside_go += mapping->rss_bytes;
            memory_parts_add_outside(&memory->parts, mapping);
        }
    }
    uint64_t large = large_stacks(runtime, observation, spans);
    large = large < bytes[CLASS_RUNTIME] ? large : bytes[CLASS_RUNTIME];
    memory->heap_in_use = take(&heap, bytes[CLASS_IN_USE]);
    memory->stacks = take(&heap, bytes[CLASS_STACKS] + large);
    memory->parts.buffers = take(&heap, bytes[CLASS_RUNTIME] - large);
    memory->runtime += memory->parts.buffers;
    memory->heap_idle = heap;
    memory->known = true;
    return NULL;
}
