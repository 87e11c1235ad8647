/* The time goes into waiting for memory: so an object's bytes are asked for when it comes off the stack and looked at MARK_RING objects later. */
#include "heap/mark.h"

void marker_open(struct heap *heap, struct marker *marker_ret)
{
    *marker_ret = (struct marker){.heap = heap};
    marker_ret->words = xcalloc(heap->objects.count / 64 + 1, sizeof(*marker_ret->words));
    for (unsigned i = 0; i < MARK_RING; i++)
        marker_ret->ring[i].span = UINT32_MAX;
}

void marker_close(struct marker *marker)
{
    free(marker->words);
    VECTOR_DEINIT(&marker->stack);
    VECTOR_DEINIT(&marker->woken);
}

static void count(struct marker *marker, struct object object)
{
    marker->objects++;
    marker->bytes += object_size(&marker->heap->objects, object);
}

static inline void mark(struct marker *marker, struct object object)
{
    uint32_t number = object_number(&marker->heap->objects, object);
    struct mark_word *word = &marker->words[number / 64];
    uint64_t bit = UINT64_C(1) << number % 64;
    if (word->marked & bit)
        return;
    word->marked |= bit;
    if (word->watched & bit)
        VECTOR_PUSH(&marker->woken, number);
    count(marker, object);
    if (marker->heap->formats[object.span] != POINTERS_NONE)
        VECTOR_PUSH(&marker->stack, object);
}

static inline void reach(struct marker *marker, uint64_t word)
{
    struct object object;
    if (objects_at(&marker->heap->objects, word, &object))
        mark(marker, object);
}

void marker_reach(struct marker *marker, uint64_t word)
{
    reach(marker, word);
}

static void reach_perhaps(struct marker *marker, uint64_t word)
{
    struct object object;
    if (!objects_at(&marker->heap->objects, word, &object) ||
        !heap_is_allocated(marker->heap, object))
        return;
    uint32_t number = object_number(&marker->heap->objects, object);
    const struct mark_word *known = &marker->words[number / 64];
    if (known->marked & known->watched & UINT64_C(1) << number % 64)
        VECTOR_PUSH(&marker->woken, number);
    mark(marker, object);
}

void marker_reach_perhaps(struct marker *marker, uint64_t word)
{
    reach_perhaps(marker, word);
}

void marker_scan(struct marker *marker, struct object object)
{
    if (marker->heap->formats[object.span] != POINTERS_NONE)
        VECTOR_PUSH(&marker->stack, object);
}

void marker_unhide(struct marker *marker, struct object object)
{
    count(marker, object);
    marker_scan(marker, object);
}

/* ---- the pointers of one object */

static void follow_all(struct marker *marker, const uint64_t *words, uint64_t count)
{
    marker->heap->guessed_objects++;
    for (uint64_t i = 0; i < count; i++)
        reach_perhaps(marker, words[i]);
}

static inline void follow_bits(struct marker *marker, const uint64_t *words, uint64_t bits)
{
    while (bits) {
        reach(marker, words[__builtin_ctzll(bits)]);
        bits &= bits - 1;
    }
}

/* Words [first, first + count) of a span, by a bit map over the span. */
static void follow_map(struct marker *marker, const uint64_t *words, const uint64_t *map,
                       uint64_t first, uint64_t count)
{
    for (uint64_t done = 0; done < count;) {
        uint64_t at = first + done;
        uint64_t take = 64 - at % 64 < count - done ? 64 - at % 64 : count - done;
        uint64_t bits = map[at / 64] >> at % 64;
        if (take < 64)
            bits &= (UINT64_C(1) << take) - 1;
        follow_bits(marker, words + at, bits);
        done += take;
    }
}

/* `count` words that hold one value of a type after the other. */
static void follow_type(struct marker *marker, address type, const uint64_t *words, uint64_t count)
{
    struct type_mask mask = *type_mask_of(&marker->heap->masks, type);
    if (!mask.known) {
        follow_all(marker, words, count);
        return;
    }
    for (uint64_t value = 0; mask.used && value < count; value += mask.words) {
        uint64_t left = count - value < mask.used ? count - value : mask.used;
        for (uint64_t i = 0; i < left; i += 64) {
            uint64_t bits = mask.bits[i / 64];
            if (left - i < 64)
                bits &= (UINT64_C(1) << (left - i)) - 1;
            follow_bits(marker, words + value + i, bits);
        }
    }
}

static void follow(struct marker *marker, struct object object)
{
    struct heap *heap = marker->heap;
    const struct span_contents *contents = heap_contents(heap, object.span);
    if (!contents)
        return;
    const uint64_t *span_words = (const uint64_t *)(const void *)contents->bytes;
    uint64_t count = object_size(&heap->objects, object) / 8, first = object.index * count;
    const uint64_t *words = span_words + first;
    switch ((enum pointer_format)heap->formats[object.span]) {
    case POINTERS_NONE:
        break;
    case POINTERS_BITS:
        follow_map(marker, span_words, contents->bits, first, count);
        break;
    case POINTERS_HEADER:
        follow_type(marker, words[0], words + 1, count - 1);
        break;
    case POINTERS_LARGE:
        follow_type(marker, heap->spans.list.at[object.span].large_type, words, count);
        break;
    case POINTERS_ANY:
        follow_all(marker, words, count);
        break;
    }
}

static void prefetch(const struct heap *heap, struct object object)
{
    const struct span_contents *contents = &heap->contents[object.span];
    if (contents->bytes)
        __builtin_prefetch(contents->bytes +
                           (uint64_t)object.index * heap->objects.spans[object.span].size);
}

/* Puts an object (or none) into the ring and follows the one that has been there longest; false if there was none. */
static bool turn(struct marker *marker, struct object next)
{
    struct object *place = &marker->ring[marker->ring_at];
    struct object old = *place;
    *place = next;
    marker->ring_at = (marker->ring_at + 1) % MARK_RING;
    if (old.span == UINT32_MAX)
        return false;
    follow(marker, old);
    return true;
}

void marker_drain(struct marker *marker)
{
    const struct object none = {.span = UINT32_MAX};
    for (unsigned idle = 0; idle < MARK_RING;) {
        struct object next = none;
        if (marker->stack.length) {
            next = marker->stack.at[--marker->stack.length];
            prefetch(marker->heap, next);
        }
        bool worked = turn(marker, next);
        idle = next.span == UINT32_MAX && !worked ? idle + 1 : 0;
    }
}
