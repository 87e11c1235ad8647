#include "runtime/owners.h"

#include <string.h>

#include "base/text.h"

static enum owner owner_by_name(const char *name)
{
    static const char *const users[] = {"runtime.main", "runtime.handleAsyncEvent",
                                        "runtime.corostart"};
    static const char *const runners[] = {"runtime.runfinq", "runtime.runFinalizers",
                                          "runtime.runCleanups"};
    if (strncmp(name, "runtime.", 8) != 0 || text_is_one_of(name, users, LENGTH_OF(users)))
        return OWNER_USER;
    return text_is_one_of(name, runners, LENGTH_OF(runners)) ? OWNER_RUNTIME_UNLESS_BUSY
                                                             : OWNER_RUNTIME;
}

enum owner owner_of(struct runtime *runtime, address start_pc)
{
    bool is_new = false;
    uint32_t known = u64map_intern(&runtime->owners, start_pc, OWNER_USER, &is_new);
    if (!is_new)
        return (enum owner)known;
    const struct pclntab *table = &runtime->program->pclntab;
    struct func func;
    if (pclntab_func(table, start_pc, &func))
        known = owner_by_name(func_name(table, &func));
    u64map_set(&runtime->owners, start_pc, known);
    return (enum owner)known;
}

bool owner_runs_user_code(const struct runtime *runtime, const struct unwound *unwound)
{
    for (uint32_t i = 0; i < unwound->stack.kept; i++) {
        struct func func;
        if (pclntab_func(&runtime->program->pclntab, unwound->pcs[i] & ~STACK_PC_EXACT, &func) &&
            strncmp(func_name(&runtime->program->pclntab, &func), "runtime.", 8) != 0)
            return true;
    }
    return false;
}
