/* A series over a span: from roll-ups where only they are left or where they are fine enough, from blobs, from the rows of the last hours. What comes from two
 * places counts once: each only adds what is newer than what is there. */
#include <string.h>

#include "store/rollup.h"
#include "store/sqlite_internal.h"

enum {
    POINTS_MOST = 10000000
};

struct reading {
    struct sqlite_store *store;
    uint32_t life, series;
    struct store_span span;
    struct rollup rollup;
};

static void add_timed(struct reading *reading, const struct timeds *samples)
{
    for (size_t i = 0; i < samples->length && reading->rollup.points->length < POINTS_MOST; i++) {
        const struct timed *sample = &samples->at[i];
        struct point point = {sample->at_ms, sample->value,         sample->value,
                              sample->value, (double)sample->value, 1};
        if (sample->at_ms >= reading->span.from_ms && sample->at_ms <= reading->span.to_ms)
            rollup_add(&reading->rollup, &point);
    }
}

static void bind(sqlite3_stmt *statement, const struct reading *reading)
{
    sqlite3_bind_int64(statement, 1, reading->life);
    sqlite3_bind_int64(statement, 2, reading->series);
    sqlite3_bind_int64(statement, 3, reading->span.from_ms);
    sqlite3_bind_int64(statement, 4, reading->span.to_ms);
}

/* ---- roll-ups */

static void add_points(struct reading *reading, const struct points *points)
{
    for (size_t i = 0; i < points->length; i++) {
        const struct point *point = &points->at[i];
        if (point->at_ms + ROLLUP_MS > reading->span.from_ms && point->at_ms <= reading->span.to_ms)
            rollup_add(&reading->rollup, point);
    }
    /* A roll-up stands for all of its width: samples of it that are kept as well add nothing. */
    if (reading->rollup.any && points->length)
        reading->rollup.last_ms = points->at[points->length - 1].at_ms + ROLLUP_MS - 1;
}

/* Those before `until_ms` only. */
static struct error *read_rolled(struct reading *reading, int64_t until_ms)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(
        reading->store,
        "SELECT points FROM rolled WHERE life = ? AND series = ? AND to_ms >= ? - 900000 "
        "AND from_ms <= ? AND from_ms < ? ORDER BY from_ms",
        &statement));
    bind(statement, reading);
    sqlite3_bind_int64(statement, 5, until_ms);
    TRY(sqlite_step(reading->store, statement, &row));
    while (row) {
        struct points points = {0};
        error_ignore(codec_read_points(sqlite3_column_blob(statement, 0),
                                       (size_t)sqlite3_column_bytes(statement, 0), &points));
        add_points(reading, &points);
        VECTOR_DEINIT(&points);
        TRY(sqlite_step(reading->store, statement, &row));
    }
    return NULL;
}

/* ---- samples */

static struct error *read_sealed(struct reading *reading)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(reading->store,
                       "SELECT samples FROM sealed WHERE life = ? AND series = ? AND to_ms >= ? "
                       "AND from_ms <= ? AND to_ms > ? ORDER BY from_ms",
                       &statement));
    bind(statement, reading);
    sqlite3_bind_int64(statement, 5, reading->rollup.any ? reading->rollup.last_ms : INT64_MIN);
    TRY(sqlite_step(reading->store, statement, &row));
    while (row) {
        struct timeds samples = {0};
        error_ignore(codec_read_samples(sqlite3_column_blob(statement, 0),
                                        (size_t)sqlite3_column_bytes(statement, 0), &samples));
        add_timed(reading, &samples);
        VECTOR_DEINIT(&samples);
        TRY(sqlite_step(reading->store, statement, &row));
    }
    return NULL;
}

static void add_period(struct reading *reading, int64_t at_ms, const struct samples *samples)
{
    for (size_t i = 0; i < samples->length; i++) {
        int64_t value = samples->at[i].value;
        struct point point = {at_ms, value, value, value, (double)value, 1};
        if (samples->at[i].series == reading->series)
            rollup_add(&reading->rollup, &point);
    }
}

