#include "heap/heap.h"

#include <string.h>
#include <unistd.h>

#include "heap/arena_bits.h"
#include "heap/pool.h"

enum {
    MINOR_SPAN_BITS = 22, /* pointers are told by the span, or by headers */
    SMALL_MAX = 512,      /* minSizeForMallocHeader: the largest without a header */
    INLINE_MARKS = 128,   /* spanInlineMarkBits */
    INLINE_MARKS_MIN = 16,
    MEMORY_SHARE = 2, /* of the machine's memory, at most one part in so many */
    BITS_SHARE = 64,  /* bytes of a span per byte of its bit map */
};

static bool is_noscan(const struct span *span)
{
    return span->class & 1;
}

static enum pointer_format format_of(const struct heap *heap, const struct span *span)
{
    if (is_noscan(span))
        return POINTERS_NONE;
    if (span->user_arena || span->element_size % 8)
        return POINTERS_ANY;
    if (heap->arena_bits)
        return POINTERS_BITS;
    if (span->class >> 1 ==
        0) /* without a type it is just being made, and still empty (runtime/malloc.go, mallocgcLarge) */
        return span->large_type ? POINTERS_LARGE : POINTERS_NONE;
    return span->element_size <= SMALL_MAX ? POINTERS_BITS : POINTERS_HEADER;
}

/* Where the bit map of a small span begins (heapBits in runtime/mbitmap.go): at its end, but before the collector's own marks. */
static uint64_t bits_offset(const struct heap *heap, const struct span *span)
{
    uint64_t size = span->pages * SPAN_PAGE_BYTES;
    bool marks = heap->inline_marks && span->element_size >= INLINE_MARKS_MIN;
    return size - size / BITS_SHARE - (marks ? INLINE_MARKS : 0);
}

static struct error *set_formats(struct heap *heap)
{
    for (size_t i = 0; i < heap->spans.list.length; i++) {
        const struct span *span = &heap->spans.list.at[i];
        enum pointer_format format = format_of(heap, span);
        heap->objects.spans[i].format = (uint8_t)format;
        if (format == POINTERS_BITS && !heap->arena_bits &&
            span->objects * span->element_size > bits_offset(heap, span))
            return error_create(ERROR_UNSUPPORTED,
                                "the heap's spans are laid out in a way that seep does not know");
    }
    return NULL;
}

static struct error *open_parts(struct heap *heap)
{
    struct runtime *runtime = heap->runtime;
    const struct buildinfo *info = &runtime->program->info;
    const struct moduledata *module = &runtime->program->module;
    struct func func;
    if (!runtime->globals.allspans || !runtime->offsets.has_objects)
        return error_create(ERROR_UNSUPPORTED, "the list of spans (mheap_.allspans) was not found");
    TRY(spans_read(heap->target, &runtime->offsets, runtime->globals.allspans, &heap->spans));
    TRY(objects_open(&heap->spans, &heap->objects));
    heap->masks = (struct type_masks){.target = heap->target,
                                      .go_minor = info->go_minor,
                                      .data_low = module->noptrdata,
                                      .data_high = module->noptrbss_end};
    heap->inline_marks =
        pclntab_func_named(&runtime->program->pclntab, "runtime.(*spanInlineMarkBits).init", &func);
    heap->pool = pool_create((uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) /
                             MEMORY_SHARE);
    if (runtime->offsets.mspan_large_type == ABSENT)
        TRY(arena_bits_open(runtime, &heap->spans, &heap->arena_bits));
    return set_formats(heap);
}

struct error *heap_open(struct runtime *runtime, struct heap **heap_ret)
{
    struct heap *heap = xcalloc(1, sizeof(*heap));
    heap->runtime = runtime;
    heap->target = runtime->target;
    struct error *error = open_parts(heap);
    if (error) {
        heap_close(heap);
        return error;
    }
    *heap_ret = heap;
    return NULL;
}

void heap_close(struct heap *heap)
{
    if (!heap)
        return;
    type_masks_close(&heap->masks);
    arena_bits_close(heap->arena_bits);
    pool_destroy(heap->pool);
    objects_close(&heap->objects);
    spans_deinit(&heap->spans);
    free(heap);
}

static const uint8_t *read_bytes(struct heap *heap, const struct span *span)
{
    uint64_t size = span->pages * SPAN_PAGE_BYTES;
    const uint8_t *in_place = target_in_place(heap->target, span->start, size);
    if (in_place)
        return in_place;
    uint8_t *bytes = pool_take(heap->pool, size);
    struct error *error = bytes ? target_read(heap->target, span->start, bytes, size) : NULL;
    return error_ignore(error) ? NULL : bytes;
}

static void read_contents(struct heap *heap, uint32_t index)
{
    struct object_span *contents = &heap->objects.spans[index];
    const struct span *span = &heap->spans.list.at[index];
    contents->bytes = read_bytes(heap, span);
    if (!contents->bytes || contents->format != POINTERS_BITS)
        return;
    if (heap->arena_bits)
        contents->bits = arena_bits_of(heap->arena_bits, heap->pool, span);
    else
        contents->bits =
            (const uint64_t *)(const void *)(contents->bytes + bits_offset(heap, span));
    if (!contents->bits)
        contents->bytes = NULL;
}

const struct object_span *heap_contents(struct heap *heap, uint32_t index)
{
    struct object_span *contents = &heap->objects.spans[index];
    if (contents->bytes)
        return contents;
    if (contents->format == POINTERS_NONE)
        return NULL;
    read_contents(heap, index);
    if (contents->bytes)
        return contents;
    heap->unreadable_bytes += heap->spans.list.at[index].pages * SPAN_PAGE_BYTES;
    contents->format = POINTERS_NONE;
    return NULL;
}

uint8_t *heap_allocated(struct heap *heap, uint32_t index)
{
    const struct span *span = &heap->spans.list.at[index];
    size_t size = ((size_t)span->objects + 7) / 8;
    uint8_t *bits = xmalloc(size + 1);
    struct error *error = target_read_cached(heap->target, span->alloc_bits, bits, size);
    if (error_ignore(error))
        memset(bits, UINT8_MAX, size);
    for (uint32_t i = 0; i < span->free_index && i < span->objects; i++)
        bits[i / 8] |= (uint8_t)(1 << i % 8);
    return bits;
}

bool heap_is_allocated(struct heap *heap, struct object object)
{
    const struct span *span = &heap->spans.list.at[object.span];
    uint8_t bits = UINT8_MAX;
    if (object.index < span->free_index)
        return true;
    struct error *error =
        target_read_cached(heap->target, span->alloc_bits + object.index / 8, &bits, 1);
    return error_ignore(error) || bits >> object.index % 8 & 1;
}
