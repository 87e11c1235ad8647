/* Which goroutines wait for ever: the fixed point of Go's own leak profile (runtime/mgc.go, findGoroutineLeaks; since 1.26), from outside and for every
 * release. Marked is first what can run by itself: variables, finalizers, threads, and every goroutine that waits for nothing that another one must do.
 * A goroutine that waits on a channel or lock can run again if somebody who can run reaches it. Repeat; who is left cannot. */
#ifndef SEEP_HEAP_PROOF_H
#define SEEP_HEAP_PROOF_H

#include "heap/hiding.h"

/* A goroutine that waits for another one to do something. */
struct sleeper {
    uint32_t goroutine; /* index */
    bool awake;         /* it can run again */
    struct hidden_range hidden;
};

/* Reaching the object wakes the sleeper. */
struct alarm {
    uint32_t object, sleeper;
};

struct proof {
    const struct observation *observation;
    struct heap *heap;
    struct marker marker;
    struct stack_scanner scanner;
    struct hiding hiding;
    struct sleepers VECTOR_OF(struct sleeper) sleepers;
    struct alarms VECTOR_OF(struct alarm) alarms; /* by object */
    uint64_t reached_objects, reached_bytes;      /* by what can run */
    uint64_t stuck;                               /* how many proof_stuck() names */
};

/* By an observation of the same instant with stacks and waits; borrows both. Errors say what could not be seen: then nothing is proved. */
struct error *proof_open(struct heap *heap, const struct observation *observation,
                         struct proof **proof_ret) NODISCARD;
void proof_close(struct proof *proof);

/* For each goroutine of the observation: 1 if it waits for ever, but for a main that does so in select {}. The caller frees. */
uint8_t *proof_stuck(const struct proof *proof);

#endif
