/* The pointers of one object, by the maps that the collector uses (heap.h, enum pointer_format); and which objects many pointers lead to. In a header
 * because this is where the time goes. */
#ifndef SEEP_HEAP_POINTERS_H
#define SEEP_HEAP_POINTERS_H

#include "heap/heap.h"

enum {
    POINTERS_AT_A_TIME = 512 /* that are looked up */
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Who wants the pointers: words that are pointers (never 0), and those of an object that no map describes, which may be some. */
struct pointer_taker {
    void (*take)(void *context, uint64_t word);
    void (*guess)(void *context, uint64_t word);
    void *context;
};

ALWAYS_INLINE void pointers_guessed(struct heap *heap, const uint64_t *words, uint64_t count,
                                    const struct pointer_taker *taker)
{
    heap->guessed_objects++;
    for (uint64_t i = 0; i < count; i++)
        taker->guess(taker->context, words[i]);
}

ALWAYS_INLINE void pointers_by_bits(const uint64_t *words, uint64_t bits,
                                    const struct pointer_taker *taker)
{
    while (bits) {
        uint64_t word = words[__builtin_ctzll(bits)];
        if (word)
            taker->take(taker->context, word);
        bits &= bits - 1;
    }
}

/* Words [first, first + count) of a span, by a bit map over the span. */
ALWAYS_INLINE void pointers_by_map(const uint64_t *words, const uint64_t *map, uint64_t first,
                                   uint64_t count, const struct pointer_taker *taker)
{
    for (uint64_t done = 0; done < count;) {
        uint64_t at = first + done;
        uint64_t take = 64 - at % 64 < count - done ? 64 - at % 64 : count - done;
        uint64_t bits = map[at / 64] >> at % 64;
        if (take < 64)
            bits &= (UINT64_C(1) << take) - 1;
        pointers_by_bits(words + at, bits, taker);
        done += take;
    }
}

/* `count` words that hold one value of a type after the other. */
ALWAYS_INLINE void pointers_by_type(struct heap *heap, address type, const uint64_t *words,
                                    uint64_t count, const struct pointer_taker *taker)
{
    struct type_mask mask = *type_mask_of(&heap->masks, type);
    if (!mask.known || !mask.words) {
        pointers_guessed(heap, words, count, taker);
        return;
    }
    for (uint64_t value = 0; mask.used && value < count; value += mask.words) {
        uint64_t left = count - value < mask.used ? count - value : mask.used;
        for (uint64_t i = 0; i < left; i += 64) {
            uint64_t bits = mask.bits[i / 64];
            if (left - i < 64)
                bits &= (UINT64_C(1) << (left - i)) - 1;
            pointers_by_bits(words + value + i, bits, taker);
        }
    }
}

/* `span` is the object's, with its bytes (heap_contents). */
ALWAYS_INLINE void pointers_of(struct heap *heap, const struct object_span *span,
                               struct object object, const struct pointer_taker *taker)
{
    const uint64_t *span_words = (const uint64_t *)(const void *)span->bytes;
    uint64_t count = object_size(&heap->objects, object) / 8, first = object.index * count;
    const uint64_t *words = span_words + first;
    switch ((enum pointer_format)span->format) {
    case POINTERS_NONE:
        break;
    case POINTERS_BITS:
        pointers_by_map(span_words, span->bits, first, count, taker);
        break;
    case POINTERS_HEADER:
        pointers_by_type(heap, words[0], words + 1, count - 1, taker);
        break;
    case POINTERS_LARGE:
        pointers_by_type(heap, heap->spans.list.at[object.span].large_type, words, count, taker);
        break;
    case POINTERS_ANY:
        pointers_guessed(heap, words, count, taker);
        break;
    }
}

/* The objects that up to POINTERS_AT_A_TIME words point into, in their order; others are dropped. `tags` (may be NULL) stay beside their words. Uses up
 * the words. Each loop asks for what the next one needs. Returns how many. */
ALWAYS_INLINE size_t pointers_look_up(const struct objects *objects, uint64_t *words,
                                      uint32_t *tags, size_t length,
                                      struct object found_ret[POINTERS_AT_A_TIME])
{
    const uint32_t *pages[POINTERS_AT_A_TIME];
    size_t left = 0, count = 0;
    for (size_t i = 0; i < length; i++) {
        uint64_t word = words[i];
        pages[left] = objects_page(objects, word);
        words[left] = word;
        if (tags)
            tags[left] = tags[i];
        if (pages[left])
            __builtin_prefetch(pages[left++]);
    }
    for (size_t i = 0; i < left; i++) {
        uint32_t span = *pages[i];
        found_ret[count].span = span - 1;
        words[count] = words[i];
        if (tags)
            tags[count] = tags[i];
        if (span)
            __builtin_prefetch(&objects->spans[found_ret[count++].span]);
    }
    left = count;
    count = 0;
    for (size_t i = 0; i < left; i++) {
        const struct object_span *span = &objects->spans[found_ret[i].span];
        uint64_t index = objects_index(span, words[i]);
        found_ret[count] = (struct object){.span = found_ret[i].span, .index = (uint32_t)index};
        if (tags)
            tags[count] = tags[i];
        count += index < span->count;
    }
    return count;
}

#endif
