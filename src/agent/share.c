#include "agent/share.h"

#include <math.h>

enum {
    SOON_MS = 30 * 1000,
    HALVINGS = 20
};

double share_wait_ms(const struct share *share, double cost_us)
{
    return fmin(share->most_ms, fmax(share->least_ms, share->pace * sqrt(cost_us)));
}

/* Of a core, by all. */
static double taken(const struct share *share, const double *costs_us, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += costs_us[i] / 1e3 / share_wait_ms(share, costs_us[i]);
    return sum;
}

/* A pace by which nobody waits less than that share allows: alone if all wait as long as they may, or by Σ cost / (pace · √cost) = Σ √cost / pace. */
static double slowest(const double *costs_us, size_t count, double most_ms, double share)
{
    double roots = 0, least = INFINITY;
    for (size_t i = 0; i < count; i++) {
        roots += sqrt(costs_us[i]);
        least = costs_us[i] > 0 ? fmin(least, sqrt(costs_us[i])) : least;
    }
    return isfinite(most_ms) ? most_ms / least : roots / 1e3 / share;
}

struct share share_out(const double *costs_us, size_t count, int64_t interval_ms, double share)
{
    double soon_ms = fmax(SOON_MS, (double)interval_ms), fast = 0;
    struct share out = {.pace = 0, .least_ms = soon_ms, .most_ms = soon_ms};
    if (taken(&out, costs_us, count) > share)
        out.most_ms = INFINITY;
    else
        out.least_ms = (double)interval_ms;
    if (taken(&out, costs_us, count) <= share)
        return out;
    out.pace = slowest(costs_us, count, out.most_ms, share);
    for (unsigned i = 0; i < HALVINGS; i++) { /* what is taken only falls with the pace */
        struct share faster = out;
        faster.pace = (fast + out.pace) / 2;
        if (taken(&faster, costs_us, count) <= share)
            out.pace = faster.pace;
        else
            fast = faster.pace;
    }
    return out;
}
