/* From rows of periods to blobs of series: life by life when an hour is over, series by series when a day is over. Where it is, stands in
 * `facts`; each call goes a bounded step further, in one transaction. */
#include <stdlib.h>

#include "store/rollup.h"
#include "store/sqlite_internal.h"

enum {
    LATE_MS = 2 * 60 * 1000, /* an hour is sealed so long after it is over */
    LIVES_A_STEP = 4,
    SERIES_A_STEP = 8,
    SERIES_MAX = 4096 /* of one step */
};

/* The samples of one series in an hour. */
struct track {
    uint32_t life, series;
    struct timeds samples;
};
struct tracks VECTOR_OF(struct track);

static void tracks_deinit(struct tracks *tracks)
{
    for (size_t i = 0; i < tracks->length; i++)
        VECTOR_DEINIT(&tracks->at[i].samples);
    VECTOR_DEINIT(tracks);
}

static struct track *track_of(struct tracks *tracks, const struct sample *sample)
{
    for (size_t i = tracks->length; i-- > 0;) {
        struct track *track = &tracks->at[i];
        if (track->life == sample->life && track->series == sample->series)
            return track;
    }
    if (tracks->length == SERIES_MAX)
        return NULL;
    VECTOR_PUSH(tracks, (struct track){.life = sample->life, .series = sample->series});
    return &tracks->at[tracks->length - 1];
}

static struct error *put_sealed(struct sqlite_store *store, uint32_t life, uint32_t series,
                                int level, const struct timeds *samples)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store, "INSERT INTO sealed VALUES(?,?,?,?,?,?,?)", &statement));
    store->scratch.length = 0;
    codec_write_samples(samples->at, samples->length, &store->scratch);
    sqlite3_bind_int64(statement, 1, life);
    sqlite3_bind_int64(statement, 2, series);
    sqlite3_bind_int(statement, 3, level);
    sqlite3_bind_int64(statement, 4, samples->at[0].at_ms);
    sqlite3_bind_int64(statement, 5, samples->at[samples->length - 1].at_ms);
    sqlite3_bind_int64(statement, 6, (int64_t)samples->length);
    sqlite3_bind_blob64(statement, 7, store->scratch.at, store->scratch.length, SQLITE_STATIC);
    return sqlite_step(store, statement, &row);
}

/* ---- hours */

/* What an hour's rows have of the lives from `first` to `last`. A row that is broken is passed over. */
static struct error *gather(struct sqlite_store *store, int64_t hour_ms, uint32_t first,
                            uint32_t last, struct tracks *tracks)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    struct samples samples = {0};
    TRY(sqlite_prepare(store,
                       "SELECT at_ms, samples FROM periods WHERE at_ms >= ? AND at_ms < ? "
                       "ORDER BY at_ms",
                       &statement));
    sqlite3_bind_int64(statement, 1, hour_ms);
    sqlite3_bind_int64(statement, 2, hour_ms + HOUR_MS);
    struct error *error = sqlite_step(store, statement, &row);
    while (!error && row) {
        samples.length = 0;
        error_ignore(codec_read_period(sqlite3_column_blob(statement, 1),
                                       (size_t)sqlite3_column_bytes(statement, 1), first, last,
                                       &samples));
        int64_t at_ms = sqlite3_column_int64(statement, 0);
        for (size_t i = 0; i < samples.length; i++) {
            struct track *track = track_of(tracks, &samples.at[i]);
            if (track)
                VECTOR_PUSH(&track->samples, (struct timed){at_ms, samples.at[i].value});
        }
        error = sqlite_step(store, statement, &row);
    }
    VECTOR_DEINIT(&samples);
    return error;
}

static struct error *seal_lives(struct sqlite_store *store, int64_t hour_ms, uint32_t first,
                                uint32_t last)
{
    struct tracks tracks = {0};
    struct error *error = gather(store, hour_ms, first, last, &tracks);
    for (size_t i = 0; i < tracks.length && !error; i++)
        error = put_sealed(store, tracks.at[i].life, tracks.at[i].series, LEVEL_HOUR,
                           &tracks.at[i].samples);
    tracks_deinit(&tracks);
    return error;
}

