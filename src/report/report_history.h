/* `seep history` for people: from the same answers that the page gets (docs/watch-api.md), so that both say the same. */
#ifndef SEEP_REPORT_REPORT_HISTORY_H
#define SEEP_REPORT_REPORT_HISTORY_H

#include <jansson.h>

#include "report/term.h"
#include "store/store.h"

/* All programs: the answer to /api/v1/programs. */
void report_history_programs(const json_t *programs, int64_t now_ms, struct term *term);

/* A chart of one metric over a span: the points of each life, in the order of time. */
struct history_chart {
    const struct series_facts *metric;
    struct store_span span;
    const struct points *lives; /* `life_count` of them */
    size_t life_count;
    const int64_t *marks; /* when lives began; `life_count` of them */
    double limit;         /* NAN: none */
};

/* One program: the answer to /api/v1/program, and its chart. */
void report_history_program(const json_t *program, const struct history_chart *chart,
                            int64_t now_ms, struct term *term);

/* history_chart.c */
void history_chart_write(const struct history_chart *chart, struct term *term);

#endif
