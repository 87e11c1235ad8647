/* One question that somebody asks over HTTP, checked: what is not in the form that docs/watch-api.md gives is answered with one clear line, before anything is read. */
#ifndef SEEP_SERVE_REQUEST_H
#define SEEP_SERVE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum {
    PARAMETERS_MAX = 16,
    POINTS_MOST = 10000
};

struct parameter {
    const char *name, *value; /* decoded; borrowed */
};

struct query {
    struct parameter parameters[PARAMETERS_MAX];
    size_t count;
    bool crowded; /* there were more */
};

/* What an answer may be asked with; all have been checked. */
struct question {
    const char *program, *metric, *format; /* NULL: not given */
    int64_t from_ms, to_ms, at_ms;         /* 0, INT64_MAX, -1: not given */
    int64_t points;                        /* -1: not given */
    uint32_t life, id;                     /* 0: not given */
};

/* NULL, or one line that says what is wrong. `allowed`: names with blanks between, of those below: program metric format from to at points life id. */
char *question_read(const struct query *query, const char *allowed, struct question *question_ret);

/* ---- who may ask */

struct guards {
    const char *token; /* NULL: none is wanted */
    bool any_host;     /* it listens on more than loopback: then the token is all that guards it */
};

struct claims { /* headers; NULL: not there */
    const char *host, *origin, *authorization, *cookie;
    const char *token; /* parameter */
};

enum verdict {
    VERDICT_WELCOME,
    VERDICT_GIVE_COOKIE, /* came with the token in its address: gets a cookie, and the address without it */
    VERDICT_NO_TOKEN,
    VERDICT_BAD_HOST,
    VERDICT_BAD_ORIGIN
};

enum verdict guards_judge(const struct guards *guards, const struct claims *claims);

/* "127.0.0.1:7337", "localhost", "[::1]:80": true for names of this machine, whatever the port. */
bool is_loopback_host(const char *host);

#endif
