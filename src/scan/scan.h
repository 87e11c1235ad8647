/* What in a compiled program can leak: rules over its code alone. The findings are those of a
 * running program (finding.h), without counts and ages. */
#ifndef SEEP_SCAN_SCAN_H
#define SEEP_SCAN_SCAN_H

#include "code/flow_graph.h"
#include "find/finding.h"

/* A defer statement that the compiler put on the heap: it is, by its account, in a loop. */
struct scanned_defer {
    struct place at;
    struct loop_facts facts;
    bool reported;
};

struct scan {
    struct findings findings;
    struct scanned_defers VECTOR_OF(struct scanned_defer) defers;
    uint64_t functions; /* of the program */
    uint64_t examined;  /* whose code was followed */
    uint64_t
        undecoded; /* of these, with code that could not be made out; nothing is claimed there */
    struct notes notes;
};

/* Reads the code of `program`, whose target must not run: an executable by itself. Bounded by the
 * size of the text. */
struct error *scan_program(struct target *target, struct program *program,
                           struct scan *scan_ret) NODISCARD;
void scan_deinit(struct scan *scan);

#endif
