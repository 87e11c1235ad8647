/* A copy-on-write twin of a process: a fork made in it while all its threads stand. It never runs,
 * and its memory stays as it was at the instant. For the guardian; what has to be known before is for
 * seep. */
#ifndef SEEP_TARGET_TWIN_H
#define SEEP_TARGET_TWIN_H

#include "target/landing.h"
#include "target/threads.h"

struct twin {
    pid_t pid;        /* as we see it */
    pid_t pid_inside; /* as the target sees it: another one in a pid namespace */
};

/* Whether the limits of the target's control groups and of the machine leave room for a twin of so
 * much memory. */
struct error *twin_check_limits(pid_t pid, int directory, uint64_t own_bytes) NODISCARD;

/* How long the kernel takes to make a twin of so many bytes, here and now: from what a small piece takes,
 * with something added. `directory`: /proc/PID of the target. */
int64_t twin_estimate_ns(int directory, uint64_t own_bytes);

/* All threads stand. ERROR_UNSUPPORTED with *try_again_ret if none of them waits in the kernel, without
 * a signal that just came: the next moment may be better. */
struct error *twin_make(const struct threads *threads, const struct landing *landing,
                        struct twin *twin_ret, bool *try_again_ret) NODISCARD;

/* Waits until the twin has come to its first stop; from then on it dies with its tracer. The target may run
 * already: what the twin has is of the instant. */
struct error *twin_hold(const struct threads *threads, const struct twin *twin) NODISCARD;

/* True if it must end now: the target is another program, or memory has become short. `memory`: the
 * target's /proc/PID/mem as it was opened, or -1. */
bool twin_must_end(const struct threads *threads, int memory);

/* Kills the twin, and has its original reap it. The target runs; one of its threads is stopped for
 * a moment. Tries for as long as the target may not be stopped, as it is traced or stopped by
 * somebody else, and gives up after some time. */
void twin_end(struct threads *threads, const struct twin *twin);

#endif
