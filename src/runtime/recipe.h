/* All that is needed to read the counts of one process again and again without opening its program: addresses and offsets, found once. Plain data
 * of a fixed size, so that one process can find it and another use it; who gets it from elsewhere checks it first. */
#ifndef SEEP_RUNTIME_RECIPE_H
#define SEEP_RUNTIME_RECIPE_H

#include "runtime/counters.h"

enum {
    RECIPE_FORM = 1,
    RECIPE_REASONS = 64,
    RECIPE_OFFSET_MAX = 4096
};

struct recipe {
    uint32_t form; /* RECIPE_FORM */
    uint32_t go_minor;
    address allgs; /* slice header of []*g */
    address system_low,
        system_high;    /* code of package runtime: who starts there is the runtime's own, … */
    address main_entry; /* … but for runtime.main, … */
    address coro_entry; /* … and runtime.corostart (since 1.22): iter.Pull; 0: none */
    /* of runtime.g; all reads lie in [g_from, g_from + g_size) */
    uint16_t g_from, g_size;
    uint16_t g_status, g_goid, g_gopc, g_startpc, g_waitreason, g_defer, g_stack_low, g_stack_high;
    /* of runtime._defer */
    uint16_t defer_size, defer_link, defer_pc, defer_sp;
    uint16_t defer_rangefunc, defer_head; /* since 1.22; 0: none */
    uint8_t wait_kinds[RECIPE_REASONS]; /* enum wait_kind by wait reason */
    struct counter_places counters;
};

/* The recipe of a process; *blind_ret as of counters_find(). */
struct error *recipe_make(struct runtime *runtime, struct recipe *recipe_ret,
                          const char **blind_ret) NODISCARD;

/* False for what no recipe_make() makes. */
bool recipe_is_sane(const struct recipe *recipe);

#endif
