#include "trend/accumulation.h"

#include <math.h>
#include <string.h>

enum {
    STEPS_LEAST = 6,
    RISES_LEAST_MS = 3 * 60 * 1000,
    STEADY_LEAST_MS = 2 * 3600 * 1000,
    LASTS_LEAST_MS = 26 * 3600 * 1000,
    SLICE_FIRST_MS = 30 * 1000,
    GONE_SHARE = 100, /* one in so many may leave */
    GAPS_STILL = 4,   /* it rises still if the last rise is no longer ago than so many mean gaps */
    GAPS_STOPPED = 20,
    STOPPED_LEAST_MS = 30 * 60 * 1000,
    QUARTER = ACCUMULATION_SLICES / 4
};

void accumulation_init(struct accumulation *rise)
{
    *rise = (struct accumulation){.from_ms = -1};
}

static void begin(struct accumulation *rise, int64_t at_ms, uint32_t count)
{
    *rise = (struct accumulation){.from_ms = at_ms,
                                  .last_ms = at_ms,
                                  .rose_ms = at_ms,
                                  .count_from = count,
                                  .count = count,
                                  .slice_ms = SLICE_FIRST_MS};
}

/* Two slices become one until `at_ms` falls into one. */
static unsigned slice_of(struct accumulation *rise, int64_t at_ms)
{
    while ((at_ms - rise->from_ms) / rise->slice_ms >= ACCUMULATION_SLICES) {
        for (unsigned i = 0; i < ACCUMULATION_SLICES / 2; i++)
            rise->slices[i] = rise->slices[2 * i] + rise->slices[2 * i + 1];
        memset(rise->slices + ACCUMULATION_SLICES / 2, 0, sizeof(rise->slices) / 2);
        rise->slice_ms *= 2;
    }
    return (unsigned)((at_ms - rise->from_ms) / rise->slice_ms);
}

static double gap_ms(const struct accumulation *rise)
{
    return rise->steps ? (double)(rise->last_ms - rise->from_ms) / (double)rise->steps : INFINITY;
}

/* In each quarter of the window some came, and in the last one not far fewer than in the first: what fills up to a bound, or comes with a burst or a ramp of load,
 * comes ever more slowly. */
static bool is_steady(const struct accumulation *rise)
{
    unsigned used = (unsigned)((rise->last_ms - rise->from_ms) / rise->slice_ms) + 1;
    uint64_t quarters[4] = {0};
    if (used < QUARTER)
        return false;
    for (unsigned i = 0; i < used; i++)
        quarters[i * 4 / used] += rise->slices[i];
    for (unsigned i = 0; i < 4; i++) {
        if (!quarters[i])
            return false;
    }
    return quarters[3] * 2 >= quarters[0] && quarters[3] * 3 >= quarters[1] + quarters[2];
}

static enum accumulation_state judge(const struct accumulation *rise)
{
    int64_t risen_ms = rise->rose_ms - rise->from_ms;
    bool still = (double)(rise->last_ms - rise->rose_ms) <= GAPS_STILL * gap_ms(rise);
    if (rise->steps < STEPS_LEAST || risen_ms < RISES_LEAST_MS || !still)
        return ACCUMULATION_QUIET;
    if (risen_ms < STEADY_LEAST_MS || !is_steady(rise))
        return ACCUMULATION_RISES;
    return risen_ms < LASTS_LEAST_MS ? ACCUMULATION_STEADY : ACCUMULATION_LASTS;
}

enum accumulation_state accumulation_add(struct accumulation *rise, int64_t at_ms, uint32_t count,
                                         uint32_t went)
{
    if (rise->from_ms < 0 || at_ms < rise->last_ms) {
        begin(rise, at_ms, count);
        return ACCUMULATION_QUIET;
    }
    uint32_t stayed = rise->count > went ? rise->count - went : 0;
    uint32_t came = count > stayed ? count - stayed : 0;
    rise->last_ms = at_ms;
    rise->came += came;
    rise->went += went;
    rise->slices[slice_of(rise, at_ms)] += came;
    if (count > rise->count) {
        rise->steps++;
        rise->rose_ms = at_ms;
    }
    rise->count = count;
    if (rise->went * GONE_SHARE > rise->came) {
        begin(rise, at_ms, count);
        return ACCUMULATION_QUIET;
    }
    return judge(rise);
}

void accumulation_rate(const struct accumulation *rise, double *rate_ret, double *low_ret,
                       double *high_ret)
{
    double passed_s = (double)(rise->last_ms - rise->from_ms) / 1e3;
    double came = (double)(rise->came - (rise->went < rise->came ? rise->went : rise->came));
    double spread = 1.96 * sqrt(came);
    *rate_ret = *low_ret = *high_ret = 0;
    if (!(passed_s > 0))
        return;
    *rate_ret = came / passed_s;
    *low_ret = came > spread ? (came - spread) / passed_s : 0;
    *high_ret = (came + spread) / passed_s;
}

int64_t accumulation_since_ms(const struct accumulation *rise)
{
    double rate, low, high;
    accumulation_rate(rise, &rate, &low, &high);
    if (!(rate > 0))
        return rise->from_ms;
    double before_ms = rise->count_from / rate * 1e3;
    return before_ms < 1e13 ? rise->from_ms - (int64_t)before_ms : rise->from_ms;
}

bool accumulation_stopped(const struct accumulation *rise, int64_t at_ms)
{
    int64_t quiet_ms = at_ms - rise->rose_ms;
    int64_t risen_ms = rise->rose_ms - rise->from_ms;
    double gap = rise->steps ? (double)risen_ms / (double)rise->steps : 0;
    return quiet_ms >= STOPPED_LEAST_MS && (double)quiet_ms >= GAPS_STOPPED * gap;
}
