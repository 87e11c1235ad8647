/* How gcController and memstats are found (runtime/mgcpacer.go, runtime/mstats.go, Go 1.18 to 1.27).
 *
 * gcController begins with GOGC, a number of 32 bits; GOMEMLIMIT and the least heap follow, and the least heap is 4 MiB × GOGC / 100 to the byte. Behind
 * them the heap's sizes are whole pages that fit each other. Among all words of the program's data one place is so.
 *
 * memstats begins with three heapStatsDelta that add up: what they say is in the heap and was given back are the very numbers that gcController has,
 * which change together. One place is so as well. A live program moves between two reads, so that this is tried some times.
 *
 * What does not fit is not used, and that is said: on a release that has another layout nothing is found rather than something wrong. */
#include "runtime/counters.h"

#include <string.h>

#include "runtime/internal.h"

enum {
    PIECE_BYTES = 1 << 18,
    SCAN_MAX_BYTES = 64 << 20,
    HEAP_PAGE = 8192,
    HEAP_MINIMUM = 4 << 20, /* defaultHeapMinimum */
    PERCENT_MAX = 10000000,
    CONTROLLER_BYTES = 512,
    TRIES = 20
};

static const uint64_t bytes_max = UINT64_C(1) << 47;

struct search {
    struct runtime *runtime;
    const struct counter_layout *layout;
    address controller, stats;
    unsigned controllers; /* places that look like it */
};

static uint64_t field(const uint8_t *bytes, int16_t offset)
{
    return offset == COUNTER_UNKNOWN ? 0 : load_u64(bytes + offset);
}

static bool is_pages(uint64_t size_bytes)
{
    return size_bytes % HEAP_PAGE == 0 && size_bytes < bytes_max;
}

/* ---- gcController */

static bool is_controller(const uint8_t *bytes, const struct counter_layout *layout)
{
    int32_t percent = (int32_t)load_u32(bytes + layout->percent);
    uint64_t minimum = field(bytes, layout->minimum), live = field(bytes, layout->live),
             marked = field(bytes, layout->marked);
    if (percent < -1 || percent > PERCENT_MAX || !percent)
        return false;
    if (percent > 0 ? minimum != (uint64_t)HEAP_MINIMUM * (uint64_t)percent / 100 : !minimum)
        return false;
    if (!live || live >= bytes_max ||
        marked >= bytes_max) /* nothing is marked before the first collection */
        return false;
    if (layout->limit == COUNTER_UNKNOWN)
        return field(bytes, layout->goal) >= marked / 2;
    uint64_t in_use = field(bytes, layout->in_use), mapped = field(bytes, layout->mapped);
    return (int64_t)field(bytes, layout->limit) > 0 && in_use && mapped && mapped < bytes_max &&
           is_pages(in_use) && is_pages(field(bytes, layout->released)) &&
           is_pages(field(bytes, layout->free_)) && in_use <= mapped;
}

/* ---- memstats */

/* What the three parts add up to: parts may be negative. */
static uint64_t sum_of(const uint8_t *bytes, const struct counter_layout *layout, int16_t offset)
{
    uint64_t sum = 0;
    for (int i = 0; i < HEAP_STATS; i++)
        sum += load_u64(bytes + i * layout->stats_size + offset);
    return sum;
}

static bool is_stats(const uint8_t *bytes, const struct counter_layout *layout, uint64_t in_use,
                     uint64_t released)
{
    return sum_of(bytes, layout, layout->stats_in_heap) == in_use &&
           sum_of(bytes, layout, layout->stats_released) == released &&
           is_pages(sum_of(bytes, layout, layout->stats_stacks));
}

/* ---- the search */

static void search_piece(struct search *search, const uint8_t *bytes, size_t size, address at)
{
    for (size_t i = 0; i + CONTROLLER_BYTES <= size && i < PIECE_BYTES; i += 8) {
        if (load_u64(bytes + i + search->layout->minimum) &&
            is_controller(bytes + i, search->layout)) {
            search->controller = at + i;
            search->controllers++;
        }
    }
}

typedef void piece_function(struct search *search, const uint8_t *bytes, size_t size, address at);

/* Pieces overlap by what is looked at behind each place. */
static void search_range(struct search *search, address start, address end, size_t behind,
                         piece_function *look)
{
    AUTO_FREE uint8_t *piece = xmalloc(PIECE_BYTES + behind);
    start = (start + 7) & ~UINT64_C(7);
    if (end > start && end - start > SCAN_MAX_BYTES)
        end = start + SCAN_MAX_BYTES;
    for (address at = start; at < end; at += PIECE_BYTES) {
        uint64_t left = end - at;
        size_t size = left < PIECE_BYTES + behind ? left : PIECE_BYTES + behind;
        struct error *error = target_read(search->runtime->target, at, piece, size);
        if (!error_ignore(error))
            look(search, piece, size, at);
    }
}

