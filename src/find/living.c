/* A goroutine that is parked in a receive does not count on that very one: it waits for something else there. */
#include "find/living.h"

#include <string.h>

#include "code/calls.h"
#include "find/running.h"

static bool is_own(const struct program *program, address entry, struct func *func_ret)
{
    return pclntab_func(&program->pclntab, entry, func_ret) &&
           !calls_is_standard(program, func_name(&program->pclntab, func_ret));
}

static bool is_helper(const struct living *living, address callee)
{
    for (size_t i = 0; i < living->waited->helper_count; i++) {
        if (living->waited->helpers[i] == callee)
            return true;
    }
    return false;
}

static bool is_of_waiters(const struct living *living, address entry)
{
    return entry == living->waited->own[0] || entry == living->waited->own[1];
}

bool living_helps(struct living *living, address entry)
{
    bool is_new = false;
    struct func func;
    uint32_t known = u64map_intern(&living->helps, entry, 0, &is_new);
    if (!is_new)
        return known;
    bool helps =
        pclntab_func(&living->looks->program->pclntab, entry, &func) &&
        calls_reach(living->looks->target, living->looks->program, &func, living->waited->helpers,
                    living->waited->helper_count, LIVING_HELP_DEPTH, 0);
    u64map_set(&living->helps, entry, helps);
    return helps;
}

static void add_callable(struct living *living, address entry, uint32_t goroutine)
{
    struct func func;
    bool is_new = false;
    if (living->callable.length >= LIVING_FUNCTIONS_MAX || is_of_waiters(living, entry) ||
        !is_own(living->looks->program, entry, &func))
        return;
    u64map_intern(&living->by_entry, func.entry, (uint32_t)living->callable.length, &is_new);
    if (is_new)
        VECTOR_PUSH(&living->callable,
                    (struct living_frame){.entry = func.entry, .goroutine = goroutine});
}

static address parked_at(const struct looks *looks, const struct observation *look,
                         const struct goroutine *goroutine)
{
    const struct stack_table *stacks = look->stacks;
    if ((goroutine->wait_kind != WAIT_CHAN_RECEIVE && goroutine->wait_kind != WAIT_SELECT) ||
        goroutine->stack == STACK_NONE)
        return 0;
    const struct stack *stack = &stacks->stacks.at[goroutine->stack];
    for (uint32_t i = 0; i < stack->kept; i++) {
        struct func func;
        if (!pclntab_func(&looks->program->pclntab, stack_lookup_pc(stacks, stack, i), &func))
            return 0;
        if (strncmp(func_name(&looks->program->pclntab, &func), "runtime.", 8))
            return stack_pc(stacks, stack, i);
    }
    return 0;
}

address living_parked_at(const struct living *living, uint32_t index)
{
    const struct looks *looks = living->looks;
    const struct goroutine *goroutine = &looks->now->goroutines.at[index];
    uint32_t before = 0;
    address at = parked_at(looks, looks->now, goroutine);
    if (at || !u64map_get(&living->first, goroutine->id, &before))
        return at;
    return parked_at(looks, looks->first, &looks->first->goroutines.at[before]);
}

static void add_deferred(struct living *living, address entry, uint32_t goroutine)
{
    const struct observation *now = living->looks->now;
    for (size_t i = 0; i < now->defers.length; i++) {
        if (now->defers.at[i].frame_entry == entry && now->defers.at[i].function)
            add_callable(living, now->defers.at[i].function, goroutine);
    }
}

static void add_frames(struct living *living, uint32_t index)
{
    const struct looks *looks = living->looks;
    const struct goroutine *goroutine = &looks->now->goroutines.at[index];
    const struct stack_table *stacks = looks->now->stacks;
    const struct stack *stack = &stacks->stacks.at[goroutine->stack];
    address except_pc = living_parked_at(living, index);
    for (uint32_t i = 0; i < stack->kept; i++) {
        struct func func;
        if (is_own(looks->program, stack_lookup_pc(stacks, stack, i), &func))
            VECTOR_PUSH(&living->frames, (struct living_frame){.entry = func.entry,
                                                               .pc = stack_pc(stacks, stack, i),
                                                               .except_pc = except_pc,
                                                               .goroutine = index});
    }
}

/* A word of the stack that may be where a frame goes on. */
static void add_running(struct living *living, uint32_t index)
{
    const struct looks *looks = living->looks;
    struct running_words words;
    struct func func;
    running_read(looks, &looks->now->goroutines.at[index], &words);
    for (size_t i = 0; i < words.length && living->frames.length < LIVING_FUNCTIONS_MAX; i++) {
        if (is_own(looks->program, words.at[i], &func))
            VECTOR_PUSH(
                &living->frames,
                (struct living_frame){.entry = func.entry, .pc = words.at[i], .goroutine = index});
    }
    VECTOR_DEINIT(&words);
}

