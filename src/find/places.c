#include "find/places.h"

#include <string.h>

#include "base/text.h"

static bool is_plumbing(const char *function)
{
    static const char *const packages[] = {"runtime.", "sync.", "internal/sync.", "internal/poll.", "internal/runtime/"};
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
    return (struct place){.function = text_escaped(frame->function, strlen(frame->function)),
                          .file = frame->file ? text_escaped(frame->file, strlen(frame->file)) : NULL,
                          .line = frame->line};
}

struct place place_at(const struct program *program, address lookup_pc)
{
    struct source_frame frames[PCLNTAB_INLINE_MAX];
    size_t count = lookup_pc ? pclntab_frames(&program->pclntab, lookup_pc, frames, LENGTH_OF(frames)) : 0;
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

struct place place_copy(const struct place *place)
{
    return (struct place){.function = place->function ? xstrdup(place->function) : NULL,
                          .file = place->file ? xstrdup(place->file) : NULL,
                          .line = place->line};
}

void place_deinit(struct place *place)
{
    free(place->function);
    free(place->file);
    *place = (struct place){0};
}
