/* The report as one page that works offline: for a ticket or a mail. */
#ifndef SEEP_REPORT_REPORT_HTML_H
#define SEEP_REPORT_REPORT_HTML_H

#include "report/report.h"

/* Adds the page to a text. Whatever comes from the target stands in it as text only. */
void report_html(const struct report *report, struct text *page);

/* The page's parts, made by tools/report-page from src/report/page: before the text report, before the data, and the rest. */
extern const unsigned char report_page_head[], report_page_middle[], report_page_end[];
extern const size_t report_page_head_size, report_page_middle_size, report_page_end_size;

#endif
