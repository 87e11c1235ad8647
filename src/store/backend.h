/* What a kind of store must be able to do: the functions of store.h, each as it stands there. A new kind adds a file with such a table and a
 * line in store.c, and nothing else changes: not the agent, not the finder, not the page. */
#ifndef SEEP_STORE_BACKEND_H
#define SEEP_STORE_BACKEND_H

#include "store/store.h"

struct store_backend {
    const char *scheme; /* "sqlite": also for what has no scheme */
    struct error *(*open_writer)(const char *where, const struct store_limits *limits,
                                 const struct store_file *ours, struct store **store_ret,
                                 char **moved_ret)
        NODISCARD; /* `ours`: NULL if it was not open before */
    struct store_file (*opened)(struct store *store);
    struct error *(*open_reader)(const char *where, struct store **store_ret)NODISCARD;
    void (*close)(struct store *store);
    struct error *(*write)(struct store *store, const struct batch *batch)NODISCARD;
    struct error *(*maintain)(struct store *store, int64_t now_ms, bool *more_ret)NODISCARD;
    struct error *(*ids)(struct store *store, struct store_ids *ids_ret)NODISCARD;
    struct error *(*lives)(struct store *store, const char *program, struct store_span span,
                           struct lives *lives_ret)NODISCARD;
    struct error *(*sampled)(struct store *store, const char *program,
                             struct life_ids *ids_ret)NODISCARD;
    struct error *(*markers)(struct store *store, uint32_t life, struct store_span span,
                             struct markers *markers_ret)NODISCARD;
    struct error *(*sites)(struct store *store, uint32_t life,
                           struct site_records *sites_ret)NODISCARD;
    struct error *(*standings)(struct store *store, struct standings *standings_ret)NODISCARD;
    struct error *(*calls)(struct store *store, uint32_t life, struct store_span span,
                           struct calls *calls_ret)NODISCARD;
    struct error *(*inspections)(struct store *store, uint32_t life, struct store_span span,
                                 struct inspection_records *records_ret)NODISCARD;
    struct error *(*inspection)(struct store *store, uint32_t id,
                                struct inspection_record *record_ret)NODISCARD;
    struct error *(*points)(struct store *store, uint32_t life, uint32_t series,
                            struct store_span span, unsigned points_max, struct points *points_ret,
                            int64_t *step_ms_ret)NODISCARD;
    struct error *(*samples_at)(struct store *store, uint32_t life, int64_t at_ms, int64_t age_ms,
                                struct samples *samples_ret)NODISCARD;
    struct error *(*agent)(struct store *store, char **json_ret, int64_t *at_ms_ret)NODISCARD;
    struct error *(*size)(struct store *store, struct store_size *size_ret)NODISCARD;
};

/* What every store begins with. */
struct store {
    const struct store_backend *backend;
};

extern const struct store_backend store_backend_sqlite;

#endif
