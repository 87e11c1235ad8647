/* Replays made-up series through the very code that the agent judges by (src/trend), with a fast clock, and prints what was called: leaks that are none, by shape, and how
 * long a real one took, by size.
 *
 *   replay [--weeks N] [--history N] [--lives N] [--seed N] [--step SECONDS]
 *
 * --weeks: process-weeks without a leak, in all; --history: with a life before (default: a quarter as many); --lives: processes with one, for each size and shape. A false call is
 * named on standard error, to be looked into. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "series.h"
#include "trend/accumulation.h"
#include "trend/climb.h"

static const double week_s = 7 * 86400.0;
static const double hour_s = 3600;
static const double headroom_bytes = 8.0 * (1 << 30);

struct options {
    unsigned weeks, history_weeks, lives;
    uint64_t seed;
    double step_s;
};

/* Lives one life until it is called or over. Returns the age at the call in seconds; NAN: none. With `floors_ret` it is not looked at, and that gets what it left; may be NULL. */
static double live(struct series *series, double length_s, double step_s,
                   const struct floors *earlier, struct floors *floors_ret)
{
    struct trend trend;
    double called_s = (double)NAN;
    trend_init(&trend);
    for (double age_s = 10; age_s < length_s; age_s += step_s) {
        struct reading reading = series_next(series, age_s, step_s);
        struct trend_sample sample = {.at_ms = (int64_t)(age_s * 1e3),
                                      .value_bytes = reading.heap_live_bytes,
                                      .cpu_share = reading.cpu_share,
                                      .collections = reading.collections,
                                      .collections_known = true};
        struct trend_verdict verdict;
        trend_add(&trend, &sample);
        if (floors_ret || !trend_is_due(&trend, sample.at_ms))
            continue;
        trend_look(&trend, sample.at_ms, headroom_bytes, earlier, &verdict);
        if (verdict.called) {
            called_s = age_s;
            break;
        }
    }
    if (floors_ret) {
        *floors_ret = trend.floors;
        floors_init(&trend.floors);
    }
    trend_deinit(&trend);
    return called_s;
}

struct tally {
    unsigned calls, weeks;
};

/* Lives of two weeks without a leak; with_history: after one more of the same program. `scale`: of what fills up, and of the time that it takes. */
static struct tally count_false_calls(const struct options *options, enum shape shape,
                                      unsigned weeks, bool with_history, double scale)
{
    struct tally tally = {0};
    for (; tally.weeks < weeks; tally.weeks += 2) {
        struct series series, before;
        struct floors earlier;
        series_init(&series, shape, 0,
                    options->seed * 1000003 + tally.weeks * 31 + (unsigned)shape);
        series_scale(&series, scale, scale);
        before = series;
        floors_init(&earlier);
        if (with_history) {
            series_vary(&before);
            live(&before, 2 * week_s, options->step_s, NULL, &earlier);
        }
        double called_s =
            live(&series, 2 * week_s, options->step_s, with_history ? &earlier : NULL, NULL);
        tally.calls += !isnan(called_s);
        if (!isnan(called_s) && scale == 1)
            fprintf(stderr, "called: %s, seed %" PRIu64 ", week %u, after %.1f d\n",
                    shape_names[shape], options->seed, tally.weeks, called_s / 86400);
        floors_deinit(&earlier);
    }
    return tally;
}

/* The mean at which so few calls or fewer come in one of twenty: the end of a one-sided 95 % interval, as of Poisson's counts. */
static double most_calls(unsigned calls)
{
    double low = calls, high = 3 * calls + 10;
    for (unsigned round = 0; round < 60; round++) {
        double mean = (low + high) / 2, part = exp(-mean), sum = part;
        for (unsigned k = 1; k <= calls; k++) {
            part *= mean / k;
            sum += part;
        }
        if (sum > 0.05)
            low = mean;
        else
            high = mean;
    }
    return high;
}

