#include "cli/history_read.h"

#include <math.h>
#include <string.h>

enum {
    DAY_MS = 24 * 3600 * 1000,
    NOW_AGE_MS = 3 * 60 * 1000,
    PIECE_MS = 6 * 3600 * 1000,
    PIECE_MOST_MS = 8 * DAY_MS
};
static const int64_t longest_ms =
    INT64_C(20) * 365 * DAY_MS; /* of a life, if its record makes sense */

static const struct store_span always = {0, INT64_MAX};

struct error *kept_read(struct store *store, struct kept *kept)
{
    TRY(store_lives(store, NULL, always, &kept->lives));
    TRY(store_standings(store, &kept->standings));
    TRY(store_markers(store, UINT32_MAX, always, &kept->markers));
    return store_calls(store, UINT32_MAX, always, &kept->calls);
}

void kept_deinit(struct kept *kept)
{
    lives_deinit(&kept->lives);
    standings_deinit(&kept->standings);
    markers_deinit(&kept->markers);
    calls_deinit(&kept->calls);
}

void history_deinit(struct history *history)
{
    lives_deinit(&history->lives);
    standings_deinit(&history->standings);
    markers_deinit(&history->markers);
    calls_deinit(&history->calls);
    VECTOR_DEINIT(&history->now);
    for (size_t i = 0; i < history->points.length; i++)
        VECTOR_DEINIT(&history->points.at[i]);
    VECTOR_DEINIT(&history->points);
}

/* ---- what belongs to the program */

/* Moves what `belongs` from one vector of records to another; what stays closes up. */
#define TAKE(from, to, item, belongs)                 \
    do {                                              \
        size_t stay = 0;                              \
        for (size_t i = 0; i < (from)->length; i++) { \
            __auto_type item = &(from)->at[i];        \
            if (belongs)                              \
                VECTOR_PUSH(to, *item);               \
            else                                      \
                (from)->at[stay++] = *item;           \
        }                                             \
        (from)->length = stay;                        \
    } while (0)

static bool has_life(const struct history *history, uint32_t id)
{
    for (size_t i = 0; i < history->lives.length; i++) {
        if (history->lives.at[i].id == id)
            return true;
    }
    return false;
}

static bool is_in(const struct life *life, const struct store_span *span)
{
    return life->started_ms <= span->to_ms && life->last_seen_ms >= span->from_ms;
}

static bool call_is_in(const struct call *call, const struct store_span *span)
{
    return call->opened_ms <= span->to_ms &&
           (!call->resolved_ms || call->resolved_ms >= span->from_ms);
}

/* The machine's own markers belong to every program: they are copied. */
static void copy_machine_markers(const struct kept *kept, struct history *history)
{
    const struct store_span *span = &history->span;
    for (size_t i = 0; i < kept->markers.length; i++) {
        struct marker marker = kept->markers.at[i];
        if (marker.life || marker.at_ms < span->from_ms || marker.at_ms > span->to_ms)
            continue;
        marker.text = xstrdup(marker.text);
        VECTOR_PUSH(&history->markers, marker);
    }
}

static void take_records(struct kept *kept, const char *program, struct history *history)
{
    const struct store_span *span = &history->span;
    TAKE(&kept->lives, &history->lives, life, !strcmp(life->program, program) && is_in(life, span));
    TAKE(&kept->standings, &history->standings, standing, has_life(history, standing->life));
    TAKE(&kept->calls, &history->calls, call,
         has_life(history, call->life) && call_is_in(call, span));
    TAKE(&kept->markers, &history->markers, marker,
         marker->life && has_life(history, marker->life) && marker->at_ms >= span->from_ms &&
             marker->at_ms <= span->to_ms);
    copy_machine_markers(kept, history);
}

/* ---- numbers */

/* What its standing looks at, else heap live, else resident memory. */
static uint32_t metric_of(const struct history *history)
{
    const struct standing *worst = history_worst(history);
    int64_t ignored = 0;
    if (worst && worst->series < SERIES_METRIC_COUNT && worst->state != STANDING_UNKNOWN)
        return worst->series;
    return history_now(history, SERIES_HEAP_LIVE, &ignored) ? SERIES_HEAP_LIVE : SERIES_RSS_ANON;
}

/* The span is narrowed to what is known. */
static void narrow(struct history *history)
{
    int64_t from_ms = INT64_MAX, to_ms = 0;
    for (size_t i = 0; i < history->lives.length; i++) {
        const struct life *life = &history->lives.at[i];
        from_ms = life->first_seen_ms < from_ms ? life->first_seen_ms : from_ms;
        to_ms = life->last_seen_ms > to_ms ? life->last_seen_ms : to_ms;
    }
    if (history->span.from_ms < from_ms)
        history->span.from_ms = from_ms;
    if (history->span.to_ms > to_ms)
        history->span.to_ms = to_ms;
}

/* So many points over all lives: each gets its part. */
static struct error *read_points(struct store *store, unsigned wanted, struct history *history)
{
    double span_ms = (double)(history->span.to_ms - history->span.from_ms) + 1;
    for (size_t i = 0; i < history->lives.length; i++) {
        const struct life *life = &history->lives.at[i];
        struct points points = {0};
        int64_t step_ms = 0;
        double part = (double)(life->last_seen_ms - life->first_seen_ms) / span_ms;
        unsigned own = (unsigned)fmax(2, fmin(1, part) * wanted);
        TRY(store_points(store, life->id, history->metric, history->span, own, &points, &step_ms));
        VECTOR_PUSH(&history->points, points);
        history->step_ms = step_ms > history->step_ms ? step_ms : history->step_ms;
    }
    return NULL;
}

