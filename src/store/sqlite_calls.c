/* Reading calls, inspections, what the agent says of itself, and how large all is. */
#include <math.h>
#include <string.h>

#include "store/sqlite_internal.h"

enum {
    ROWS_MAX = 100000
};

static uint32_t id(sqlite3_stmt *statement, int column)
{
    return (uint32_t)sqlite3_column_int64(statement, column);
}

static double real(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(statement, column);
}

static void bind_span(sqlite3_stmt *statement, uint32_t life, struct store_span span)
{
    sqlite3_bind_int64(statement, 1, life);
    sqlite3_bind_int64(statement, 2, span.from_ms);
    sqlite3_bind_int64(statement, 3, span.to_ms);
    sqlite3_bind_int(statement, 4, ROWS_MAX);
}

struct error *sqlite_calls(struct store *base, uint32_t life, struct store_span span,
                           struct calls *calls_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(
        sqlite_of(base),
        "SELECT * FROM calls WHERE (?1 = 4294967295 OR life = ?1) AND opened_ms <= ?3 "
        "AND (resolved_ms = 0 OR resolved_ms >= ?2) ORDER BY opened_ms, id LIMIT ?4",
        &statement));
    bind_span(statement, life, span);
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    while (row) {
        VECTOR_PUSH(calls_ret, (struct call){
                                   .id = id(statement, 0),
                                   .life = id(statement, 1),
                                   .cause = sqlite_line(statement, 2),
                                   .state = (enum standing_state)id(statement, 3),
                                   .since_ms = sqlite3_column_int64(statement, 4),
                                   .opened_ms = sqlite3_column_int64(statement, 5),
                                   .resolved_ms = sqlite3_column_int64(statement, 6),
                                   .title = sqlite_line(statement, 7),
                                   .because = sqlite_lines(statement, 8),
                                   .fix = sqlite_line(statement, 9),
                                   .slope_per_s = real(statement, 10),
                                   .slope_low = real(statement, 11),
                                   .slope_high = real(statement, 12),
                                   .count_per_s = real(statement, 13),
                                   .share = real(statement, 14),
                                   .inspection = id(statement, 15),
                               });
        TRY(sqlite_step(sqlite_of(base), statement, &row));
    }
    return NULL;
}

/* Columns: id, life, at_ms, why, json, problem, cpu_s, wall_s, peak_bytes */
static struct inspection_record record_of(sqlite3_stmt *statement)
{
    return (struct inspection_record){
        .id = id(statement, 0),
        .life = id(statement, 1),
        .at_ms = sqlite3_column_int64(statement, 2),
        .why = sqlite_line(statement, 3),
        .json = sqlite_text(statement, 4),
        .problem = sqlite_line(statement, 5),
        .cpu_s = real(statement, 6),
        .wall_s = real(statement, 7),
        .peak_bytes = (uint64_t)sqlite3_column_int64(statement, 8),
    };
}

struct error *sqlite_inspections(struct store *base, uint32_t life, struct store_span span,
                                 struct inspection_records *records_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(sqlite_of(base),
                       "SELECT id, life, at_ms, why, '', problem, cpu_s, wall_s, peak_bytes "
                       "FROM inspections WHERE (?1 = 4294967295 OR life = ?1) AND at_ms >= ?2 "
                       "AND at_ms <= ?3 ORDER BY at_ms, id LIMIT ?4",
                       &statement));
    bind_span(statement, life, span);
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    while (row) {
        VECTOR_PUSH(records_ret, record_of(statement));
        TRY(sqlite_step(sqlite_of(base), statement, &row));
    }
    return NULL;
}

struct error *sqlite_inspection(struct store *base, uint32_t wanted,
                                struct inspection_record *record_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(sqlite_of(base),
                       "SELECT id, life, at_ms, why, json, problem, cpu_s, wall_s, peak_bytes "
                       "FROM inspections WHERE id = ?",
                       &statement));
    sqlite3_bind_int64(statement, 1, wanted);
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    if (!row)
        return error_create(ERROR_NOT_FOUND, "there is no inspection %u", wanted);
    *record_ret = record_of(statement);
    return NULL;
}

struct error *sqlite_agent(struct store *base, char **json_ret, int64_t *at_ms_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    *json_ret = NULL;
    TRY(sqlite_fact(sqlite_of(base), "agent at", at_ms_ret));
    TRY(sqlite_prepare(sqlite_of(base), "SELECT value FROM facts WHERE name = 'agent'",
                       &statement));
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    if (row)
        *json_ret = sqlite_text(statement, 0);
    return NULL;
}

static struct error *ask(struct sqlite_store *store, const char *query, int64_t *numbers_ret,
                         int count)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store, query, &statement));
    TRY(sqlite_step(store, statement, &row));
    for (int i = 0; i < count; i++)
        numbers_ret[i] = row ? sqlite3_column_int64(statement, i) : 0;
    return NULL;
}

/* Adds the periods that have come since the last time; all of them anew when some have gone, once an hour. */
static struct error *count_periods(struct sqlite_store *store)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    struct counted_periods *counted = &store->counted;
    int64_t from_ms = 0;
    bool row = false;
    TRY(ask(store, "SELECT min(at_ms) FROM periods", &from_ms, 1));
    if (from_ms != counted->from_ms)
        *counted = (struct counted_periods){.from_ms = from_ms};
    TRY(sqlite_prepare(store, "SELECT at_ms, samples FROM periods WHERE at_ms > ? ORDER BY at_ms",
                       &statement));
    sqlite3_bind_int64(statement, 1, counted->to_ms);
    TRY(sqlite_step(store, statement, &row));
    while (row) {
        counted->to_ms = sqlite3_column_int64(statement, 0);
        counted->samples += codec_count_period(sqlite3_column_blob(statement, 1),
                                               (size_t)sqlite3_column_bytes(statement, 1));
        TRY(sqlite_step(store, statement, &row));
    }
    return NULL;
}

struct error *sqlite_size(struct store *base, struct store_size *size_ret)
{
    struct sqlite_store *store = sqlite_of(base);
    int64_t pages = 0, page = 0, sealed[2], ends[2];
    TRY(ask(store, "PRAGMA page_count", &pages, 1));
    TRY(ask(store, "PRAGMA page_size", &page, 1));
    TRY(ask(store, "SELECT sum(count), sum(length(samples)) FROM sealed", sealed, 2));
    TRY(count_periods(store));
    TRY(ask(store, "SELECT min(first_seen_ms), max(last_seen_ms) FROM lives", ends, 2));
    *size_ret = (struct store_size){
        .file_bytes = (uint64_t)(pages * page),
        .samples = (uint64_t)sealed[0] + store->counted.samples,
        .sealed_samples = (uint64_t)sealed[0],
        .sealed_bytes = (uint64_t)sealed[1],
        .first_ms = ends[0],
        .last_ms = ends[1],
    };
    return NULL;
}
