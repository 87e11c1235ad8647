/* A batch is one transaction: its samples one row, its records a few. */
#include <stdlib.h>

#include "store/sqlite_internal.h"

/* ---- binding */

struct row {
    sqlite3_stmt *statement;
    int at;
};

static void put_int(struct row *row, int64_t value)
{
    sqlite3_bind_int64(row->statement, ++row->at, value);
}

static void put_real(struct row *row, double value) /* NAN becomes NULL */
{
    sqlite3_bind_double(row->statement, ++row->at, value);
}

static void put_text(struct row *row, const char *text)
{
    sqlite3_bind_text(row->statement, ++row->at, text ? text : "", -1, SQLITE_STATIC);
}

static struct error *finish_row(struct sqlite_store *store, struct row *row)
{
    bool more = false;
    struct error *error = sqlite_step(store, row->statement, &more);
    sqlite3_reset(row->statement);
    row->at = 0;
    return error;
}

/* ---- samples */

static int by_life(const void *left, const void *right)
{
    const struct sample *a = left, *b = right;
    if (a->life != b->life)
        return a->life < b->life ? -1 : 1;
    return (a->series > b->series) - (a->series < b->series);
}

static struct error *write_samples(struct sqlite_store *store, const struct batch *batch)
{
    if (!batch->samples.length)
        return NULL;
    store->sorted.length = store->scratch.length = 0;
    for (size_t i = 0; i < batch->samples.length; i++)
        VECTOR_PUSH(&store->sorted, batch->samples.at[i]);
    qsort(store->sorted.at, store->sorted.length, sizeof(*store->sorted.at), by_life);
    codec_write_period(store->sorted.at, store->sorted.length, &store->scratch);
    if (!store->put_period)
        TRY(sqlite_prepare(store, "INSERT INTO periods(at_ms, samples) VALUES(?, ?)",
                           &store->put_period));
    struct row row = {.statement = store->put_period};
    put_int(&row, batch->at_ms);
    sqlite3_bind_blob64(row.statement, 2, store->scratch.at, store->scratch.length, SQLITE_STATIC);
    return finish_row(store, &row);
}

/* ---- records */

static struct error *write_lives(struct sqlite_store *store, const struct lives *lives)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    if (!lives->length)
        return NULL;
    TRY(sqlite_prepare(store,
                       "INSERT OR REPLACE INTO lives VALUES"
                       "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       &statement));
    struct row row = {.statement = statement};
    for (size_t i = 0; i < lives->length; i++) {
        const struct life *life = &lives->at[i];
        put_int(&row, life->id);
        put_text(&row, life->program);
        put_int(&row, life->lane);
        put_text(&row, life->name);
        put_text(&row, life->unit);
        put_text(&row, life->cgroup);
        put_text(&row, life->exe);
        put_text(&row, life->boot_id);
        put_int(&row, life->pid);
        put_int(&row, (int64_t)life->start_ticks);
        put_int(&row, life->started_ms);
        put_int(&row, life->first_seen_ms);
        put_int(&row, life->last_seen_ms);
        put_int(&row, life->ended_ms);
        put_int(&row, life->kind);
        put_int(&row, life->end);
        put_text(&row, life->go_version);
        put_text(&row, life->module);
        put_text(&row, life->release);
        put_text(&row, life->release_source);
        put_text(&row, life->build_id);
        put_int(&row, life->stripped);
        put_text(&row, life->blind);
        TRY(finish_row(store, &row));
    }
    return NULL;
}

/* Those that run were seen now: without writing each of them anew every period. */
static struct error *write_seen(struct sqlite_store *store, const struct batch *batch)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    TRY(sqlite_prepare(store, "UPDATE lives SET last_seen_ms = max(last_seen_ms, ?2) WHERE id = ?1",
                       &statement));
    struct row row = {.statement = statement};
    uint32_t last = 0;
    for (size_t i = 0; i < batch->samples.length; i++) {
        if (batch->samples.at[i].life == last)
            continue;
        last = batch->samples.at[i].life;
        put_int(&row, last);
        put_int(&row, batch->at_ms);
        TRY(finish_row(store, &row));
    }
    return NULL;
}

static struct error *write_markers(struct sqlite_store *store, const struct markers *markers)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    if (!markers->length)
        return NULL;
    TRY(sqlite_prepare(store, "INSERT INTO markers VALUES(?,?,?,?,?)", &statement));
    struct row row = {.statement = statement};
    for (size_t i = 0; i < markers->length; i++) {
        const struct marker *marker = &markers->at[i];
        put_int(&row, marker->life);
        put_int(&row, marker->at_ms);
        put_int(&row, marker->length_ms);
        put_int(&row, marker->kind);
        put_text(&row, marker->text);
        TRY(finish_row(store, &row));
    }
    return NULL;
}

