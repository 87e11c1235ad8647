/* What `seep history` shows, read from a store. */
#ifndef SEEP_CLI_HISTORY_READ_H
#define SEEP_CLI_HISTORY_READ_H

#include "report/history.h"

/* All that is kept, of all programs: their lives, how they stand, what happened, what was called. */
struct kept {
    struct lives lives;
    struct standings standings;
    struct markers markers;
    struct calls calls;
};

struct error *kept_read(struct store *store, struct kept *kept) NODISCARD;
void kept_deinit(struct kept *kept);

struct history_wish {
    struct store_span span;
    uint32_t metric; /* SERIES_METRIC_COUNT: the one that matters */
    unsigned points; /* of the chart; 0: no chart is wanted */
    bool spark;
};

/* One program of what is kept; without lives if none falls into the span. Takes its records out of `kept`. */
struct error *history_read(struct store *store, struct kept *kept, const char *program,
                           const struct history_wish *wish, struct history *history) NODISCARD;
void history_deinit(struct history *history);

/* Every sample of a program's lives in the span, as CSV. */
struct error *history_csv(struct store *store, const struct history *history, FILE *out) NODISCARD;

#endif
