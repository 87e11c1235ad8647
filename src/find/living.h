/* Living code: what goroutines run, and what they can come to call from where they are. */
#ifndef SEEP_FIND_LIVING_H
#define SEEP_FIND_LIVING_H

#include "code/ahead.h"
#include "find/ways.h"

enum {
    LIVING_DEPTH = 6,
    LIVING_FUNCTIONS_MAX = 1 << 14,
    LIVING_HELP_DEPTH = 3,
};

struct living_frame {
    address entry, pc, except_pc;
    uint32_t goroutine; /* index */
};

struct living {
    const struct looks *looks;
    const struct waited *waited;
    struct decoder *decoder;
    struct living_frames VECTOR_OF(struct living_frame) frames;
    struct callable VECTOR_OF(struct living_frame) callable; /* functions that may be called */
    struct u64map by_entry;                                  /* callable, by entry */
    struct u64map helps;                                     /* by function: it may help */
    struct u64map helps_ahead;                               /* by frame */
    struct u64map first;                                     /* by id: index in the first look */
};

/* By the stacks of all goroutines but those to be skipped, and the runtime's own. */
struct error *living_open(const struct looks *looks, const struct waited *waited,
                          struct living *living_ret) NODISCARD;
void living_close(struct living *living);

/* The function calls a helper, or what it calls does. */
bool living_helps(struct living *living, address entry);

/* Somebody is in the function, with a helper ahead, or can call it: who. If not: who is in it all the same, or UINT32_MAX. */
bool living_runs(struct living *living, address entry, uint32_t *goroutine_ret);

/* Something that helps is ahead of the frame, in its function or in what that calls. */
bool living_helps_ahead(struct living *living, const struct living_frame *frame);

/* Where the goroutine is, or was at the first look, parked in a receive or select: the return address of that call, which does not count for it. 0: it
 * is not. */
address living_parked_at(const struct living *living, uint32_t goroutine);

#endif
