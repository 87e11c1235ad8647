/* Reading the counters where they were found: apart from finding them, since the sampler does only this. */
#include "base/memory.h"
#include "runtime/counters.h"

enum {
    HEAP_PAGE = 8192
};

static const uint64_t bytes_max = UINT64_C(1) << 47;

static bool is_pages(uint64_t size_bytes)
{
    return size_bytes % HEAP_PAGE == 0 && size_bytes < bytes_max;
}

static void want(struct counter_reading *reading, address at, uint32_t size, void *to)
{
    if (at)
        reading->requests[reading->count++] = (struct read_request){at, size, false, to};
}

void counter_reading_init(struct counter_reading *reading, const struct counter_places *places)
{
    struct counters *counters = &reading->counters;
    *reading = (struct counter_reading){.counters = {.limit = INT64_MAX,
                                                     .known = places->live,
                                                     .heap_known = places->in_use,
                                                     .stats_known = places->collections}};
    want(reading, places->live, 8, &counters->live);
    want(reading, places->goal, 8, &counters->goal);
    want(reading, places->percent, 4, &counters->percent);
    want(reading, places->limit, 8, &counters->limit);
    want(reading, places->in_use, 8, &counters->in_use);
    want(reading, places->idle, 8, &counters->idle);
    want(reading, places->released, 8, &counters->released);
    want(reading, places->collections, 4, &counters->collections);
    want(reading, places->last_unix, 8, &counters->last_unix_ns);
    for (unsigned i = 0; i < HEAP_STATS; i++)
        want(reading, places->stacks[i], 8, &reading->stacks[i]);
}

struct counters counter_reading_result(const struct counter_reading *reading)
{
    struct counters counters = reading->counters;
    for (unsigned i = 0; i < HEAP_STATS; i++) /* parts may be negative: their sum is not */
        counters.stacks += reading->stacks[i];
    counters.known = counters.known && counters.live && counters.live < bytes_max;
    if (counters.goal >= bytes_max) /* GOGC=off */
        counters.goal = 0;
    counters.heap_known = counters.heap_known && is_pages(counters.in_use) &&
                          is_pages(counters.idle) && is_pages(counters.released);
    counters.stats_known = counters.stats_known && is_pages(counters.stacks);
    return counters;
}
