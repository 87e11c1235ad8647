/* A look: the floors are fitted with a line and, beside it, with a line and a curve that settles. It climbs only if every one of these that the data do not speak against says so. The
 * reasons stand in docs/watching.md. */
#include "trend/climb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "trend/fit.h"

enum {
    FIRST_LOOK_MS = 4 * 3600 * 1000,
    EXPONENTIALS = 8,
    LOGARITHMS = 5,
    FILLS = 3,
    LINE_POINTS = 96,
    START_PART = 64,
    TRIM_SHARE = 2
};
_Static_assert(EXPONENTIALS + LOGARITHMS + FILLS == FIT_CURVES_MAX, "room for all curves");

static const double z_call = 4; /* a look: under 0.01 over all looks of a life */
static const double z_suspect = 2;
static const double z_history = 2; /* of the plain test, beside the one against an earlier life */
static const double look_factor = 1.08;
/* Something bounded that fills evenly looks like a leak until it is full. It is taken for possible that it fills for so long, and with so much: the share of what was there before it times the
 * days; and that it differs by so much from one life to the next. The values follow from how soon climbs are to be called; replay says what they let through. */
static const double fill_share_days = 1.4, fill_differs_share_days = 0.4;
static const double mib = 1 << 20;
static const double hour_ms = 3600e3;
static const double month_s = 30 * 86400.0;
static const double size_share = 0.05; /* of the floor in a month */
static const double daily_from_h = 36;
static const double overlap_least_h = 4;
static const double settled_share = 0.05;
static const double nothing_mib = 0.25;

void trend_init(struct trend *trend)
{
    *trend = (struct trend){.next_look_ms = FIRST_LOOK_MS};
    floors_init(&trend->floors);
}

void trend_deinit(struct trend *trend)
{
    floors_deinit(&trend->floors);
}

bool trend_add(struct trend *trend, const struct trend_sample *sample)
{
    bool trim = trend->last_value > 0 && sample->value_bytes < trend->last_value / TRIM_SHARE &&
                trend->last_value > 8 * mib;
    if (trim) {
        floors_clear(&trend->floors);
        trend->from_ms = sample->at_ms;
        trend->climbs = false;
        trend->next_look_ms = sample->at_ms + FIRST_LOOK_MS;
    }
    trend->last_value = sample->value_bytes;
    floors_add(&trend->floors, sample->at_ms, sample->value_bytes, sample->cpu_share,
               sample->collections_known, sample->collections);
    return trim;
}

void trend_restore(struct trend *trend, int64_t at_ms, double floor_bytes, double cpu_share)
{
    floors_restore(&trend->floors, at_ms, floor_bytes, cpu_share);
}

bool trend_is_due(const struct trend *trend, int64_t age_ms)
{
    return age_ms >= trend->next_look_ms;
}

static void set_next_look(struct trend *trend, int64_t age_ms)
{
    double since = (double)(age_ms - trend->from_ms);
    trend->next_look_ms = trend->from_ms + (int64_t)(since * look_factor);
}

/* ---- designs */

static bool load_is_known(const struct floor_points *points)
{
    double lowest = INFINITY, highest = -INFINITY;
    for (size_t i = 0; i < points->length; i++) {
        if (!isfinite(points->at[i].cpu))
            return false;
        lowest = fmin(lowest, points->at[i].cpu);
        highest = fmax(highest, points->at[i].cpu);
    }
    return highest > lowest + 1e-3;
}

static double *add_column(struct design *design)
{
    return design->x[design->columns++];
}

static double *add_curve(struct design *design)
{
    return design->curve[design->curves++];
}

/* Constant, time, load, time of day. `first`: the row to begin with. */
static void make_design(const struct floor_points *points, size_t first, struct design *design)
{
    size_t rows = points->length - first;
    const struct floor_point *at = points->at + first;
    rows = rows < FIT_ROWS_MAX ? rows : FIT_ROWS_MAX;
    design->rows = rows;
    design->columns = 2;
    design->curves = 0;
    for (size_t i = 0; i < rows; i++) {
        design->at_h[i] = at[i].at_h;
        design->y[i] = at[i].floor_mib;
        design->x[0][i] = 1;
        design->x[1][i] = at[i].at_h;
    }
    if (load_is_known(points)) {
        double *column = add_column(design);
        for (size_t i = 0; i < rows; i++)
            column[i] = at[i].cpu;
    }
    if (rows && at[rows - 1].at_h - at[0].at_h >= daily_from_h) {
        double *sine = add_column(design), *cosine = add_column(design);
        for (size_t i = 0; i < rows; i++) {
            double angle = 2 * M_PI * at[i].at_h / 24;
            sine[i] = sin(angle);
            cosine[i] = cos(angle);
        }
    }
}

