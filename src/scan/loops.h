/* What ends a loop. */
#ifndef SEEP_SCAN_LOOPS_H
#define SEEP_SCAN_LOOPS_H

#include "scan/scanner.h"

enum loop_end {
    LOOP_NONE,    /* it is no loop */
    LOOP_ENDLESS, /* proven: nothing but a panic ends it */
    LOOP_UNKNOWN, /* part of its code could not be followed */
    LOOP_OTHERS,  /* others decide, and only they: each way out is a case of a select, or the end of
                     a channel */
    LOOP_OUTSIDE, /* it receives, selects or accepts, and may end by itself, too */
    LOOP_ITSELF,  /* a condition; a collection is exhausted */
    LOOP_FEW,     /* it counts to a small constant: `turns` */
};

struct loop_judged {
    enum loop_end end;
    int64_t turns; /* of LOOP_FEW */
};

/* The loop around a node of the function. */
struct loop_judged loop_judge(const struct scanner *scanner, const struct summary *summary,
                              const struct loop *loop);

/* The same for a node. */
struct loop_judged loop_around(const struct scanner *scanner, const struct summary *summary,
                               uint32_t node);

/* The loop around a node in which `except` is not: as if the code ended there. The caller ends it with
 * loop_deinit(). */
struct loop loop_without(const struct summary *summary, uint32_t node, uint32_t except);

/* Each way out of the loop around this call is decided by what the call returns. */
bool loop_ends_by(const struct summary *summary, const struct loop *loop,
                  const struct summary_call *call);

#endif