static void print_tally(const char *name, struct tally tally)
{
    double weeks = tally.weeks ? tally.weeks : 1;
    printf("%-20s %8u %12u   %.3f %% per process-week, under %.3f %%\n", name, tally.weeks,
           tally.calls, 100 * tally.calls / weeks, 100 * most_calls(tally.calls) / weeks);
    fflush(stdout);
}

static void print_false_calls(const struct options *options, unsigned weeks, bool with_history)
{
    struct tally all = {0};
    printf("%-20s %8s %12s\n", with_history ? "with a life before" : "without a leak", "weeks",
           "false calls");
    for (enum shape shape = SHAPE_FLAT; shape < SHAPE_COUNT; shape++) {
        struct tally tally =
            count_false_calls(options, shape, weeks / SHAPE_COUNT, with_history, 1);
        printf("%-20s %8u %12u\n", shape_names[shape], tally.weeks, tally.calls);
        fflush(stdout);
        all.calls += tally.calls;
        all.weeks += tally.weeks;
    }
    print_tally("in all", all);
    printf("\n");
}

/* What fills up with more, and for longer, than the method takes for possible. */
static void print_beyond(const struct options *options)
{
    static const double scales[] = {1.25, 1.5, 2};
    for (size_t i = 0; i < LENGTH_OF(scales); i++) {
        char name[32];
        snprintf(name, sizeof(name), "cache, %.2f times", scales[i]);
        print_tally(name,
                    count_false_calls(options, SHAPE_CACHE, options->weeks / 35, false, scales[i]));
    }
    printf("\n");
}

