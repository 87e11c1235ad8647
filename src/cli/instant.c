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
                          const struct observation *before, const struct freeze_options *options)
{
    TRY(target_freeze(live, options, &instant->frozen, &instant->facts));
    TRY(runtime_open(instant->frozen, program, &instant->runtime));
    TRY(observe_beside(instant->runtime, before->stacks, before, &instant->observation));
    instant->looked = true;
    return NULL;
}

void instant_of_process(struct instant *instant, struct target *live, struct program *program,
                        const struct observation *before, const struct freeze_options *options)
{
    instant->tried = true;
    struct error *error = look(instant, live, program, before, options);
    if (error)
        give_up(instant, error);
}

void instant_of_still(struct instant *instant, struct runtime *runtime,
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

/* Takes the error. */
static void give_up_view(struct instant *instant, struct error *error)
{
    instant->heap_why = xstrdup(error_message(error));
    error_destroy(error);
}

static void find_types(struct instant *instant, const struct looks *looks)
{
    variable_types_read(instant->runtime->target, instant->runtime->program, &instant->variables);
    if (!error_ignore(
            typing_open(instant->heap, looks->now, &instant->variables, &instant->typing)))
        typing_add_statics(instant->typing, &instant->symbols);
}

void instant_view(struct instant *instant, const struct looks *looks,
                  const struct group_table *groups, uint32_t slots_max,
                  const struct heap_view_wanted *wanted)
{
    if (!instant->heap) {
        instant->heap_why =
            xstrdup(instant->why ? instant->why : "the process was not stopped for it");
        return;
    }
    if (slots_max && instant->heap->objects.count > slots_max) {
        instant->heap_why = xstrdup("the heap is large: --heap tells who holds it");
        return;
    }
    if (wanted->lines) {
        data_symbols_read(instant->runtime->target, &instant->symbols);
        find_types(instant, looks);
    }
    struct error *error =
        graph_open(instant->heap, looks->now, groups, &instant->symbols, &instant->graph);
    if (error) {
        give_up_view(instant, error);
        return;
    }
    instant->view = xcalloc(1, sizeof(*instant->view));
    heap_view_build(instant->graph, instant->typing, looks, groups, &instant->symbols, wanted,
                    instant->view);
}

static void view_early(struct instant *instant, struct program *program)
{
    struct group_table groups;
    struct looks looks = {.target = instant->frozen,
                          .program = program,
                          .runtime = instant->runtime,
                          .now = &instant->observation};
    struct error *error = heap_open(instant->runtime, &instant->heap);
    if (error) {
        give_up(instant, error);
        return;
    }
    groups_build(&instant->observation, &groups);
    instant_view(instant, &looks, &groups, 0, &heap_view_usual);
    groups_deinit(&groups);
}

void early_view_take(struct early_view *early, struct target *live, struct program *program,
                     const struct observation *before, const struct freeze_options *options)
{
    struct instant instant = {0};
    instant_of_process(&instant, live, program, before, options);
    if (instant.looked)
        view_early(&instant, program);
    *early = (struct early_view){.view = instant.view, .taken_ns = instant.observation.taken_ns};
    if (!early->view)
        early->why = xstrdup(instant.why ? instant.why : instant.heap_why);
    instant.view = NULL;
    instant_deinit(&instant);
}

void early_view_deinit(struct early_view *early)
{
    if (early->view)
        heap_view_deinit(early->view);
    free(early->view);
    free(early->why);
    *early = (struct early_view){0};
}

/* A figure less where it fails. */
void instant_weigh_garbage(struct instant *instant, const struct observation *observation)
{
    struct error *error =
        instant->heap ? garbage_find(instant->heap, observation, &instant->garbage) : NULL;
    instant->garbage_known = !error_ignore(error) && instant->heap;
}

void instant_deinit(struct instant *instant)
{
    if (instant->view)
        heap_view_deinit(instant->view);
    free(instant->view);
    free(instant->heap_why);
    typing_close(instant->typing);
    variable_types_deinit(&instant->variables);
    graph_close(instant->graph);
    VECTOR_DEINIT(&instant->symbols);
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
