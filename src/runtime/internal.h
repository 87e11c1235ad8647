/* What the files of runtime/ share: where things are, found once per process. */
#ifndef SEEP_RUNTIME_INTERNAL_H
#define SEEP_RUNTIME_INTERNAL_H

#include "base/u64map.h"
#include "runtime/observation.h"
#include "runtime/offsets.h"
#include "runtime/whereabouts.h"

/* Slice headers of the runtime's globals, found by content (globals.c); 0 if not found. */
struct globals {
    address allgs;    /* []*g */
    address allspans; /* []*mspan; optional */
};

/* What is known of a code address that stands on a stack; kept per distinct pc. */
struct pc_facts {
    bool known;    /* in a Go function with a frame size */
    bool ends;     /* outermost frame: the walk is complete behind it */
    bool stops;    /* the frame can't be walked through */
    bool injected; /* a signal put this call in: the caller's pc is exact */
    bool faults;   /* runtime.sigpanic: the caller is left for good, but for its deferred calls */
    int32_t sp_delta;
    int32_t defer_bits; /* open-coded defers: distance of deferBits below varp; 0 none */
    uint32_t func_index;
    uint32_t deferreturn; /* distance from the entry to the call that runs deferred ones; 0 none */
    address entry;
};

struct runtime {
    struct target *target;
    struct program *program;
    struct offsets offsets;
    struct globals globals;
    struct whereabouts whereabouts; /* of them, and of what others find in this target */
    struct counter_places counter_places;
    const char *counters_blind; /* what of them is not known; NULL: all is */
    bool counters_sought;
    struct wait_reasons wait_reasons;
    uint8_t *wait_kinds; /* enum wait_kind by wait reason */
    struct u64map pc_index;
    struct pc_facts_list VECTOR_OF(struct pc_facts) pc_facts;
    struct u64map owners; /* of goroutines, by start pc */
    struct u64map
        sudog_place; /* stack index + kind -> word offset from sp at which the waiter's sudog stood */
    address
        system_frames[4]; /* runtime.asyncPreempt, runtime.sigpanic, runtime.debugCallV2: entries */
};

/* globals.c */
struct error *globals_find(struct target *target, const struct moduledata *module,
                           const struct offsets *offsets, struct globals *globals_ret) NODISCARD;
/* waitreasons.c: reads the program's own table; falls back to none (reasons are then numbers). */
void wait_reasons_read(struct runtime *runtime);

static inline uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value;
    __builtin_memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline uint32_t load_u32(const uint8_t *bytes)
{
    uint32_t value;
    __builtin_memcpy(&value, bytes, sizeof(value));
    return value;
}

static inline bool is_user_address(address at)
{
    return at >= 4096 && at < UINT64_C(1) << 56;
}

#endif