/* Up to LIVES_A_STEP lives behind `done` that were seen since the hour began: from *first_ret to *last_ret; both 0: no more. */
static struct error *next_lives(struct sqlite_store *store, int64_t hour_ms, int64_t done,
                                uint32_t *first_ret, uint32_t *last_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    *first_ret = *last_ret = 0;
    TRY(sqlite_prepare(
        store, "SELECT id FROM lives WHERE id > ? AND last_seen_ms >= ? ORDER BY id LIMIT ?",
        &statement));
    sqlite3_bind_int64(statement, 1, done);
    sqlite3_bind_int64(statement, 2, hour_ms);
    sqlite3_bind_int(statement, 3, LIVES_A_STEP);
    TRY(sqlite_step(store, statement, &row));
    while (row) {
        *last_ret = (uint32_t)sqlite3_column_int64(statement, 0);
        *first_ret = *first_ret ? *first_ret : *last_ret;
        TRY(sqlite_step(store, statement, &row));
    }
    return NULL;
}

static struct error *drop_hour(struct sqlite_store *store, int64_t hour_ms)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store, "DELETE FROM periods WHERE at_ms >= ? AND at_ms < ?", &statement));
    sqlite3_bind_int64(statement, 1, hour_ms);
    sqlite3_bind_int64(statement, 2, hour_ms + HOUR_MS);
    return sqlite_step(store, statement, &row);
}

static struct error *seal_step(struct sqlite_store *store, int64_t hour_ms, int64_t done)
{
    uint32_t first = 0, last = 0;
    TRY(next_lives(store, hour_ms, done, &first, &last));
    if (last) {
        TRY(seal_lives(store, hour_ms, first, last));
        return sqlite_set_fact(store, "sealed life", last);
    }
    TRY(drop_hour(store, hour_ms));
    return sqlite_set_fact(store, "sealed life", 0);
}

/* The hour that is to be sealed next; -1: none. One that was begun is ended first. */
static struct error *oldest_hour(struct sqlite_store *store, int64_t now_ms, int64_t *hour_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    *hour_ret = -1;
    TRY(sqlite_prepare(store, "SELECT at_ms FROM periods ORDER BY at_ms LIMIT 1", &statement));
    TRY(sqlite_step(store, statement, &row));
    if (!row)
        return NULL;
    int64_t hour_ms = sqlite3_column_int64(statement, 0) / HOUR_MS * HOUR_MS;
    if (hour_ms + HOUR_MS + LATE_MS <= now_ms)
        *hour_ret = hour_ms;
    return NULL;
}

struct error *sqlite_seal_hour(struct sqlite_store *store, int64_t now_ms, bool *more_ret)
{
    int64_t hour_ms = -1, begun_ms = 0, done = 0;
    TRY(oldest_hour(store, now_ms, &hour_ms));
    if (hour_ms < 0)
        return NULL;
    TRY(sqlite_fact(store, "sealing hour", &begun_ms));
    if (begun_ms == hour_ms)
        TRY(sqlite_fact(store, "sealed life", &done));
    TRY(sqlite_begin(store));
    struct error *error = NULL;
    if (begun_ms != hour_ms)
        error = sqlite_set_fact(store, "sealing hour", hour_ms);
    if (!error)
        error = seal_step(store, hour_ms, done);
    TRY(sqlite_end(store, error));
    *more_ret = true;
    return NULL;
}

/* ---- days */

struct piece {
    uint32_t life, series;
};
struct pieces VECTOR_OF(struct piece);

static struct error *pieces_of_day(struct sqlite_store *store, int64_t day_ms,
                                   struct pieces *pieces_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store,
                       "SELECT DISTINCT life, series FROM sealed WHERE level = 0 AND from_ms >= ? "
                       "AND from_ms < ? LIMIT ?",
                       &statement));
    sqlite3_bind_int64(statement, 1, day_ms);
    sqlite3_bind_int64(statement, 2, day_ms + DAY_MS);
    sqlite3_bind_int(statement, 3, SERIES_A_STEP);
    TRY(sqlite_step(store, statement, &row));
    while (row) {
        VECTOR_PUSH(pieces_ret, (struct piece){(uint32_t)sqlite3_column_int64(statement, 0),
                                               (uint32_t)sqlite3_column_int64(statement, 1)});
        TRY(sqlite_step(store, statement, &row));
    }
    return NULL;
}

static void bind_piece(sqlite3_stmt *statement, const struct piece *piece, int64_t day_ms)
{
    sqlite3_bind_int64(statement, 1, piece->life);
    sqlite3_bind_int64(statement, 2, piece->series);
    sqlite3_bind_int64(statement, 3, day_ms);
    sqlite3_bind_int64(statement, 4, day_ms + DAY_MS);
}

