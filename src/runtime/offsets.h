/* Where the fields of the runtime's structs are, bound once from the program's own type descriptors. The names are Go's
 * (runtime/runtime2.go, chan.go, mheap.go); a field that only some releases have is optional and ABSENT where it is not. */
#ifndef SEEP_RUNTIME_OFFSETS_H
#define SEEP_RUNTIME_OFFSETS_H

#include "base/error.h"
#include "program/types.h"

enum {
    ABSENT = -1
};

/* X(struct, member of struct offsets, Go's field, its other name in other releases or NULL, required) */
#define OFFSETS(X)                                         \
    X(g, g_stack_low, "stack.lo", NULL, true)              \
    X(g, g_stack_high, "stack.hi", NULL, true)             \
    X(g, g_defer, "_defer", NULL, true)                    \
    X(g, g_m, "m", NULL, true)                             \
    X(g, g_sched_sp, "sched.sp", NULL, true)               \
    X(g, g_sched_pc, "sched.pc", NULL, true)               \
    X(g, g_sched_g, "sched.g", NULL, true)                 \
    X(g, g_sched_lr, "sched.lr", NULL, false)              \
    X(g, g_syscallsp, "syscallsp", NULL, true)             \
    X(g, g_syscallpc, "syscallpc", NULL, true)             \
    X(g, g_status, "atomicstatus", NULL, true)             \
    X(g, g_goid, "goid", NULL, true)                       \
    X(g, g_waitsince, "waitsince", NULL, true)             \
    X(g, g_waitreason, "waitreason", NULL, true)           \
    X(g, g_lockedm, "lockedm", NULL, false)                \
    X(g, g_parent, "parentGoid", NULL, false)              \
    X(g, g_gopc, "gopc", NULL, true)                       \
    X(g, g_startpc, "startpc", NULL, true)                 \
    X(g, g_waiting, "waiting", NULL, true)                 \
    X(g, g_labels, "labels", NULL, false)                  \
    X(g, g_context, "sched.ctxt", NULL, false)             \
    X(g, g_panic, "_panic", NULL, false)                   \
    X(m, m_procid, "procid", NULL, false)                  \
    X(m, m_curg, "curg", NULL, false)                      \
    X(m, m_g0, "g0", NULL, false)                          \
    X(m, m_gsignal, "gsignal", NULL, false)                \
    X(m, m_p, "p", NULL, false)                            \
    X(m, m_next, "alllink", NULL, false)                   \
    X(p, p_id, "id", NULL, false)                          \
    X(p, p_m, "m", NULL, false)                            \
    X(p, p_mcache, "mcache", NULL, false)                  \
    X(mcache, mcache_tiny, "tiny", NULL, false)            \
    X(special, special_next, "next", NULL, false)          \
    X(special, special_offset, "offset", NULL, false)      \
    X(special, special_kind, "kind", NULL, false)          \
    X(sudog, sudog_g, "g", NULL, true)                     \
    X(sudog, sudog_next, "next", NULL, true)               \
    X(sudog, sudog_elem, "elem.vu", "elem", true)          \
    X(sudog, sudog_waitlink, "waitlink", NULL, true)       \
    X(sudog, sudog_c, "c.maybeTraceablePtr.vu", "c", true) \
    X(hchan, hchan_length, "qcount", NULL, true)           \
    X(hchan, hchan_capacity, "dataqsiz", NULL, true)       \
    X(hchan, hchan_closed, "closed", NULL, true)           \
    X(hchan, hchan_element_type, "elemtype", NULL, true)   \
    X(hchan, hchan_receivers, "recvq.first", NULL, true)   \
    X(hchan, hchan_senders, "sendq.first", NULL, true)     \
    X(_defer, defer_heap, "heap", NULL, true)              \
    X(_defer, defer_rangefunc, "rangefunc", NULL, false)   \
    X(_defer, defer_open_coded, "openDefer", NULL, false)  \
    X(_defer, defer_sp, "sp", NULL, true)                  \
    X(_defer, defer_pc, "pc", NULL, true)                  \
    X(_defer, defer_fn, "fn", NULL, true)                  \
    X(_defer, defer_link, "link", NULL, true)              \
    X(_defer, defer_head, "head", NULL, false)             \
    X(mspan, mspan_start, "startAddr", NULL, true)         \
    X(mspan, mspan_pages, "npages", NULL, true)            \
    X(mspan, mspan_element_size, "elemsize", NULL, true)   \
    X(mspan, mspan_state, "state", NULL, true)             \
    X(mspan, mspan_objects, "nelems", NULL, false)         \
    X(mspan, mspan_free_index, "freeindex", NULL, false)   \
    X(mspan, mspan_alloc_bits, "allocBits", NULL, false)   \
    X(mspan, mspan_mark_bits, "gcmarkBits", NULL, false)   \
    X(mspan, mspan_sweepgen, "sweepgen", NULL, false)      \
    X(mspan, mspan_class, "spanclass", NULL, false)        \
    X(mspan, mspan_specials, "specials", NULL, false)      \
    X(mspan, mspan_large_type, "largeType", NULL, false)   \
    X(mspan, mspan_user_arena, "isUserArenaChunk", NULL, false)

struct offsets {
#define DECLARE(type, member, field, other, required) int32_t member;
    OFFSETS(DECLARE)
#undef DECLARE
    /* The part of each struct that holds all fields above: [from, from + size). */
    uint32_t g_from, g_size;
    uint32_t sudog_size, hchan_size, defer_size, mspan_size;
    int32_t g_wide_registers;     /* 1.27+: g.xRegs.state, which the collector scans; else ABSENT */
    uint32_t wide_registers_size; /* of what it points to; 0 unknown */
    uint32_t special_size;        /* of runtime.special, which others begin with; 0 unknown */
    bool short_counters;   /* mspan counts its objects in 16 bits (since 1.22), not in a word */
    bool has_m, has_mspan; /* the program has these descriptors with all required fields */
    bool has_objects;      /* mspan tells all that the heap graph needs */
};

/* Errors: a struct without a descriptor, or without a required field: the line names it. mspan and m may be missing. */
struct error *offsets_bind(const struct types *types, struct offsets *offsets_ret) NODISCARD;

#endif
