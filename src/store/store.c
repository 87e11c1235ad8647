#include "store/store.h"

#include <string.h>

#include "store/backend.h"

const struct store_limits store_limits_default = {
    .keep_samples_ms = INT64_C(30) * 86400 * 1000,
    .keep_rollups_ms = INT64_C(730) * 86400 * 1000,
    .size_max_bytes = UINT64_C(1) << 30,
};

void batch_deinit(struct batch *batch)
{
    VECTOR_DEINIT(&batch->samples);
    lives_deinit(&batch->lives);
    markers_deinit(&batch->markers);
    site_records_deinit(&batch->sites);
    standings_deinit(&batch->standings);
    calls_deinit(&batch->calls);
    inspection_records_deinit(&batch->inspections);
    free(batch->agent);
    *batch = (struct batch){0};
}

static const struct store_backend *const backends[] = {&store_backend_sqlite};

/* The backend that a place names, and what is behind its scheme. */
static struct error *backend_of(const char **where, const struct store_backend **backend_ret)
{
    if (!**where)
        return error_create(ERROR_BAD_DATA, "--store wants the name of a file");
    const char *colon = strstr(*where, "://");
    if (!colon) {
        *backend_ret = &store_backend_sqlite;
        return NULL;
    }
    for (size_t i = 0; i < LENGTH_OF(backends); i++) {
        size_t length = strlen(backends[i]->scheme);
        if (length == (size_t)(colon - *where) && !strncmp(*where, backends[i]->scheme, length)) {
            *where = colon + 3;
            *backend_ret = backends[i];
            return **where ? NULL
                           : error_create(ERROR_BAD_DATA, "--store wants the name of a file");
        }
    }
    return error_create(ERROR_UNSUPPORTED,
                        "%.*s: this seep keeps series in a file only (--store FILE)",
                        (int)(colon - *where), *where);
}

struct error *store_open_writer(const char *where, const struct store_limits *limits,
                                struct store **store_ret, char **moved_ret)
{
    const struct store_backend *backend = NULL;
    TRY(backend_of(&where, &backend));
    return backend->open_writer(where, limits, NULL, store_ret, moved_ret);
}

struct error *store_open_again(const char *where, const struct store_limits *limits,
                               const struct store_file *ours, struct store **store_ret,
                               char **moved_ret)
{
    const struct store_backend *backend = NULL;
    TRY(backend_of(&where, &backend));
    return backend->open_writer(where, limits, ours, store_ret, moved_ret);
}

struct store_file store_opened(struct store *store)
{
    return store->backend->opened(store);
}

struct error *store_open_reader(const char *where, struct store **store_ret)
{
    const struct store_backend *backend = NULL;
    TRY(backend_of(&where, &backend));
    return backend->open_reader(where, store_ret);
}

void store_close(struct store *store)
{
    if (store)
        store->backend->close(store);
}

struct error *store_write(struct store *store, const struct batch *batch)
{
    return store->backend->write(store, batch);
}

struct error *store_maintain(struct store *store, int64_t now_ms, bool *more_ret)
{
    return store->backend->maintain(store, now_ms, more_ret);
}

struct error *store_ids(struct store *store, struct store_ids *ids_ret)
{
    return store->backend->ids(store, ids_ret);
}

struct error *store_lives(struct store *store, const char *program, struct store_span span,
                          struct lives *lives_ret)
{
    return store->backend->lives(store, program, span, lives_ret);
}

struct error *store_sampled(struct store *store, const char *program, struct life_ids *ids_ret)
{
    return store->backend->sampled(store, program, ids_ret);
}

struct error *store_markers(struct store *store, uint32_t life, struct store_span span,
                            struct markers *markers_ret)
{
    return store->backend->markers(store, life, span, markers_ret);
}

struct error *store_sites(struct store *store, uint32_t life, struct site_records *sites_ret)
{
    return store->backend->sites(store, life, sites_ret);
}

struct error *store_standings(struct store *store, struct standings *standings_ret)
{
    return store->backend->standings(store, standings_ret);
}

struct error *store_calls(struct store *store, uint32_t life, struct store_span span,
                          struct calls *calls_ret)
{
    return store->backend->calls(store, life, span, calls_ret);
}

struct error *store_inspections(struct store *store, uint32_t life, struct store_span span,
                                struct inspection_records *records_ret)
{
    return store->backend->inspections(store, life, span, records_ret);
}

struct error *store_inspection(struct store *store, uint32_t id,
                               struct inspection_record *record_ret)
{
    return store->backend->inspection(store, id, record_ret);
}

struct error *store_points(struct store *store, uint32_t life, uint32_t series,
                           struct store_span span, unsigned points_max, struct points *points_ret,
                           int64_t *step_ms_ret)
{
    return store->backend->points(store, life, series, span, points_max, points_ret, step_ms_ret);
}

struct error *store_samples_at(struct store *store, uint32_t life, int64_t at_ms, int64_t age_ms,
                               struct samples *samples_ret)
{
    return store->backend->samples_at(store, life, at_ms, age_ms, samples_ret);
}

struct error *store_agent(struct store *store, char **json_ret, int64_t *at_ms_ret)
{
    return store->backend->agent(store, json_ret, at_ms_ret);
}

struct error *store_size(struct store *store, struct store_size *size_ret)
{
    return store->backend->size(store, size_ret);
}