/* `+level`: so that SQLite takes the index of the series, not the one of all series of the day. */
static struct error *read_hours(struct sqlite_store *store, const struct piece *piece,
                                int64_t day_ms, struct timeds *samples)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store,
                       "SELECT samples FROM sealed WHERE life = ? AND series = ? AND from_ms >= ? "
                       "AND from_ms < ? AND +level = 0 ORDER BY from_ms",
                       &statement));
    bind_piece(statement, piece, day_ms);
    TRY(sqlite_step(store, statement, &row));
    while (row) {
        error_ignore(codec_read_samples(sqlite3_column_blob(statement, 0),
                                        (size_t)sqlite3_column_bytes(statement, 0), samples));
        TRY(sqlite_step(store, statement, &row));
    }
    return NULL;
}

static struct error *put_rolled(struct sqlite_store *store, const struct piece *piece,
                                const struct timeds *samples)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    struct points points = {0};
    rollup_samples(samples->at, samples->length, ROLLUP_MS, &points);
    store->scratch.length = 0;
    codec_write_points(points.at, points.length, &store->scratch);
    VECTOR_DEINIT(&points);
    TRY(sqlite_prepare(store, "INSERT INTO rolled VALUES(?,?,?,?,?)", &statement));
    sqlite3_bind_int64(statement, 1, piece->life);
    sqlite3_bind_int64(statement, 2, piece->series);
    sqlite3_bind_int64(statement, 3, samples->at[0].at_ms);
    sqlite3_bind_int64(statement, 4, samples->at[samples->length - 1].at_ms);
    sqlite3_bind_blob64(statement, 5, store->scratch.at, store->scratch.length, SQLITE_STATIC);
    return sqlite_step(store, statement, &row);
}

static int by_time(const void *left, const void *right)
{
    const struct timed *a = left, *b = right;
    return (a->at_ms > b->at_ms) - (a->at_ms < b->at_ms);
}

/* Hours are in order but where the clock was set back: then an hour may have been sealed twice, and times come back. */
static void put_in_order(struct timeds *samples)
{
    size_t kept = 0;
    bool ordered = true;
    for (size_t i = 1; i < samples->length && ordered; i++)
        ordered = samples->at[i].at_ms > samples->at[i - 1].at_ms;
    if (ordered)
        return;
    qsort(samples->at, samples->length, sizeof(*samples->at), by_time);
    for (size_t i = 0; i < samples->length; i++) {
        if (!i || samples->at[i].at_ms != samples->at[kept - 1].at_ms)
            samples->at[kept++] = samples->at[i];
    }
    samples->length = kept;
}

static struct error *seal_piece(struct sqlite_store *store, const struct piece *piece,
                                int64_t day_ms)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    struct timeds samples = {0};
    struct error *error = read_hours(store, piece, day_ms, &samples);
    put_in_order(&samples);
    if (!error)
        error = sqlite_prepare(store,
                               "DELETE FROM sealed WHERE life = ? AND series = ? AND from_ms >= ? "
                               "AND from_ms < ? AND +level = 0",
                               &statement);
    if (!error) {
        bind_piece(statement, piece, day_ms);
        error = sqlite_step(store, statement, &row);
    }
    if (!error && samples.length)
        error = put_sealed(store, piece->life, piece->series, LEVEL_DAY, &samples);
    if (!error && samples.length)
        error = put_rolled(store, piece, &samples);
    VECTOR_DEINIT(&samples);
    return error;
}

/* The oldest day with hours that are not put together, if no hour of it can still come; -1: none. */
static struct error *oldest_day(struct sqlite_store *store, int64_t now_ms, int64_t *day_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    *day_ret = -1;
    TRY(sqlite_prepare(store, "SELECT from_ms FROM sealed WHERE level = 0 ORDER BY from_ms LIMIT 1",
                       &statement));
    TRY(sqlite_step(store, statement, &row));
    if (!row)
        return NULL;
    int64_t day_ms = sqlite3_column_int64(statement, 0) / DAY_MS * DAY_MS;
    if (day_ms + DAY_MS + HOUR_MS + LATE_MS <= now_ms)
        *day_ret = day_ms;
    return NULL;
}

struct error *sqlite_seal_day(struct sqlite_store *store, int64_t now_ms, bool *more_ret)
{
    int64_t day_ms = -1;
    struct pieces pieces = {0};
    TRY(oldest_day(store, now_ms, &day_ms));
    if (day_ms < 0)
        return NULL;
    struct error *error = pieces_of_day(store, day_ms, &pieces);
    if (!error) {
        error = sqlite_begin(store);
        for (size_t i = 0; i < pieces.length && !error; i++)
            error = seal_piece(store, &pieces.at[i], day_ms);
        error = sqlite_end(store, error);
    }
    VECTOR_DEINIT(&pieces);
    *more_ret = !error;
    return error;
}
