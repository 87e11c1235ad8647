/* What was known of a life at one time: the newest sample of each of its series. */
#include "store/sqlite_internal.h"

enum {
    PERIODS_MAX = 20000 /* that are looked through */
};

struct moment {
    struct sqlite_store *store;
    uint32_t life;
    int64_t at_ms, from_ms;
    struct samples *samples;
};

static bool has(const struct moment *moment, uint32_t series)
{
    for (size_t i = 0; i < moment->samples->length; i++) {
        if (moment->samples->at[i].series == series)
            return true;
    }
    return false;
}

/* The newest rows first: what is there already is newer. */
static struct error *from_periods(struct moment *moment)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    struct samples found = {0};
    TRY(sqlite_prepare(moment->store,
                       "SELECT samples FROM periods WHERE at_ms <= ? AND at_ms >= ? "
                       "ORDER BY at_ms DESC LIMIT ?",
                       &statement));
    sqlite3_bind_int64(statement, 1, moment->at_ms);
    sqlite3_bind_int64(statement, 2, moment->from_ms);
    sqlite3_bind_int(statement, 3, PERIODS_MAX);
    struct error *error = sqlite_step(moment->store, statement, &row);
    while (!error && row) {
        found.length = 0;
        error_ignore(codec_read_period(sqlite3_column_blob(statement, 0),
                                       (size_t)sqlite3_column_bytes(statement, 0), moment->life,
                                       moment->life, &found));
        for (size_t i = 0; i < found.length; i++) {
            if (!has(moment, found.at[i].series))
                VECTOR_PUSH(moment->samples, found.at[i]);
        }
        error = sqlite_step(moment->store, statement, &row);
    }
    VECTOR_DEINIT(&found);
    return error;
}

static void take_newest(struct moment *moment, uint32_t series, const struct timeds *samples)
{
    for (size_t i = samples->length; i-- > 0;) {
        const struct timed *sample = &samples->at[i];
        if (sample->at_ms > moment->at_ms)
            continue;
        if (sample->at_ms >= moment->from_ms)
            VECTOR_PUSH(moment->samples, (struct sample){moment->life, series, sample->value});
        return;
    }
}

static struct error *from_sealed(struct moment *moment)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(moment->store,
                       "SELECT series, samples FROM sealed WHERE life = ? AND from_ms <= ? "
                       "AND to_ms >= ? ORDER BY from_ms DESC",
                       &statement));
    sqlite3_bind_int64(statement, 1, moment->life);
    sqlite3_bind_int64(statement, 2, moment->at_ms);
    sqlite3_bind_int64(statement, 3, moment->from_ms);
    TRY(sqlite_step(moment->store, statement, &row));
    while (row) {
        struct timeds samples = {0};
        uint32_t series = (uint32_t)sqlite3_column_int64(statement, 0);
        if (!has(moment, series))
            error_ignore(codec_read_samples(sqlite3_column_blob(statement, 1),
                                            (size_t)sqlite3_column_bytes(statement, 1), &samples));
        take_newest(moment, series, &samples);
        VECTOR_DEINIT(&samples);
        TRY(sqlite_step(moment->store, statement, &row));
    }
    return NULL;
}

static struct error *from_rolled(struct moment *moment)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(moment->store,
                       "SELECT series, points FROM rolled WHERE life = ? AND from_ms <= ? "
                       "AND to_ms >= ? ORDER BY from_ms DESC",
                       &statement));
    sqlite3_bind_int64(statement, 1, moment->life);
    sqlite3_bind_int64(statement, 2, moment->at_ms);
    sqlite3_bind_int64(statement, 3, moment->from_ms - ROLLUP_MS);
    TRY(sqlite_step(moment->store, statement, &row));
    while (row) {
        struct points points = {0};
        struct timeds samples = {0};
        uint32_t series = (uint32_t)sqlite3_column_int64(statement, 0);
        if (!has(moment, series))
            error_ignore(codec_read_points(sqlite3_column_blob(statement, 1),
                                           (size_t)sqlite3_column_bytes(statement, 1), &points));
        for (size_t i = 0; i < points.length; i++)
            VECTOR_PUSH(&samples, (struct timed){points.at[i].at_ms, points.at[i].last});
        take_newest(moment, series, &samples);
        VECTOR_DEINIT(&samples);
        VECTOR_DEINIT(&points);
        TRY(sqlite_step(moment->store, statement, &row));
    }
    return NULL;
}

struct error *sqlite_samples_at(struct store *base, uint32_t life, int64_t at_ms, int64_t age_ms,
                                struct samples *samples_ret)
{
    struct moment moment = {.store = sqlite_of(base),
                            .life = life,
                            .at_ms = at_ms,
                            .from_ms = at_ms - age_ms,
                            .samples = samples_ret};
    TRY(from_periods(&moment));
    TRY(from_sealed(&moment));
    return from_rolled(&moment);
}
