/* Where goroutines are started, and with what: each `go` statement of a program. */
#ifndef SEEP_SCAN_STARTS_H
#define SEEP_SCAN_STARTS_H

#include "scan/scanner.h"

/* How a goroutine's values come from the function that starts it: through the words of its closure,
 * and through the arguments that a wrapper made by the compiler passes on. */
struct binding {
    const struct summary *parent;
    struct value closure;              /* what newproc gets, in the parent */
    const struct summary *wrapper;     /* or NULL */
    const struct summary_call *passes; /* the wrapper's call of the body */
};

/* One `go` statement. */
struct start {
    const struct summary_call *call; /* of runtime.newproc, in the parent */
    struct func body;                /* what runs in the goroutine */
    struct summary *wrapper;         /* owned; or NULL */
    struct summary *code;            /* of the body; owned; NULL if it can't be followed */
    struct binding binding;
};

/* The start that a call of runtime.newproc makes. False if the code does not show what is
 * started. The parent must outlive it. */
bool start_resolve(struct scanner *scanner, const struct summary *parent,
                   const struct summary_call *call, struct start *start_ret);
void start_deinit(struct start *start);

/* What a value of the body is in the parent; UNKNOWN if it is no argument and no captured
 * variable. Resolved (summary_resolve). */
struct value binding_value(const struct binding *binding, const struct value *value);

/* Everything that the scan wants to know of all starts before the rules look at them one by one:
 * which functions are the bodies of goroutines, and which serve requests. */
void starts_gather(struct scanner *scanner);

#endif
