#include "heap/holding.h"

#include "base/u64map.h"
#include "heap/hot_memory.h"

struct building {
    const struct graph *graph;
    struct holdings *holdings;
    struct u64map index; /* parent << 32 | label -> holding */
};

/* One above, itself included, that has the label. */
static uint32_t same_above(const struct holdings *holdings, uint32_t at, holding_label label,
                           unsigned *depth_ret)
{
    for (*depth_ret = 0; at != 0; at = holdings->list.at[at].parent, (*depth_ret)++) {
        if (holdings->list.at[at].label == label)
            return at;
    }
    return HOLDING_NONE;
}

static uint32_t holding_under(struct building *building, uint32_t parent, holding_label label,
                              uint32_t place)
{
    struct holdings *holdings = building->holdings;
    uint64_t key = (uint64_t)parent << 32 | label;
    uint32_t found = 0;
    unsigned depth = 0;
    if (u64map_get(&building->index, key, &found))
        return found;
    found = same_above(holdings, parent, label, &depth);
    if (found == HOLDING_NONE &&
        (depth >= HOLDING_DEPTH_MAX || holdings->list.length >= HOLDINGS_MAX))
        found = parent;
    if (found == HOLDING_NONE) {
        found = (uint32_t)holdings->list.length;
        VECTOR_PUSH(&holdings->list, (struct holding){.parent = parent,
                                                      .first = HOLDING_NONE,
                                                      .next = HOLDING_NONE,
                                                      .label = label,
                                                      .example = place});
    }
    u64map_set(&building->index, key, found);
    return found;
}

static void add(struct building *building, uint32_t place, holding_label label)
{
    const struct graph *graph = building->graph;
    struct holdings *holdings = building->holdings;
    bool part = !(label >> 31) && label & HOLDING_PART;
    uint32_t at = holding_under(building, holdings->of[graph->dominator[place]],
                                part ? label & ~(uint32_t)HOLDING_PART : label, place);
    struct holding *holding = &holdings->list.at[at];
    holdings->of[place] = at;
    holding->members += !part;
    if (graph->held[place] > graph->held[holding->example])
        holding->example = place;
}

static void weigh_object(void *context, uint32_t number, uint32_t place, uint64_t size)
{
    struct holdings *holdings = context;
    struct holding *holding = &holdings->list.at[holdings->of[place]];
    (void)number;
    holding->objects++;
    holding->bytes += size;
}

static void weigh(const struct graph *graph, struct holdings *holdings)
{
    graph_each_object(graph, weigh_object, holdings);
    for (uint32_t i = 0; i < graph->holders.length; i++) {
        uint32_t place = graph_place(graph, graph->objects + i);
        if (place != CSR_NONE)
            holdings->list.at[holdings->of[place]].bytes += graph->holders.at[i].stack_bytes;
    }
}

/* Children behind their parents: from the end on, all that is below is known. */
static void sum_up(struct holdings *holdings)
{
    for (size_t i = holdings->list.length; i-- > 0;) {
        struct holding *holding = &holdings->list.at[i];
        holding->held_objects += holding->objects;
        holding->held_bytes += holding->bytes;
        if (holding->parent == HOLDING_NONE)
            continue;
        holdings->list.at[holding->parent].held_objects += holding->held_objects;
        holdings->list.at[holding->parent].held_bytes += holding->held_bytes;
    }
}

static const struct holdings *sorted; /* by most_first */

static int most_first(const void *left, const void *right)
{
    uint32_t i = *(const uint32_t *)left, k = *(const uint32_t *)right;
    const struct holding *a = &sorted->list.at[i], *b = &sorted->list.at[k];
    if (a->held_bytes != b->held_bytes)
        return a->held_bytes > b->held_bytes ? -1 : 1;
    return (i > k) - (i < k);
}

static void link_children(struct holdings *holdings)
{
    AUTO_FREE uint32_t *order = xcalloc(holdings->list.length, sizeof(*order));
    for (uint32_t i = 0; i < holdings->list.length; i++)
        order[i] = i;
    sorted = holdings;
    qsort(order, holdings->list.length, sizeof(*order), most_first);
    for (size_t i = holdings->list.length; i-- > 0;) {
        struct holding *holding = &holdings->list.at[order[i]];
        if (holding->parent == HOLDING_NONE)
            continue;
        holding->next = holdings->list.at[holding->parent].first;
        holdings->list.at[holding->parent].first = order[i];
    }
}

void holdings_build(const struct graph *graph,
                    holding_label (*label_of)(void *context, const struct graph *graph,
                                              uint32_t place),
                    void *context, struct holdings *holdings_ret)
{
    struct building building = {.graph = graph, .holdings = holdings_ret};
    *holdings_ret = (struct holdings){0};
    holdings_ret->of = hot_memory(graph->visit.count, sizeof(*holdings_ret->of));
    VECTOR_PUSH(&holdings_ret->list, (struct holding){.parent = HOLDING_NONE,
                                                      .first = HOLDING_NONE,
                                                      .next = HOLDING_NONE,
                                                      .members = 1});
    for (uint32_t place = 1; place < graph->visit.count; place++)
        add(&building, place, label_of(context, graph, place));
    u64map_deinit(&building.index);
    weigh(graph, holdings_ret);
    sum_up(holdings_ret);
    link_children(holdings_ret);
}

void holdings_free(struct holdings *holdings)
{
    VECTOR_DEINIT(&holdings->list);
    free(holdings->of);
    *holdings = (struct holdings){0};
}
