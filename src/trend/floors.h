/* The floor of a series: its minimum per bucket of 15 minutes, where a bucket holds at least three garbage collections, with the mean load beside it. In bounded memory: when all buckets are used, two become
 * one. */
#ifndef SEEP_TREND_FLOORS_H
#define SEEP_TREND_FLOORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vector.h"

enum {
    FLOOR_BUCKET_MS = 15 * 60 * 1000,
    FLOORS_MAX = 1024,
    FLOOR_COLLECTIONS = 3
};

struct floor_point {
    float at_h; /* middle of the bucket, hours of age */
    float floor_mib;
    float cpu; /* mean share; NAN unknown */
};

struct floors {
    struct floor_points VECTOR_OF(struct floor_point) points; /* those that are complete */
    int64_t bucket_ms;
    /* The bucket that is being filled. */
    int64_t from_ms; /* -1: none */
    double lowest, cpu_sum;
    uint32_t cpu_count, samples;
    uint64_t collections_from;
};

void floors_init(struct floors *floors);
void floors_deinit(struct floors *floors);
void floors_clear(struct floors *floors);

void floors_add(struct floors *floors, int64_t at_ms, double value_bytes, double cpu_share,
                bool collections_known, uint64_t collections);

/* A complete bucket. */
void floors_restore(struct floors *floors, int64_t at_ms, double floor_bytes, double cpu_share);

/* The floor at an age, between its neighbours; NAN outside. */
double floors_at(const struct floors *floors, double at_h);

/* The load likewise; NAN also where it is unknown. */
double floors_cpu_at(const struct floors *floors, double at_h);

#endif
