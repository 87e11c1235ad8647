/* The guardian: a process of its own that stops the target and lets it go. If seep dies, at whatever
 * moment, the guardian does what is left: takes back what was begun, ends the twin, lets the target
 * go, and ends. If it is slow, or seep is, its clock ends the pause. If the guardian itself dies,
 * the kernel ends the pause (threads.h).
 *
 * It is forked before the pause, is in a session of its own, ignores all signals that can be
 * ignored, and holds none of seep's files: who waits for the end of seep's output waits for seep
 * alone. */
#ifndef SEEP_TARGET_GUARDIAN_H
#define SEEP_TARGET_GUARDIAN_H

#include "target/landing.h"
#include "target/process.h"

struct guardian;

struct guardian_order {
    bool twin;         /* make one, else stop and wait for guardian_let_go() */
    int64_t budget_ns; /* from the first thread's stop */
    int64_t twin_ns;   /* how long making one is thought to take: not begun if it does not fit */
    struct landing landing;
};

/* What the guardian found; its memory is shared with seep. */
struct guardian_facts {
    int64_t began_ns;   /* CLOCK_MONOTONIC: when the first thread was asked to stop; 0: none was */
    int64_t instant_ns; /* when all stood */
    int64_t ended_ns;   /* when the last one was let go; 0: not yet */
    pid_t twin;         /* 0: there is none */
    bool try_again;     /* nothing is wrong but the moment (twin.h) */
    bool twin_ended;    /* before seep wanted it: the target exited, or memory became short */
    size_t thread_count;
    struct thread_registers threads[];
};

/* Forks it. It waits for its order. */
struct error *guardian_start(const struct process *live, struct guardian **guardian_ret) NODISCARD;

/* Without a twin: returns when all threads stand. With one: when the twin is there and the target
 * goes on. On failure the target goes on, too. */
struct error *guardian_stop(struct guardian *guardian,
                            const struct guardian_order *order) NODISCARD;

/* When the target goes on. ERROR_LIMIT if it did so before it was told to: what was read meanwhile
 * is not of one instant. */
struct error *guardian_let_go(struct guardian *guardian) NODISCARD;

const struct guardian_facts *guardian_facts(const struct guardian *guardian);

/* Ends it, and the twin; waits until both are gone. NULL is fine. */
void guardian_end(struct guardian *guardian);

#endif
