/* The time goes into waiting for memory. An object that is marked waits until it is its span's turn: by then others of the span are marked as well, and
 * their bytes lie together (the idea of Go's own collector since 1.26, "Green Tea"). A pointer costs three more waits, for the page's span, the span, the
 * bit: so pointers are looked up many at a time, step by step, and what the next step needs of all of them is asked for before the first of them takes
 * it. */
#include "heap/mark.h"

#include "heap/hot_memory.h"

void marker_open(struct heap *heap, struct marker *marker_ret)
{
    *marker_ret = (struct marker){.heap = heap};
    marker_ret->marked = hot_memory(heap->objects.count / 64 + 1, sizeof(*marker_ret->marked));
    marker_ret->grey = hot_memory(heap->objects.count / 64 + 1, sizeof(*marker_ret->grey));
    marker_ret->watched = xcalloc(heap->objects.count / 64 + 1, sizeof(*marker_ret->watched));
    marker_ret->queue = xcalloc(heap->objects.span_count + 1, sizeof(*marker_ret->queue));
    for (size_t i = 0; i < heap->objects.span_count; i++)
        heap->objects.spans[i].watched = heap->objects.spans[i].queued = false;
}

void marker_close(struct marker *marker)
{
    free(marker->marked);
    free(marker->grey);
    free(marker->watched);
    free(marker->queue);
    VECTOR_DEINIT(&marker->woken);
}

void marker_watch(struct marker *marker, struct object object)
{
    uint32_t number = object_number(&marker->heap->objects, object);
    marker->watched[number / 64] |= UINT64_C(1) << number % 64;
    marker->heap->objects.spans[object.span].watched = true;
}

static bool is_watched(const struct marker *marker, uint32_t number)
{
    return marker->watched[number / 64] >> number % 64 & 1;
}

static void count(struct marker *marker, struct object object)
{
    marker->objects++;
    marker->bytes += object_size(&marker->heap->objects, object);
}

/* Its pointers are to be followed. */
static inline void make_grey(struct marker *marker, struct object object)
{
    struct object_span *span = &marker->heap->objects.spans[object.span];
    uint32_t number = span->first + object.index;
    if (span->format == POINTERS_NONE)
        return;
    marker->grey[number / 64] |= UINT64_C(1) << number % 64;
    if (span->queued)
        return;
    size_t room = marker->heap->objects.span_count;
    size_t place = marker->queue_first + marker->queue_length++;
    span->queued = true;
    marker->queue[place < room ? place : place - room] = object.span;
}

/* ---- from pointers to marks */

static inline void mark(struct marker *marker, struct object object)
{
    const struct object_span *span = &marker->heap->objects.spans[object.span];
    uint32_t number = span->first + object.index;
    uint64_t bit = UINT64_C(1) << number % 64;
    if (marker->marked[number / 64] & bit)
        return;
    marker->marked[number / 64] |= bit;
    if (span->watched && is_watched(marker, number))
        VECTOR_PUSH(&marker->woken, number);
    count(marker, object);
    make_grey(marker, object);
}

/* Each loop asks for what the next one needs. */
static void look_up(struct marker *marker)
{
    const struct objects *objects = &marker->heap->objects;
    const uint32_t *pages[MARK_POINTERS];
    struct object found[MARK_POINTERS];
    size_t left = 0, count = 0;
    for (size_t i = 0; i < marker->pointer_count; i++) {
        uint64_t word = marker->pointers[i];
        pages[left] = objects_page(objects, word);
        marker->pointers[left] = word;
        if (pages[left])
            __builtin_prefetch(pages[left++]);
    }
    for (size_t i = 0; i < left; i++) {
        uint32_t span = *pages[i];
        found[count].span = span - 1;
        marker->pointers[count] = marker->pointers[i];
        if (span)
            __builtin_prefetch(&objects->spans[found[count++].span]);
    }
    left = count;
    count = 0;
    for (size_t i = 0; i < left; i++) {
        const struct object_span *span = &objects->spans[found[i].span];
        uint64_t index = objects_index(span, marker->pointers[i]);
        found[count] = (struct object){.span = found[i].span, .index = (uint32_t)index};
        if (index < span->count)
            __builtin_prefetch(&marker->marked[(span->first + found[count++].index) / 64]);
    }
    marker->pointer_count = 0;
    for (size_t i = 0; i < count; i++)
        mark(marker, found[i]);
}

static inline void reach(struct marker *marker, uint64_t word)
{
    marker->pointers[marker->pointer_count++] = word;
    if (marker->pointer_count == MARK_POINTERS)
        look_up(marker);
}

void marker_reach(struct marker *marker, uint64_t word)
{
    reach(marker, word);
}

static bool allocated_at(struct marker *marker, uint64_t word, struct object *object_ret)
{
    return objects_at(&marker->heap->objects, word, object_ret) &&
           heap_is_allocated(marker->heap, *object_ret);
}

void marker_reach_guess(struct marker *marker, uint64_t word)
{
    struct object object;
    if (allocated_at(marker, word, &object))
        mark(marker, object);
}

