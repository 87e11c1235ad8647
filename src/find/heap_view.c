#include "find/heap_view.h"

#include "find/heap_viewing.h"

const struct heap_view_wanted heap_view_usual = {
    .share = 0.001, .lines = 50, .paths = 10, .samples = 64};
const struct heap_view_wanted heap_view_close = {
    .share = 0, .lines = 2000, .paths = 10, .samples = 64};
const struct heap_view_wanted heap_view_full = {.share = 0, .lines = 2000};

const struct heap_view_wanted heap_view_held = {.lines = 0};

/* A goroutine that runs stands beside its group, not under it. */
static void add_running(struct viewing *viewing, const struct group_table *groups,
                        const uint8_t *running)
{
    struct heap_view *view = viewing->view;
    for (size_t i = 0; i < groups->groups.length; i++) {
        for (uint32_t k = groups->groups.at[i].first; k != UINT32_MAX; k = groups->next[k])
            view->group_held[i] += running[k] ? view->goroutine_held[k] : 0;
    }
}

static void note_held(struct viewing *viewing, const struct group_table *groups)
{
    const struct graph *graph = viewing->graph;
    struct heap_view *view = viewing->view;
    size_t goroutines = graph->observation->goroutines.length;
    AUTO_FREE uint8_t *running = xcalloc(goroutines + 1, 1);
    view->group_held = xcalloc(groups->groups.length + 1, sizeof(*view->group_held));
    view->goroutine_held = xcalloc(goroutines + 1, sizeof(*view->goroutine_held));
    for (uint32_t i = 0; i < graph->holders.length; i++) {
        const struct graph_holder *holder = &graph->holders.at[i];
        uint32_t place = graph_place(graph, graph->objects + i);
        if (place == CSR_NONE)
            continue;
        view->stack_bytes += holder->stack_bytes;
        if (holder->kind == HOLDER_GROUP)
            view->group_held[holder->index] = graph->held[place];
        if (holder->kind != HOLDER_GOROUTINE)
            continue;
        view->goroutine_held[holder->index] = graph->held[place];
        running[holder->index] = !graph->dominator[place];
    }
    add_running(viewing, groups, running);
}

void heap_view_build(const struct graph *graph, struct typing *typing, const struct looks *looks,
                     const struct group_table *groups, const struct data_symbols *symbols,
                     const struct heap_view_wanted *wanted, struct heap_view *view_ret)
{
    struct viewing viewing = {.graph = graph, .wanted = wanted, .view = view_ret};
    *view_ret =
        (struct heap_view){.objects = graph->reached_objects, .bytes = graph->reached_bytes};
    note_held(&viewing, groups);
    if (!wanted->lines)
        return;
    object_names_open(graph, typing, &viewing.objects);
    holder_names_open(looks, groups, symbols, &viewing.holders);
    heap_lines_build(&viewing, looks);
    heap_samples_take(&viewing);
    if (wanted->before)
        heap_samples_find(&viewing, wanted->before);
    heap_types_count(&viewing);
    free(viewing.line_of);
    holdings_free(&viewing.holdings);
    object_names_close(&viewing.objects);
    holder_names_close(&viewing.holders);
}

void heap_view_deinit(struct heap_view *view)
{
    for (size_t i = 0; i < view->lines.length; i++) {
        free(view->lines.at[i].name);
        place_deinit(&view->lines.at[i].at);
        place_deinit(&view->lines.at[i].started_at);
    }
    for (size_t i = 0; i < view->types.length; i++) {
        free(view->types.at[i].name);
        free(view->types.at[i].path);
    }
    VECTOR_DEINIT(&view->lines);
    VECTOR_DEINIT(&view->types);
    VECTOR_DEINIT(&view->samples);
    free(view->then_now);
    free(view->group_held);
    free(view->goroutine_held);
    *view = (struct heap_view){0};
}
