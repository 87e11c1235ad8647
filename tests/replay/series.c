#include "series.h"

#include <math.h>

const char *const shape_names[SHAPE_COUNT] = {
    "flat",        "daily swing",   "warm-up of hours", "warm-up of days",
    "logarithmic", "filling cache", "slow wander"};

static const double day_s = 86400;
static const double mib = 1 << 20;

/* xorshift64* (Vigna 2016) */
static uint64_t random_next(struct random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(2685821657736338717);
}

double random_uniform(struct random *random)
{
    return (double)(random_next(random) >> 11) / 9007199254740992.0;
}

double random_normal(struct random *random)
{
    double u = random_uniform(random), v = random_uniform(random);
    return sqrt(-2 * log(1 - u)) * cos(2 * M_PI * v);
}

static double between(struct random *random, double low, double high)
{
    return low + (high - low) * random_uniform(random);
}

void series_init(struct series *series, enum shape shape, double leak_mib_day, uint64_t seed)
{
    struct random random = {seed * UINT64_C(0x9e3779b97f4a7c15) + 88172645463325252};
    for (unsigned i = 0; i < 8; i++)
        random_next(&random);
    *series = (struct series){.shape = shape, .leak_mib_day = leak_mib_day};
    series->base_mib = between(&random, 300, 500);
    series->noise_mib = between(&random, 1, 5);
    series->phase_h = between(&random, 0, 24);
    series->swing_mib = shape == SHAPE_DAILY ? between(&random, 20, 80) : between(&random, 0, 10);
    series->tau_h =
        shape == SHAPE_WARM_SHORT ? between(&random, 0.2, 1.5) : between(&random, 5, 40);
    series->fill_mib = between(&random, 40, 160);
    series->fill_h = between(&random, 4, 72);
    series->wander_mib = shape == SHAPE_WANDER ? between(&random, 4, 15) : 0;
    series->random = random;
}

void series_scale(struct series *series, double amount, double time)
{
    series->fill_mib *= amount;
    series->fill_h *= time;
    series->tau_h *= time;
}

void series_vary(struct series *series)
{
    double amount = between(&series->random, 0.9, 1.1), time = between(&series->random, 0.9, 1.1);
    for (unsigned skip = 0; skip < 1000; skip++)
        random_next(&series->random);
    series_scale(series, amount, time);
}

static double shape_mib(const struct series *series, double age_h)
{
    switch (series->shape) {
    case SHAPE_WARM_SHORT:
    case SHAPE_WARM_LONG:
        return series->fill_mib * (1 - exp(-age_h / series->tau_h));
    case SHAPE_LOGARITHM:
        return series->fill_mib / 5 * log1p(age_h / series->tau_h * 4);
    case SHAPE_CACHE:
        return series->fill_mib * fmin(1, age_h / series->fill_h);
    default:
        return 0;
    }
}

struct reading series_next(struct series *series, double age_s, double step_s)
{
    double age_h = age_s / 3600;
    double load = 0.5 + 0.5 * sin(2 * M_PI * (age_h + series->phase_h) / 24);
    load = fmax(0, load + 0.05 * random_normal(&series->random));
    double keep = exp(-step_s / 300), keep_slow = exp(-step_s / (12 * 3600.0));
    series->noise = keep * series->noise + sqrt(1 - keep * keep) * random_normal(&series->random);
    if (series->wander_mib > 0)
        series->wander = keep_slow * series->wander +
                         sqrt(1 - keep_slow * keep_slow) * random_normal(&series->random);
    double live_mib = series->base_mib + shape_mib(series, age_h) + series->swing_mib * load +
                      series->noise_mib * series->noise + series->wander_mib * series->wander +
                      series->leak_mib_day * age_s / day_s;
    series->collections += random_uniform(&series->random) < step_s / 20 * (0.2 + load);
    return (struct reading){.heap_live_bytes = live_mib * mib,
                            .cpu_share = 0.02 + 0.5 * load,
                            .collections = series->collections};
}
