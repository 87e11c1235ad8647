/* The time goes into waiting for memory: for an object's bytes and its bits, and for each pointer in it for the page's span, the span, the bit. So objects
 * are followed and pointers looked up many at a time, step by step, and what the next step needs of all of them is asked for before the first of them
 * takes it. What was found last is followed first, so that little waits at any time. */
#include "heap/mark.h"

#include "heap/hot_memory.h"
#include "heap/pointers.h"

void marker_open(struct heap *heap, struct marker *marker_ret)
{
    *marker_ret = (struct marker){.heap = heap};
    marker_ret->marked = hot_memory(heap->objects.count / 64 + 1, sizeof(*marker_ret->marked));
    marker_ret->grey = hot_memory(heap->objects.count / 64 + 1, sizeof(*marker_ret->grey));
    marker_ret->stack = hot_memory_unset(MARK_STACK_ROOM, sizeof(*marker_ret->stack));
    marker_ret->watched = xcalloc(heap->objects.count / 64 + 1, sizeof(*marker_ret->watched));
    span_queue_open(&marker_ret->queue, heap->objects.span_count);
    for (size_t i = 0; i < heap->objects.span_count; i++)
        heap->objects.spans[i].watched = heap->objects.spans[i].queued = false;
}

void marker_close(struct marker *marker)
{
    free(marker->marked);
    free(marker->grey);
    free(marker->stack);
    free(marker->watched);
    span_queue_close(&marker->queue);
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

/* Until there is room for it. */
static void wait_by_span(struct marker *marker, struct object object)
{
    struct object_span *span = &marker->heap->objects.spans[object.span];
    uint32_t number = span->first + object.index;
    marker->grey[number / 64] |= UINT64_C(1) << number % 64;
    if (span->queued)
        return;
    span->queued = true;
    span_queue_add(&marker->queue, object.span);
}

/* Its pointers are to be followed. */
static inline void make_grey(struct marker *marker, struct object object)
{
    if (marker->heap->objects.spans[object.span].format == POINTERS_NONE)
        return;
    if (marker->depth < MARK_STACK_ROOM)
        marker->stack[marker->depth++] = object;
    else
        wait_by_span(marker, object);
}

/* ---- from pointers to marks */

static inline void mark(struct marker *marker, struct object object)
{
    const struct object_span *span = &marker->heap->objects.spans[object.span];
    uint32_t number = span->first + object.index;
    uint64_t bit = UINT64_C(1) << number % 64;
    if (marker->collected) {
        VECTOR_PUSH(marker->collected, number);
        return;
    }
    if (marker->marked[number / 64] & bit)
        return;
    marker->marked[number / 64] |= bit;
    if (span->watched && is_watched(marker, number))
        VECTOR_PUSH(&marker->woken, number);
    count(marker, object);
    make_grey(marker, object);
}

static void look_up(struct marker *marker)
{
    struct object found[POINTERS_AT_A_TIME];
    size_t count = pointers_look_up(&marker->heap->objects, marker->pointers, NULL,
                                    marker->pointer_count, found);
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&marker->marked[object_number(&marker->heap->objects, found[i]) / 64]);
    marker->pointer_count = 0;
    for (size_t i = 0; i < count; i++)
        mark(marker, found[i]);
}

static inline void reach(struct marker *marker, uint64_t word)
{
    marker->pointers[marker->pointer_count++] = word;
    if (marker->pointer_count == POINTERS_AT_A_TIME)
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

/* ---- following */

static inline void take_pointer(void *context, uint64_t word)
{
    reach(context, word);
}

static void take_guess(void *context, uint64_t word)
{
    marker_reach_perhaps(context, word);
}

static void follow(struct marker *marker, const struct object_span *span, struct object object)
{
    pointers_of(
        marker->heap, span, object,
        &(struct pointer_taker){.take = take_pointer, .guess = take_guess, .context = marker});
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

/* The span's grey objects onto the stack, as far as there is room; the others wait again. */
static void stack_span(struct marker *marker, uint32_t index)
{
    struct object_span *span = &marker->heap->objects.spans[index];
    uint64_t last = ((uint64_t)span->first + span->count - 1) / 64;
    span->queued = false;
    for (uint64_t word = span->first / 64; word <= last; word++) {
        uint64_t grey = marker->grey[word] & bits_of_span(span, word);
        marker->grey[word] &= ~grey;
        for (; grey; grey &= grey - 1) {
            uint32_t number = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(grey);
            make_grey(marker, (struct object){.span = index, .index = number - span->first});
        }
    }
}

/* The bytes and the bits of an object that is followed soon. */
static inline void prefetch(const struct object_span *span, uint32_t index)
{
    enum {
        BITS_SHARE = 64
    };
    uint64_t offset = (uint64_t)index * span->size;
    __builtin_prefetch(span->bytes + offset);
    if (span->bits)
        __builtin_prefetch((const uint8_t *)span->bits + offset / BITS_SHARE);
}

static void follow_some(struct marker *marker)
{
    enum {
        AT_A_TIME = 64
    };
    struct object objects[AT_A_TIME];
    const struct object_span *spans[AT_A_TIME];
    size_t count = marker->depth < AT_A_TIME ? marker->depth : AT_A_TIME;
    marker->depth -= count;
    for (size_t i = 0; i < count; i++) {
        objects[i] = marker->stack[marker->depth + i];
        __builtin_prefetch(&marker->heap->objects.spans[objects[i].span]);
    }
    for (size_t i = 0; i < count; i++) {
        spans[i] = heap_contents(marker->heap, objects[i].span);
        if (spans[i])
            prefetch(spans[i], objects[i].index);
    }
    for (size_t i = 0; i < count; i++)
        if (spans[i])
            follow(marker, spans[i], objects[i]);
}

void marker_drain(struct marker *marker)
{
    uint32_t span;
    for (;;) {
        if (marker->depth)
            follow_some(marker);
        else if (marker->pointer_count)
            look_up(marker);
        else if (span_queue_take(&marker->queue, &span))
            stack_span(marker, span);
        else
            return;
    }
}
