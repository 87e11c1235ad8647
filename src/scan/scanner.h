/* What the rules of a scan share: the calls that they start from, and the functions that were
 * followed. */
#ifndef SEEP_SCAN_SCANNER_H
#define SEEP_SCAN_SCANNER_H

#include "code/call_sites.h"
#include "code/summary.h"
#include "find/origin.h"
#include "find/places.h"
#include "find/rules.h"
#include "scan/scan.h"

/* The callees that rules look for. The names are in scan.c. */
enum callee {
    CALLEE_DEFERPROC,
    CALLEE_DEFERPROCAT,
    CALLEE_DEFERRANGEFUNC,
    CALLEE_NEWPROC,
    CALLEE_MAKECHAN,
    CALLEE_CHANSEND,
    CALLEE_CHANRECV1,
    CALLEE_CHANRECV2,
    CALLEE_SELECTGO,
    CALLEE_SELECTNBSEND,
    CALLEE_SELECTNBRECV,
    CALLEE_CLOSECHAN,
    CALLEE_SLEEP,
    CALLEE_AFTER,
    CALLEE_TICK,
    CALLEE_NEW_TICKER,
    CALLEE_NEW_TIMER,
    CALLEE_WAITGROUP_ADD,
    CALLEE_WAITGROUP_DONE,
    CALLEE_WAITGROUP_WAIT,
    CALLEE_WITH_CANCEL,
    CALLEE_WITH_CANCEL_INLINED, /* context.withCancel, since Go 1.21 */
    CALLEE_HANDLE_FUNC,
    CALLEE_MUX_HANDLE_FUNC,
    CALLEE_REQUEST, /* asks or answers a request that a server got */
    CALLEE_EXIT,    /* ends the process */
    CALLEE_PANIC,   /* panic() */
    CALLEE_NONE
};

struct scanner {
    struct target *target;
    struct program *program;
    struct decoder *decoder;
    struct call_sites sites;
    struct u64map named;                  /* entry to enum callee */
    struct u64map bodies;                 /* entries of functions that are started as goroutines */
    struct u64map handlers;               /* … that serve requests */
    struct named_entries cancel_closures; /* context.WithCancel.func1 */
    struct u64map fingerprints;           /* how often each was given */
    struct u64map exits; /* entries of functions that call runtime.Goexit, once `exits_known` */
    bool exits_known;
    struct u64map followed, lost; /* entries: counted once each */
    struct summary_context summaries;
    struct u64map cached; /* entry to index in `cache` */
    struct summary_cache VECTOR_OF(struct summary *) cache;
    uint64_t cached_nodes;
    uint64_t spent; /* scanner_spend() */
    struct scan *scan;
};

/* Fills a scanner whose target, program and scan are set. */
struct error *scanner_open(struct scanner *scanner) NODISCARD;
void scanner_close(struct scanner *scanner);

/* The summary of a function; NULL if its code can't be followed. Those that are asked for once are
 * likely to be asked for again: they are kept, up to a limit. The caller releases it. */
struct summary *scanner_summary(struct scanner *scanner, const struct func *func);
void scanner_release(struct summary *summary);

/* Counts work, in instructions or what costs as much. False once more was spent than any real
 * program costs: then the rules stop, and the scan says so. */
bool scanner_spend(struct scanner *scanner, uint64_t amount);

/* The functions that call one of the wanted, by address: *at (0 at first) is where to go on; false
 * at the end. */
bool scanner_next(const struct scanner *scanner, const enum callee *wanted, size_t count,
                  size_t *at, struct func *func_ret);

/* Which of the callees is called; CALLEE_NONE if it is another function. */
enum callee scanner_callee(const struct scanner *scanner, const struct summary_call *call);

/* Does any caller use one of these results (bit n: register n) of the function? True if no direct
 * call of it is found: then nobody can tell. */
bool scanner_results_used(struct scanner *scanner, address entry, uint32_t results);

/* Does this function call runtime.Goexit, itself or up to three levels deep? Direct calls only. */
bool scanner_exits(struct scanner *scanner, address entry);

/* Do the callers show that the function is called more than once: several of them, one in a loop, or in
 * a goroutine's body? False also if there is no direct call of it. */
bool scanner_called_again(struct scanner *scanner, address entry);

/* The node of the call that returns to return_pc; false if normal flow does not reach it. */
bool scanner_call_node(const struct traced *traced, address return_pc, uint32_t *node_ret);

/* Fills origin and fingerprint of a finding whose `at` is where this call is, and adds it. `mark`
 * tells findings of one function apart: stays when lines move. */
void scanner_report(struct scanner *scanner, struct finding *finding, address return_pc,
                    const char *mark);

/* The rules. */
void scan_defers(struct scanner *scanner);
void scan_goroutines(struct scanner *scanner);

#endif
