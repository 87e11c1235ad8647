/* Spans: the page runs of Go's heap (runtime/mheap.go). Found through allspans, described by mspan's own descriptor. */
#ifndef SEEP_RUNTIME_SPANS_H
#define SEEP_RUNTIME_SPANS_H

#include "base/vector.h"
#include "runtime/offsets.h"
#include "target/target.h"

enum {
    SPAN_PAGE_BYTES = 8192
};
enum span_state {
    SPAN_DEAD = 0,
    SPAN_IN_USE = 1,
    SPAN_MANUAL = 2
};

struct span {
    address start;
    uint64_t pages;
    uint64_t element_size;
    address alloc_bits, mark_bits; /* a bit for each object, least first */
    address specials;              /* list of runtime.special; 0 none */
    address large_type;            /* 1.22+: of the one large object; 0 else */
    uint32_t objects, free_index;  /* slots; those below free_index are allocated */
    uint32_t sweepgen;
    uint8_t state;
    uint8_t class; /* spanclass: size class << 1 | noscan */
    bool user_arena;
};

struct spans {
    struct span_list VECTOR_OF(struct span) list; /* in use and manual ones, by start */
    address descriptors_low,
        descriptors_high; /* where some mspans themselves are: the runtime's own memory */
};

/* One descriptor; false if it can't be read. */
bool span_read(struct target *target, const struct offsets *offsets, address at,
               struct span *span_ret);

/* All spans behind the slice header at `allspans`. Overlapping and senseless ones are dropped. */
struct error *spans_read(struct target *target, const struct offsets *offsets, address allspans,
                         struct spans *spans_ret) NODISCARD;

/* The span that holds an address, or NULL. */
const struct span *spans_at(const struct spans *spans, address at);

/* Whether a span begins in a range, or reaches into it. */
bool spans_in(const struct spans *spans, address start, address end);

void spans_deinit(struct spans *spans);

#endif
