#ifndef SEEP_GUARD_INTERNAL_H
#define SEEP_GUARD_INTERNAL_H

#include <stdbool.h>

#include "guard/guard.h"

static inline bool guard_is_agent(enum guard_role role)
{
    return role == GUARD_AGENT || role == GUARD_AGENT_HOLDS;
}

static inline bool guard_may_hold(enum guard_role role)
{
    return role == GUARD_HOLD || role == GUARD_AGENT_HOLDS;
}

struct error *guard_capabilities(enum guard_role role) NODISCARD;
struct error *guard_system_calls(enum guard_role role) NODISCARD;
struct error *guard_files(enum guard_role role, const char *folder) NODISCARD;

#endif