static double span_h(const struct floor_points *points)
{
    return points->length ? points->at[points->length - 1].at_h - points->at[0].at_h : 0;
}

/* The row that comes after the start. What a program does in the first hour is no measure of the errors of a week, and too short for any of the curves; taken for an error it makes all look like wandering. */
static size_t after_start(const struct floor_points *points)
{
    size_t row = 0;
    while (row < points->length &&
           points->at[row].at_h - points->at[0].at_h < span_h(points) / START_PART)
        row++;
    return row;
}

/* Curves that settle. 1 − exp(−t/τ), τ from a 64th of the span to twice the span. */
static double *add_exponentials(struct design *design, double *taus_ret)
{
    double begin = design->at_h[0], span = design->at_h[design->rows - 1] - begin;
    for (int n = 0; n < EXPONENTIALS; n++) {
        double tau_h = span * ldexp(1, n - EXPONENTIALS + 2), *column = add_curve(design);
        *taus_ret++ = tau_h;
        for (size_t i = 0; i < design->rows; i++)
            column[i] = -expm1(-(design->at_h[i] - begin) / tau_h);
    }
    return taus_ret;
}

/* log(1 + t/s), s from a quarter of an hour to the span. */
static double *add_logarithms(struct design *design, double *taus_ret)
{
    double span = design->at_h[design->rows - 1] - design->at_h[0];
    for (int n = 0; n < LOGARITHMS; n++) {
        double scale_h = 0.25 * pow(4 * span, (double)n / (LOGARITHMS - 1));
        double *column = add_curve(design);
        *taus_ret++ = (double)NAN;
        for (size_t i = 0; i < design->rows; i++)
            column[i] = log1p(design->at_h[i] / scale_h);
    }
    return taus_ret;
}

/* What fills evenly, and has been full since a part of the span. */
static double *add_fills(struct design *design, double *taus_ret)
{
    static const double parts[FILLS] = {0.25, 0.5, 0.667};
    double begin = design->at_h[0], span = design->at_h[design->rows - 1] - begin;
    for (int n = 0; n < FILLS; n++) {
        double full_h = begin + parts[n] * span, *column = add_curve(design);
        *taus_ret++ = (double)NAN;
        for (size_t i = 0; i < design->rows; i++)
            column[i] = fmin(design->at_h[i], full_h);
    }
    return taus_ret;
}

/* ---- the models together */

struct models {
    struct fit fits[FIT_NOISES][FIT_LINES_MAX];
    double taus_h[FIT_LINES_MAX]; /* NAN: it has none */
    struct fit best;
    unsigned best_line;
    double curve; /* its coefficient of the curve */
};

static void fit_models(struct design *design, struct models *models)
{
    models->best = (struct fit){.known = false};
    models->best_line = 0;
    models->taus_h[0] = (double)NAN;
    add_fills(design, add_logarithms(design, add_exponentials(design, models->taus_h + 1)));
    for (unsigned noise = 0; noise < FIT_NOISES; noise++) {
        fit_lines(design, noise, models->fits[noise]);
        for (unsigned line = 0; line < FIT_LINES_MAX; line++) {
            const struct fit *fit = &models->fits[noise][line];
            if (!fit->known || (models->best.known && fit->aic >= models->best.aic))
                continue;
            models->best = *fit;
            models->best_line = line;
        }
    }
    fit_choose(models->fits);
    models->curve = models->best_line ? models->best.beta[design->columns] : 0;
}

/* The doubts of all that count: the least z, the widest interval. */
static void sum_up(const struct models *models, struct trend_verdict *verdict)
{
    double low = INFINITY, high = -INFINITY;
    verdict->z = INFINITY;
    for (unsigned noise = 0; noise < FIT_NOISES; noise++) {
        for (unsigned line = 0; line < FIT_LINES_MAX; line++) {
            const struct fit *fit = &models->fits[noise][line];
            if (!fit->counts)
                continue;
            verdict->z = fmin(verdict->z, fit->z);
            low = fmin(low, fit->slope - fit->t95 * fit->error);
            high = fmax(high, fit->slope + fit->t95 * fit->error);
        }
    }
    verdict->slope_per_s = models->best.slope * mib / 3600;
    verdict->slope_low = low * mib / 3600;
    verdict->slope_high = high * mib / 3600;
}

