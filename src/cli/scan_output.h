/* What a scan of several programs prints. */
#ifndef SEEP_CLI_SCAN_OUTPUT_H
#define SEEP_CLI_SCAN_OUTPUT_H

#include "report/report_scan.h"

enum scan_format {
    SCAN_TEXT,
    SCAN_JSON,
    SCAN_SARIF,
    SCAN_QUIET
};

struct scan_output {
    enum scan_format format;
    struct term term;
    bool began;        /* text: something was written */
    json_t *documents; /* an array: kept until it is known which suppressions were of use */
};

void scan_output_init(struct scan_output *output, enum scan_format format, enum color_when color);

/* One program. */
void scan_output_add(struct scan_output *output, const struct scan_report *report);

/* Behind the last one. Ends the output. */
void scan_output_end(struct scan_output *output, const struct suppressions *suppressions);

#endif
