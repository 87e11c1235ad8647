/* What `seep history` says of a program: all that is kept of it, and its writers. They compute nothing new but how it looks. */
#ifndef SEEP_REPORT_HISTORY_H
#define SEEP_REPORT_HISTORY_H

#include <jansson.h>

#include "report/term.h"
#include "store/store.h"

enum {
    HISTORY_SPARK_VALUES = 24
};

struct point_lists VECTOR_OF(struct points);

/* One program over a span. Owned by whoever read it (cli/history_read.h). */
struct history {
    struct lives lives;         /* of this program, by start */
    struct standings standings; /* of these lives */
    struct markers markers;     /* of these lives, and the machine's own (life 0) */
    struct calls calls;         /* of these lives */
    struct samples now;         /* the newest of the newest life */
    struct point_lists points;  /* of the metric, one list a life */
    uint32_t metric;
    int64_t step_ms;
    struct store_span span;
    int64_t seen_ms; /* when the newest life was last seen */
    double spark
        [HISTORY_SPARK_VALUES]; /* memory of the newest life's lane over its last day; NAN where it is not known */
};
struct histories VECTOR_OF(struct history);

struct history_look {
    bool utf8;
    unsigned width;      /* of charts */
    int64_t now_ms;      /* of the clock */
    int64_t agent_at_ms; /* when the agent last said something */
};

/* Of those that run the one that began last, else of all. */
const struct life *history_newest(const struct history *history);

/* "ended" if no life runs. */
const char *history_state(const struct history *history);
enum style history_style(const char *state);

/* The worst standing of the lives that run; NULL if there is none. */
const struct standing *history_worst(const struct history *history);
const struct standing *history_standing(const struct history *history, uint32_t life);
bool history_now(const struct history *history, uint32_t series, int64_t *value_ret);
size_t history_running(const struct history *history);
bool history_is_open(const struct history *history, const struct call *call);
size_t history_open_calls(const struct history *history);

/* "12 Nov 14:03", in local time; with the year if it is another than that of `now_ms`. Into a buffer of TEXT_SIZE_ROOM, returned. */
const char *history_time(char buffer[TEXT_SIZE_ROOM], int64_t at_ms, int64_t now_ms);

/* "+12.3 MiB", what it grows in a day; "-" if it is not known or may be nothing. */
const char *history_pace(char buffer[TEXT_SIZE_ROOM], const struct standing *standing);

/* A text cut to so many cells, "…" at the end; the caller frees. */
char *history_cut(const char *text, size_t cells);

/* A value of a metric in its unit. */
const char *history_value(char buffer[TEXT_SIZE_ROOM], uint32_t metric, double value);

/* ---- writers */

void report_history_table(const struct histories *histories, const struct history_look *look,
                          struct term *term);
void report_history(const struct history *history, const struct history_look *look,
                    struct term *term);
void history_chart(const struct history *history, const struct history_look *look,
                   struct term *term);
json_t *report_history_json(const struct history *history);

/* Samples as CSV: the heading, then row by row. A value that is not known is NULL. */
void report_history_csv_heading(FILE *out);
void report_history_csv_row(const struct life *life, int64_t at_ms, const int64_t *const *values,
                            FILE *out);

#endif
