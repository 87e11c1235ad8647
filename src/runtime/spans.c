#include "runtime/spans.h"

#include <string.h>

#include "runtime/internal.h"

enum {
    SPANS_MAX = 1 << 26,
    BATCH = 4096
};

static const uint64_t span_pages_max = UINT64_C(1) << 36;

static uint32_t counter(const struct offsets *offsets, const uint8_t *bytes, int32_t offset)
{
    uint64_t value = load_u64(bytes + offset);
    if (offsets->short_counters)
        return (uint32_t)(value & UINT16_MAX);
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

/* All zero where the program does not tell, or where the objects would not fit into the span. */
static void decode_objects(const struct offsets *offsets, const uint8_t *bytes, struct span *span)
{
    uint32_t objects = counter(offsets, bytes, offsets->mspan_objects);
    if (!span->element_size || !objects ||
        span->pages * SPAN_PAGE_BYTES / span->element_size < objects)
        return;
    span->objects = objects;
    span->free_index = counter(offsets, bytes, offsets->mspan_free_index);
    span->alloc_bits = load_u64(bytes + offsets->mspan_alloc_bits);
    span->mark_bits = load_u64(bytes + offsets->mspan_mark_bits);
    span->specials = load_u64(bytes + offsets->mspan_specials);
    span->class = bytes[offsets->mspan_class];
    if (offsets->mspan_sweepgen != ABSENT)
        span->sweepgen = load_u32(bytes + offsets->mspan_sweepgen);
    if (offsets->mspan_large_type != ABSENT)
        span->large_type = load_u64(bytes + offsets->mspan_large_type);
    if (offsets->mspan_user_arena != ABSENT)
        span->user_arena = bytes[offsets->mspan_user_arena] != 0;
}

static void decode(const struct offsets *offsets, const uint8_t *bytes, struct span *span)
{
    *span = (struct span){
        .start = load_u64(bytes + offsets->mspan_start),
        .pages = load_u64(bytes + offsets->mspan_pages),
        .element_size = load_u64(bytes + offsets->mspan_element_size),
        .state = bytes[offsets->mspan_state],
    };
    if (offsets->has_objects && span->pages <= span_pages_max)
        decode_objects(offsets, bytes, span);
}

bool span_read(struct target *target, const struct offsets *offsets, address at,
               struct span *span_ret)
{
    uint8_t bytes[512];
    if (offsets->mspan_size > sizeof(bytes))
        return false;
    struct error *error = target_read_cached(target, at, bytes, offsets->mspan_size);
    if (error_ignore(error))
        return false;
    decode(offsets, bytes, span_ret);
    return true;
}

static bool is_sound(const struct span *span)
{
    return (span->state == SPAN_IN_USE || span->state == SPAN_MANUAL) && span->start &&
           span->start % SPAN_PAGE_BYTES == 0 && span->pages && span->pages <= span_pages_max &&
           is_user_address(span->start) &&
           is_user_address(span->start + span->pages * SPAN_PAGE_BYTES);
}

static int by_start(const void *left, const void *right)
{
    address a = ((const struct span *)left)->start, b = ((const struct span *)right)->start;
    return a < b ? -1 : a > b;
}

static void note_descriptor(struct spans *spans, address at)
{
    if (!spans->descriptors_low || at < spans->descriptors_low)
        spans->descriptors_low = at;
    if (at > spans->descriptors_high)
        spans->descriptors_high = at;
}

static struct error *read_batch(struct target *target, const struct offsets *offsets,
                                const uint64_t *pointers, size_t count, struct spans *spans)
{
    AUTO_FREE uint8_t *bytes = xmalloc(count * offsets->mspan_size);
    AUTO_FREE struct read_request *requests = xcalloc(count, sizeof(*requests));
    for (size_t i = 0; i < count; i++)
        requests[i] = (struct read_request){
            .at = pointers[i], .size = offsets->mspan_size, .to = bytes + i * offsets->mspan_size};
    TRY(target_read_many(target, requests, count));
    for (size_t i = 0; i < count; i++) {
        struct span span;
        if (requests[i].failed)
            continue;
        decode(offsets, requests[i].to, &span);
        if (!is_sound(&span))
            continue;
        note_descriptor(spans, requests[i].at);
        VECTOR_PUSH(&spans->list, span);
    }
    return NULL;
}

/* Sorts, and drops what overlaps its predecessor: a span that was freed and made anew while it was read. */
static void put_in_order(struct spans *spans)
{
    bool sorted = true;
    for (size_t i = 1; i < spans->list.length; i++)
        sorted = sorted && spans->list.at[i - 1].start <= spans->list.at[i].start;
    if (!sorted)
        qsort(spans->list.at, spans->list.length, sizeof(*spans->list.at), by_start);
    size_t kept = 0;
    address end = 0;
    for (size_t i = 0; i < spans->list.length; i++) {
        struct span span = spans->list.at[i];
        if (span.start < end)
            continue;
        end = span.start + span.pages * SPAN_PAGE_BYTES;
        spans->list.at[kept++] = span;
    }
    spans->list.length = kept;
}

struct error *spans_read(struct target *target, const struct offsets *offsets, address allspans,
                         struct spans *spans_ret)
{
    uint64_t header[2];
    *spans_ret = (struct spans){0};
    TRY(target_read(target, allspans, header, sizeof(header)));
    if (header[1] > SPANS_MAX)
        return error_create(ERROR_LIMIT, "the program says that it has %llu spans",
                            (unsigned long long)header[1]);
    AUTO_FREE uint64_t *pointers = xmalloc(BATCH * sizeof(*pointers));
    for (uint64_t i = 0; i < header[1]; i += BATCH) {
        size_t count = header[1] - i < BATCH ? header[1] - i : BATCH;
        struct error *error =
            target_read(target, header[0] + i * 8, pointers, count * sizeof(*pointers));
        if (!error)
            error = read_batch(target, offsets, pointers, count, spans_ret);
        if (error) {
            spans_deinit(spans_ret);
            return error;
        }
    }
    put_in_order(spans_ret);
    return NULL;
}

const struct span *spans_at(const struct spans *spans, address at)
{
    size_t low = 0, high = spans->list.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct span *span = &spans->list.at[middle];
        if (at < span->start)
            high = middle;
        else if (at >= span->start + span->pages * SPAN_PAGE_BYTES)
            low = middle + 1;
        else
            return span;
    }
    return NULL;
}

bool spans_in(const struct spans *spans, address start, address end)
{
    size_t low = 0, high = spans->list.length;
    while (low < high) { /* the first span that begins at the start or behind it */
        size_t middle = low + (high - low) / 2;
        if (spans->list.at[middle].start < start)
            low = middle + 1;
        else
            high = middle;
    }
    bool begins = low < spans->list.length && spans->list.at[low].start < end;
    return begins || (low && spans_at(spans, start) == &spans->list.at[low - 1]);
}

void spans_deinit(struct spans *spans)
{
    VECTOR_DEINIT(&spans->list);
}
