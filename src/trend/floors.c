#include "trend/floors.h"

#include <math.h>

enum {
    WIDEN_MOST = 8, /* a bucket without enough collections grows to so many widths */
    GAP_MOST = 4    /* after a gap of so many widths a new bucket begins */
};

static const double mib = 1 << 20;
static const double hour_ms = 3600e3;

void floors_init(struct floors *floors)
{
    *floors = (struct floors){.bucket_ms = FLOOR_BUCKET_MS, .from_ms = -1};
}

void floors_deinit(struct floors *floors)
{
    VECTOR_DEINIT(&floors->points);
}

void floors_clear(struct floors *floors)
{
    floors->points.length = 0;
    floors->bucket_ms = FLOOR_BUCKET_MS;
    floors->from_ms = -1;
}

/* Two become one: the lower floor, the mean load. */
static void halve(struct floors *floors)
{
    struct floor_points *points = &floors->points;
    size_t kept = 0;
    for (size_t i = 0; i + 1 < points->length; i += 2) {
        struct floor_point a = points->at[i], b = points->at[i + 1];
        points->at[kept++] =
            (struct floor_point){.at_h = (a.at_h + b.at_h) / 2,
                                 .floor_mib = a.floor_mib < b.floor_mib ? a.floor_mib : b.floor_mib,
                                 .cpu = isnan(a.cpu)   ? b.cpu
                                        : isnan(b.cpu) ? a.cpu
                                                       : (a.cpu + b.cpu) / 2};
    }
    points->length = kept;
    floors->bucket_ms *= 2;
}

static void push(struct floors *floors, double at_ms, double floor_bytes, double cpu)
{
    if (floors->points.length == FLOORS_MAX)
        halve(floors);
    VECTOR_PUSH(&floors->points, (struct floor_point){.at_h = (float)(at_ms / hour_ms),
                                                      .floor_mib = (float)(floor_bytes / mib),
                                                      .cpu = (float)cpu});
}

static void finish(struct floors *floors, int64_t end_ms)
{
    if (floors->samples)
        push(floors, ((double)floors->from_ms + (double)end_ms) / 2, floors->lowest,
             floors->cpu_count ? floors->cpu_sum / floors->cpu_count : (double)NAN);
    floors->from_ms = -1;
}

static void begin(struct floors *floors, int64_t at_ms, uint64_t collections)
{
    floors->from_ms = at_ms - at_ms % floors->bucket_ms;
    floors->lowest = (double)INFINITY;
    floors->cpu_sum = 0;
    floors->cpu_count = floors->samples = 0;
    floors->collections_from = collections;
}

static bool is_complete(const struct floors *floors, int64_t at_ms, bool collections_known,
                        uint64_t collections)
{
    int64_t passed_ms = at_ms - floors->from_ms;
    if (passed_ms < floors->bucket_ms)
        return false;
    return !collections_known || passed_ms >= WIDEN_MOST * floors->bucket_ms ||
           collections - floors->collections_from >= FLOOR_COLLECTIONS;
}

void floors_add(struct floors *floors, int64_t at_ms, double value_bytes, double cpu_share,
                bool collections_known, uint64_t collections)
{
    if (!isfinite(value_bytes) || at_ms < 0)
        return;
    if (floors->from_ms >= 0 && at_ms < floors->from_ms)
        floors->from_ms = -1; /* another clock: what was begun is dropped */
    if (floors->from_ms >= 0 && is_complete(floors, at_ms, collections_known, collections)) {
        int64_t whole_ms = floors->from_ms + floors->bucket_ms;
        bool gap = at_ms - whole_ms > GAP_MOST * floors->bucket_ms && !collections_known;
        finish(floors, gap ? whole_ms : at_ms - at_ms % floors->bucket_ms);
    }
    if (floors->from_ms < 0)
        begin(floors, at_ms, collections);
    floors->samples++;
    if (value_bytes < floors->lowest)
        floors->lowest = value_bytes;
    if (isfinite(cpu_share)) {
        floors->cpu_sum += cpu_share;
        floors->cpu_count++;
    }
}

void floors_restore(struct floors *floors, int64_t at_ms, double floor_bytes, double cpu_share)
{
    if (isfinite(floor_bytes) && at_ms >= 0)
        push(floors, (double)at_ms + floors->bucket_ms / 2.0, floor_bytes, cpu_share);
}

/* The points around an age, which are one and the same if it is that of a point. Returns the share of the way from the first to the second; NAN outside. */
static double find(const struct floors *floors, double at_h, const struct floor_point **from_ret,
                   const struct floor_point **to_ret)
{
    const struct floor_points *points = &floors->points;
    size_t low = 0, high = points->length;
    while (low < high) { /* the first that is not before it */
        size_t middle = low + (high - low) / 2;
        if (points->at[middle].at_h < at_h)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == points->length || (!low && points->at[low].at_h != at_h))
        return (double)NAN;
    *to_ret = &points->at[low];
    *from_ret = low ? *to_ret - 1 : *to_ret;
    return low ? (at_h - (*from_ret)->at_h) / ((*to_ret)->at_h - (*from_ret)->at_h) : 0;
}

double floors_at(const struct floors *floors, double at_h)
{
    const struct floor_point *from, *to;
    double share = find(floors, at_h, &from, &to);
    return isnan(share) ? share
                        : (from->floor_mib + share * (to->floor_mib - from->floor_mib)) * mib;
}

double floors_cpu_at(const struct floors *floors, double at_h)
{
    const struct floor_point *from, *to;
    double share = find(floors, at_h, &from, &to);
    return isnan(share) ? share : from->cpu + share * (to->cpu - from->cpu);
}
