#include "cli/instant.h"

#include <string.h>

/* Takes the error. */
static void give_up(struct instant *instant, struct error *error)
{
    free(instant->why);
    instant->why = xstrdup(error_message(error));
    error_destroy(error);
}

static struct error *look(struct instant *instant, struct target *live, struct program *program,
                          const struct observation *before, int64_t budget_ns)
{
    struct freeze_options options = {.budget_ns = budget_ns};
    TRY(target_freeze(live, &options, &instant->frozen, &instant->facts));
    TRY(runtime_open(instant->frozen, program, &instant->runtime));
    TRY(observe_beside(instant->runtime, before->stacks, before, &instant->observation));
    instant->looked = true;
    return NULL;
}

void instant_of_process(struct instant *instant, struct target *live, struct program *program,
                        const struct observation *before, int64_t budget_ns)
{
    instant->tried = true;
    struct error *error = look(instant, live, program, before, budget_ns);
    if (error)
        give_up(instant, error);
}

void instant_of_core(struct instant *instant, struct runtime *runtime,
                     const struct observation *observation)
{
    instant->tried = true;
    instant->runtime = runtime;
    instant_prove(instant, observation);
}

void instant_prove(struct instant *instant, const struct observation *observation)
{
    struct error *error = heap_open(instant->runtime, &instant->heap);
    if (!error)
        error = proof_open(instant->heap, observation, &instant->proof);
    if (error)
        give_up(instant, error);
    else
        instant->stuck = proof_stuck(instant->proof);
}

void instant_deinit(struct instant *instant)
{
    proof_close(instant->proof);
    heap_close(instant->heap);
    free(instant->stuck);
    free(instant->why);
    if (instant->looked)
        observation_deinit(&instant->observation);
    if (instant->frozen) {
        if (instant->runtime)
            runtime_close(instant->runtime);
        target_close(instant->frozen);
    }
    *instant = (struct instant){0};
}
