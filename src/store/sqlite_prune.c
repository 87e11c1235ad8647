/* What is too old, or too much: the oldest goes first, full samples before roll-ups, a bounded piece at a time. Freed pages go back to the
 * system in small steps. */
#include "store/sqlite_internal.h"

enum {
    ROWS_A_STEP = 500,
    PAGES_A_STEP = 256,
    PAUSE_MS = 10 * 60 * 1000 /* after there was nothing to do: looking costs as much as sealing */
};

/* Runs a DELETE with a time and the number of rows; true in *any_ret if it deleted some. */
static struct error *delete_some(struct sqlite_store *store, const char *query, int64_t before_ms,
                                 bool *any_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(store, query, &statement));
    sqlite3_bind_int64(statement, 1, before_ms);
    sqlite3_bind_int(statement, 2, ROWS_A_STEP);
    TRY(sqlite_step(store, statement, &row));
    *any_ret = *any_ret || sqlite3_changes(store->db) > 0;
    return NULL;
}

static struct error *prune_age(struct sqlite_store *store, int64_t now_ms, bool *any_ret)
{
    static const char *const old[] = {
        "DELETE FROM rolled WHERE rowid IN (SELECT rowid FROM rolled WHERE from_ms < ? LIMIT ?)",
        "DELETE FROM markers WHERE rowid IN (SELECT rowid FROM markers WHERE at_ms < ? LIMIT ?)",
        "DELETE FROM inspections WHERE id IN (SELECT id FROM inspections WHERE at_ms < ? LIMIT ?)",
        "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE resolved_ms > 0 AND "
        "resolved_ms < ? LIMIT ?)",
        "DELETE FROM standings WHERE life IN (SELECT id FROM lives WHERE ended_ms > 0 AND "
        "ended_ms < ? LIMIT ?)",
        "DELETE FROM lives WHERE id IN (SELECT id FROM lives WHERE ended_ms > 0 AND ended_ms < ? "
        "LIMIT ?)",
    };
    TRY(delete_some(
        store,
        "DELETE FROM sealed WHERE rowid IN (SELECT rowid FROM sealed WHERE level = 1 AND "
        "from_ms < ? LIMIT ?)",
        now_ms - store->limits.keep_samples_ms - DAY_MS, any_ret));
    for (size_t i = 0; i < LENGTH_OF(old); i++)
        TRY(delete_some(store, old[i], now_ms - store->limits.keep_rollups_ms - DAY_MS, any_ret));
    return NULL;
}

static struct error *used_bytes(struct sqlite_store *store, uint64_t *used_ret, bool *free_ret)
{
    static const char *const queries[] = {"PRAGMA page_count", "PRAGMA freelist_count",
                                          "PRAGMA page_size"};
    int64_t numbers[LENGTH_OF(queries)] = {0};
    for (size_t i = 0; i < LENGTH_OF(queries); i++) {
        AUTO_STATEMENT sqlite3_stmt *statement = NULL;
        bool row = false;
        TRY(sqlite_prepare(store, queries[i], &statement));
        TRY(sqlite_step(store, statement, &row));
        numbers[i] = row ? sqlite3_column_int64(statement, 0) : 0;
    }
    *used_ret = (uint64_t)((numbers[0] - numbers[1]) * numbers[2]);
    *free_ret = numbers[1] > PAGES_A_STEP;
    return NULL;
}

/* Samples first, then roll-ups; what happened stays. */
static struct error *prune_size(struct sqlite_store *store, bool *any_ret)
{
    TRY(delete_some(
        store,
        "DELETE FROM sealed WHERE rowid IN (SELECT rowid FROM sealed WHERE from_ms < ?1 "
        "ORDER BY level DESC, from_ms LIMIT ?2)",
        INT64_MAX, any_ret));
    if (*any_ret)
        return NULL;
    return delete_some(store,
                       "DELETE FROM rolled WHERE rowid IN (SELECT rowid FROM rolled WHERE "
                       "from_ms < ?1 ORDER BY from_ms LIMIT ?2)",
                       INT64_MAX, any_ret);
}

static struct error *prune(struct sqlite_store *store, int64_t now_ms, bool *any_ret,
                           bool *free_ret)
{
    uint64_t used = 0;
    TRY(prune_age(store, now_ms, any_ret));
    TRY(used_bytes(store, &used, free_ret));
    if (!*any_ret && store->limits.size_max_bytes && used > store->limits.size_max_bytes)
        return prune_size(store, any_ret);
    return NULL;
}

struct error *sqlite_prune(struct sqlite_store *store, int64_t now_ms, bool *more_ret)
{
    bool any = false, free_pages = false;
    if (store->pruned_ms && now_ms >= store->pruned_ms && now_ms - store->pruned_ms < PAUSE_MS)
        return NULL;
    TRY(sqlite_begin(store));
    TRY(sqlite_end(store, prune(store, now_ms, &any, &free_pages)));
    if (!any && free_pages) {
        TRY(sqlite_run(store, "PRAGMA incremental_vacuum(256)"));
        any = true;
    }
    store->pruned_ms = any ? 0 : now_ms;
    *more_ret = any;
    return NULL;
}
