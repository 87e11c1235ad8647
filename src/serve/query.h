/* The target of a request, as it came: path and parameters, decoded strictly. What is not well formed is told in one line and not guessed at; a NUL byte is never
 * well formed, since everything behind would take it for the end. */
#ifndef SEEP_SERVE_QUERY_H
#define SEEP_SERVE_QUERY_H

#include <stddef.h>

enum {
    PARAMETERS_MAX = 16,
    TARGET_MAX = 8192
};

struct parameter {
    const char *name, *value; /* decoded */
};

struct query {
    const char *path; /* decoded */
    struct parameter parameters[PARAMETERS_MAX];
    size_t count;
    char *bytes; /* that all of these point into; owned */
};

/* NULL, or one line that says what is wrong (the caller frees it); then the query is empty, and its path "". */
char *query_read(const char *target, struct query *query_ret);
void query_deinit(struct query *query);

/* NULL if there is none of that name. */
const char *query_value(const struct query *query, const char *name);

#endif
