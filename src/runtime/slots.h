/* The slots of spans in use: which are allocated, and how much resident memory some of them have. */
#ifndef SEEP_RUNTIME_SLOTS_H
#define SEEP_RUNTIME_SLOTS_H

#include "runtime/spans.h"

enum {
    SLOTS_MAX = 1024, /* of a span: Go's smallest slots are 8 bytes, in a span of 8 KiB */
    SLOT_BITS_BYTES = SLOTS_MAX / 8
};

/* Gets a span in use with a bit for each slot, least first: 1 is allocated. NULL: all are, as far as can be told. */
typedef void slots_visitor(void *context, const struct span *span, const uint8_t *allocated);

/* Every span in use, in the list's order. Slots whose bits can't be read count as allocated. */
struct error *slots_each(struct target *target, const struct spans *spans, slots_visitor *each,
                         void *context) NODISCARD;

/* Resident bytes of a span: of the slots whose bit is set, of the others, and of all with what lies behind them. */
struct span_use {
    uint32_t wanted; /* slots whose bit is set */
    uint64_t wanted_bytes, other_bytes, resident_bytes;
};

/* Without bits all slots are wanted. What the kernel does not tell of is resident. */
struct span_use slots_weigh(struct target *target, const struct span *span, const uint8_t *bits);

#endif
