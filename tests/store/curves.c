/* How the numbers of a life move: heap live jumps at collections only, resident memory follows slowly, load has a day. */
#include <math.h>

#include "role.h"

enum {
    MIB = 1 << 20,
    PAGE = 4096,
    STACK_BYTES = 8192,
    LEAKED_HEAP_BYTES = 2048, /* a leaked goroutine holds beside its stack */
    DEFER_BYTES = 1024,
    DAY_S = 86400
};

double chance(const struct story *story, uint64_t what, uint64_t when)
{
    uint64_t word = story->seed + what * UINT64_C(0x9e3779b97f4a7c15) + when;
    for (unsigned i = 0; i < 3; i++) {
        word = (word ^ word >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
        word ^= word >> 29;
    }
    return (double)(word >> 11) / (double)(UINT64_C(1) << 53);
}

static int64_t moment(const struct story *story, double part)
{
    return story->begin_ms + (int64_t)(part * (double)(story->end_ms - story->begin_ms));
}

int64_t role_begins_ms(const struct role *role, const struct story *story)
{
    return moment(story, role->from);
}

int64_t role_ends_ms(const struct role *role, const struct story *story)
{
    return role->end == LIFE_RUNS ? INT64_MAX : moment(story, role->to);
}

/* 0 at the start of a life, 1 where its story ends. */
static double progress(const struct role *role, const struct story *story, int64_t at_ms)
{
    double from = (double)role_begins_ms(role, story), to = (double)moment(story, role->to);
    double part = ((double)at_ms - from) / (to - from);
    return part < 0 ? 0 : part;
}

double role_leaked(const struct role *role, const struct story *story, int64_t at_ms)
{
    return floor(role->goroutines * progress(role, story, at_ms));
}

double role_pending(const struct role *role, const struct story *story, int64_t at_ms)
{
    return floor(role->defers * progress(role, story, at_ms));
}

/* 0 … 1: least at 3 in the night. */
static double load(int64_t at_ms)
{
    double hour = fmod((double)at_ms / 3600e3, 24);
    return 0.5 - 0.5 * cos((hour - 3) / 24 * 2 * M_PI);
}

static double period_s(const struct role *role)
{
    return 20 + fmod(role->base_mib * 7.3, 90);
}

/* Heap live at a time, if a collection ended just then. */
static double live_bytes(const struct role *role, const struct story *story, int64_t at_ms)
{
    double age_s = (double)(at_ms - role_begins_ms(role, story)) / 1e3;
    double span_s = (double)(story->end_ms - story->begin_ms) / 1e3;
    double mib = role->base_mib * (1 + role->swing * load(at_ms));
    if (role->goes_up_and_down)
        mib += role->warm_mib * fmod(age_s / (span_s * 0.13), 1);
    else if (role->warm_part > 0)
        mib += role->warm_mib * (1 - exp(-age_s / (role->warm_part * span_s)));
    mib += role->grows_mib * progress(role, story, at_ms);
    return mib * MIB + LEAKED_HEAP_BYTES * role_leaked(role, story, at_ms) +
           DEFER_BYTES * role_pending(role, story, at_ms);
}

static int64_t whole(double bytes, int64_t unit)
{
    return (int64_t)(bytes / (double)unit) * unit;
}

static void put(struct samples *samples, uint32_t life, uint32_t series, double value)
{
    VECTOR_PUSH(samples, (struct sample){life, series, (int64_t)value});
}

static double goroutines_now(const struct role *role, const struct story *story, int64_t at_ms)
{
    double clients = 40 * load(at_ms) * chance(story, role->build + role->lane, at_ms / 30000);
    return 12 + floor(clients);
}

struct memory {
    double live, goal, in_use, idle, stacks, anon;
    int64_t collections;
};

static struct memory memory_at(const struct role *role, const struct story *story, int64_t at_ms)
{
    int64_t begins_ms = role_begins_ms(role, story), cycle_ms = (int64_t)(period_s(role) * 1e3);
    int64_t cycle = (at_ms - begins_ms) / cycle_ms, ended_ms = begins_ms + cycle * cycle_ms;
    double noise = 1 + 0.04 * (chance(story, role->build * 8 + role->lane, cycle) - 0.5);
    struct memory memory = {.collections = cycle + 1};
    memory.live = (double)whole(live_bytes(role, story, ended_ms) * noise, 16);
    memory.goal = fmax(4 * MIB, memory.live * 2);
    double part = (double)(at_ms - ended_ms) / (double)cycle_ms;
    memory.in_use = (double)whole(memory.live * (1.04 + 0.9 * part), 8192);
    memory.stacks =
        STACK_BYTES * (role_leaked(role, story, at_ms) + goroutines_now(role, story, at_ms));
    /* Pages come quickly and go slowly: what was needed in the last half hour is still there. */
    int64_t half_hour_ms = at_ms / 1800000 * 1800000;
    double peak = 2 * live_bytes(role, story, half_hour_ms > begins_ms ? half_hour_ms : begins_ms) *
                  (1.02 + 0.05 * chance(story, role->build, half_hour_ms));
    peak = fmax(peak, memory.in_use);
    if (role->trim_at > 0 && at_ms >= moment(story, role->trim_at) &&
        at_ms < moment(story, role->trim_at + 0.05))
        peak = memory.in_use;
    memory.idle = (double)whole(peak - memory.in_use, 8192);
    memory.anon = (double)whole(peak + memory.stacks + 9 * MIB, PAGE);
    return memory;
}

static double cpu_ms(const struct role *role, const struct story *story, int64_t at_ms)
{
    double age_s = (double)(at_ms - role_begins_ms(role, story)) / 1e3;
    double turns = 2 * M_PI / DAY_S, now = (double)at_ms / 1e3 * turns;
    double busy = 0.5 * age_s - 0.4 / turns * (sin(now) - sin(now - age_s * turns));
    return 10 * floor((fmax(0, busy) * 0.02 + age_s * 0.01) * 100 +
                      2 * chance(story, role->build, at_ms / 1000));
}

static void put_process(const struct role *role, uint32_t life, const struct story *story,
                        int64_t at_ms, const struct memory *memory, struct samples *samples)
{
    put(samples, life, SERIES_RSS, memory->anon + 11 * MIB);
    put(samples, life, SERIES_RSS_ANON, memory->anon);
    put(samples, life, SERIES_CPU, cpu_ms(role, story, at_ms));
    put(samples, life, SERIES_THREADS, 9 + (role->build % 5));
    put(samples, life, SERIES_FDS, 8 + goroutines_now(role, story, at_ms) / 2);
    if (*role->unit) {
        put(samples, life, SERIES_CGROUP, memory->anon + 31 * MIB);
        put(samples, life, SERIES_CGROUP_ANON, memory->anon + MIB);
    }
    if (role->limit_mib > 0)
        put(samples, life, SERIES_LIMIT, role->limit_mib * MIB);
}

void role_samples(const struct role *role, uint32_t life, const struct story *story, int64_t at_ms,
                  struct samples *samples)
{
    struct memory memory = memory_at(role, story, at_ms);
    double leaked = role_leaked(role, story, at_ms), pending = role_pending(role, story, at_ms);
    double others = goroutines_now(role, story, at_ms);
    put_process(role, life, story, at_ms, &memory, samples);
    if (role->blind)
        return;
    put(samples, life, SERIES_GOROUTINES, leaked + others);
    put(samples, life, SERIES_DEFERS, pending + 3);
    put(samples, life, SERIES_HEAP_LIVE, memory.live);
    put(samples, life, SERIES_HEAP_GOAL, memory.goal);
    put(samples, life, SERIES_COLLECTIONS, (double)memory.collections);
    put(samples, life, SERIES_KEPT, memory.live + memory.stacks);
    put(samples, life, SERIES_STACKS, memory.stacks);
    put(samples, life, SERIES_HEAP_IN_USE, memory.in_use);
    put(samples, life, SERIES_HEAP_IDLE, memory.idle);
    put(samples, life, SERIES_SITES + role_site(role, SITE_CLIENTS), others - 8);
    if (role->goroutines > 0)
        put(samples, life, SERIES_SITES + role_site(role, SITE_LEAK), leaked);
    if (role->defers > 0)
        put(samples, life, SERIES_SITES + role_site(role, SITE_DEFER), pending);
}
