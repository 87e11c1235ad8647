#include "store/rollup.h"

void rollup_add(struct rollup *rollup, const struct point *point)
{
    struct points *points = rollup->points;
    int64_t at_ms =
        rollup->step_ms ? point->at_ms - (point->at_ms % rollup->step_ms) : point->at_ms;
    struct point *newest = points->length ? &points->at[points->length - 1] : NULL;
    if (rollup->any && point->at_ms <= rollup->last_ms)
        return;
    rollup->last_ms = point->at_ms;
    double sum = point->mean * point->count;
    if (!rollup->any || !rollup->step_ms || newest->at_ms != at_ms) {
        rollup->any = true;
        rollup->sum = sum;
        VECTOR_PUSH(points, *point);
        points->at[points->length - 1].at_ms = at_ms;
        return;
    }
    newest->min = point->min < newest->min ? point->min : newest->min;
    newest->max = point->max > newest->max ? point->max : newest->max;
    newest->last = point->last;
    newest->count += point->count;
    rollup->sum += sum;
    newest->mean = rollup->sum / newest->count;
}

void rollup_samples(const struct timed *samples, size_t count, int64_t step_ms,
                    struct points *points_ret)
{
    struct rollup rollup = {.step_ms = step_ms, .points = points_ret};
    for (size_t i = 0; i < count; i++) {
        int64_t value = samples[i].value;
        struct point point = {samples[i].at_ms, value, value, value, (double)value, 1};
        rollup_add(&rollup, &point);
    }
}
