/* What the files of the text report share. */
#ifndef SEEP_REPORT_TEXT_INTERNAL_H
#define SEEP_REPORT_TEXT_INTERNAL_H

#include "report/places.h"
#include "report/report.h"

/* report_findings.c */
void text_findings(const struct report *report, struct term *term);

/* report_groups.c: where no leak was found, what is there; and with --verbose everything. */
void text_overview(const struct report *report, struct term *term);
void text_everything(const struct report *report, struct term *term);

#endif
