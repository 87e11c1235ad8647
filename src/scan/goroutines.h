/* The rules about goroutines: each looks at one `go` statement. */
#ifndef SEEP_SCAN_GOROUTINES_H
#define SEEP_SCAN_GOROUTINES_H

#include "scan/loops.h"
#include "scan/starts.h"

/* One `go` statement with what all rules ask of it. */
struct launch {
    struct scanner *scanner;
    const struct summary *parent;
    struct start start;
    struct loop_judged loop; /* around it */
    bool per_request;        /* its function serves requests */
};

/* More and more of them are started while the program lives: in a loop that does not just go
 * through a collection, or for each request. */
bool launch_repeats(const struct launch *launch);

/* The goroutine's body has deferred calls, of whatever kind. */
bool launch_body_defers(const struct launch *launch);

void find_senders(struct launch *launch);   /* fan-out-send, early-return, double-send,
                                               abandoned-sender */
void find_receivers(struct launch *launch); /* range-never-closed */
void find_timer_loop(struct launch *launch);
void find_waitgroup(struct launch *launch);

/* The goroutine is done with a WaitGroup at its end, and its starter waits for one: then they do not
 * pile up, but both may be stuck. */
bool waits_for_group(const struct launch *launch);

/* lost-cancel: looks at functions, not at starts. */
void find_lost_cancels(struct scanner *scanner);

/* A finding about the goroutine at one of its calls; takes title and reason. */
void launch_report(struct launch *launch, enum rule rule, enum grade grade, unsigned rank,
                   address at_return_pc, char *title, char *reason, const char *fix);

#endif
