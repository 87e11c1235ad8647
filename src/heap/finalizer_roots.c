/* Specials (runtime/mheap.go) hang on a span, in a list by offset: each says something of one object. Those that hold a function hold it right behind
 * their common part, in at most three words: a finalizer {fn, nret, fint, ot}, a cleanup {fn, id} or {call, fn, arg}, a weak handle {handle}.
 *
 * What is about to be called stands in blocks outside the heap, which no type describes: finblock and cleanupBlock. They are chained from variables that
 * hold no pointers for the collector. The code that fills the queues names these variables; what they lead to is checked before it is believed. */
#include "base/cycle.h"
#include "code/data_refs.h"
#include "heap/roots.h"

enum {
    SPECIAL_WORDS = 3,
    SPECIAL_READ_MAX = 256,
    SPECIALS_MAX = 1 << 26, /* of all spans */
    MINOR_KINDS_MOVED = 25,
    MINOR_WEAK = 23,
    MINOR_CLEANUP_WORDS = 26, /* a cleanup is a function and its argument, not a closure */
    BLOCKS_MAX = 1 << 20,
    FINALIZER_BLOCK = 4096, /* _FinBlockSize */
    FINALIZER_FIRST = 24,
    FINALIZER_WORDS = 5,
    CLEANUP_BLOCK = 512, /* cleanupBlockSize */
    CLEANUP_FIRST = 32,
};

struct kinds { /* of specials, by release */
    unsigned finalizer, weak;
};

static struct kinds kinds_of(int minor)
{
    if (minor >= MINOR_KINDS_MOVED)
        return (struct kinds){.finalizer = 2, .weak = 3};
    return (struct kinds){.finalizer = 1, .weak = minor >= MINOR_WEAK ? 2 : UINT8_MAX};
}

struct special {
    address next;
    uint64_t offset;
    unsigned kind;
    uint64_t words[SPECIAL_WORDS];
};

static bool read_special(struct heap *heap, address at, struct special *special_ret)
{
    const struct offsets *offsets = &heap->runtime->offsets;
    uint8_t bytes[SPECIAL_READ_MAX];
    uint32_t common = (offsets->special_size + 7) & ~7u;
    if (common + SPECIAL_WORDS * 8 > sizeof(bytes))
        return false;
    struct error *error = target_read_cached(heap->target, at, bytes, common + SPECIAL_WORDS * 8);
    if (error_ignore(error))
        return false;
    bool wide = offsets->special_size > 16; /* since 1.24 the offset is a word */
    uint64_t offset = load_u64(bytes + offsets->special_offset);
    *special_ret = (struct special){.next = load_u64(bytes + offsets->special_next),
                                    .offset = wide ? offset : offset & UINT16_MAX,
                                    .kind = bytes[offsets->special_kind]};
    for (unsigned i = 0; i < SPECIAL_WORDS; i++)
        special_ret->words[i] = load_u64(bytes + common + i * 8);
    return true;
}

static void take_special(struct marker *marker, const struct kinds *kinds, uint32_t span,
                         const struct special *special, bool weak_too)
{
    struct object object;
    const struct object_span *owner = &marker->heap->objects.spans[span];
    for (unsigned i = 0; i < SPECIAL_WORDS; i++)
        marker_reach_perhaps(marker, special->words[i]);
    if (!objects_at(&marker->heap->objects, owner->start + special->offset, &object))
        return;
    if (special->kind == kinds->finalizer)
        marker_scan(marker, object); /* what hangs on it, but not the object itself */
    if (special->kind == kinds->weak && weak_too)
        marker_reach(marker, owner->start + special->offset);
}

static struct error *take_specials(struct marker *marker, bool weak_too)
{
    struct heap *heap = marker->heap;
    struct kinds kinds = kinds_of(heap->runtime->program->info.go_minor);
    uint64_t left = SPECIALS_MAX;
    for (uint32_t i = 0; i < heap->objects.span_count; i++) {
        struct cycle cycle = {0};
        for (address at = heap->spans.list.at[i].specials; at && left; left--) {
            struct special special;
            if (cycle_closes(&cycle, at) || !read_special(heap, at, &special))
                return error_create(ERROR_FAULT, "a list of finalizers can't be read");
            take_special(marker, &kinds, i, &special, weak_too);
            at = special.next;
        }
    }
    return NULL;
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

static struct error *take_queues(struct marker *marker)
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
        if (runtime->program->info.go_minor >= MINOR_KINDS_MOVED)
            take_chain(marker, &cleanups, head);
    }
    VECTOR_DEINIT(&refs);
    return found ? NULL
                 : error_create(ERROR_UNSUPPORTED,
                                "the queue of finalizers (runtime.finq) was not found");
}

struct error *finalizer_roots(struct marker *marker, bool weak_too)
{
    TRY(take_specials(marker, weak_too));
    return take_queues(marker);
}