static struct error *read_periods(struct reading *reading)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    struct samples samples = {0};
    TRY(sqlite_prepare(reading->store,
                       "SELECT at_ms, samples FROM periods WHERE at_ms >= ? AND at_ms <= ? "
                       "AND at_ms > ? ORDER BY at_ms",
                       &statement));
    sqlite3_bind_int64(statement, 1, reading->span.from_ms);
    sqlite3_bind_int64(statement, 2, reading->span.to_ms);
    sqlite3_bind_int64(statement, 3, reading->rollup.any ? reading->rollup.last_ms : INT64_MIN);
    struct error *error = sqlite_step(reading->store, statement, &row);
    while (!error && row) {
        samples.length = 0;
        error_ignore(codec_read_period(sqlite3_column_blob(statement, 1),
                                       (size_t)sqlite3_column_bytes(statement, 1), reading->life,
                                       reading->life, &samples));
        add_period(reading, sqlite3_column_int64(statement, 0), &samples);
        error = sqlite_step(reading->store, statement, &row);
    }
    VECTOR_DEINIT(&samples);
    return error;
}

/* ---- how wide a point is */

/* The span that there can be samples in, and where full samples begin. */
static struct error *clip(struct reading *reading, int64_t *sealed_from_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    AUTO_STATEMENT sqlite3_stmt *sealed = NULL;
    bool row = false;
    *sealed_from_ret = INT64_MAX;
    TRY(sqlite_prepare(reading->store, "SELECT first_seen_ms, last_seen_ms FROM lives WHERE id = ?",
                       &statement));
    sqlite3_bind_int64(statement, 1, reading->life);
    TRY(sqlite_step(reading->store, statement, &row));
    if (!row)
        return error_create(ERROR_NOT_FOUND, "there is no life %u", reading->life);
    int64_t first = sqlite3_column_int64(statement, 0), last = sqlite3_column_int64(statement, 1);
    reading->span.from_ms = reading->span.from_ms > first ? reading->span.from_ms : first;
    reading->span.to_ms = reading->span.to_ms < last ? reading->span.to_ms : last;
    TRY(sqlite_prepare(reading->store,
                       "SELECT from_ms FROM sealed WHERE life = ? AND series = ? "
                       "ORDER BY from_ms LIMIT 1",
                       &sealed));
    sqlite3_bind_int64(sealed, 1, reading->life);
    sqlite3_bind_int64(sealed, 2, reading->series);
    TRY(sqlite_step(reading->store, sealed, &row));
    if (row)
        *sealed_from_ret = sqlite3_column_int64(sealed, 0);
    return NULL;
}

/* About `points_max` of them; round, so that the same moment falls into the same point on the next call, too. */
static int64_t step_for(const struct store_span *span, unsigned points_max)
{
    static const int64_t round_ms[] = {
        1000,   2000,    5000,    10000,   20000,    30000,    60000,    120000,   300000,   600000,
        900000, 1800000, 3600000, 7200000, 14400000, 21600000, 43200000, 86400000, 172800000};
    int64_t wanted = (span->to_ms - span->from_ms) / (int64_t)points_max;
    for (size_t i = 0; i < LENGTH_OF(round_ms); i++) {
        if (round_ms[i] >= wanted)
            return round_ms[i];
    }
    return round_ms[LENGTH_OF(round_ms) - 1];
}

static struct error *read_all(struct reading *reading, int64_t sealed_from_ms)
{
    /* Where a point is as wide as a roll-up, roll-ups are read as far as there are any; else only where nothing finer is left. */
    bool coarse = reading->rollup.step_ms >= ROLLUP_MS;
    TRY(read_rolled(reading, coarse ? INT64_MAX : sealed_from_ms));
    TRY(read_sealed(reading));
    return read_periods(reading);
}

static bool all_single(const struct points *points)
{
    for (size_t i = 0; i < points->length; i++) {
        if (points->at[i].count > 1)
            return false;
    }
    return true;
}

struct error *sqlite_points(struct store *base, uint32_t life, uint32_t series,
                            struct store_span span, unsigned points_max, struct points *points_ret,
                            int64_t *step_ms_ret)
{
    struct points points = {0};
    int64_t sealed_from_ms = INT64_MAX;
    struct reading reading = {.store = sqlite_of(base),
                              .life = life,
                              .series = series,
                              .span = span,
                              .rollup = {.points = &points}};
    TRY(clip(&reading, &sealed_from_ms));
    *step_ms_ret = 0;
    if (reading.span.from_ms > reading.span.to_ms)
        return NULL;
    if (points_max)
        reading.rollup.step_ms = step_for(&reading.span, points_max);
    struct error *error = read_all(&reading, sealed_from_ms);
    if (error) {
        VECTOR_DEINIT(&points);
        return error;
    }
    *step_ms_ret = all_single(&points) ? 0 : reading.rollup.step_ms;
    *points_ret = points;
    return NULL;
}
