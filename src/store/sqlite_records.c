/* Reading lives, markers, sites and standings. Ids are whole numbers of 32 bits; what a broken file has instead is cut. */
#include <math.h>

#include "store/sqlite_internal.h"

enum {
    ROWS_MAX = 1000000 /* of one answer */
};

static int64_t number(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}

static uint32_t id(sqlite3_stmt *statement, int column)
{
    return (uint32_t)number(statement, column);
}

static double real(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? (double)NAN
               : sqlite3_column_double(statement, column);
}

struct error *sqlite_ids(struct store *base, struct store_ids *ids_ret)
{
    static const char *const queries[] = {"SELECT max(id) FROM lives", "SELECT max(id) FROM sites",
                                          "SELECT max(id) FROM calls",
                                          "SELECT max(id) FROM inspections"};
    uint32_t highest[LENGTH_OF(queries)] = {0};
    for (size_t i = 0; i < LENGTH_OF(queries); i++) {
        AUTO_STATEMENT sqlite3_stmt *statement = NULL;
        bool row = false;
        TRY(sqlite_prepare(sqlite_of(base), queries[i], &statement));
        TRY(sqlite_step(sqlite_of(base), statement, &row));
        highest[i] = row ? id(statement, 0) : 0;
    }
    *ids_ret = (struct store_ids){highest[0], highest[1], highest[2], highest[3]};
    return NULL;
}

static struct life life_of(sqlite3_stmt *statement)
{
    return (struct life){
        .id = id(statement, 0),
        .program = sqlite_line(statement, 1),
        .lane = id(statement, 2),
        .name = sqlite_line(statement, 3),
        .unit = sqlite_line(statement, 4),
        .cgroup = sqlite_line(statement, 5),
        .exe = sqlite_line(statement, 6),
        .boot_id = sqlite_line(statement, 7),
        .pid = (pid_t)number(statement, 8),
        .start_ticks = (uint64_t)number(statement, 9),
        .started_ms = number(statement, 10),
        .first_seen_ms = number(statement, 11),
        .last_seen_ms = number(statement, 12),
        .ended_ms = number(statement, 13),
        .kind = (enum life_kind)id(statement, 14),
        .end = (enum life_end)id(statement, 15),
        .go_version = sqlite_line(statement, 16),
        .module = sqlite_line(statement, 17),
        .release = sqlite_line(statement, 18),
        .release_source = sqlite_line(statement, 19),
        .build_id = sqlite_line(statement, 20),
        .stripped = number(statement, 21),
        .blind = sqlite_line(statement, 22),
    };
}

struct error *sqlite_lives(struct store *base, const char *program, struct store_span span,
                           struct lives *lives_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(
        sqlite_of(base),
        "SELECT * FROM lives WHERE (?1 IS NULL OR program = ?1) AND started_ms <= ?3 "
        "AND (ended_ms = 0 OR ended_ms >= ?2) ORDER BY started_ms, id LIMIT ?4",
        &statement));
    if (program)
        sqlite3_bind_text(statement, 1, program, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, span.from_ms);
    sqlite3_bind_int64(statement, 3, span.to_ms);
    sqlite3_bind_int(statement, 4, ROWS_MAX);
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    while (row) {
        VECTOR_PUSH(lives_ret, life_of(statement));
        TRY(sqlite_step(sqlite_of(base), statement, &row));
    }
    return NULL;
}

/* Who was seen since the oldest period may be in it: periods are not looked into. */
struct error *sqlite_sampled(struct store *base, const char *program, struct life_ids *ids_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(sqlite_of(base),
                       "SELECT id FROM lives WHERE program = ? AND ("
                       "last_seen_ms >= (SELECT min(at_ms) FROM periods) "
                       "OR EXISTS(SELECT 1 FROM sealed WHERE sealed.life = lives.id) "
                       "OR EXISTS(SELECT 1 FROM rolled WHERE rolled.life = lives.id)) ORDER BY id",
                       &statement));
    sqlite3_bind_text(statement, 1, program, -1, SQLITE_STATIC);
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    while (row) {
        VECTOR_PUSH(ids_ret, id(statement, 0));
        TRY(sqlite_step(sqlite_of(base), statement, &row));
    }
    return NULL;
}

