#include "find/way_search.h"

enum {
    LIVE_HEAP_MAX = 1 << 30
};

void way_raise(struct way_in *way, struct way_in to)
{
    if (to.way > way->way)
        *way = to;
}

void way_spread(struct way_search *search, uint32_t from, struct way_in way)
{
    struct work VECTOR_OF(uint32_t) work = {0};
    uint32_t mark = ++search->spreads;
    VECTOR_PUSH(&work, from);
    while (work.length) {
        uint32_t lead = work.at[--work.length];
        size_t first = 0;
        if (search->seen[lead] == mark)
            continue;
        search->seen[lead] = mark;
        if (lead < search->ret->count)
            way_raise(&search->ret->at[lead], way);
        size_t count = leads_from(&search->leads, lead, &first);
        for (size_t i = 0; i < count; i++)
            VECTOR_PUSH(&work, search->leads.edges.at[first + i].to);
    }
    VECTOR_DEINIT(&work);
}

static void all_unsure(struct ways *ways)
{
    ways->sure = false;
    for (size_t i = 0; i < ways->count; i++)
        way_raise(&ways->at[i], (struct way_in){.way = WAY_UNSURE, .goroutine = UINT32_MAX});
}

static struct error *search_all(struct way_search *search)
{
    const struct looks *looks = search->looks;
    const struct waited *waited = search->waited;
    TRY(leads_find(search->heap, looks->now, waited->objects, waited->count, &search->leads));
    search->seen = xcalloc(search->leads.list.length + 1, sizeof(*search->seen));
    TRY(living_open(looks, waited, &search->living));
    bool complete = variables_search(search);
    TRY(holders_search(search));
    search->ret->sure = complete && search->leads.complete;
    if (!search->ret->sure)
        all_unsure(search->ret);
    return NULL;
}

static struct error *search_in(struct heap *heap, const struct looks *looks,
                               const struct waited *waited, struct ways *ways)
{
    struct way_search search = {.looks = looks, .heap = heap, .waited = waited, .ret = ways};
    struct error *error = search_all(&search);
    ways->read_bytes = search.leads.read_bytes;
    leads_deinit(&search.leads);
    living_close(&search.living);
    free(search.seen);
    return error;
}

/* Without an instant: the heap as it is read, while the program goes on. What leads to a channel on which somebody waits for long stays where it is. */
static struct error *search_live(const struct looks *looks, const struct waited *waited,
                                 struct ways *ways)
{
    struct heap *heap = NULL;
    const struct memory_split *memory = &looks->now->memory;
    if (!memory->known)
        return error_create(ERROR_UNSUPPORTED, "how large the heap is was not found");
    if (memory->heap_in_use > LIVE_HEAP_MAX)
        return error_create(ERROR_LIMIT, "the heap is too large to be read without an instant");
    TRY(heap_open(looks->runtime, &heap));
    struct error *error = search_in(heap, looks, waited, ways);
    heap_close(heap);
    return error;
}

void ways_find(const struct looks *looks, const struct waited *waited, struct ways *ways_ret)
{
    *ways_ret = (struct ways){.count = waited->count};
    ways_ret->at = xcalloc(waited->count + 1, sizeof(*ways_ret->at));
    for (size_t i = 0; i < waited->count; i++)
        ways_ret->at[i].goroutine = UINT32_MAX;
    struct error *error = looks->heap ? search_in(looks->heap, looks, waited, ways_ret)
                                      : search_live(looks, waited, ways_ret);
    if (error && error_code(error) != ERROR_UNSUPPORTED)
        all_unsure(ways_ret);
    error_ignore(error);
}

void ways_deinit(struct ways *ways)
{
    free(ways->at);
    *ways = (struct ways){0};
}
