/* Made-up memory of processes: a shape that is known to leak nothing, and a leak of a known size upon it, drawn anew for each seed. */
#ifndef SEEP_TESTS_REPLAY_SERIES_H
#define SEEP_TESTS_REPLAY_SERIES_H

#include <stdbool.h>
#include <stdint.h>

enum shape {
    SHAPE_FLAT,
    SHAPE_DAILY,      /* follows a load that swings over the day */
    SHAPE_WARM_SHORT, /* fills up within an hour or two */
    SHAPE_WARM_LONG,  /* within a day or two */
    SHAPE_LOGARITHM,  /* ever more slowly, without an end */
    SHAPE_CACHE,      /* fills steadily up to a bound, then stays */
    SHAPE_WANDER,     /* slowly up and down */
    SHAPE_COUNT
};

extern const char *const shape_names[SHAPE_COUNT];

struct random {
    uint64_t state;
};
double random_uniform(struct random *random); /* [0, 1) */
double random_normal(struct random *random);

/* One process. */
struct series {
    enum shape shape;
    struct random random;
    double base_mib, leak_mib_day;
    double swing_mib, phase_h, tau_h, fill_mib, fill_h;
    double noise_mib, wander_mib, wander; /* the last is a state */
    double noise;                         /* a state: correlated over a few minutes */
    uint64_t collections;
};

struct reading {
    double heap_live_bytes, cpu_share;
    uint64_t collections;
};

void series_init(struct series *series, enum shape shape, double leak_mib_day, uint64_t seed);

/* Multiplies how much it fills up with, and how long that takes. */
void series_scale(struct series *series, double amount, double time);

/* Another life of the same program: what it fills up with and how fast differ by up to a tenth, and the noise. */
void series_vary(struct series *series);

/* The next reading, at an age; `step_s` after the one before. */
struct reading series_next(struct series *series, double age_s, double step_s);

#endif