static int by_size(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void print_time(double seconds)
{
    if (!isfinite(seconds))
        printf("%9s", "> 4 w");
    else if (seconds < 48 * hour_s)
        printf("%7.1f h", seconds / hour_s);
    else
        printf("%7.1f d", seconds / 86400);
}

static void time_to_call(const struct options *options, double leak_mib_day, bool with_history)
{
    static const enum shape shapes[] = {SHAPE_DAILY, SHAPE_WARM_SHORT, SHAPE_FLAT, SHAPE_WARM_LONG};
    double *times = xcalloc(options->lives * LENGTH_OF(shapes), sizeof(*times));
    size_t count = 0;
    for (unsigned i = 0; i < options->lives; i++) {
        for (size_t k = 0; k < LENGTH_OF(shapes); k++) {
            struct series series;
            struct floors earlier;
            uint64_t seed = options->seed * 7919 + i * 101 + k;
            floors_init(&earlier);
            if (with_history) { /* the same program without the leak: the release before */
                series_init(&series, shapes[k], 0, seed);
                live(&series, 2 * week_s, options->step_s, NULL, &earlier);
                series_init(&series, shapes[k], leak_mib_day, seed);
                for (unsigned skip = 0; skip < 1000; skip++)
                    random_normal(&series.random); /* alike, not the same */
            } else {
                series_init(&series, shapes[k], leak_mib_day, seed);
            }
            double called_s =
                live(&series, 4 * week_s, options->step_s, with_history ? &earlier : NULL, NULL);
            times[count++] = isnan(called_s) ? (double)INFINITY : called_s;
            floors_deinit(&earlier);
        }
    }
    qsort(times, count, sizeof(*times), by_size);
    print_time(times[count / 2]);
    print_time(times[count * 9 / 10]);
    free(times);
}

static void print_counts(uint64_t seed);

static struct options parse(int argc, char **argv)
{
    struct options options = {
        .weeks = 7000, .history_weeks = UINT_MAX, .lives = 40, .seed = 1, .step_s = 10};
    for (int i = 1; i + 1 < argc; i += 2) {
        double number = strtod(argv[i + 1], NULL);
        if (!strcmp(argv[i], "--weeks"))
            options.weeks = (unsigned)number;
        else if (!strcmp(argv[i], "--history"))
            options.history_weeks = (unsigned)number;
        else if (!strcmp(argv[i], "--lives"))
            options.lives = (unsigned)number;
        else if (!strcmp(argv[i], "--seed"))
            options.seed = (uint64_t)number;
        else if (!strcmp(argv[i], "--step"))
            options.step_s = number;
    }
    if (options.history_weeks == UINT_MAX)
        options.history_weeks = options.weeks / 4;
    return options;
}

int main(int argc, char **argv)
{
    static const double leaks[] = {1000, 100, 50, 20, 10};
    struct options options = parse(argc, argv);
    print_false_calls(&options, options.weeks, false);
    print_false_calls(&options, options.history_weeks, true);
    print_beyond(&options);
    printf("%-20s %9s%9s   %9s%9s\n", "time to call", "median", "90 %", "history:", "90 %");
    for (size_t i = 0; options.lives && i < LENGTH_OF(leaks); i++) {
        printf("%6.0f MiB a day      ", leaks[i]);
        time_to_call(&options, leaks[i], false);
        printf("   ");
        time_to_call(&options, leaks[i], true);
        printf("\n");
        fflush(stdout);
    }
    print_counts(options.seed);
    return 0;
}

/* ---- counts */

enum crowd {
    CROWD_POOL,  /* fills up to a bound */
    CROWD_RAMP,  /* clients that connect, ever fewer, and stay */
    CROWD_SWING, /* come and go over the day */
    CROWD_BURST, /* a thousand at once, that stay */
    CROWD_COUNT
};
static const char *const crowd_names[] = {"pool fills", "clients ramp up", "daily swing",
                                          "a burst stays"};

static double crowd_at(enum crowd crowd, double age_s)
{
    switch (crowd) {
    case CROWD_POOL:
        return fmin(200, age_s / 5);
    case CROWD_RAMP:
        return 500 * (1 - exp(-age_s / 1200));
    case CROWD_SWING:
        return 200 + 150 * sin(age_s / 86400 * 2 * M_PI);
    default:
        return age_s > 5000 ? 1000 : 20;
    }
}

/* The first age at which a state is reached; NAN: never. */
static double state_reached(enum accumulation_state wanted, int crowd, double every_s,
                            double length_s)
{
    struct accumulation rise;
    uint32_t before = 0;
    accumulation_init(&rise);
    for (double age_s = 10; age_s < length_s; age_s += 10) {
        uint32_t count =
            (uint32_t)(crowd < 0 ? age_s / every_s : crowd_at((enum crowd)crowd, age_s));
        uint32_t went = before > count ? before - count : 0;
        if (accumulation_add(&rise, (int64_t)(age_s * 1e3), count, went) >= wanted)
            return age_s;
        before = count;
    }
    return (double)NAN;
}

static void print_reached(double age_s)
{
    if (isnan(age_s))
        printf("%12s", "never");
    else
        printf("%10.1f m", age_s / 60);
}

static void print_counts(uint64_t seed)
{
    static const double every[] = {10, 60, 360};
    (void)seed; /* nothing is drawn: counts are nearly free of noise */
    printf("\n%-20s %12s%12s%12s\n", "counts", "rises", "steady", "lasts");
    for (enum crowd crowd = CROWD_POOL; crowd < CROWD_COUNT; crowd++) {
        printf("%-20s ", crowd_names[crowd]);
        print_reached(state_reached(ACCUMULATION_RISES, (int)crowd, 0, week_s));
        print_reached(state_reached(ACCUMULATION_STEADY, (int)crowd, 0, week_s));
        print_reached(state_reached(ACCUMULATION_LASTS, (int)crowd, 0, week_s));
        printf("\n");
    }
    for (size_t i = 0; i < LENGTH_OF(every); i++) {
        printf("leak of one per %-4.0f ", every[i]);
        print_reached(state_reached(ACCUMULATION_RISES, -1, every[i], week_s));
        print_reached(state_reached(ACCUMULATION_STEADY, -1, every[i], week_s));
        print_reached(state_reached(ACCUMULATION_LASTS, -1, every[i], week_s));
        printf("\n");
    }
}