static struct error *read_spark(struct store *store, struct history *history)
{
    const struct life *newest = history_newest(history);
    int64_t to_ms = newest->last_seen_ms, from_ms = to_ms - DAY_MS;
    for (size_t i = 0; i < HISTORY_SPARK_VALUES; i++)
        history->spark[i] = (double)NAN;
    for (size_t i = 0; i < history->lives.length; i++) {
        const struct life *life = &history->lives.at[i];
        struct points points = {0};
        int64_t ignored = 0;
        if (life->lane != newest->lane || life->last_seen_ms < from_ms)
            continue;
        TRY(store_points(store, life->id, SERIES_RSS_ANON, (struct store_span){from_ms, to_ms},
                         2 * HISTORY_SPARK_VALUES, &points, &ignored));
        for (size_t k = 0; k < points.length; k++) {
            int64_t at = (points.at[k].at_ms - from_ms) * HISTORY_SPARK_VALUES / (DAY_MS + 1);
            if (at >= 0 && at < HISTORY_SPARK_VALUES)
                history->spark[at] = points.at[k].mean;
        }
        VECTOR_DEINIT(&points);
    }
    return NULL;
}

struct error *history_read(struct store *store, struct kept *kept, const char *program,
                           const struct history_wish *wish, struct history *history)
{
    *history = (struct history){.span = wish->span};
    take_records(kept, program, history);
    const struct life *newest = history_newest(history);
    if (!newest)
        return NULL;
    narrow(history);
    history->seen_ms = newest->last_seen_ms;
    TRY(store_samples_at(store, newest->id, newest->last_seen_ms, NOW_AGE_MS, &history->now));
    history->metric = wish->metric < SERIES_METRIC_COUNT ? wish->metric : metric_of(history);
    if (wish->points)
        TRY(read_points(store, wish->points, history));
    return wish->spark ? read_spark(store, history) : NULL;
}

/* ---- CSV: piece by piece, since it may be larger than memory */

struct columns {
    struct points points[SERIES_METRIC_COUNT];
    size_t next[SERIES_METRIC_COUNT];
};

/* The time of the next row; INT64_MAX at the end. */
static int64_t next_row(const struct columns *columns)
{
    int64_t at_ms = INT64_MAX;
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        const struct points *points = &columns->points[i];
        if (columns->next[i] < points->length && points->at[columns->next[i]].at_ms < at_ms)
            at_ms = points->at[columns->next[i]].at_ms;
    }
    return at_ms;
}

static void write_rows(const struct life *life, struct columns *columns, FILE *out)
{
    for (int64_t at_ms; at_ms = next_row(columns), at_ms != INT64_MAX;) {
        const int64_t *values[SERIES_METRIC_COUNT] = {0};
        for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
            const struct points *points = &columns->points[i];
            if (columns->next[i] < points->length && points->at[columns->next[i]].at_ms == at_ms)
                values[i] = &points->at[columns->next[i]++].last;
        }
        report_history_csv_row(life, at_ms, values, out);
    }
}

static struct error *write_piece(struct store *store, const struct life *life,
                                 struct store_span span, FILE *out, bool *any_ret)
{
    struct columns columns = {0};
    struct error *error = NULL;
    int64_t ignored = 0;
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT && !error; i++)
        error = store_points(store, life->id, i, span, 0, &columns.points[i], &ignored);
    *any_ret = next_row(&columns) != INT64_MAX;
    if (!error)
        write_rows(life, &columns, out);
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++)
        VECTOR_DEINIT(&columns.points[i]);
    return error;
}

/* Where nothing is, the pieces become longer. */
static struct error *write_life(struct store *store, const struct life *life,
                                struct store_span span, FILE *out)
{
    int64_t length_ms = PIECE_MS;
    if (span.to_ms - span.from_ms > longest_ms)
        span.to_ms = span.from_ms + longest_ms;
    while (span.from_ms <= span.to_ms && !ferror(out)) {
        bool any = false;
        int64_t end_ms = span.from_ms + length_ms - 1;
        struct store_span piece = {span.from_ms, end_ms < span.to_ms ? end_ms : span.to_ms};
        TRY(write_piece(store, life, piece, out, &any));
        span.from_ms += length_ms;
        length_ms = any ? PIECE_MS : length_ms * 2 < PIECE_MOST_MS ? length_ms * 2 : PIECE_MOST_MS;
    }
    return NULL;
}

struct error *history_csv(struct store *store, const struct history *history, FILE *out)
{
    for (size_t i = 0; i < history->lives.length; i++) {
        const struct life *life = &history->lives.at[i];
        struct store_span span = history->span;
        span.from_ms = life->first_seen_ms > span.from_ms ? life->first_seen_ms : span.from_ms;
        span.to_ms = life->last_seen_ms < span.to_ms ? life->last_seen_ms : span.to_ms;
        TRY(write_life(store, life, span, out));
    }
    return NULL;
}
