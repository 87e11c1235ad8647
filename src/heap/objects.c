#include "heap/objects.h"

#include "heap/hot_memory.h"

#include <string.h>

/* Whether multiplying with the magic number is dividing by the size: up to 2^32 for the product of both sizes. Go's own spans of many objects stay below
 * that (runtime/sizeclasses.go). */
static bool divides(const struct span *span)
{
    const uint64_t limit = UINT64_C(1) << 32;
    return span->element_size >= 8 && span->element_size <= limit &&
           span->pages <= limit / SPAN_PAGE_BYTES &&
           span->pages * SPAN_PAGE_BYTES <= limit / span->element_size;
}

static bool is_used(const struct span *span)
{
    uint64_t end = span->start + span->pages * SPAN_PAGE_BYTES;
    return span->state == SPAN_IN_USE && span->objects && (span->objects == 1 || divides(span)) &&
           end >> ARENA_BITS < ARENAS_MAX;
}

static void keep_used(struct spans *spans)
{
    size_t kept = 0;
    for (size_t i = 0; i < spans->list.length; i++) {
        if (is_used(&spans->list.at[i]))
            spans->list.at[kept++] = spans->list.at[i];
    }
    spans->list.length = kept;
}

/* Enters the span into the table of each page that it covers. */
static struct error *cover(struct objects *objects, const struct span *span, uint32_t value,
                           size_t *arenas)
{
    uint64_t first = span->start / SPAN_PAGE_BYTES;
    for (uint64_t page = first; page < first + span->pages; page++) {
        uint32_t **table = &objects->arenas[page / ARENA_PAGES];
        if (!*table) {
            if (++*arenas > ARENAS_USED_MAX)
                return error_create(ERROR_LIMIT, "the heap is spread over more than 2 TiB");
            *table = xcalloc(ARENA_PAGES, sizeof(**table));
            objects->arena_high = page / ARENA_PAGES + 1;
        }
        (*table)[page % ARENA_PAGES] = value;
    }
    return NULL;
}

/* Before there is a table for each part of it. */
static struct error *check_extent(const struct spans *spans)
{
    uint64_t pages = 0;
    for (size_t i = 0; i < spans->list.length; i++) {
        pages += spans->list.at[i].pages;
        if (pages > (uint64_t)ARENAS_USED_MAX * ARENA_PAGES)
            return error_create(ERROR_LIMIT, "the heap has more than 2 TiB");
    }
    return NULL;
}

static struct error *number_all(const struct spans *spans, struct objects *objects)
{
    size_t arenas = 0;
    uint64_t next = 0;
    for (size_t i = 0; i < spans->list.length; i++) {
        const struct span *span = &spans->list.at[i];
        bool large = !divides(span);
        if (next + span->objects > UINT32_MAX)
            return error_create(ERROR_LIMIT, "the heap has more than 2^32 objects");
        objects->spans[i] = (struct object_span){
            .start = span->start,
            .first = (uint32_t)next,
            .count = span->objects,
            .size = large ? 0 : (uint32_t)span->element_size,
            .magic = large ? 0
                           : (uint32_t)(((UINT64_C(1) << 32) + span->element_size - 1) /
                                        span->element_size),
        };
        next += span->objects;
        TRY(cover(objects, span, (uint32_t)i + 1, &arenas));
    }
    objects->count = (uint32_t)next;
    return NULL;
}

struct error *objects_open(struct spans *spans, struct objects *objects_ret)
{
    keep_used(spans);
    *objects_ret = (struct objects){.source = spans->list.at, .span_count = spans->list.length};
    objects_ret->spans = hot_memory(spans->list.length + 1, sizeof(*objects_ret->spans));
    objects_ret->arenas = xcalloc(ARENAS_MAX, sizeof(*objects_ret->arenas));
    if (spans->list.length)
        objects_ret->arena_low = spans->list.at[0].start >> ARENA_BITS;
    struct error *error = check_extent(spans);
    if (!error)
        error = number_all(spans, objects_ret);
    if (error)
        objects_close(objects_ret);
    return error;
}

void objects_close(struct objects *objects)
{
    for (uint64_t i = objects->arena_low; objects->arenas && i < objects->arena_high; i++)
        free(objects->arenas[i]);
    free(objects->arenas);
    free(objects->spans);
    *objects = (struct objects){0};
}

struct object object_numbered(const struct objects *objects, uint32_t number)
{
    uint32_t low = 0, high = (uint32_t)objects->span_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (objects->spans[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    return (struct object){.span = low, .index = number - objects->spans[low].first};
}
