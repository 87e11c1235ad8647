/* Whose a goroutine is (runtime/traceback.go, isSystemGoroutine, Go 1.18 to 1.27): the runtime's own if it was started with
 * a function of the runtime. Those that run finalizers and cleanups are the user's while they do. */
#ifndef SEEP_RUNTIME_OWNERS_H
#define SEEP_RUNTIME_OWNERS_H

#include "runtime/unwind.h"

enum owner {
    OWNER_USER,
    OWNER_RUNTIME,
    OWNER_RUNTIME_UNLESS_BUSY
};

/* By the function that the goroutine was started with; kept per function. */
enum owner owner_of(struct runtime *runtime, address start_pc);

/* Does a function that is not the runtime's stand on the stack? */
bool owner_runs_user_code(const struct runtime *runtime, const struct unwound *unwound);

#endif
