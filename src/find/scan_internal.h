/* What the rules of a scan share: the calls that they start from, and the functions that were
 * followed. */
#ifndef SEEP_FIND_SCAN_INTERNAL_H
#define SEEP_FIND_SCAN_INTERNAL_H

#include "code/call_sites.h"
#include "code/trace.h"
#include "find/origin.h"
#include "find/places.h"
#include "find/rules.h"
#include "find/scan.h"

/* The callees that rules look for. The names are in scan.c. */
enum callee {
    CALLEE_DEFERPROC,
    CALLEE_DEFERPROCAT,
    CALLEE_DEFERRANGEFUNC,
    CALLEE_NEWPROC,
    CALLEE_CHANSEND,
    CALLEE_CHANRECV1,
    CALLEE_CHANRECV2,
    CALLEE_SELECTGO,
    CALLEE_COUNT
};

struct scanner {
    struct target *target;
    struct program *program;
    struct decoder *decoder;
    struct call_sites sites;
    struct scan *scan;
};

/* Follows a function and counts it. False if that is not possible. */
bool scanner_trace(struct scanner *scanner, const struct func *func, struct traced *traced_ret);

/* The node of the call that returns to return_pc; false if normal flow does not reach it. */
bool scanner_call_node(const struct traced *traced, address return_pc, uint32_t *node_ret);

/* Fills origin and fingerprint of a finding whose `at` is in this function, and adds it. `mark`
 * tells findings of one function apart: stays when lines move. */
void scanner_report(struct scanner *scanner, struct finding *finding, const char *function,
                    const char *file, const char *mark);

/* The rules. */
void scan_defers(struct scanner *scanner);

#endif
