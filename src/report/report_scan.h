/* Writers of what a scan found: text for people and JSON. They borrow all and write to the FILE that
 * they are given. */
#ifndef SEEP_REPORT_REPORT_SCAN_H
#define SEEP_REPORT_REPORT_SCAN_H

#include <jansson.h>

#include "find/scan.h"
#include "report/term.h"

struct scan_report {
    const struct target_facts *facts;
    struct program *program;
    const struct scan *scan;
    double read_s;
    bool in_full; /* whole names and paths */
    bool verbose; /* also the defers that are not reported */
    bool hide_own, hide_dependencies;
};

/* True if the options leave this finding to be shown. */
bool scan_report_shows(const struct scan_report *report, const struct finding *finding);

void report_scan(const struct scan_report *report, struct term *term);

/* docs/scan.schema.json says what it holds. The caller owns it. */
json_t *report_scan_json(const struct scan_report *report);

#endif
