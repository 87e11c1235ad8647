/* One finding as people see it: a headline with its grade and what it holds, then labelled rows, aligned. */
#include <string.h>

#include "report/text_internal.h"
#include "report/words.h"

enum {
    LABEL_AT = 2,
    VALUE_AT = 15,
    HELD_END = 100,
    FUNCTION_CELLS_MAX = 60
};

static enum style grade_style(enum grade grade)
{
    return grade == GRADE_CERTAIN ? STYLE_RED : grade == GRADE_LIKELY ? STYLE_YELLOW : STYLE_CYAN;
}

static void write_headline(const struct finding *finding, struct line *line)
{
    char buffer[TEXT_SIZE_ROOM];
    line_printf(line, grade_style(finding->grade), "LEAK %s", grade_name(finding->grade));
    line_to(line, VALUE_AT, 2);
    line_put(line, STYLE_BOLD, finding->title);
    if (finding->held_bytes || finding->call_bytes) {
        size_t end =
            line->term->width && line->term->width < HELD_END ? line->term->width : HELD_END;
        AUTO_FREE char *held = NULL;
        if (finding->held_bytes
                ? asprintf(&held, "at least %s held", text_size(buffer, finding->held_bytes)) < 0
                : asprintf(&held, "at least %s each", text_size(buffer, finding->call_bytes)) < 0)
            held = NULL;
        if (held)
            line_put_right(line, end, 3, STYLE_BOLD, held);
    }
    line_end(line);
}

static void start_row(struct line *line, const char *label)
{
    line_to(line, LABEL_AT, 0);
    line_put(line, STYLE_DIM, label);
    line_to(line, VALUE_AT, 2);
}

static void write_row(struct line *line, const char *label, const char *value)
{
    start_row(line, label);
    line_wrap(line, STYLE_PLAIN, value);
    line_end(line);
}

/* How wide the column of functions is, so that the lines of one finding stand below each other. */
static size_t function_cells(const struct finding *finding, bool in_full)
{
    const struct place *const places[] = {&finding->at, &finding->started_at};
    size_t most = 0;
    for (size_t i = 0; i < LENGTH_OF(places); i++) {
        if (!places[i]->function)
            continue;
        size_t cells = term_cells(short_function(places[i]->function, in_full));
        most = cells > most && cells <= FUNCTION_CELLS_MAX ? cells : most;
    }
    return most;
}

static void write_place(struct line *line, bool in_full, const char *label,
                        const struct place *place, size_t column, const char *remark)
{
    if (!place->function)
        return;
    char buffer[PLACE_ROOM];
    start_row(line, label);
    line_put(line, STYLE_BOLD, short_function(place->function, in_full));
    line_to(line, VALUE_AT + column, 0);
    line_to(line, 0, 3);
    line_put(line, STYLE_PLAIN, place_line(buffer, place, in_full));
    if (remark) {
        line_to(line, 0, 3);
        line_put(line, STYLE_PLAIN, remark);
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
    if (!finding->goroutine || !now)
        return;
    const struct goroutine *goroutine = goroutine_with_id(now, finding->goroutine);
    start_row(line, "frame");
    line_printf(line, STYLE_PLAIN, "goroutine %llu", (unsigned long long)finding->goroutine);
    if (goroutine)
        line_printf(line, STYLE_PLAIN, ", %s", state_text(now, goroutine));
    line_end(line);
}

void text_finding(const struct finding *finding, const struct observation *now, bool in_full,
                  struct line *line)
{
    bool defers = finding->rule == RULE_DEFER_IN_LOOP;
    size_t column = function_cells(finding, in_full);
    AUTO_FREE char *calls = NULL;
    if (finding->deferred.function &&
        asprintf(&calls, "calls %s", short_function(finding->deferred.function, in_full)) < 0)
        calls = NULL;
    write_headline(finding, line);
    write_place(line, in_full, defers ? "deferred at" : "waits at", &finding->at, column, calls);
    if (defers)
        write_frame(now, finding, line);
    write_place(line, in_full, "started at", &finding->started_at, column,
                finding->started_in_loop);
    if (finding->since)
        write_row(line, "since", finding->since);
    for (size_t i = 0; i < finding->because.length; i++)
        write_row(line, i ? "" : "because", finding->because.at[i]);
    if (finding->fix)
        write_row(line, "fix", finding->fix);
}

void text_findings(const struct report *report, struct term *term)
{
    struct line line = {.term = term};
    for (size_t i = 0; i < report->findings->length; i++) {
        line_end(&line);
        text_finding(&report->findings->at[i], report->now, report->paths_in_full, &line);
    }
    line_deinit(&line);
}