/* Against an earlier life at the same age: the line through the difference, with the difference in load; not known if they do not overlap enough. */
static struct fit fit_difference(const struct floors *floors, const struct floors *earlier,
                                 struct design *design)
{
    const struct floor_points *points = &floors->points;
    bool load = load_is_known(points) && load_is_known(&earlier->points);
    design->rows = design->curves = 0;
    design->columns = load ? 3 : 2;
    for (size_t i = after_start(points); i < points->length && design->rows < FIT_ROWS_MAX; i++) {
        double before = floors_at(earlier, points->at[i].at_h);
        size_t row = design->rows;
        if (!isfinite(before))
            continue;
        design->at_h[row] = design->x[1][row] = points->at[i].at_h;
        design->x[0][row] = 1;
        design->x[2][row] = points->at[i].cpu - floors_cpu_at(earlier, points->at[i].at_h);
        design->y[row] = points->at[i].floor_mib - before / mib;
        design->rows++;
    }
    if (design->rows < 2 || design->at_h[design->rows - 1] - design->at_h[0] < overlap_least_h)
        return (struct fit){.known = false};
    struct fit fit = fit_line(design);
    if (!fit.known && load) { /* the load was the same */
        design->columns = 2;
        fit = fit_line(design);
    }
    return fit;
}

/* ---- what follows */

static bool is_large(const struct trend *trend, const struct trend_verdict *verdict,
                     double headroom_bytes)
{
    const struct floor_points *points = &trend->floors.points;
    double floor_bytes = points->at[points->length - 1].floor_mib * mib;
    return verdict->slope_per_s * month_s > size_share * floor_bytes ||
           headroom_bytes < verdict->slope_per_s * month_s;
}

static double time_to(double headroom_bytes, double slope_per_s)
{
    return slope_per_s > 0 && isfinite(headroom_bytes) ? fmax(0, headroom_bytes) / slope_per_s
                                                       : (double)INFINITY;
}

static int by_size(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_size);
    return count ? values[count / 2] : (double)NAN;
}

/* Theil and Sen: the median of all slopes between two points; only for the eye. */
static void draw_line(const struct floor_points *points, size_t first,
                      struct trend_verdict *verdict)
{
    size_t rows = points->length - first, count = 0;
    size_t stride = rows / LINE_POINTS + 1;
    double *slopes = xmalloc(sizeof(double) * LINE_POINTS * (LINE_POINTS + 1));
    double offsets[LINE_POINTS + 1];
    size_t used = 0;
    for (size_t i = first; i < points->length; i += stride) {
        for (size_t k = first; k < i; k += stride) {
            double step = points->at[i].at_h - points->at[k].at_h;
            if (step > 0)
                slopes[count++] = (points->at[i].floor_mib - points->at[k].floor_mib) / step;
        }
    }
    double slope = median(slopes, count);
    for (size_t i = first; i < points->length && used <= LINE_POINTS; i += stride)
        offsets[used++] = points->at[i].floor_mib - slope * points->at[i].at_h;
    double offset = median(offsets, used);
    double from = points->at[first].at_h, to = points->at[points->length - 1].at_h;
    free(slopes);
    verdict->line_from_ms = (int64_t)(from * hour_ms);
    verdict->line_to_ms = (int64_t)(to * hour_ms);
    verdict->line_from_bytes = (offset + slope * from) * mib;
    verdict->line_to_bytes = (offset + slope * to) * mib;
}

/* The last third by itself: does it climb still? */
static bool still_climbs(const struct trend *trend, struct design *design)
{
    const struct floor_points *points = &trend->floors.points;
    size_t first = points->length - points->length / 3;
    if (points->length - first < 12)
        return true;
    make_design(points, first, design);
    struct fit fit = fit_line(design);
    return !fit.known || fit.slope - fit.t95 * fit.error > 0 || fit.z > 1;
}

/* It does not climb: does it grow towards something, or stay? */
static void settle(const struct models *models, const struct floor_points *points,
                   struct trend_verdict *verdict)
{
    const struct fit *best = &models->best;
    double tau = models->taus_h[models->best_line], curve = models->curve;
    double now_mib = points->at[points->length - 1].floor_mib;
    double left_mib = isfinite(tau) ? curve * exp(-span_h(points) / tau) : 0;
    verdict->state = TREND_STEADY;
    if (isfinite(tau) && curve > 0) {
        verdict->warm_up_ends_ms = (int64_t)((points->at[0].at_h + 3 * tau) * hour_ms);
        verdict->plateau_bytes = (now_mib + left_mib) * mib;
        if (left_mib > settled_share * now_mib)
            verdict->state = TREND_SETTLING;
    } else if (!isfinite(tau) && models->best_line && curve > 0) {
        verdict->state =
            TREND_SETTLING; /* like a logarithm: without an end, but ever more slowly */
    }
    bool grows = best->slope * span_h(points) > settled_share * now_mib + nothing_mib;
    if (verdict->state == TREND_STEADY && verdict->suspicious && grows)
        verdict->state = TREND_WARMING_UP;
}

