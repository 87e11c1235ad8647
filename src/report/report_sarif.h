/* A scan as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"): for code hosts and
 * editors. One log with one run for each program. */
#ifndef SEEP_REPORT_REPORT_SARIF_H
#define SEEP_REPORT_REPORT_SARIF_H

#include "report/report_scan.h"

/* One run. Suppressed findings and those of the baseline are in it, marked. The caller owns it. */
json_t *report_sarif_run(const struct scan_report *report);

/* The log over an array of runs, with remarks on suppressions that stood for nothing. The caller
 * owns it. */
json_t *report_sarif_log(json_t *runs, const struct suppressions *suppressions);

#endif
