/* What the files of the text report share. */
#ifndef SEEP_REPORT_TEXT_INTERNAL_H
#define SEEP_REPORT_TEXT_INTERNAL_H

#include "report/places.h"
#include "report/report.h"

/* report_findings.c */
void text_findings(const struct report *report, struct term *term);

/* report_memory.c: --memory */
void text_memory(const struct report *report, struct term *term);

/* report_groups.c: where no leak was found, what is there; and with --verbose everything. */
void text_overview(const struct report *report, struct term *term);
void text_everything(const struct report *report, struct term *term);

/* report_heap.c: who holds the heap. */
void text_heap(const struct report *report, struct term *term);

/* report_whereabouts.c: how the runtime's globals were found. */
void text_whereabouts(const struct report *report, struct term *term);

#endif