static void search_data(struct search *search, size_t behind, piece_function *look)
{
    const struct moduledata *module = &search->runtime->program->module;
    search_range(search, module->noptrbss, module->noptrbss_end, behind, look);
    search_range(search, module->bss, module->bss_end, behind, look);
    search_range(search, module->noptrdata, module->noptrdata_end, behind, look);
    search_range(search, module->data, module->data_end, behind, look);
}

static size_t stats_bytes(const struct counter_layout *layout)
{
    return (size_t)layout->collections + 8;
}

static struct error *heap_sizes(struct search *search, uint64_t *in_use_ret, uint64_t *released_ret)
{
    const struct counter_layout *layout = search->layout;
    TRY(target_read(search->runtime->target, search->controller + (uint64_t)layout->in_use,
                    in_use_ret, 8));
    return target_read(search->runtime->target, search->controller + (uint64_t)layout->released,
                       released_ret, 8);
}

static void search_stats(struct search *search, const uint8_t *bytes, size_t size, address at)
{
    uint64_t in_use = 0, released = 0;
    struct error *error = heap_sizes(search, &in_use, &released);
    if (error_ignore(error))
        return;
    for (size_t i = 0; i + stats_bytes(search->layout) <= size && i < PIECE_BYTES; i += 8) {
        if (is_stats(bytes + i, search->layout, in_use, released))
            search->stats = at + i;
    }
}

static void find_controller(struct search *search)
{
    for (unsigned i = 0; i < TRIES && search->controllers != 1; i++) {
        search->controllers = 0;
        search_data(search, CONTROLLER_BYTES, search_piece);
        target_forget(search->runtime->target);
    }
    if (search->controllers != 1)
        search->controller = 0;
}

static void find_stats(struct search *search)
{
    for (unsigned i = 0; i < TRIES && !search->stats; i++) {
        search_data(search, stats_bytes(search->layout), search_stats);
        target_forget(search->runtime->target);
    }
}

static void place_controller(const struct search *search, struct counter_places *places)
{
    const struct counter_layout *layout = search->layout;
    places->live = search->controller + (uint64_t)layout->marked;
    places->goal = search->controller + (uint64_t)layout->goal;
    places->percent = search->controller + (uint64_t)layout->percent;
    if (layout->limit == COUNTER_UNKNOWN)
        return;
    places->limit = search->controller + (uint64_t)layout->limit;
    places->in_use = search->controller + (uint64_t)layout->in_use;
    places->idle = search->controller + (uint64_t)layout->free_;
    places->released = search->controller + (uint64_t)layout->released;
}

static void place_stats(const struct search *search, struct counter_places *places)
{
    for (unsigned i = 0; i < HEAP_STATS; i++)
        places->stacks[i] = search->stats + i * (uint64_t)search->layout->stats_size +
                            (uint64_t)search->layout->stats_stacks;
    places->collections = search->stats + (uint64_t)search->layout->collections;
    places->last_unix = search->stats + (uint64_t)search->layout->last_unix;
}

void counters_find(struct runtime *runtime, struct counter_places *places_ret,
                   const char **blind_ret)
{
    struct search search = {.runtime = runtime,
                            .layout = counter_layout_of(runtime->program->info.go_minor)};
    *places_ret = (struct counter_places){0};
    *blind_ret =
        "the heap live at the last collection: gcController was not found or not as expected";
    if (search.layout)
        find_controller(&search);
    whereabouts_note(&runtime->whereabouts, GLOBAL_CONTROLLER, search.controller, FOUND_CONTENT,
                     search.controller);
    if (!search.controller)
        return;
    place_controller(&search, places_ret);
    *blind_ret = "collections and stacks: memstats was not found or not as expected";
    if (search.layout->stats_size != COUNTER_UNKNOWN)
        find_stats(&search);
    whereabouts_note(&runtime->whereabouts, GLOBAL_MEMSTATS, search.stats, FOUND_CONTENT,
                     search.stats);
    if (!search.stats)
        return;
    place_stats(&search, places_ret);
    *blind_ret = NULL;
}

/* ---- reading */

struct error *counters_read(struct runtime *runtime, const struct counter_places *places,
                            struct counters *counters_ret)
{
    struct counter_reading reading;
    target_forget(runtime->target);
    counter_reading_init(&reading, places);
    if (reading.count)
        TRY(target_read_many(runtime->target, reading.requests, reading.count));
    *counters_ret = counter_reading_result(&reading);
    return NULL;
}
