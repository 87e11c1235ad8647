/* Makes a stopped thread do one system call, by its registers alone: no memory is written. What the
 * thread was doing goes on afterwards as if nothing had been. */
#ifndef SEEP_TARGET_INJECT_H
#define SEEP_TARGET_INJECT_H

#include "target/landing.h"
#include "target/threads.h"

struct injection {
    long number;
    uint64_t arguments[6];
    unsigned argument_count;
    struct landing landing; /* of a call that makes a child; where it fits, it is used */
    int64_t result; /* -errno on failure */
    bool signal_came; /* before it: nothing was done, and the thread will not do for another try */
    pid_t child; /* of a call that made one, as we see it: it stops before its first instruction */
};

/* The best of the stopped threads for it, or NULL: one that waits in a system call which can be taken
 * up again. */
struct traced_thread *inject_choose(const struct threads *threads);

/* Does the call in that thread, which is stopped before and after. ERROR_GONE if it ended,
 * ERROR_UNSUPPORTED if a seccomp filter is in the way and may not be set aside. */
struct error *inject(const struct threads *threads, struct traced_thread *thread,
                     struct injection *call) NODISCARD;

#endif
