/* A profile as `go tool pprof` reads it, while it is put together: each text, function and place stands once; and its bytes, compressed. Knows the
 * format and nothing of what is told with it. */
#ifndef SEEP_REPORT_PROFILE_TABLE_H
#define SEEP_REPORT_PROFILE_TABLE_H

#include <stdint.h>

#include "base/text.h"
#include "base/vector.h"

enum {
    PROFILE_VALUES_MAX = 8
};

/* One frame of a stack. Borrows the texts, which are escaped when they are added. */
struct profile_frame {
    const char *name; /* NULL or empty: "?" */
    const char *file; /* NULL unknown */
    int64_t line;     /* 0 unknown */
};

struct profile_stack VECTOR_OF(struct profile_frame); /* innermost first */

struct profile_table;

struct profile_table *profile_table_create(void);
void profile_table_destroy(struct profile_table *table);

/* A kind of value that every sample has, in the order in which they are added; at most PROFILE_VALUES_MAX, before the first sample. */
void profile_table_add_type(struct profile_table *table, const char *type, const char *unit);

/* The type that is shown if no other is asked for. */
void profile_table_set_default(struct profile_table *table, const char *type);

void profile_table_set_time(struct profile_table *table, int64_t unix_ns);

/* The executable; texts may be NULL. Once. */
void profile_table_set_program(struct profile_table *table, const char *file, const char *build_id);

void profile_table_add_comment(struct profile_table *table, const char *comment);

/* `values`: one for each type. Nothing is added if they are all zero. `key` and `value` are a label of the sample; NULL: none. */
void profile_table_add_sample(struct profile_table *table, const struct profile_stack *stack,
                              const uint64_t *values, const char *key, const char *value);

/* The whole, in gzip's format; the same samples give the same bytes. The caller ends the text. Error: it is over TEXT_MAX. */
struct error *profile_table_bytes(const struct profile_table *table,
                                  struct text *bytes_ret) NODISCARD;

#endif
