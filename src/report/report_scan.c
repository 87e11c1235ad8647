/* The report of a scan for people: the program, then findings module by module, its own first. */
#include "report/report_scan.h"

#include <string.h>

#include "report/text_internal.h"

enum {
    VALUE_COLUMN = 8,
    NAME_CELLS_MAX = 24
};

bool scan_report_shows(const struct scan_report *report, const struct finding *finding)
{
    return !finding->suppressed &&
           !(finding->origin.own ? report->hide_own : report->hide_dependencies);
}

static size_t value_column(const struct scan_report *report)
{
    size_t cells = term_cells(report->facts->name) + 2;
    return cells <= VALUE_COLUMN || cells > NAME_CELLS_MAX ? VALUE_COLUMN : cells;
}

static void write_header(const struct scan_report *report, struct line *line)
{
    struct program *program = report->program;
    const char *source = NULL;
    AUTO_FREE char *release = release_name(&program->info, program->build_id, &source);
    line_put(line, STYLE_BOLD, report->facts->name);
    line_to(line, value_column(report), 2);
    line_put(line, STYLE_PLAIN,
             program->info.go_version ? program->info.go_version : "go version unknown");
    line_put(line, STYLE_PLAIN, program->arch == ARCH_ARM64 ? " · arm64" : " · amd64");
    line_put(line, STYLE_PLAIN, program->stripped ? " · stripped" : " · not stripped");
    if (release)
        line_printf(line, STYLE_PLAIN, " · %s %s", strcmp(source, "build-id") ? "release" : "build",
                    release);
    line_end(line);
}

static void write_read(const struct scan_report *report, struct line *line)
{
    const struct scan *scan = report->scan;
    char buffer[TEXT_SIZE_ROOM];
    line_put(line, STYLE_PLAIN, "read");
    line_to(line, value_column(report), 2);
    line_printf(line, STYLE_PLAIN, "%s functions in %.2f s", text_count(buffer, scan->functions),
                report->read_s);
    line_printf(line, STYLE_PLAIN, " · %s followed", text_count(buffer, scan->examined));
    if (scan->undecoded)
        line_printf(line, STYLE_YELLOW, " · %s only in part: not all of their code is known",
                    text_count(buffer, scan->undecoded));
    line_end(line);
}

static bool same_module(const struct finding *a, const struct finding *b)
{
    const char *left = a->origin.module ? a->origin.module : "";
    const char *right = b->origin.module ? b->origin.module : "";
    return a->origin.own == b->origin.own && !strcmp(left, right);
}

static void write_module(const struct finding *finding, struct line *line)
{
    const struct origin *origin = &finding->origin;
    line_end(line);
    line_put(line, STYLE_BOLD, origin->module ? origin->module : "module unknown");
    if (origin->module && !strcmp(origin->module, "std"))
        line_put(line, STYLE_DIM, "  Go's standard library");
    else if (origin->own)
        line_put(line, STYLE_DIM, "  this program's own code");
    else if (origin->version)
        line_printf(line, STYLE_DIM, "  %s", origin->version);
    line_end(line);
}

/* All of the module of finding i, if it is the first of its module that is shown. */
static void write_group(const struct scan_report *report, size_t i, bool *done, struct line *line)
{
    const struct findings *findings = &report->scan->findings;
    const struct finding *first = &findings->at[i];
    write_module(first, line);
    for (size_t k = i; k < findings->length; k++) {
        const struct finding *finding = &findings->at[k];
        if (done[k] || !same_module(first, finding) || !scan_report_shows(report, finding))
            continue;
        done[k] = true;
        line_end(line);
        text_finding(finding, NULL, report->in_full, line);
    }
}

static void write_groups(const struct scan_report *report, bool own, bool *done, struct line *line)
{
    const struct findings *findings = &report->scan->findings;
    for (size_t i = 0; i < findings->length; i++) {
        if (!done[i] && findings->at[i].origin.own == own &&
            scan_report_shows(report, &findings->at[i]))
            write_group(report, i, done, line);
    }
}

static void write_summary(const struct scan_report *report, struct line *line)
{
    const struct findings *findings = &report->scan->findings;
    uint64_t shown = 0, hidden = 0, suppressed = 0;
    char buffer[TEXT_SIZE_ROOM];
    for (size_t i = 0; i < findings->length; i++) {
        suppressed += findings->at[i].suppressed;
        shown += scan_report_shows(report, &findings->at[i]);
    }
    hidden = findings->length - suppressed - shown;
    line_end(line);
    if (shown)
        line_printf(line, STYLE_PLAIN, "%s %s can leak", text_count(buffer, shown),
                    shown == 1 ? "place" : "places");
    else
        line_put(line, STYLE_GREEN, "nothing found that can leak");
    if (hidden)
        line_printf(line, STYLE_PLAIN, ", %s not shown (--own, --dep)", text_count(buffer, hidden));
    if (suppressed)
        line_printf(line, STYLE_PLAIN, ", %s suppressed", text_count(buffer, suppressed));
    line_end(line);
}

void report_scan(const struct scan_report *report, struct term *term)
{
    struct line line = {.term = term};
    AUTO_FREE bool *done = xcalloc(report->scan->findings.length + 1, sizeof(*done));
    write_header(report, &line);
    write_read(report, &line);
    write_groups(report, true, done, &line);
    write_groups(report, false, done, &line);
    write_summary(report, &line);
    line_deinit(&line);
}
