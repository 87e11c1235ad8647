/* A live process as it was at one instant. The graph of its heap needs one: while Go's program runs
 * on, pointers move from where was not yet looked to where it was.
 *
 * All threads are stopped, what is needed is kept, all go on; what follows looks at what was kept.
 * There are two ways to keep it: copy the resident private memory that can be written (COPY), or
 * have the kernel make a copy-on-write twin of the process, which never runs (TWIN). The frozen
 * target answers all of target.h:
 *
 *   struct freeze_options options = {.budget_ns = 50 * 1000000};
 *   TRY(target_freeze(live, &options, &frozen, &facts));
 *   ... target_read(frozen, ...), target_threads(frozen, ...) ...
 *   target_close(frozen);         before target_close(live)
 *
 * Its mappings, memory, registers and clock are those of the instant. What nobody can write, and
 * mappings that are shared with others, are read from the live process: so that one must stay open
 * for as long, and its exit makes such reads fail. Anonymous pages that were never touched read as
 * zeros and are not touched. target_check() is NULL always, target_facts()->kind is TARGET_FROZEN.
 *
 * The target always goes on: a process of its own, the guardian, does the stopping. It outlives
 * seep, has a clock of its own, and when it dies the kernel lets the target go (docs/pause.md). */
#ifndef SEEP_TARGET_FREEZE_H
#define SEEP_TARGET_FREEZE_H

#include "target/target.h"

enum freeze_way {
    FREEZE_AUTO, /* COPY if that takes less than half of the budget, else TWIN, else COPY if it fits */
    FREEZE_COPY,
    FREEZE_TWIN
};

struct freeze_options {
    int64_t budget_ns; /* how long the target may stand still; what cannot be kept is refused */
    enum freeze_way way;
    uint32_t retries; /* so often it is tried again where the next moment may be better: the machine
                       * was busy, a thread did not stop. Each try has the whole budget */
};

struct freeze_facts {
    enum freeze_way way;  /* the one that was taken; FREEZE_AUTO if none was */
    /* From the first thread's stop until the last was let go, also if nothing came of it; of several
     * attempts, the sum. 0: not paused. */
    int64_t pause_ns;
    int64_t estimated_ns; /* what it was thought to take; 0 if it did not come so far */
    uint64_t copied_bytes;
    size_t thread_count;
    char reason[256]; /* "" or, in one line, why there is no frozen target (as the error says) */
};

/* Stops the process, keeps it as it is, lets it go on. Blocks for as long as the preparation takes
 * (some 10 ms a GiB) and the budget at the most, and 0.3 s more before each retry.
 *
 * Errors: ERROR_LIMIT if the budget would be broken (known before: not paused), was broken (the
 * target went on at its end), or memory does not suffice; ERROR_PERMISSION with what would help;
 * ERROR_UNSUPPORTED if the target is traced or stopped by somebody else, or the way does not work
 * for it; ERROR_GONE. facts_ret is filled in any case. */
struct error *target_freeze(struct target *live, const struct freeze_options *options,
                            struct target **frozen_ret, struct freeze_facts *facts_ret) NODISCARD;

#endif
