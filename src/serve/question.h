/* One question that somebody asks over HTTP, checked: what is not in the form that docs/watch-api.md gives is answered with one clear line, before anything is
 * read. Answers need not check again. */
#ifndef SEEP_SERVE_QUESTION_H
#define SEEP_SERVE_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "serve/query.h"

enum {
    POINTS_MOST = 10000
};

struct question {
    const char *program;           /* NULL: not given; borrowed from the query */
    uint32_t series;               /* of `metric`; SERIES_METRIC_COUNT: not given */
    bool json;                     /* `format` */
    int64_t from_ms, to_ms, at_ms; /* 0, INT64_MAX, -1: not given */
    int64_t points;                /* -1: not given */
    uint32_t life, id;             /* 0: not given */
};

/* NULL, or one line that says what is wrong; the caller frees it. `wanted`: names with blanks between, of: program metric format from to at points life id; one
 * with '!' behind it must be there. A token may always be. */
char *question_read(const struct query *query, const char *wanted, struct question *question_ret);

#endif
