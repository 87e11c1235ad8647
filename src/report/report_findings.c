/* One finding as people see it: a headline with its grade and what it holds, then labelled rows, aligned. */
#include <string.h>

#include "report/rows.h"
#include "report/text_internal.h"
#include "report/words.h"

static void write_headline(const struct finding *finding, struct line *line)
{
    char buffer[TEXT_SIZE_ROOM];
    line_printf(line, grade_style(finding->grade), "LEAK %s", grade_name(finding->grade));
    line_to(line, ROW_VALUE_AT, 2);
    line_put(line, STYLE_BOLD, finding->title);
    if (finding->held_bytes) {
        AUTO_FREE char *held = NULL;
        if (asprintf(&held, "%s%s held", finding->held_measured ? "" : "at least ",
                     text_size(buffer, finding->held_bytes)) < 0)
            held = NULL;
        if (held)
            line_put_right(line, row_end(line->term), 3, STYLE_BOLD, held);
    }
    line_end(line);
}

static const struct goroutine *goroutine_with_id(const struct observation *observation, uint64_t id)
{
    for (size_t i = 0; i < observation->goroutines.length; i++) {
        if (observation->goroutines.at[i].id == id)
            return &observation->goroutines.at[i];
    }
    return NULL;
}

static void write_frame(const struct observation *now, const struct finding *finding,
                        struct line *line)
{
    if (!finding->goroutine)
        return;
    const struct goroutine *goroutine = goroutine_with_id(now, finding->goroutine);
    row_start(line, "frame");
    line_printf(line, STYLE_PLAIN, "goroutine %llu", (unsigned long long)finding->goroutine);
    if (goroutine)
        line_printf(line, STYLE_PLAIN, ", %s", state_text(now, goroutine));
    line_end(line);
}

static void write_finding(const struct finding *finding, const struct observation *now,
                          bool in_full, struct line *line)
{
    bool defers = finding->rule == RULE_DEFER_IN_LOOP;
    struct row_columns columns = {.in_full = in_full};
    row_columns_fit(&columns, &finding->at);
    row_columns_fit(&columns, &finding->started_at);
    AUTO_FREE char *calls = NULL;
    if (finding->deferred.function &&
        asprintf(&calls, "calls %s", short_function(finding->deferred.function, in_full)) < 0)
        calls = NULL;
    write_headline(finding, line);
    if (finding->holder)
        row_text(line, "held by", finding->holder);
    row_place(line, &columns, defers ? "deferred at" : "waits at", &finding->at, calls);
    if (defers)
        write_frame(now, finding, line);
    row_place(line, &columns, "started at", &finding->started_at, finding->started_in_loop);
    if (finding->since)
        row_text(line, "since", finding->since);
    row_reasons(line, finding);
}

void text_findings(const struct report *report, struct term *term)
{
    struct line line = {.term = term};
    for (size_t i = 0; i < report->findings->length; i++) {
        line_end(&line);
        write_finding(&report->findings->at[i], report->now, report->paths_in_full, &line);
    }
    line_deinit(&line);
}
