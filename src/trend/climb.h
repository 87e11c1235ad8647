/* Does a process's memory climb, or does it warm up, settle, swing with the load? The method and its reasons: docs/watching.md. Pure: whoever has samples feeds them, in the order of
 * time, and asks when a look is due; a replay does the same with a fast clock. Some 12 KB per process at the most, at first far less. */
#ifndef SEEP_TREND_CLIMB_H
#define SEEP_TREND_CLIMB_H

#include <stdbool.h>
#include <stdint.h>

#include "trend/floors.h"

enum trend_state {
    TREND_UNKNOWN,    /* too young for a look */
    TREND_WARMING_UP, /* it grows, and it is too early to say where to */
    TREND_SETTLING,   /* it grows ever more slowly, towards `plateau_bytes` */
    TREND_STEADY,
    TREND_CLIMBING
};

struct trend_sample {
    int64_t at_ms; /* age of the process: the clock counts suspended time and is never set */
    double value_bytes;
    double cpu_share;     /* NAN unknown */
    uint64_t collections; /* so far */
    bool collections_known;
};

/* NAN: unknown. */
struct trend_verdict {
    enum trend_state state;
    bool suspicious; /* z ≥ 2: reason for a closer look */
    double
        z; /* how many standard errors the slope is over zero, in the model that doubts it most */
    double slope_per_s, slope_low, slope_high; /* 95 % */
    double plateau_bytes;
    double to_limit_s, to_limit_low_s, to_limit_high_s; /* INFINITY: never */
    int64_t line_from_ms, line_to_ms;                   /* ages; the line to draw */
    double line_from_bytes, line_to_bytes;
    int64_t warm_up_ends_ms; /* age; 0 unknown */
    bool called;             /* it climbs, and this is the look that says so first */
    bool resolved;           /* what was called has ended */
};

struct trend {
    struct floors floors;
    int64_t next_look_ms;
    int64_t from_ms; /* a trim begins a new window */
    double last_value;
    bool sure;   /* the last look was sure that it climbs */
    bool climbs; /* called and not resolved */
};

void trend_init(struct trend *trend);
void trend_deinit(struct trend *trend);

/* True if memory fell by more than half: a trim. */
bool trend_add(struct trend *trend, const struct trend_sample *sample);

/* A bucket as it was stored, after a restart of the agent: before any sample, in the order of time. */
void trend_restore(struct trend *trend, int64_t at_ms, double floor_bytes, double cpu_share);

bool trend_is_due(const struct trend *trend, int64_t age_ms);

/* Looks. `headroom_bytes`: how much more memory fits under the limit; INFINITY: none is known. `earlier`: floors of an earlier life by its age, or NULL. */
void trend_look(struct trend *trend, int64_t age_ms, double headroom_bytes,
                const struct floors *earlier, struct trend_verdict *verdict_ret);

#endif
