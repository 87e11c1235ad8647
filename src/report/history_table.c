/* All programs, the worst first: a line each, with its memory over the last day in blocks. */
#include <math.h>
#include <string.h>

#include "report/history.h"
#include "report/table.h"

enum {
    NAME_CELLS = 32,
    NAME_CELLS_NARROW = 24,
    NARROW = 100,
    RELEASE_CELLS = 14,
    RELEASE_CELLS_NARROW = 9
};

static void put_cut(struct table *table, enum style style, const char *text, size_t cells)
{
    AUTO_FREE char *cut = history_cut(*text ? text : "-", cells);
    table_put(table, style, cut);
}

/* Eight heights, from the least to the most of what there is; a level line is low. */
static void put_spark(struct table *table, const struct history *history, bool utf8)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const marks[] = {"_", "_", ".", "-", "-", "=", "^", "^"};
    double least = (double)INFINITY, most = (double)-INFINITY;
    struct text text = {0};
    for (size_t i = 0; i < HISTORY_SPARK_VALUES; i++) {
        if (isnan(history->spark[i]))
            continue;
        least = fmin(least, history->spark[i]);
        most = fmax(most, history->spark[i]);
    }
    double height = fmax(most - least, most * 0.1);
    for (size_t i = 0; i < HISTORY_SPARK_VALUES; i++) {
        double part = height > 0 ? (history->spark[i] - least) / height : 0;
        size_t level = part > 0 ? (size_t)fmin(part * 8, 7) : 0;
        text_puts(&text, isnan(history->spark[i]) ? " " : (utf8 ? blocks : marks)[level]);
    }
    table_put(table, STYLE_DIM, text.bytes);
    text_deinit(&text);
}

static void put_row(struct table *table, const struct history *history, bool utf8, bool narrow)
{
    char buffer[TEXT_SIZE_ROOM];
    const struct life *life = history_newest(history);
    const struct standing *worst = history_worst(history);
    const char *state = history_state(history);
    enum style style = history_running(history) ? STYLE_PLAIN : STYLE_DIM;
    int64_t rss = 0;
    table_put(table, history_style(state), state);
    put_cut(table, style == STYLE_PLAIN ? STYLE_BOLD : style, life->program,
            narrow ? NAME_CELLS_NARROW : NAME_CELLS);
    bool known = history_now(history, SERIES_RSS, &rss);
    table_put(table, style, known ? history_value(buffer, SERIES_RSS, (double)rss) : "-");
    table_put(table, style, history_pace(buffer, worst));
    bool near = worst && isfinite(worst->to_limit_s) && worst->slope_low > 0;
    table_put(table, style, near ? text_duration(buffer, fmax(0, worst->to_limit_s)) : "-");
    put_cut(table, style, life->release, narrow ? RELEASE_CELLS_NARROW : RELEASE_CELLS);
    table_put(table, style, text_count(buffer, history_running(history)));
    put_spark(table, history, utf8);
}

static void write_closing_lines(const struct histories *histories, const struct history_look *look,
                                struct term *term)
{
    enum {
        SILENT_MS = 6 * 60 * 1000
    };
    struct line line = {.term = term};
    size_t open = 0;
    char buffer[TEXT_SIZE_ROOM];
    for (size_t i = 0; i < histories->length; i++)
        open += history_open_calls(&histories->at[i]);
    if (open) {
        line_printf(&line, STYLE_DIM, "%s %s open: `seep history NAME` says why",
                    text_count(buffer, open), open == 1 ? "call is" : "calls are");
        line_end(&line);
    }
    if (look->agent_at_ms && look->now_ms - look->agent_at_ms > SILENT_MS) {
        line_printf(&line, STYLE_YELLOW, "`seep watch` has not run for %s",
                    text_duration(buffer, (double)(look->now_ms - look->agent_at_ms) / 1e3));
        line_end(&line);
    }
    line_deinit(&line);
}

void report_history_table(const struct histories *histories, const struct history_look *look,
                          struct term *term)
{
    static const char *const headings[] = {"STATE",    "PROGRAM", "MEMORY", "A DAY",
                                           "TO LIMIT", "RELEASE", "RUN",    "LAST DAY"};
    struct table table = {
        .columns = LENGTH_OF(headings), .right = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6, .keep = 5};
    for (size_t i = 0; histories->length && i < LENGTH_OF(headings); i++)
        table_put(&table, STYLE_DIM, headings[i]);
    for (size_t i = 0; i < histories->length; i++)
        put_row(&table, &histories->at[i], look->utf8, term->width && term->width < NARROW);
    if (histories->length)
        table_write(&table, term, 0);
    else
        fputs("nothing is kept of any program in that time\n", term->out);
    write_closing_lines(histories, look, term);
}
