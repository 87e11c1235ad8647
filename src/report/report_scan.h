/* Writers of what a scan found: text for people, and JSON. They borrow all and write to the FILE that
 * they are given. SARIF has a header of its own. */
#ifndef SEEP_REPORT_REPORT_SCAN_H
#define SEEP_REPORT_REPORT_SCAN_H

#include <jansson.h>

#include "scan/known.h"
#include "scan/scan.h"
#include "report/term.h"

struct scan_report {
    const struct target_facts *facts;
    struct program *program;
    const struct scan *scan;
    const struct known *known; /* of each finding */
    bool has_baseline;
    double read_s;
    bool in_full; /* whole names and paths */
    bool hide_own, hide_dependencies;
    bool hide_standard; /* Go's own library, which is in every program */
};

/* True if the options leave findings of this origin to be shown. */
bool scan_report_wants(const struct scan_report *report, const struct finding *finding);

/* True if besides it is neither suppressed nor in the baseline. */
bool scan_report_shows(const struct scan_report *report, const struct finding *finding);

const struct known *scan_report_known(const struct scan_report *report,
                                      const struct finding *finding);

void report_scan(const struct scan_report *report, struct term *term);

/* Remarks on entries that stood for no finding of the whole run. */
void report_scan_unused(const struct suppressions *suppressions, struct term *term);

/* docs/scan.schema.json says what it holds. The caller owns it, and adds the unused entries when all
 * programs are read. */
json_t *report_scan_json(const struct scan_report *report);
void report_scan_json_unused(json_t *document, const struct suppressions *suppressions);

#endif
