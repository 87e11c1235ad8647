/* What grew between two looks, for people and as JSON (docs/diff.schema.json). */
#ifndef SEEP_REPORT_REPORT_DIFF_H
#define SEEP_REPORT_REPORT_DIFF_H

#include "find/ledger.h"
#include "report/report.h"

/* Borrows all. */
struct diff_report {
    const struct report *old, *new;
    const struct growth *growth;
    bool same_build;   /* entries are told apart by line, too */
    bool same_process; /* known to be: goroutines keep their ids */
    double seconds;    /* between the two; negative if not known */
    bool in_full;      /* text: all rows, full paths */
};

void report_diff(const struct diff_report *diff, struct term *term);

/* The caller owns it. */
json_t *report_diff_json(const struct diff_report *diff);

/* The key of a kind in JSON. */
const char *ledger_kind_key(enum ledger_kind kind);

#endif
