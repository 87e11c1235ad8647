/* A slot is allocated if it lies below freeindex or its bit in allocBits is set (runtime/mbitmap.go, isFree; Go 1.18 to 1.27). Bits of many spans are read
 * at once. A span is nearly always wholly resident or not at all, and then counting is enough; else it is weighed page by page. */
#include "runtime/slots.h"

#include <string.h>

enum {
    BATCH = 1024,
    PAGE = 4096,
    PAGES_WALKED_MAX = 64 /* Go's spans of several objects have 10 at the most, of 8 KiB */
};

static bool is_set(const uint8_t *bits, uint32_t index)
{
    return bits[index / 8] >> index % 8 & 1;
}

static bool has_bits(const struct span *span)
{
    return span->objects && span->objects <= SLOTS_MAX && span->alloc_bits;
}

/* Those below freeindex, all if the bits could not be read, and none behind the last. */
static void complete(const struct span *span, bool failed, uint8_t *bits)
{
    uint32_t sure = failed ? span->objects : span->free_index;
    for (uint32_t i = 0; i < span->objects && i < sure; i++)
        bits[i / 8] |= (uint8_t)(1u << i % 8);
}

struct batch {
    struct read_request requests[BATCH];
    bool failed[BATCH];
    uint8_t bits[BATCH][SLOT_BITS_BYTES];
};

static struct error *read_bits(struct target *target, const struct span *spans, size_t count,
                               struct batch *batch)
{
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        batch->failed[i] = false;
        if (spans[i].state == SPAN_IN_USE && has_bits(&spans[i]))
            batch->requests[wanted++] = (struct read_request){.at = spans[i].alloc_bits,
                                                              .size = (spans[i].objects + 7) / 8,
                                                              .to = batch->bits[i]};
    }
    TRY(target_read_many(target, batch->requests, wanted));
    for (size_t i = 0; i < wanted; i++) {
        size_t span = (size_t)((uint8_t *)batch->requests[i].to - batch->bits[0]) / SLOT_BITS_BYTES;
        batch->failed[span] = batch->requests[i].failed;
    }
    return NULL;
}

static const uint8_t *bits_of(const struct span *span, struct batch *batch, size_t i)
{
    if (!has_bits(span))
        return NULL;
    complete(span, batch->failed[i], batch->bits[i]);
    return batch->bits[i];
}

struct error *slots_each(struct target *target, const struct spans *spans, slots_visitor *each,
                         void *context)
{
    AUTO_FREE struct batch *batch = xmalloc(sizeof(*batch));
    for (size_t first = 0; first < spans->list.length; first += BATCH) {
        size_t left = spans->list.length - first, count = left < BATCH ? left : BATCH;
        const struct span *at = &spans->list.at[first];
        TRY(read_bits(target, at, count, batch));
        for (size_t i = 0; i < count; i++) {
            if (at[i].state == SPAN_IN_USE)
                each(context, &at[i], bits_of(&at[i], batch, i));
        }
    }
    return NULL;
}

/* ---- weighing */

static uint64_t resident_of(struct target *target, address start, uint64_t size)
{
    uint64_t resident = 0;
    struct error *error = target_resident(target, start, size, &resident);
    return error_ignore(error) ? size : resident;
}

/* Adds what lies in [from, to) of each slot; offsets in the span. */
static void add_page(const struct span *span, const uint8_t *bits, uint64_t from, uint64_t to,
                     struct span_use *use)
{
    uint64_t size = span->element_size;
    for (uint64_t slot = from / size; slot < span->objects && slot * size < to; slot++) {
        uint64_t start = slot * size > from ? slot * size : from;
        uint64_t end = (slot + 1) * size < to ? (slot + 1) * size : to;
        if (is_set(bits, (uint32_t)slot))
            use->wanted_bytes += end - start;
        else
            use->other_bytes += end - start;
    }
}

static void weigh_pages(struct target *target, const struct span *span, const uint8_t *bits,
                        struct span_use *use)
{
    use->resident_bytes = 0;
    for (uint64_t at = 0; at < span->pages * SPAN_PAGE_BYTES; at += PAGE) {
        if (!resident_of(target, span->start + at, PAGE))
            continue;
        use->resident_bytes += PAGE;
        add_page(span, bits, at, at + PAGE, use);
    }
}

static uint32_t count_wanted(const struct span *span, const uint8_t *bits)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < span->objects; i++)
        count += is_set(bits, i);
    return count;
}

struct span_use slots_weigh(struct target *target, const struct span *span, const uint8_t *bits)
{
    uint64_t size = span->pages * SPAN_PAGE_BYTES;
    struct span_use use = {.resident_bytes = resident_of(target, span->start, size)};
    use.wanted = bits ? count_wanted(span, bits) : span->objects;
    uint64_t wanted = use.wanted * span->element_size;
    bool one = span->objects == 1 && span->element_size == size; /* may be large */
    if (!bits || one) {
        use.wanted_bytes = use.wanted || !span->objects ? use.resident_bytes : 0;
        use.other_bytes = use.resident_bytes - use.wanted_bytes;
    } else if (use.resident_bytes == size) {
        use.wanted_bytes = wanted;
        use.other_bytes = span->objects * span->element_size - wanted;
    } else if (use.resident_bytes && span->pages <= PAGES_WALKED_MAX) {
        weigh_pages(target, span, bits, &use);
    } else {
        use.wanted_bytes = wanted < use.resident_bytes ? wanted : use.resident_bytes;
    }
    return use;
}
