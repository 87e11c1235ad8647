/* What the files of the text report of a scan share. */
#ifndef SEEP_REPORT_SCAN_INTERNAL_H
#define SEEP_REPORT_SCAN_INTERNAL_H

#include "report/places.h"
#include "report/report_scan.h"

/* scan_findings.c: those that are shown: the program's own first, Go's standard library last, about
 * which its user can do least. */
void text_scan_findings(const struct scan_report *report, struct line *line);

/* In Go's standard library. */
bool scan_is_standard(const struct finding *finding);

#endif
