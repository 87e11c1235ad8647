/* One look: goroutines with all that hangs on them, then the channels that they named, then the memory. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "runtime/goroutines.h"
#include "runtime/memoryparts.h"
#include "runtime/memorysplit.h"

static void find_system_frames(struct runtime *runtime)
{
    static const char *const names[] = {"runtime.asyncPreempt", "runtime.sigpanic",
                                        "runtime.debugCallV2"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        struct func func;
        if (pclntab_func_named(&runtime->program->pclntab, names[i], &func))
            runtime->system_frames[i] = func.entry;
    }
}

static void note_whereabouts(struct runtime *runtime)
{
    struct whereabouts *whereabouts = &runtime->whereabouts;
    const struct globals *globals = &runtime->globals;
    whereabouts_note(whereabouts, GLOBAL_STRUCTS, true, FOUND_TYPES, 0);
    whereabouts_note(whereabouts, GLOBAL_MODULE, true, FOUND_CONTENT, runtime->program->module.at);
    whereabouts_note(whereabouts, GLOBAL_ALLGS, true, FOUND_CONTENT, globals->allgs);
    whereabouts_note(whereabouts, GLOBAL_ALLSPANS, globals->allspans, FOUND_CONTENT,
                     globals->allspans);
}

const struct whereabouts *runtime_whereabouts(const struct runtime *runtime)
{
    return &runtime->whereabouts;
}

struct error *runtime_open(struct target *target, struct program *program,
                           struct runtime **runtime_ret)
{
    struct runtime *runtime = xcalloc(1, sizeof(*runtime));
    runtime->target = target;
    runtime->program = program;
    struct error *error = offsets_bind(program->types, &runtime->offsets);
    if (!error)
        error = globals_find(target, &program->module, &runtime->offsets, &runtime->globals);
    if (error) {
        runtime_close(runtime);
        return error;
    }
    note_whereabouts(runtime);
    wait_reasons_read(runtime);
    find_system_frames(runtime);
    *runtime_ret = runtime;
    return NULL;
}

void runtime_close(struct runtime *runtime)
{
    if (!runtime)
        return;
    for (size_t i = 0; i < runtime->wait_reasons.length; i++)
        free(runtime->wait_reasons.at[i]);
    VECTOR_DEINIT(&runtime->wait_reasons);
    VECTOR_DEINIT(&runtime->pc_facts);
    u64map_deinit(&runtime->pc_index);
    u64map_deinit(&runtime->owners);
    u64map_deinit(&runtime->sudog_place);
    free(runtime->wait_kinds);
    free(runtime);
}

static void note(struct observation *observation, const char *text)
{
    for (size_t i = 0; i < observation->unread.notes.length; i++) {
        if (!strcmp(observation->unread.notes.at[i], text))
            return;
    }
    VECTOR_PUSH(&observation->unread.notes, xstrdup(text));
}

/* Where they are does not change: looked for once. */
static struct error *read_counters(struct runtime *runtime, struct observation *observation)
{
    if (!runtime->counters_sought)
        counters_find(runtime, &runtime->counter_places, &runtime->counters_blind);
    runtime->counters_sought = true;
    if (runtime->counters_blind)
        note(observation, runtime->counters_blind);
    return counters_read(runtime, &runtime->counter_places, &observation->counters);
}

static struct error *weigh(struct runtime *runtime, struct observation *observation,
                           enum observe_depth depth)
{
    struct spans spans;
    TRY(spans_read(runtime->target, &runtime->offsets, runtime->globals.allspans, &spans));
    defers_weigh(observation, &spans);
    struct error *error = depth >= OBSERVE_ALL ? memory_split(runtime, observation, &spans) : NULL;
    if (!error && depth >= OBSERVE_PARTS && observation->memory.known)
        error = memory_parts_find(runtime, observation, &spans);
    spans_deinit(&spans);
    return error;
}

static struct error *read_memory(struct runtime *runtime, struct observation *observation,
                                 enum observe_depth depth)
{
    TRY(read_counters(runtime, observation));
    if (runtime->globals.allspans)
        return weigh(runtime, observation, depth);
    note(observation, "the list of spans (mheap_.allspans) was not found: memory is not split");
    return NULL;
}

