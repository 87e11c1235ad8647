/* What is special about some of the runtime's functions, found by name once per program. */
#include "base/memory.h"
#include "code/calls.h"
#include "code/summary.h"

/* Functions that save what they change (runtime/asm_amd64.s, asm_arm64.s: gcWriteBarrier; up to Go
 * 1.20 one for each register that holds the value on amd64). */
static const struct {
    const char *name;
    enum value_keeper keeper;
} keepers[] = {
    {"runtime.gcWriteBarrier", KEEPER_BARRIER},  {"runtime.gcWriteBarrier1", KEEPER_BARRIER},
    {"runtime.gcWriteBarrier2", KEEPER_BARRIER}, {"runtime.gcWriteBarrier3", KEEPER_BARRIER},
    {"runtime.gcWriteBarrier4", KEEPER_BARRIER}, {"runtime.gcWriteBarrier5", KEEPER_BARRIER},
    {"runtime.gcWriteBarrier6", KEEPER_BARRIER}, {"runtime.gcWriteBarrier7", KEEPER_BARRIER},
    {"runtime.gcWriteBarrier8", KEEPER_BARRIER}, {"runtime.gcWriteBarrierCX", KEEPER_PLAIN},
    {"runtime.gcWriteBarrierDX", KEEPER_PLAIN},  {"runtime.gcWriteBarrierBX", KEEPER_PLAIN},
    {"runtime.gcWriteBarrierBP", KEEPER_PLAIN},  {"runtime.gcWriteBarrierSI", KEEPER_PLAIN},
    {"runtime.gcWriteBarrierR8", KEEPER_PLAIN},  {"runtime.gcWriteBarrierR9", KEEPER_PLAIN},
    {"runtime.duffzero", KEEPER_PLAIN},          {"runtime.duffcopy", KEEPER_COPY},
};

static void find_functions(const struct program *program, const char *const *names, size_t count,
                           struct u64map *entries_ret)
{
    struct named_entries entries = {0};
    calls_entries(program, names, count, &entries);
    for (size_t i = 0; i < entries.length; i++)
        u64map_set(entries_ret, entries.at[i].entry, entries.at[i].name);
    VECTOR_DEINIT(&entries);
}

static void find_keepers(struct summary_context *context)
{
    const char *names[LENGTH_OF(keepers)];
    struct named_entries entries = {0};
    for (size_t i = 0; i < LENGTH_OF(keepers); i++)
        names[i] = keepers[i].name;
    calls_entries(context->program, names, LENGTH_OF(names), &entries);
    for (size_t i = 0; i < entries.length; i++)
        u64map_set(&context->keeps, entries.at[i].entry, keepers[entries.at[i].name].keeper);
    VECTOR_DEINIT(&entries);
}

void summary_context_init(struct summary_context *context, struct target *target,
                          const struct program *program, struct decoder *decoder)
{
    *context = (struct summary_context){.target = target, .program = program, .decoder = decoder};
    static const char *const selects[] = {"runtime.selectgo"};
    static const char *const channels[] = {"runtime.chansend1", "runtime.chanrecv1",
                                           "runtime.chanrecv2"};
    static const char *const makes[] = {"runtime.makechan", "runtime.newobject"};
    find_keepers(context);
    find_functions(program, selects, LENGTH_OF(selects), &context->selects);
    find_functions(program, channels, LENGTH_OF(channels), &context->channels);
    find_functions(program, makes, LENGTH_OF(makes), &context->makes);
}

void summary_context_deinit(struct summary_context *context)
{
    u64map_deinit(&context->keeps);
    u64map_deinit(&context->selects);
    u64map_deinit(&context->channels);
    u64map_deinit(&context->makes);
}
