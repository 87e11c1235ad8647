#include "find/places.h"

#include <string.h>

#include "base/text.h"
#include "code/calls.h"
#include "code/wrapper.h"

static bool is_plumbing(const char *function)
{
    static const char *const packages[] = {"runtime.", "sync.", "internal/sync.", "internal/poll.",
                                           "internal/runtime/"};
    for (size_t i = 0; i < LENGTH_OF(packages); i++) {
        if (!strncmp(function, packages[i], strlen(packages[i])))
            return true;
    }
    return false;
}

address place_user_pc(const struct program *program, const struct observation *observation,
                      const struct goroutine *goroutine)
{
    if (goroutine->stack == STACK_NONE)
        return 0;
    const struct stack *stack = &observation->stacks->stacks.at[goroutine->stack];
    for (uint32_t i = 0; i < stack->kept; i++) {
        struct source_frame frames[PCLNTAB_INLINE_MAX];
        address pc = stack_lookup_pc(observation->stacks, stack, i);
        size_t count = pclntab_frames(&program->pclntab, pc, frames, LENGTH_OF(frames));
        for (size_t k = 0; k < count; k++) {
            if (!is_plumbing(frames[k].function))
                return pc;
        }
    }
    return stack_lookup_pc(observation->stacks, stack, 0);
}

static struct place place_from(const struct source_frame *frame)
{
    return (struct place){.function = function_shown(frame->function),
                          .file =
                              frame->file ? text_escaped(frame->file, strlen(frame->file)) : NULL,
                          .line = frame->line};
}

/* Takes a frame that says more than the chosen one; false once it is the best. */
static bool choose(const struct program *program, const struct source_frame *frame,
                   struct source_frame *chosen)
{
    if (frame->wrapper)
        return true;
    bool own = !calls_is_standard(program, frame->function);
    if (own || !chosen->function || strncmp(frame->function, "runtime.", 8) != 0)
        *chosen = *frame;
    return !own;
}

struct place place_of_stack(const struct program *program, const struct observation *observation,
                            const struct goroutine *goroutine)
{
    struct source_frame chosen = {0}, frames[PCLNTAB_INLINE_MAX];
    bool go_on = goroutine->stack != STACK_NONE;
    if (!go_on)
        return (struct place){0};
    const struct stack *stack = &observation->stacks->stacks.at[goroutine->stack];
    for (uint32_t i = 0; go_on && i < stack->kept; i++) {
        address pc = stack_lookup_pc(observation->stacks, stack, i);
        size_t count = pclntab_frames(&program->pclntab, pc, frames, LENGTH_OF(frames));
        for (size_t k = 0; go_on && k < count; k++)
            go_on = choose(program, &frames[k], &chosen);
    }
    return chosen.function ? place_from(&chosen) : (struct place){0};
}

struct place place_at(const struct program *program, address lookup_pc)
{
    struct source_frame frames[PCLNTAB_INLINE_MAX];
    size_t count =
        lookup_pc ? pclntab_frames(&program->pclntab, lookup_pc, frames, LENGTH_OF(frames)) : 0;
    if (!count)
        return (struct place){0};
    for (size_t i = 0; i < count; i++) {
        if (!is_plumbing(frames[i].function))
            return place_from(&frames[i]);
    }
    return place_from(&frames[0]);
}

struct place place_of(const struct program *program, address return_pc)
{
    return place_at(program, return_pc ? return_pc - 1 : 0);
}

/* The function whose frame it is, by name; the physical one, as the frame is. */
static struct place frame_function(const struct program *program, address entry)
{
    struct func func;
    const char *file = NULL;
    int32_t line = 0;
    if (!pclntab_func(&program->pclntab, entry, &func))
        return (struct place){0};
    const char *name = func_name(&program->pclntab, &func);
    func_line(&program->pclntab, &func, func.entry, &file, &line);
    return (struct place){.function = function_shown(name),
                          .file = file ? text_escaped(file, strlen(file)) : NULL};
}

struct place place_of_defer(const struct program *program, const struct defer_site *site)
{
    if (site->kind == DEFER_LINKED)
        return place_of(program, site->pc);
    struct place at = frame_function(program, site->frame_entry);
    struct place deferred = place_at(program, site->function);
    size_t length = at.function ? strlen(at.function) : 0;
    bool own = length && deferred.function && !strncmp(deferred.function, at.function, length) &&
               strchr(".-\xc2", deferred.function[length]);
    if (own) {
        at.line = deferred.line;
        free(at.file);
        at.file = deferred.file;
        deferred.file = NULL;
    }
    place_deinit(&deferred);
    if (!own && site->kind == DEFER_RANGE_FUNC) { /* the line of the loop */
        place_deinit(&at);
        return place_of(program, site->pc);
    }
    return at;
}

struct place place_of_start(const struct program *program, const struct goroutine *goroutine)
{
    return goroutine->id == 1 ? (struct place){0} : place_of(program, goroutine->go_pc);
}

struct place place_of_deferred(struct target *target, const struct program *program,
                               const struct defer_site *site)
{
    address function = site->function;
    if (!function)
        return (struct place){0};
    struct wrapped wrapped = wrapper_callee(target, program, function);
    if (wrapped.entry)
        return place_at(program, wrapped.entry);
    if (wrapped.function)
        return (struct place){.function = function_shown(wrapped.function)};
    bool through_value = site->captured && wrapper_is_one(program, function);
    return place_at(program, through_value ? site->captured : function);
}

void place_deinit(struct place *place)
{
    free(place->function);
    free(place->file);
    *place = (struct place){0};
}