struct error *observe_beside(struct runtime *runtime, struct stack_table *stacks,
                             const struct observation *before, struct observation *observation_ret)
{
    TRY(observe(runtime, OBSERVE_STACKS, stacks, observation_ret));
    struct error *error =
        runtime->globals.allspans ? weigh(runtime, observation_ret, OBSERVE_STACKS) : NULL;
    if (error) {
        observation_deinit(observation_ret);
        return error;
    }
    observation_ret->memory = before->memory;
    observation_ret->counters = before->counters;
    for (size_t i = 0; i < before->unread.notes.length; i++)
        note(observation_ret, before->unread.notes.at[i]);
    return NULL;
}

/* A core file has no clock: the newest time that Go noted in it is a lower bound. */
static void set_time(struct runtime *runtime, struct observation *observation)
{
    observation->taken_ns = target_now_ns(runtime->target);
    observation->taken_is_lower_bound = !observation->taken_ns;
    if (observation->taken_ns)
        return;
    for (size_t i = 0; i < observation->goroutines.length; i++) {
        if (observation->goroutines.at[i].wait_since_ns > observation->taken_ns)
            observation->taken_ns = observation->goroutines.at[i].wait_since_ns;
    }
}

static void copy_wait_reasons(const struct runtime *runtime, struct observation *observation)
{
    for (size_t i = 0; i < runtime->wait_reasons.length; i++)
        VECTOR_PUSH(&observation->wait_reasons, xstrdup(runtime->wait_reasons.at[i]));
    if (!runtime->wait_reasons.length)
        note(observation,
             "the table of wait reasons was not found: it is not known what goroutines wait for");
}

struct error *observe(struct runtime *runtime, enum observe_depth depth, struct stack_table *stacks,
                      struct observation *observation_ret)
{
    *observation_ret = (struct observation){.stacks = stacks};
    struct observation *observation = observation_ret;
    struct defer_table defers = {0};
    struct wait_table waits = {0};
    struct gathering gathering = {.runtime = runtime,
                                  .observation = observation,
                                  .defers = &defers,
                                  .waits = &waits,
                                  .depth = depth};
    copy_wait_reasons(runtime, observation);
    struct error *error = goroutines_read(&gathering);
    if (!error)
        error = waits_finish(runtime, observation);
    set_time(runtime, observation);
    if (!error && depth >= OBSERVE_ALL)
        error = read_memory(runtime, observation, depth);
    defer_table_deinit(&defers);
    wait_table_deinit(&waits);
    if (error)
        observation_deinit(observation);
    return error;
}

static void strings_deinit(char **strings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(strings[i]);
}

void observation_deinit(struct observation *observation)
{
    strings_deinit(observation->wait_reasons.at, observation->wait_reasons.length);
    strings_deinit(observation->unread.notes.at, observation->unread.notes.length);
    VECTOR_DEINIT(&observation->wait_reasons);
    VECTOR_DEINIT(&observation->unread.notes);
    VECTOR_DEINIT(&observation->goroutines);
    VECTOR_DEINIT(&observation->waits);
    VECTOR_DEINIT(&observation->objects);
    VECTOR_DEINIT(&observation->defers);
}

const char *goroutine_state_name(enum goroutine_state state)
{
    switch (state) {
    case GOROUTINE_IDLE:
        return "idle";
    case GOROUTINE_RUNNABLE:
        return "runnable";
    case GOROUTINE_RUNNING:
        return "running";
    case GOROUTINE_SYSCALL:
        return "syscall";
    case GOROUTINE_WAITING:
        return "waiting";
    case GOROUTINE_DEAD:
        return "dead";
    case GOROUTINE_COPYSTACK:
        return "copystack";
    case GOROUTINE_PREEMPTED:
        return "preempted";
    case GOROUTINE_LEAKED:
        return "leaked";
    default:
        return "unknown";
    }
}

double goroutine_wait_s(const struct observation *observation, const struct goroutine *goroutine)
{
    int64_t since = goroutine->wait_since_ns;
    bool waits = goroutine->state == GOROUTINE_WAITING || goroutine->state == GOROUTINE_LEAKED ||
                 goroutine->state == GOROUTINE_SYSCALL;
    if (!waits || since <= 0 || since > observation->taken_ns)
        return -1;
    return (double)(observation->taken_ns - since) / 1e9;
}
