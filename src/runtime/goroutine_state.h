/* States of goroutines and what they can wait for: numbers that the sampler needs without the rest of an observation. */
#ifndef SEEP_RUNTIME_GOROUTINE_STATE_H
#define SEEP_RUNTIME_GOROUTINE_STATE_H

enum goroutine_state { /* runtime/runtime2.go; the scan bit is taken off */
    GOROUTINE_IDLE = 0,
    GOROUTINE_RUNNABLE = 1,
    GOROUTINE_RUNNING = 2,
    GOROUTINE_SYSCALL = 3,
    GOROUTINE_WAITING = 4,
    GOROUTINE_DEAD = 6,
    GOROUTINE_COPYSTACK = 8,
    GOROUTINE_PREEMPTED = 9,
    GOROUTINE_LEAKED = 10, /* since 1.26: found by Go's own leak profile */
};

enum wait_kind { /* told from the wait reason's text and, before 1.20, from the frames */
    WAIT_OTHER,  /* not something that another goroutine ends: IO, sleep, the runtime's own */
    WAIT_CHAN_SEND,
    WAIT_CHAN_RECEIVE,
    WAIT_SELECT,
    WAIT_NIL_CHAN, /* send to or receive from a nil channel */
    WAIT_NO_CASES, /* select {} */
    WAIT_MUTEX,
    WAIT_RWMUTEX,
    WAIT_WAITGROUP,
    WAIT_COND,
    WAIT_SEMAPHORE, /* another use of the runtime's semaphores */
};

#endif
