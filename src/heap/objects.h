/* Every object of Go's heap by a dense number: the spans in order of address, and in each its slots one after another (runtime/mheap.go,
 * mspan; Go 1.18 to 1.27). From an address to its object in constant time by the span of the page, as Go's own spanOf does. */
#ifndef SEEP_HEAP_OBJECTS_H
#define SEEP_HEAP_OBJECTS_H

#include "runtime/spans.h"

enum {
    ARENA_BITS = 26, /* heapArenaBytes: 64 MiB */
    ARENA_PAGES = 1 << (ARENA_BITS - 13),
    ARENAS_MAX = 1 << 22, /* addresses of 48 bits */
    ARENAS_USED_MAX = 1 << 15,
};

/* Where the pointers of a span's objects are told (docs/go-runtime.md; runtime/mbitmap.go). */
enum pointer_format {
    POINTERS_NONE,   /* noscan */
    POINTERS_BITS,   /* a bit per word: of the arena up to 1.21, at the span's end since 1.22 */
    POINTERS_HEADER, /* 1.22+: the type stands in the slot's first word */
    POINTERS_LARGE,  /* 1.22+: the type stands in the span */
    POINTERS_ANY,    /* not told: every word may be one */
};

/* One span in use, in one line of the processor's cache: marking goes from span to span in no order. */
struct object_span {
    address start;
    const uint8_t *bytes; /* its memory, once it was needed */
    const uint64_t *bits; /* POINTERS_BITS: a bit per word; with `bytes` */
    uint32_t first;       /* number of its first object */
    uint32_t count;
    uint32_t size;  /* of each in bytes; 0: one object, as large as the span */
    uint32_t magic; /* 2^32 / size, rounded up: a division by the size is a multiplication */
    uint8_t format; /* enum pointer_format */
    bool watched;   /* somebody wants to know when one of its objects is marked */
    bool queued;    /* it waits in the queue of the marker */
} __attribute__((aligned(64)));

struct objects {
    struct object_span *spans; /* by start */
    const struct span *source; /* the same ones as Go describes them; borrowed */
    size_t span_count;
    uint32_t count;    /* slots of all spans, free ones too */
    uint32_t **arenas; /* by address >> ARENA_BITS: span + 1 for each page; NULL: no span there */
    uint64_t arena_low, arena_high; /* those that may have a table: [low, high) */
};

/* A slot of a span. */
struct object {
    uint32_t span, index;
};

/* Keeps a pointer into `spans`, which loses all spans that are not in use. ERROR_LIMIT for a heap over 2 TiB or 2^32 objects. */
struct error *objects_open(struct spans *spans, struct objects *objects_ret) NODISCARD;
void objects_close(struct objects *objects);

/* Where the span of an address is told: the number of the span + 1, or 0. NULL: no span is near. */
static inline const uint32_t *objects_page(const struct objects *objects, address at)
{
    uint64_t arena = at >> ARENA_BITS;
    const uint32_t *pages = arena < ARENAS_MAX ? objects->arenas[arena] : NULL;
    return pages ? &pages[at / SPAN_PAGE_BYTES % ARENA_PAGES] : NULL;
}

/* The slot of a span that an address of it lies in; as many as `count` or more: in none. */
static inline uint64_t objects_index(const struct object_span *span, address at)
{
    return span->size ? ((at - span->start) * span->magic) >> 32 : 0;
}

/* The slot that holds an address, which may point into its middle; false if none does. */
static inline bool objects_at(const struct objects *objects, address at, struct object *object_ret)
{
    const uint32_t *page = objects_page(objects, at);
    if (!page || !*page)
        return false;
    const struct object_span *found = &objects->spans[*page - 1];
    uint64_t index = objects_index(found, at);
    *object_ret = (struct object){.span = *page - 1, .index = (uint32_t)index};
    return index < found->count;
}

static inline uint32_t object_number(const struct objects *objects, struct object object)
{
    return objects->spans[object.span].first + object.index;
}

/* The object of a number below `count`: by its span, which is searched for. */
struct object object_numbered(const struct objects *objects, uint32_t number);

static inline uint64_t object_size(const struct objects *objects, struct object object)
{
    const struct object_span *span = &objects->spans[object.span];
    return span->size ? span->size : objects->source[object.span].element_size;
}

static inline address object_address(const struct objects *objects, struct object object)
{
    const struct object_span *span = &objects->spans[object.span];
    return span->start + (uint64_t)object.index * span->size;
}

#endif