static struct trend_verdict unknown_verdict(void)
{
    const double unknown = (double)NAN;
    return (struct trend_verdict){.state = TREND_UNKNOWN,
                                  .z = unknown,
                                  .slope_per_s = unknown,
                                  .slope_low = unknown,
                                  .slope_high = unknown,
                                  .plateau_bytes = unknown,
                                  .to_limit_s = unknown,
                                  .to_limit_low_s = unknown,
                                  .to_limit_high_s = unknown,
                                  .line_from_bytes = unknown,
                                  .line_to_bytes = unknown};
}

/* By which share of what was there before has it climbed at this pace, times the days that it has? */
static double share_days(const struct floor_points *points, double slope_mib_h)
{
    double hours = span_h(points), grown_mib = slope_mib_h * hours;
    double before_mib = points->at[points->length - 1].floor_mib - grown_mib;
    return grown_mib > 0 ? grown_mib / fmax(before_mib, 1) * hours / 24 : 0;
}

/* Is it sure that it climbs? `far_ret`: and for so long and by so much that nothing bounded is taken for possible that explains it; or it is half of its way to the limit, where it no longer matters
 * what explains it. */
static bool is_sure(const struct trend *trend, const struct floors *earlier, double headroom_bytes,
                    struct design *design, const struct trend_verdict *verdict, bool *far_ret)
{
    const struct floor_points *points = &trend->floors.points;
    struct fit past = {.known = false};
    bool sure = is_large(trend, verdict, headroom_bytes);
    bool half_way = time_to(headroom_bytes, verdict->slope_per_s) < span_h(points) * 3600;
    if (earlier)
        past = fit_difference(&trend->floors, earlier, design);
    if (past.known) {
        double grows = fmin(past.slope, verdict->slope_per_s / mib *
                                            3600); /* the earlier life may have lost some */
        *far_ret = share_days(points, grows) >= fill_differs_share_days || half_way;
        return sure && past.z >= z_call && verdict->z >= z_history;
    }
    *far_ret = share_days(points, verdict->slope_per_s / mib * 3600) >= fill_share_days || half_way;
    return sure && verdict->z >= z_call;
}

static void decide(struct trend *trend, const struct models *models, double headroom_bytes,
                   const struct floors *earlier, struct design *design,
                   struct trend_verdict *verdict)
{
    const struct floor_points *points = &trend->floors.points;
    sum_up(models, verdict);
    verdict->suspicious = verdict->z >= z_suspect && is_large(trend, verdict, headroom_bytes);
    bool far, sure = is_sure(trend, earlier, headroom_bytes, design, verdict, &far);
    bool climbs = sure && trend->sure && far; /* sure at the look before, too */
    trend->sure = sure;
    verdict->called = climbs && !trend->climbs;
    verdict->resolved = trend->climbs && !climbs && !still_climbs(trend, design);
    trend->climbs = climbs || (trend->climbs && !verdict->resolved);
    if (!trend->climbs) {
        settle(models, points, verdict);
        return;
    }
    verdict->state = TREND_CLIMBING;
    draw_line(points, 0, verdict);
    verdict->to_limit_s = time_to(headroom_bytes, verdict->slope_per_s);
    verdict->to_limit_low_s = time_to(headroom_bytes, verdict->slope_high);
    verdict->to_limit_high_s = time_to(headroom_bytes, verdict->slope_low);
}

void trend_look(struct trend *trend, int64_t age_ms, double headroom_bytes,
                const struct floors *earlier, struct trend_verdict *verdict_ret)
{
    *verdict_ret = unknown_verdict();
    set_next_look(trend, age_ms);
    if (trend->floors.points.length < 2)
        return;
    struct design *design = xmalloc(sizeof(*design));
    make_design(&trend->floors.points, after_start(&trend->floors.points), design);
    struct models *models = xmalloc(sizeof(*models));
    fit_models(design, models);
    if (models->best.known)
        decide(trend, models, headroom_bytes, earlier, design, verdict_ret);
    free(models);
    free(design);
}
