#include "cli/scan_output.h"

#include <stdio.h>

#include "report/report.h"
#include "report/report_sarif.h"

void scan_output_init(struct scan_output *output, enum scan_format format, enum color_when color)
{
    *output = (struct scan_output){.format = format, .documents = json_array()};
    term_init(&output->term, stdout, color);
}

void scan_output_add(struct scan_output *output, const struct scan_report *report)
{
    switch (output->format) {
    case SCAN_TEXT:
        if (output->began)
            putchar('\n');
        output->began = true;
        report_scan(report, &output->term);
        break;
    case SCAN_JSON:
        json_array_append_new(output->documents, report_scan_json(report));
        break;
    case SCAN_SARIF:
        json_array_append_new(output->documents, report_sarif_run(report));
        break;
    case SCAN_QUIET:
        break;
    }
}

static void end_json(struct scan_output *output, const struct suppressions *suppressions)
{
    for (size_t i = 0; i < json_array_size(output->documents); i++) {
        json_t *document = json_array_get(output->documents, i);
        report_scan_json_unused(document, suppressions);
        report_json_line(json_incref(document), stdout);
    }
}

void scan_output_end(struct scan_output *output, const struct suppressions *suppressions)
{
    if (output->format == SCAN_TEXT && output->began)
        report_scan_unused(suppressions, &output->term);
    else if (output->format == SCAN_JSON)
        end_json(output, suppressions);
    else if (output->format == SCAN_SARIF && json_array_size(output->documents))
        report_json_line(report_sarif_log(output->documents, suppressions), stdout);
    json_decref(output->documents);
}
