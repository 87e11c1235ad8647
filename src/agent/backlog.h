/* Between the agent and its store: what could not be written waits here, in memory that is bounded, and goes on when the store can be written
 * again. Records (lives, calls, …) are kept longest; of samples the oldest go first, and how many is said. */
#ifndef SEEP_AGENT_BACKLOG_H
#define SEEP_AGENT_BACKLOG_H

#include "store/store.h"

enum {
    BACKLOG_SAMPLES_MAX = 1 << 16, /* 1 MiB */
    BACKLOG_RECORDS_MAX = 4096,
    BACKLOG_INSPECTIONS_MAX = 16
};

struct backlog {
    char *where;
    struct store_limits limits;
    struct store *store;                            /* NULL: it could not be opened */
    struct store_file opened;                       /* the last file that was the store */
    struct batches VECTOR_OF(struct batch) waiting; /* have samples only, oldest first */
    size_t waiting_samples;
    struct batch records; /* go with the next batch that is written */
    uint64_t lost_samples;
    int64_t failing_since_ms; /* 0: all is well */
    int64_t tried_boot_ms;
    char *problem; /* why, while it fails */
    bool renewed;  /* the store was begun anew: whoever has records that live on puts them again */
};

/* Opens the store. An error only if waiting would not help: another agent, from a newer seep, no such place. *note_ret: one line for people, or NULL. */
struct error *backlog_open(const char *where, const struct store_limits *limits,
                           struct backlog *backlog_ret, char **note_ret) NODISCARD;

/* Takes all that the batch holds, and writes what it can. Returns a line for people if something changed (it fails, it goes on), else NULL; the caller frees.
 * `boot_ms`: a clock that no one sets. */
char *backlog_put(struct backlog *backlog, struct batch *batch, int64_t boot_ms);

/* While the store cannot be written: why, and how much waits in memory, in one line that the caller frees; else NULL. */
char *backlog_trouble(const struct backlog *backlog, int64_t now_ms);

/* A bounded piece of the store's housekeeping, if all is well; true if there is more to do. */
bool backlog_maintain(struct backlog *backlog, int64_t now_ms);

/* The store for reading what is written; NULL while it cannot be used. */
struct store *backlog_store(struct backlog *backlog);

void backlog_close(struct backlog *backlog);

#endif
