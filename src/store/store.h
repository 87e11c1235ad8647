/* Series and findings over time, behind one narrow interface: the agent writes batches, the page and `seep history` read. A store is named
 * by a file (SQLite) or a URL (later: others); who uses it does not see which.
 *
 * Writing: one writer at a time, the agent. A batch is written whole or not at all; killed at any moment, the store holds every batch
 * up to the last one that store_write() reported as written. Reading: any number of processes beside it.
 *
 * Nothing here blocks longer than a disk does; a lock that another process holds is waited for half a second. */
#ifndef SEEP_STORE_STORE_H
#define SEEP_STORE_STORE_H

#include <sys/types.h>

#include "base/error.h"
#include "store/records.h"
#include "store/series.h"

struct sample {
    uint32_t life;
    uint32_t series;
    int64_t value;
};

/* What one period brought: samples of one moment, and records that are new or have changed (by id; standings by life).
 * Borrowed by the store during the call. */
struct batch {
    int64_t at_ms; /* greater than that of the batch before */
    struct samples VECTOR_OF(struct sample) samples;
    struct lives lives;
    struct markers markers;
    struct site_records sites;
    struct standings standings;
    struct calls calls;
    struct inspection_records inspections;
    char *
        agent; /* or NULL: facts of the agent itself as one JSON object, for the page; replaces the last */
};

/* Frees what it holds, for those that own one; it is empty then. */
void batch_deinit(struct batch *batch);

struct store_limits {
    int64_t keep_samples_ms; /* full resolution for so long; roll-ups stay */
    int64_t keep_rollups_ms;
    uint64_t size_max_bytes; /* the oldest goes first; 0: none */
};

extern const struct store_limits store_limits_default; /* 30 days, 2 years, 1 GiB */

struct store;

/* For the agent: made if it is not there, brought up to date if it is from an older seep, locked against a second writer. A store that
 * is broken is moved aside ("….broken-TIME") and a new one begun; *moved_ret (may be NULL) then says so in one line (owned), and so it does if the end of its log is lost. A file
 * that does not bear a store's mark is nobody's to move: it is refused. Who is refused leaves no new file.
 * Errors name the file and what would help: no such directory, read-only, disk full, another agent, from a newer seep, not a store. */
struct error *store_open_writer(const char *where, const struct store_limits *limits,
                                struct store **store_ret, char **moved_ret) NODISCARD;

/* Which file a writer has open. */
struct store_file {
    dev_t device;
    ino_t inode;
};
struct store_file store_opened(struct store *store);

/* For one who had it open, as `ours`, and closed it since it broke: that file may be moved aside even if it has lost its mark. */
struct error *store_open_again(const char *where, const struct store_limits *limits,
                               const struct store_file *ours, struct store **store_ret,
                               char **moved_ret) NODISCARD;

/* For the page and `seep history`: an error if it is not there. Never changes it. */
struct error *store_open_reader(const char *where, struct store **store_ret) NODISCARD;

void store_close(struct store *store);

/* All of the batch or, with an error, nothing of it: ERROR_OS and what the disk says; the same batch may be tried again later, later
 * ones too. An error that says that the file is broken: the store is then to be closed and opened anew. */
struct error *store_write(struct store *store, const struct batch *batch) NODISCARD;

/* Seals, rolls up, prunes: a bounded piece of work (some 20 ms); true in *more_ret if there is more to do. */
struct error *store_maintain(struct store *store, int64_t now_ms, bool *more_ret) NODISCARD;

/* The highest ids in use, so that the agent can go on counting. */
struct store_ids {
    uint32_t life, site, call, inspection;
};
struct error *store_ids(struct store *store, struct store_ids *ids_ret) NODISCARD;

/* ---- reading. Results are owned by the caller, in the order of time. */

struct store_span {
    int64_t from_ms, to_ms; /* both included; 0, INT64_MAX: all */
};

/* Lives that overlap the span; `program` NULL: of all programs. By start. */
struct error *store_lives(struct store *store, const char *program, struct store_span span,
                          struct lives *lives_ret) NODISCARD;
/* The lives of a program that may have samples or roll-ups, in ascending order: of many short ones most have none, and asking each of them for each series is dear. */
struct life_ids VECTOR_OF(uint32_t);
struct error *store_sampled(struct store *store, const char *program,
                            struct life_ids *ids_ret) NODISCARD;
struct error *store_markers(struct store *store, uint32_t life, struct store_span span,
                            struct markers *markers_ret) NODISCARD; /* life UINT32_MAX: of all */
/* That have samples in this life. */
struct error *store_sites(struct store *store, uint32_t life,
                          struct site_records *sites_ret) NODISCARD;
struct error *store_standings(struct store *store,
                              struct standings *standings_ret) NODISCARD; /* newest of each life */
struct error *
store_calls(struct store *store, uint32_t life, struct store_span span,
            struct calls *calls_ret) NODISCARD; /* open at some time in it; life UINT32_MAX: all */
/* Without their JSON, but for store_inspection(). */
struct error *store_inspections(struct store *store, uint32_t life, struct store_span span,
                                struct inspection_records *records_ret) NODISCARD;
struct error *
store_inspection(struct store *store, uint32_t id,
                 struct inspection_record *record_ret) NODISCARD; /* ERROR_NOT_FOUND */

/* What became of a series in [at_ms, at_ms + step). */
struct point {
    int64_t at_ms;
    int64_t min, max, last;
    double mean;
    uint32_t count; /* of samples */
};
struct points VECTOR_OF(struct point);

/* The samples of one series thinned to at most about `points_max` points in the span (0: every sample that is there, 10 million at the
 * most), from samples where they are still kept and from roll-ups before. *step_ms_ret: the width of a point; 0 if every sample is its
 * own. Minimum and maximum of what is thinned survive. */
struct error *store_points(struct store *store, uint32_t life, uint32_t series,
                           struct store_span span, unsigned points_max, struct points *points_ret,
                           int64_t *step_ms_ret) NODISCARD;

/* The newest sample of each series of a life at or before a time, but not older than `age_ms`. */
struct error *store_samples_at(struct store *store, uint32_t life, int64_t at_ms, int64_t age_ms,
                               struct samples *samples_ret) NODISCARD;

/* What the agent last said of itself (JSON), and when; *json_ret NULL if it never did. */
struct error *store_agent(struct store *store, char **json_ret, int64_t *at_ms_ret) NODISCARD;

struct store_size {
    uint64_t file_bytes, samples, sealed_samples, sealed_bytes;
    int64_t first_ms, last_ms;
};
struct error *store_size(struct store *store, struct store_size *size_ret) NODISCARD;

#endif