static void add_goroutines(struct living *living, const uint8_t *skip)
{
    const struct observation *now = living->looks->now;
    struct u64map stacks = {0};
    for (uint32_t i = 0; i < now->goroutines.length; i++) {
        const struct goroutine *goroutine = &now->goroutines.at[i];
        bool is_new = true;
        if (skip[i] || goroutine->system)
            continue;
        if (goroutine->state == GOROUTINE_RUNNING || goroutine->stack == STACK_NONE)
            add_running(living, i);
        if (goroutine->stack == STACK_NONE)
            continue;
        u64map_intern(&stacks, goroutine->stack, 1, &is_new);
        if (is_new && living->frames.length < LIVING_FUNCTIONS_MAX)
            add_frames(living, i);
    }
    u64map_deinit(&stacks);
}

static void follow(struct living *living, const struct living_frame *frame)
{
    struct ahead_calls calls;
    struct func func;
    if (!pclntab_func(&living->looks->program->pclntab, frame->entry, &func))
        return;
    ahead_of(living->looks->target, living->looks->program, living->decoder, &func, frame->pc,
             &calls);
    for (size_t i = 0; i < calls.length; i++)
        add_callable(living, calls.at[i].callee, frame->goroutine);
    VECTOR_DEINIT(&calls);
    if (frame->pc)
        add_deferred(living, frame->entry, frame->goroutine);
}

struct error *living_open(const struct looks *looks, const struct waited *waited,
                          struct living *living_ret)
{
    struct living *living = living_ret;
    *living = (struct living){.looks = looks, .waited = waited};
    TRY(decoder_create(looks->program->arch, &living->decoder));
    for (uint32_t i = 0; looks->first && i < looks->first->goroutines.length; i++)
        u64map_set(&living->first, looks->first->goroutines.at[i].id, i);
    add_goroutines(living, waited->skip);
    if (waited->only_frames)
        return NULL;
    for (size_t i = 0; i < living->frames.length; i++)
        follow(living, &living->frames.at[i]);
    size_t end = 0;
    for (unsigned depth = 0, i = 0; depth < LIVING_DEPTH; depth++) {
        for (end = living->callable.length; i < end; i++) {
            struct living_frame frame = living->callable.at[i]; /* copied: the array grows */
            follow(living, &frame);
        }
    }
    return NULL;
}

void living_close(struct living *living)
{
    decoder_destroy(living->decoder);
    VECTOR_DEINIT(&living->frames);
    VECTOR_DEINIT(&living->callable);
    u64map_deinit(&living->by_entry);
    u64map_deinit(&living->helps);
    u64map_deinit(&living->helps_ahead);
    u64map_deinit(&living->first);
}

/* A helper is ahead of the frame, in its function or in what that calls. */
static bool helps_ahead(struct living *living, const struct living_frame *frame)
{
    struct ahead_calls calls;
    struct func func;
    bool helps = false;
    if (!pclntab_func(&living->looks->program->pclntab, frame->entry, &func))
        return false;
    ahead_of(living->looks->target, living->looks->program, living->decoder, &func, frame->pc,
             &calls);
    for (size_t i = 0; i < calls.length && !helps; i++) {
        address callee = calls.at[i].callee;
        if (living->waited->only_frames && !calls.at[i].return_pc)
            continue;
        if (is_helper(living, callee))
            helps = calls.at[i].return_pc != frame->except_pc || !frame->except_pc;
        else
            helps = !is_of_waiters(living, callee) &&
                    is_own(living->looks->program, callee, &func) && living_helps(living, callee);
    }
    VECTOR_DEINIT(&calls);
    return helps;
}

bool living_helps_ahead(struct living *living, const struct living_frame *frame)
{
    bool is_new = false;
    uint64_t key = u64_mix(u64_mix(frame->entry) ^ frame->pc) ^ u64_mix(frame->except_pc);
    uint32_t known = u64map_intern(&living->helps_ahead, key, 0, &is_new);
    if (!is_new)
        return known;
    bool helps = helps_ahead(living, frame);
    u64map_set(&living->helps_ahead, key, helps);
    return helps;
}

bool living_runs(struct living *living, address entry, uint32_t *goroutine_ret)
{
    uint32_t index = 0;
    *goroutine_ret = UINT32_MAX;
    for (size_t i = 0; i < living->frames.length; i++) {
        const struct living_frame *frame = &living->frames.at[i];
        if (frame->entry != entry)
            continue;
        *goroutine_ret = frame->goroutine;
        if (living_helps_ahead(living, frame))
            return true;
    }
    if (!u64map_get(&living->by_entry, entry, &index) || !living_helps(living, entry))
        return false;
    *goroutine_ret = living->callable.at[index].goroutine;
    return true;
}
