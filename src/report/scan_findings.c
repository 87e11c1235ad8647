/* The findings of a scan for people, module by module. What is said of several places in the same
 * words is said once. */
#include <string.h>

#include "report/rows.h"
#include "report/scan_internal.h"

struct same VECTOR_OF(const struct finding *);

static bool same_text(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

static bool same_module(const struct finding *a, const struct finding *b)
{
    return a->origin.own == b->origin.own && same_text(a->origin.module, b->origin.module);
}

static bool same_words(const struct finding *a, const struct finding *b)
{
    if (a->rule != b->rule || a->grade != b->grade || a->because.length != b->because.length ||
        !same_text(a->title, b->title) || !same_text(a->fix, b->fix))
        return false;
    for (size_t i = 0; i < a->because.length; i++) {
        if (!same_text(a->because.at[i], b->because.at[i]))
            return false;
    }
    return true;
}

static void write_module(const struct finding *finding, struct line *line)
{
    const struct origin *origin = &finding->origin;
    line_end(line);
    line_put(line, STYLE_BOLD, origin->module ? origin->module : "module unknown");
    if (scan_is_standard(finding))
        line_put(line, STYLE_DIM, "  Go's standard library");
    else if (origin->own)
        line_put(line, STYLE_DIM, "  this program's own code");
    else if (origin->version)
        line_printf(line, STYLE_DIM, "  %s", origin->version);
    line_end(line);
}

static void write_headline(const struct same *same, struct line *line)
{
    const struct finding *finding = same->at[0];
    char buffer[TEXT_SIZE_ROOM];
    line_printf(line, grade_style(finding->grade), "LEAK %s", grade_name(finding->grade));
    line_to(line, ROW_VALUE_AT, 2);
    line_put(line, STYLE_BOLD, finding->title);
    if (same->length > 1)
        line_printf(line, STYLE_BOLD, " · %s places", text_count(buffer, same->length));
    line_put_right(line, row_end(line->term), 3, STYLE_DIM, rule_name(finding->rule));
    line_end(line);
}

static const char *place_label(enum rule rule)
{
    return rule == RULE_DEFER_IN_LOOP ? "deferred at"
           : rule == RULE_LOST_CANCEL ? "made at"
                                      : "waits at";
}

/* "calls main.(*Rows).Close, at least 64 B each"; NULL if neither is known. */
static char *remark_of(const struct finding *finding, bool in_full)
{
    struct text remark = {0};
    char buffer[TEXT_SIZE_ROOM];
    if (finding->deferred.function)
        text_printf(&remark, "calls %s", short_function(finding->deferred.function, in_full));
    if (finding->call_bytes)
        text_printf(&remark, "%sat least %s each", remark.length ? ", " : "",
                    text_size(buffer, finding->call_bytes));
    return remark.bytes;
}

static void write_places(const struct same *same, bool in_full, struct line *line)
{
    struct row_columns columns = {.in_full = in_full};
    for (size_t i = 0; i < same->length; i++) {
        row_columns_fit(&columns, &same->at[i]->at);
        row_columns_fit(&columns, &same->at[i]->started_at);
    }
    for (size_t i = 0; i < same->length; i++) {
        const struct finding *finding = same->at[i];
        bool repeated = i && !finding->started_at.function;
        AUTO_FREE char *remark = remark_of(finding, in_full);
        row_place(line, &columns, repeated ? "" : place_label(finding->rule), &finding->at, remark);
        row_place(line, &columns, "started at", &finding->started_at, finding->started_in_loop);
    }
}

static void write_same(const struct same *same, bool in_full, struct line *line)
{
    line_end(line);
    write_headline(same, line);
    write_places(same, in_full, line);
    row_reasons(line, same->at[0]);
}

/* All of the module of finding i, the first of its module that is shown. */
static void write_group(const struct scan_report *report, size_t i, bool *done, struct line *line)
{
    const struct findings *findings = &report->scan->findings;
    const struct finding *first = &findings->at[i];
    struct same same = {0};
    write_module(first, line);
    for (size_t k = i; k < findings->length; k++) {
        if (done[k] || !same_module(first, &findings->at[k]))
            continue;
        same.length = 0;
        for (size_t n = k; n < findings->length; n++) {
            const struct finding *other = &findings->at[n];
            if (done[n] || !same_module(first, other) || !same_words(&findings->at[k], other))
                continue;
            done[n] = true;
            VECTOR_PUSH(&same, other);
        }
        write_same(&same, report->in_full, line);
    }
    VECTOR_DEINIT(&same);
}

bool scan_is_standard(const struct finding *finding)
{
    return same_text(finding->origin.module, "std");
}

enum part {
    PART_OWN,
    PART_DEPENDENCIES,
    PART_STANDARD,
    PARTS
};

static enum part part_of(const struct finding *finding)
{
    return finding->origin.own         ? PART_OWN
           : scan_is_standard(finding) ? PART_STANDARD
                                       : PART_DEPENDENCIES;
}

void text_scan_findings(const struct scan_report *report, struct line *line)
{
    const struct findings *findings = &report->scan->findings;
    AUTO_FREE bool *done = xcalloc(findings->length, sizeof(*done));
    for (size_t i = 0; i < findings->length; i++)
        done[i] = !scan_report_shows(report, &findings->at[i]);
    for (enum part part = PART_OWN; part < PARTS; part++) {
        for (size_t i = 0; i < findings->length; i++) {
            if (!done[i] && part_of(&findings->at[i]) == part)
                write_group(report, i, done, line);
        }
    }
}