static struct error *write_sites(struct sqlite_store *store, const struct site_records *sites)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    if (!sites->length)
        return NULL;
    TRY(sqlite_prepare(store, "INSERT OR REPLACE INTO sites VALUES(?,?,?,?,?,?,?,?,?,?)",
                       &statement));
    struct row row = {.statement = statement};
    for (size_t i = 0; i < sites->length; i++) {
        const struct site_record *site = &sites->at[i];
        put_int(&row, site->id);
        put_int(&row, site->kind);
        put_text(&row, site->build_id);
        put_text(&row, site->at_function);
        put_text(&row, site->at_file);
        put_int(&row, site->at_line);
        put_text(&row, site->started_function);
        put_text(&row, site->started_file);
        put_int(&row, site->started_line);
        put_text(&row, site->wait_reason);
        TRY(finish_row(store, &row));
    }
    return NULL;
}

static struct error *write_standings(struct sqlite_store *store, const struct standings *standings)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    if (!standings->length)
        return NULL;
    TRY(sqlite_prepare(
        store, "INSERT OR REPLACE INTO standings VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        &statement));
    struct row row = {.statement = statement};
    for (size_t i = 0; i < standings->length; i++) {
        const struct standing *standing = &standings->at[i];
        put_int(&row, standing->life);
        put_int(&row, standing->at_ms);
        put_int(&row, standing->state);
        put_int(&row, standing->series);
        put_real(&row, standing->slope_per_s);
        put_real(&row, standing->slope_low);
        put_real(&row, standing->slope_high);
        put_real(&row, standing->plateau);
        put_real(&row, standing->to_limit_s);
        put_real(&row, standing->to_limit_low_s);
        put_real(&row, standing->to_limit_high_s);
        put_real(&row, standing->limit);
        put_int(&row, standing->warm_up_ends_ms);
        put_int(&row, standing->line_from_ms);
        put_int(&row, standing->line_to_ms);
        put_real(&row, standing->line_from);
        put_real(&row, standing->line_to);
        put_text(&row, standing->why);
        TRY(finish_row(store, &row));
    }
    return NULL;
}

static struct error *write_calls(struct sqlite_store *store, const struct calls *calls)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    if (!calls->length)
        return NULL;
    TRY(sqlite_prepare(
        store, "INSERT OR REPLACE INTO calls VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", &statement));
    struct row row = {.statement = statement};
    for (size_t i = 0; i < calls->length; i++) {
        const struct call *call = &calls->at[i];
        put_int(&row, call->id);
        put_int(&row, call->life);
        put_text(&row, call->cause);
        put_int(&row, call->state);
        put_int(&row, call->since_ms);
        put_int(&row, call->opened_ms);
        put_int(&row, call->resolved_ms);
        put_text(&row, call->title);
        put_text(&row, call->because);
        put_text(&row, call->fix);
        put_real(&row, call->slope_per_s);
        put_real(&row, call->slope_low);
        put_real(&row, call->slope_high);
        put_real(&row, call->count_per_s);
        put_real(&row, call->share);
        put_int(&row, call->inspection);
        TRY(finish_row(store, &row));
    }
    return NULL;
}

static struct error *write_inspections(struct sqlite_store *store,
                                       const struct inspection_records *records)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    if (!records->length)
        return NULL;
    TRY(sqlite_prepare(store, "INSERT OR REPLACE INTO inspections VALUES(?,?,?,?,?,?,?,?,?)",
                       &statement));
    struct row row = {.statement = statement};
    for (size_t i = 0; i < records->length; i++) {
        const struct inspection_record *record = &records->at[i];
        put_int(&row, record->id);
        put_int(&row, record->life);
        put_int(&row, record->at_ms);
        put_text(&row, record->why);
        put_text(&row, record->json);
        put_text(&row, record->problem);
        put_real(&row, record->cpu_s);
        put_real(&row, record->wall_s);
        put_int(&row, (int64_t)record->peak_bytes);
        TRY(finish_row(store, &row));
    }
    return NULL;
}

static struct error *write_agent(struct sqlite_store *store, const struct batch *batch)
{
    AUTO_STATEMENT sqlite3_stmt *statement = NULL;
    if (!batch->agent)
        return NULL;
    TRY(sqlite_set_fact(store, "agent at", batch->at_ms));
    TRY(sqlite_prepare(store, "INSERT OR REPLACE INTO facts VALUES('agent', ?)", &statement));
    struct row row = {.statement = statement};
    put_text(&row, batch->agent);
    return finish_row(store, &row);
}

static struct error *write_all(struct sqlite_store *store, const struct batch *batch)
{
    TRY(write_samples(store, batch));
    TRY(write_lives(store, &batch->lives));
    TRY(write_seen(store, batch));
    TRY(write_markers(store, &batch->markers));
    TRY(write_sites(store, &batch->sites));
    TRY(write_standings(store, &batch->standings));
    TRY(write_calls(store, &batch->calls));
    TRY(write_inspections(store, &batch->inspections));
    return write_agent(store, batch);
}

struct error *sqlite_write(struct store *base, const struct batch *batch)
{
    struct sqlite_store *store = sqlite_of(base);
    TRY(sqlite_is_there(store));
    TRY(sqlite_begin(store));
    return sqlite_end(store, write_all(store, batch));
}
