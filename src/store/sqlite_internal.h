/* What the files of the SQLite store share: the open file, statements, errors, and how the tables are laid out.
 *
 *   periods   one row per period with the samples of all lives: what came last, up to some two hours
 *   sealed    one row per life, series and hour, later day: samples as a blob (codec.h)
 *   rolled    one row per life, series and day: its 15-minute roll-ups
 *   lives, markers, sites, standings, calls, inspections, facts   as in records.h
 *
 * A sample is in `sealed` or in `periods`; while an hour is being sealed, life by life, those of one life may be in both: then `sealed` counts
 * (sqlite_points.c). Each step is a transaction of its own. */
#ifndef SEEP_STORE_SQLITE_INTERNAL_H
#define SEEP_STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>
#include <sys/types.h>

#include "store/backend.h"
#include "store/codec.h"

enum {
    HOUR_MS = 3600 * 1000,
    DAY_MS = 24 * HOUR_MS,
    ROLLUP_MS = 15 * 60 * 1000,
    LEVEL_HOUR = 0,
    LEVEL_DAY = 1
};

struct sqlite_store {
    struct store store; /* first */
    sqlite3 *db;
    char *path;               /* escaped, for messages */
    char *file;               /* as it was given */
    struct store_file opened; /* a writer's: is it still the one that the name means? */
    struct store_limits limits;
    int lock;          /* of the writer; -1 for a reader */
    bool lock_is_new;  /* it was not there before */
    int64_t pruned_ms; /* when nothing was left to prune */
    sqlite3_stmt *put_period;
    struct counted_periods {
        int64_t from_ms, to_ms; /* 0: none */
        uint64_t samples;
    } counted; /* for sqlite_size(): periods that were looked into already */
    struct bytes scratch;
    struct samples sorted;
};

static inline struct sqlite_store *sqlite_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* An error from what SQLite says last; ERROR_BAD_DATA if the file is broken, ERROR_NOT_FOUND if it was taken away. */
struct error *sqlite_error(struct sqlite_store *store, const char *doing) NODISCARD;

/* ERROR_NOT_FOUND if a writer's file was removed or replaced, ERROR_BAD_DATA if it has lost its head: SQLite would go on writing to what nobody can find or read again. */
struct error *sqlite_is_there(struct sqlite_store *store) NODISCARD;

/* A statement; `query` is constant. */
struct error *sqlite_prepare(struct sqlite_store *store, const char *query,
                             sqlite3_stmt **statement_ret) NODISCARD;

/* Runs a statement to its next row: *row_ret false at the end. */
struct error *sqlite_step(struct sqlite_store *store, sqlite3_stmt *statement,
                          bool *row_ret) NODISCARD;

/* A statement without rows or parameters. */
struct error *sqlite_run(struct sqlite_store *store, const char *query) NODISCARD;

static inline void sqlite_finish(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}
#define AUTO_STATEMENT __attribute__((cleanup(sqlite_finish)))

/* Commits if *error is NULL, else rolls back. */
struct error *sqlite_begin(struct sqlite_store *store) NODISCARD;
struct error *sqlite_end(struct sqlite_store *store, struct error *error) NODISCARD;

/* A number in `facts`, 0 if it is not there. */
struct error *sqlite_fact(struct sqlite_store *store, const char *name,
                          int64_t *value_ret) NODISCARD;
struct error *sqlite_set_fact(struct sqlite_store *store, const char *name,
                              int64_t value) NODISCARD;

/* A column's text, newly made, "" for none. */
char *sqlite_text(sqlite3_stmt *statement, int column);

/* The same for what is shown. It was escaped when it was written; somebody else may have changed the file since, so that it is escaped again, which
 * changes nothing of what is as it should be. */
char *sqlite_line(sqlite3_stmt *statement, int column);
char *sqlite_lines(sqlite3_stmt *statement, int column); /* '\n' between them */

/* sqlite_write.c */
struct error *sqlite_write(struct store *store, const struct batch *batch) NODISCARD;

/* sqlite_seal.c, sqlite_prune.c: a piece each; *more_ret: there is more to do. */
struct error *sqlite_seal_hour(struct sqlite_store *store, int64_t now_ms,
                               bool *more_ret) NODISCARD;
struct error *sqlite_seal_day(struct sqlite_store *store, int64_t now_ms, bool *more_ret) NODISCARD;
struct error *sqlite_prune(struct sqlite_store *store, int64_t now_ms, bool *more_ret) NODISCARD;

/* sqlite_records.c */
struct error *sqlite_ids(struct store *store, struct store_ids *ids_ret) NODISCARD;
struct error *sqlite_lives(struct store *store, const char *program, struct store_span span,
                           struct lives *lives_ret) NODISCARD;
struct error *sqlite_sampled(struct store *store, const char *program,
                             struct life_ids *ids_ret) NODISCARD;
struct error *sqlite_markers(struct store *store, uint32_t life, struct store_span span,
                             struct markers *markers_ret) NODISCARD;
struct error *sqlite_sites(struct store *store, uint32_t life,
                           struct site_records *sites_ret) NODISCARD;
struct error *sqlite_standings(struct store *store, struct standings *standings_ret) NODISCARD;

/* sqlite_calls.c */
struct error *sqlite_calls(struct store *store, uint32_t life, struct store_span span,
                           struct calls *calls_ret) NODISCARD;
struct error *sqlite_inspections(struct store *store, uint32_t life, struct store_span span,
                                 struct inspection_records *records_ret) NODISCARD;
struct error *sqlite_inspection(struct store *store, uint32_t id,
                                struct inspection_record *record_ret) NODISCARD;
struct error *sqlite_agent(struct store *store, char **json_ret, int64_t *at_ms_ret) NODISCARD;
struct error *sqlite_size(struct store *store, struct store_size *size_ret) NODISCARD;

/* sqlite_points.c, sqlite_moment.c */
struct error *sqlite_points(struct store *store, uint32_t life, uint32_t series,
                            struct store_span span, unsigned points_max, struct points *points_ret,
                            int64_t *step_ms_ret) NODISCARD;
struct error *sqlite_samples_at(struct store *store, uint32_t life, int64_t at_ms, int64_t age_ms,
                                struct samples *samples_ret) NODISCARD;

#endif
