#ifndef SEEP_GUARD_INTERNAL_H
#define SEEP_GUARD_INTERNAL_H

#include "guard/guard.h"

struct error *guard_capabilities(enum guard_role role) NODISCARD;
struct error *guard_system_calls(enum guard_role role) NODISCARD;
struct error *guard_files(enum guard_role role, const char *folder) NODISCARD;

#endif