void marker_reach_perhaps(struct marker *marker, uint64_t word)
{
    struct object object;
    if (!allocated_at(marker, word, &object))
        return;
    uint32_t number = object_number(&marker->heap->objects, object);
    if (marker_has(marker, number) && is_watched(marker, number))
        VECTOR_PUSH(&marker->woken, number);
    mark(marker, object);
}

void marker_scan(struct marker *marker, struct object object)
{
    make_grey(marker, object);
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
        marker_reach_perhaps(marker, words[i]);
}

static inline void follow_bits(struct marker *marker, const uint64_t *words, uint64_t bits)
{
    while (bits) {
        uint64_t word = words[__builtin_ctzll(bits)];
        if (word)
            reach(marker, word);
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
    if (!mask.known || !mask.words) {
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

static void follow(struct marker *marker, const struct object_span *span, struct object object)
{
    struct heap *heap = marker->heap;
    const uint64_t *span_words = (const uint64_t *)(const void *)span->bytes;
    uint64_t count = object_size(&heap->objects, object) / 8, first = object.index * count;
    const uint64_t *words = span_words + first;
    switch ((enum pointer_format)span->format) {
    case POINTERS_NONE:
        break;
    case POINTERS_BITS:
        follow_map(marker, span_words, span->bits, first, count);
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

/* Which bits of one word of a bit map over all objects are the span's. */
static inline uint64_t bits_of_span(const struct object_span *span, uint64_t word)
{
    uint64_t from = word * 64, end = (uint64_t)span->first + span->count;
    uint64_t mine = UINT64_MAX;
    if (from < span->first)
        mine &= UINT64_MAX << (span->first - from);
    if (end < from + 64)
        mine &= (UINT64_C(1) << (end - from)) - 1;
    return mine;
}

static uint64_t take_grey(struct marker *marker, const struct object_span *span, uint64_t word)
{
    uint64_t mine = bits_of_span(span, word);
    uint64_t grey = marker->grey[word] & mine;
    marker->grey[word] &= ~mine;
    return grey;
}

static void follow_span(struct marker *marker, uint32_t index)
{
    const struct object_span *span = heap_contents(marker->heap, index);
    marker->heap->objects.spans[index].queued = false;
    if (!span)
        return;
    uint64_t last = ((uint64_t)span->first + span->count - 1) / 64;
    for (uint64_t word = span->first / 64; word <= last; word++) {
        uint64_t grey = take_grey(marker, span, word);
        for (; grey; grey &= grey - 1) {
            uint32_t number = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(grey);
            follow(marker, span, (struct object){.span = index, .index = number - span->first});
        }
    }
}

/* The span that will be taken after `ahead` others, or NULL. */
static const struct object_span *queued(const struct marker *marker, size_t ahead)
{
    size_t room = marker->heap->objects.span_count, place = marker->queue_first + ahead;
    if (ahead >= marker->queue_length)
        return NULL;
    return &marker->heap->objects.spans[marker->queue[place < room ? place : place - room]];
}

/* The bytes and the bits of the span's grey objects, of the first few. */
static void prefetch_grey(const struct marker *marker, const struct object_span *span)
{
    enum {
        WORDS_MAX = 4,
        OBJECTS_MAX = 8,
        BITS_SHARE = 64
    };
    uint64_t first = span->first / 64, last = ((uint64_t)span->first + span->count - 1) / 64;
    unsigned objects = 0;
    if (!span->bytes)
        return;
    for (uint64_t word = first; word <= last && word < first + WORDS_MAX; word++) {
        uint64_t grey = marker->grey[word] & bits_of_span(span, word);
        for (; grey && objects < OBJECTS_MAX; grey &= grey - 1, objects++) {
            uint64_t number = word * 64 + (unsigned)__builtin_ctzll(grey);
            uint64_t offset = (number - span->first) * span->size;
            __builtin_prefetch(span->bytes + offset);
            if (span->bits)
                __builtin_prefetch((const uint8_t *)span->bits + offset / BITS_SHARE);
        }
    }
}

/* Asks for what the spans that come soon will need: the span, then which of its objects are grey, then these. */
static void look_ahead(const struct marker *marker)
{
    enum {
        FAR = 48,
        NEARER = 32,
        NEAR = 16
    };
    const struct object_span *far = queued(marker, FAR), *nearer = queued(marker, NEARER),
                             *near = queued(marker, NEAR);
    if (far)
        __builtin_prefetch(far);
    if (nearer)
        __builtin_prefetch(&marker->grey[nearer->first / 64]);
    if (near)
        prefetch_grey(marker, near);
}

void marker_drain(struct marker *marker)
{
    look_up(marker);
    while (marker->queue_length) {
        uint32_t span = marker->queue[marker->queue_first];
        marker->queue_length--;
        if (++marker->queue_first == marker->heap->objects.span_count)
            marker->queue_first = 0;
        look_ahead(marker);
        follow_span(marker, span);
        if (!marker->queue_length)
            look_up(marker);
    }
}
