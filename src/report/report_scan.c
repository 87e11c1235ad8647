/* The report of a scan for people: the program, the findings module by module, remarks, and how many
 * there are. */
#include "report/report_scan.h"

#include <string.h>

#include "report/scan_internal.h"

enum {
    VALUE_COLUMN = 8,
    NAME_CELLS_MAX = 24
};

static bool is_standard(const struct finding *finding)
{
    return finding->origin.module && !strcmp(finding->origin.module, "std");
}

bool scan_report_wants(const struct scan_report *report, const struct finding *finding)
{
    return !(finding->origin.own ? report->hide_own : report->hide_dependencies) &&
           !(report->hide_standard && is_standard(finding));
}

const struct known *scan_report_known(const struct scan_report *report,
                                      const struct finding *finding)
{
    return &report->known[finding - report->scan->findings.at];
}

bool scan_report_shows(const struct scan_report *report, const struct finding *finding)
{
    const struct known *known = scan_report_known(report, finding);
    return !known->suppression && !known->in_baseline && scan_report_wants(report, finding);
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
    line_printf(line, STYLE_PLAIN, "%s functions", text_count(buffer, scan->functions));
    line_printf(line, STYLE_PLAIN, ", the code of %s followed, in %.2f s",
                text_count(buffer, scan->examined), report->read_s);
    if (scan->undecoded)
        line_printf(line, STYLE_YELLOW, " · %s only in part: not all of their code is known",
                    text_count(buffer, scan->undecoded));
    line_end(line);
}

static void write_note(struct line *line, const char *note)
{
    line_put(line, STYLE_DIM, "note");
    line_to(line, VALUE_COLUMN, 2);
    line_wrap(line, STYLE_DIM, note);
    line_end(line);
}

static void write_notes(const struct scan_report *report, struct line *line)
{
    const struct notes *notes = &report->scan->notes;
    if (notes->length)
        line_end(line);
    for (size_t i = 0; i < notes->length; i++)
        write_note(line, notes->at[i]);
}

struct counts {
    uint64_t shown, hidden, standard, suppressed, known;
    uint64_t graded[GRADE_CERTAIN + 1]; /* of those that are shown */
    const struct finding *first;
};

static struct counts count_findings(const struct scan_report *report)
{
    const struct findings *findings = &report->scan->findings;
    struct counts counts = {0};
    for (size_t i = 0; i < findings->length; i++) {
        const struct finding *finding = &findings->at[i];
        const struct known *known = scan_report_known(report, finding);
        if (known->suppression) {
            counts.suppressed++;
        } else if (known->in_baseline) {
            counts.known++;
        } else if (!scan_report_wants(report, finding)) {
            counts.hidden++;
            counts.standard += is_standard(finding);
        } else {
            counts.first = counts.shown++ ? counts.first : finding;
            counts.graded[finding->grade]++;
        }
    }
    return counts;
}

/* "12 places can leak: 1 certain, 2 likely, 9 possible" */
static void write_shown(const struct counts *counts, struct line *line)
{
    char buffer[TEXT_SIZE_ROOM];
    const char *before = ": ";
    line_printf(line, STYLE_BOLD, "%s %s can leak", text_count(buffer, counts->shown),
                counts->shown == 1 ? "place" : "places");
    for (unsigned i = GRADE_CERTAIN + 1; i-- > GRADE_POSSIBLE;) {
        if (!counts->graded[i])
            continue;
        line_printf(line, STYLE_PLAIN, "%s%s %s", before, text_count(buffer, counts->graded[i]),
                    grade_name((enum grade)i));
        before = ", ";
    }
}

static void write_summary(const struct scan_report *report, struct line *line)
{
    struct counts counts = count_findings(report);
    char buffer[TEXT_SIZE_ROOM];
    line_end(line);
    if (counts.shown)
        write_shown(&counts, line);
    else
        line_put(line, STYLE_GREEN,
                 counts.known ? "nothing new found that can leak" : "nothing found that can leak");
    if (counts.hidden > counts.standard)
        line_printf(line, STYLE_PLAIN, " · %s not shown (%s)",
                    text_count(buffer, counts.hidden - counts.standard),
                    report->hide_own ? "--dep" : "--own");
    if (counts.standard)
        line_printf(line, STYLE_PLAIN, " · %s in Go's own library not shown (--std adds %s)",
                    text_count(buffer, counts.standard), counts.standard == 1 ? "it" : "them");
    if (counts.suppressed)
        line_printf(line, STYLE_PLAIN, " · %s suppressed", text_count(buffer, counts.suppressed));
    if (counts.known)
        line_printf(line, STYLE_PLAIN, " · %s known from the baseline",
                    text_count(buffer, counts.known));
    line_put(line, STYLE_PLAIN, ".");
    if (counts.first)
        line_printf(line, STYLE_DIM, " `seep explain %s` says how to be sure.",
                    rule_name(counts.first->rule));
    line_end(line);
}

void report_scan(const struct scan_report *report, struct term *term)
{
    struct line line = {.term = term};
    write_header(report, &line);
    write_read(report, &line);
    text_scan_findings(report, &line);
    write_notes(report, &line);
    write_summary(report, &line);
    line_deinit(&line);
}

void report_scan_unused(const struct suppressions *suppressions, struct term *term)
{
    struct line line = {.term = term};
    bool first = true;
    for (size_t i = 0; i < suppressions->list.length; i++) {
        const struct suppression *suppression = &suppressions->list.at[i];
        if (suppression->used)
            continue;
        if (first)
            line_end(&line);
        first = false;
        struct text note = {0};
        text_printf(&note, "%s:%zu suppresses nothing any more: %s", suppressions->path,
                    suppression->line, suppression->reason);
        write_note(&line, note.bytes);
        text_deinit(&note);
    }
    line_deinit(&line);
}