struct error *sqlite_markers(struct store *base, uint32_t life, struct store_span span,
                             struct markers *markers_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(sqlite_of(base),
                       "SELECT * FROM markers WHERE (?1 = 4294967295 OR life = ?1) AND at_ms >= ?2 "
                       "AND at_ms <= ?3 ORDER BY at_ms LIMIT ?4",
                       &statement));
    sqlite3_bind_int64(statement, 1, life);
    sqlite3_bind_int64(statement, 2, span.from_ms);
    sqlite3_bind_int64(statement, 3, span.to_ms);
    sqlite3_bind_int(statement, 4, ROWS_MAX);
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    while (row) {
        VECTOR_PUSH(markers_ret, (struct marker){
                                     .life = id(statement, 0),
                                     .at_ms = number(statement, 1),
                                     .length_ms = number(statement, 2),
                                     .kind = (enum marker_kind)id(statement, 3),
                                     .text = sqlite_line(statement, 4),
                                 });
        TRY(sqlite_step(sqlite_of(base), statement, &row));
    }
    return NULL;
}

struct error *sqlite_sites(struct store *base, uint32_t life, struct site_records *sites_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(
        sqlite_of(base),
        "SELECT * FROM sites WHERE build_id = (SELECT build_id FROM lives WHERE id = ?1) "
        "ORDER BY id LIMIT ?2",
        &statement));
    sqlite3_bind_int64(statement, 1, life);
    sqlite3_bind_int(statement, 2, ROWS_MAX);
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    while (row) {
        VECTOR_PUSH(sites_ret, (struct site_record){
                                   .id = id(statement, 0),
                                   .kind = (enum site_kind)id(statement, 1),
                                   .build_id = sqlite_line(statement, 2),
                                   .at_function = sqlite_line(statement, 3),
                                   .at_file = sqlite_line(statement, 4),
                                   .at_line = (int32_t)number(statement, 5),
                                   .started_function = sqlite_line(statement, 6),
                                   .started_file = sqlite_line(statement, 7),
                                   .started_line = (int32_t)number(statement, 8),
                                   .wait_reason = sqlite_line(statement, 9),
                               });
        TRY(sqlite_step(sqlite_of(base), statement, &row));
    }
    return NULL;
}

struct error *sqlite_standings(struct store *base, struct standings *standings_ret)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    bool row = false;
    TRY(sqlite_prepare(sqlite_of(base), "SELECT * FROM standings ORDER BY life", &statement));
    TRY(sqlite_step(sqlite_of(base), statement, &row));
    while (row && standings_ret->length < ROWS_MAX) {
        VECTOR_PUSH(standings_ret, (struct standing){
                                       .life = id(statement, 0),
                                       .at_ms = number(statement, 1),
                                       .state = (enum standing_state)id(statement, 2),
                                       .series = id(statement, 3),
                                       .slope_per_s = real(statement, 4),
                                       .slope_low = real(statement, 5),
                                       .slope_high = real(statement, 6),
                                       .plateau = real(statement, 7),
                                       .to_limit_s = real(statement, 8),
                                       .to_limit_low_s = real(statement, 9),
                                       .to_limit_high_s = real(statement, 10),
                                       .limit = real(statement, 11),
                                       .warm_up_ends_ms = number(statement, 12),
                                       .line_from_ms = number(statement, 13),
                                       .line_to_ms = number(statement, 14),
                                       .line_from = real(statement, 15),
                                       .line_to = real(statement, 16),
                                       .why = sqlite_line(statement, 17),
                                   });
        TRY(sqlite_step(sqlite_of(base), statement, &row));
    }
    return NULL;
}
