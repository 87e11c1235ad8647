/* What is about to be called stands in blocks outside the heap, which no type describes: finblock and cleanupBlock. They are chained from variables that
 * hold no pointers for the collector. The code that fills the queues names these variables; what they lead to is checked before it is believed. */
#include "base/cycle.h"
#include "code/data_refs.h"
#include "heap/roots.h"
#include "heap/specials.h"

enum {
    MINOR_CLEANUP_QUEUES = 25,
    MINOR_CLEANUP_WORDS = 26, /* a cleanup is a function and its argument, not a closure */
    BLOCKS_MAX = 1 << 20,
    FINALIZER_BLOCK = 4096, /* _FinBlockSize */
    FINALIZER_FIRST = 24,
    FINALIZER_WORDS = 5,
    CLEANUP_BLOCK = 512, /* cleanupBlockSize */
    CLEANUP_FIRST = 32,
};

struct taking {
    struct marker *marker;
    bool weak_too;
};

static void take_special(void *context, const struct special *special)
{
    const struct taking *taking = context;
    struct marker *marker = taking->marker;
    struct object object;
    for (unsigned i = 0; i < SPECIAL_WORDS; i++)
        marker_reach_perhaps(marker, special->words[i]);
    if (!objects_at(&marker->heap->objects, special->owner, &object))
        return;
    if (special->kind == SPECIAL_FINALIZER)
        marker_scan(marker, object); /* what hangs on it, but not the object itself */
    if (special->kind == SPECIAL_WEAK && taking->weak_too)
        marker_reach(marker, special->owner);
}

/* ---- the queues */

struct block_kind {
    uint32_t size, next_at, count_at, first_at, entry_bytes;
    uint32_t alignment;
};

/* Reads the block if it is one: outside the heap, with a count that fits. */
static bool read_block(struct heap *heap, const struct block_kind *kind, address at, uint8_t *bytes,
                       uint32_t *count_ret)
{
    struct object object;
    if (at % kind->alignment || !is_user_address(at) || objects_at(&heap->objects, at, &object))
        return false;
    struct error *error = target_read_cached(heap->target, at, bytes, kind->size);
    if (error_ignore(error))
        return false;
    *count_ret = load_u32(bytes + kind->count_at);
    address next = load_u64(bytes + kind->next_at);
    return *count_ret <= (kind->size - kind->first_at) / kind->entry_bytes &&
           (!next || (next % kind->alignment == 0 && is_user_address(next)));
}

static void take_chain(struct marker *marker, const struct block_kind *kind, address at)
{
    uint8_t bytes[FINALIZER_BLOCK];
    struct cycle cycle = {0};
    for (unsigned blocks = 0; at && blocks < BLOCKS_MAX; blocks++) {
        uint32_t count = 0;
        if (cycle_closes(&cycle, at) || !read_block(marker->heap, kind, at, bytes, &count))
            return;
        for (uint32_t i = 0; i < count * kind->entry_bytes; i += 8)
            marker_reach_perhaps(marker, load_u64(bytes + kind->first_at + i));
        at = load_u64(bytes + kind->next_at);
    }
}

struct error *finalizer_queue_roots(struct marker *marker)
{
    struct runtime *runtime = marker->heap->runtime;
    const struct moduledata *module = &runtime->program->module;
    const struct block_kind finalizers = {.size = FINALIZER_BLOCK,
                                          .next_at = 0,
                                          .count_at = 16,
                                          .first_at = FINALIZER_FIRST,
                                          .entry_bytes = FINALIZER_WORDS * 8,
                                          .alignment = 8};
    bool words = runtime->program->info.go_minor >= MINOR_CLEANUP_WORDS;
    const struct block_kind cleanups = {.size = CLEANUP_BLOCK,
                                        .next_at = 16,
                                        .count_at = 24,
                                        .first_at = CLEANUP_FIRST,
                                        .entry_bytes = words ? 24 : 8,
                                        .alignment = CLEANUP_BLOCK};
    struct data_refs refs = {0};
    data_refs_add(runtime->target, runtime->program, "runtime.queuefinalizer", module->noptrdata,
                  module->noptrbss_end, &refs);
    bool found = refs.length;
    data_refs_add(runtime->target, runtime->program, "runtime.markroot", module->noptrdata,
                  module->noptrbss_end, &refs);
    for (size_t i = 0; i < refs.length; i++) {
        uint64_t head = 0;
        struct error *error = target_u64(runtime->target, refs.at[i] & ~UINT64_C(7), &head);
        if (error_ignore(error) || !head)
            continue;
        take_chain(marker, &finalizers, head);
        if (runtime->program->info.go_minor >= MINOR_CLEANUP_QUEUES)
            take_chain(marker, &cleanups, head);
    }
    VECTOR_DEINIT(&refs);
    whereabouts_note(&runtime->whereabouts, GLOBAL_FINALIZERS, found, FOUND_CODE, 0);
    return found ? NULL
                 : error_create(ERROR_UNSUPPORTED,
                                "the queue of finalizers (runtime.finq) was not found");
}

struct error *finalizer_roots(struct marker *marker, bool weak_too)
{
    struct taking taking = {.marker = marker, .weak_too = weak_too};
    TRY(specials_each(marker->heap, take_special, &taking));
    return finalizer_queue_roots(marker);
}
