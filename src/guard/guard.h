/* Dropping rights: what a part of `seep watch` does not need, it cannot do, whatever takes it over. Layers, each as far as the kernel has it: capabilities, no new privileges, a filter of system calls,
 * Landlock. docs/security.md says what each role may. */
#ifndef SEEP_GUARD_GUARD_H
#define SEEP_GUARD_GUARD_H

#include "base/error.h"

enum guard_role {
    GUARD_AGENT, /* samples processes, writes the store, starts the others */
    GUARD_LOOK,  /* opens processes and their programs */
    GUARD_PAGE,  /* answers over HTTP, reads the store */
    GUARD_POST,  /* posts an alert */
    GUARD_HOLD,  /* as GUARD_LOOK, and may stop the process that it looks at, and let it go on */
    GUARD_AGENT_HOLDS /* as GUARD_AGENT, and what it starts may be GUARD_HOLD */
};

/* Enters the role for good; for the threads that are started later, too. `folder`: of the store, for GUARD_PAGE; else NULL. What the kernel does not have is left out; an error
 * only if something that it has could not be applied. */
struct error *guard_enter(enum guard_role role, const char *folder) NODISCARD;

#endif
