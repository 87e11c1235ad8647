/* One program for people: how it stands, its memory over time, its lives, and what was called. */
#include <math.h>
#include <string.h>

#include "report/history.h"
#include "report/table.h"

enum {
    INDENT = 2,
    VALUE_AT = 12,
    LIVES_SHOWN = 40
};

static void start_row(struct line *line, const char *label)
{
    line_to(line, INDENT, 0);
    line_put(line, STYLE_DIM, label);
    line_to(line, VALUE_AT, 1);
}

/* ---- how it stands */

static void write_headline(const struct history *history, struct line *line)
{
    const struct standing *worst = history_worst(history);
    const char *state = history_state(history);
    line_put(line, STYLE_BOLD, history_newest(history)->program);
    line_to(line, 0, 2);
    line_put(line, history_style(state), state);
    if (worst && *worst->why) {
        line_to(line, 0, 2);
        line_wrap(line, STYLE_PLAIN, worst->why);
    }
    line_end(line);
}

static void write_life(const struct history *history, const struct history_look *look,
                       struct line *line)
{
    char buffer[TEXT_SIZE_ROOM];
    const struct life *life = history_newest(history);
    int64_t until_ms = life->ended_ms ? life->ended_ms : look->now_ms;
    start_row(line, "release");
    line_printf(line, STYLE_PLAIN, "%s, ", *life->release ? life->release : "not known");
    line_printf(line, STYLE_PLAIN, "%s, pid %d, ",
                *life->go_version ? life->go_version : "Go version not known", (int)life->pid);
    line_printf(line, STYLE_PLAIN, "%s %s", life->ended_ms ? "ran for" : "runs for",
                text_duration(buffer, (double)(until_ms - life->started_ms) / 1e3));
    if (history_running(history) > 1)
        line_printf(line, STYLE_PLAIN, ", one of %zu that run", history_running(history));
    line_end(line);
    if (*life->blind) {
        start_row(line, "not seen");
        line_wrap(line, STYLE_YELLOW, life->blind);
        line_end(line);
    }
}

static void write_memory(const struct history *history, struct line *line)
{
    static const uint32_t shown[] = {SERIES_HEAP_LIVE, SERIES_STACKS, SERIES_GOROUTINES,
                                     SERIES_DEFERS};
    static const char *const words[] = {"heap live", "stacks", "goroutines", "deferred calls"};
    char buffer[TEXT_SIZE_ROOM];
    int64_t value = 0;
    if (!history_now(history, SERIES_RSS, &value))
        return;
    struct text text = {0};
    text_puts(&text, history_value(buffer, SERIES_RSS, (double)value));
    if (history_now(history, SERIES_LIMIT, &value))
        text_printf(&text, " of %s", history_value(buffer, SERIES_LIMIT, (double)value));
    for (size_t i = 0; i < LENGTH_OF(shown); i++) {
        if (history_now(history, shown[i], &value))
            text_printf(&text, ", %s %s", words[i], history_value(buffer, shown[i], (double)value));
    }
    start_row(line, "memory");
    line_wrap(line, STYLE_PLAIN, text.bytes);
    line_end(line);
    text_deinit(&text);
}

static void write_growth(const struct history *history, struct line *line)
{
    char pace[TEXT_SIZE_ROOM], low[TEXT_SIZE_ROOM], high[TEXT_SIZE_ROOM];
    const struct standing *worst = history_worst(history);
    if (!worst || !isfinite(worst->slope_per_s))
        return;
    start_row(line, "growth");
    history_pace(pace, worst);
    text_size(high, (uint64_t)(fmax(0, worst->slope_high) * 86400));
    if (worst->slope_low > 0)
        line_printf(line, STYLE_PLAIN, "%s a day (%s to %s)", pace + 1,
                    text_size(low, (uint64_t)(worst->slope_low * 86400)), high);
    else
        line_printf(line, STYLE_PLAIN, "none that is certain: less than %s a day", high);
    line_end(line);
    if (!isfinite(worst->to_limit_s) || worst->slope_low <= 0)
        return;
    start_row(line, "limit");
    line_printf(line, STYLE_PLAIN, "reached in %s (%s to %s)",
                text_duration(pace, fmax(0, worst->to_limit_s)),
                text_duration(low, fmax(0, worst->to_limit_low_s)),
                text_duration(high, fmax(0, worst->to_limit_high_s)));
    line_end(line);
}

/* ---- lives */

static const char *how_ended(const struct life *life)
{
    static const char *const words[] = {[LIFE_RUNS] = "runs",
                                        [LIFE_EXITED] = "exited",
                                        [LIFE_OUT_OF_MEMORY] = "out of memory",
                                        [LIFE_EXEC] = "became another",
                                        [LIFE_LOST] = "unwatched"};
    return (unsigned)life->end < LENGTH_OF(words) ? words[life->end] : "unknown";
}

static void put_life(struct table *table, const struct history *history, const struct life *life,
                     const struct history_look *look)
{
    enum {
        RELEASE_CELLS = 20
    };
    char buffer[TEXT_SIZE_ROOM];
    const struct standing *standing = history_standing(history, life->id);
    const char *state = standing_state_name(standing ? standing->state : STANDING_UNKNOWN);
    int64_t until_ms = life->ended_ms ? life->ended_ms : look->now_ms;
    enum style end = life->end == LIFE_OUT_OF_MEMORY ? STYLE_RED : STYLE_PLAIN;
    AUTO_FREE char *release = history_cut(*life->release ? life->release : "-", RELEASE_CELLS);
    table_put(table, STYLE_PLAIN, history_time(buffer, life->started_ms, look->now_ms));
    table_put(table, STYLE_BOLD, release);
    table_put(table, STYLE_PLAIN, life_kind_name(life->kind));
    table_put(table, STYLE_PLAIN,
              text_duration(buffer, (double)(until_ms - life->started_ms) / 1e3));
    table_put(table, end, how_ended(life));
    table_put(table, history_style(state), state);
    table_put(table, STYLE_PLAIN, history_pace(buffer, standing));
    snprintf(buffer, sizeof(buffer), "%d", (int)life->pid);
    table_put(table, STYLE_DIM, buffer);
}

static void write_lives(const struct history *history, const struct history_look *look,
                        struct term *term)
{
    static const char *const headings[] = {"BEGAN", "RELEASE", "HOW",   "LASTED",
                                           "END",   "STATE",   "A DAY", "PID"};
    struct table table = {
        .columns = LENGTH_OF(headings), .right = 1 << 0 | 1 << 3 | 1 << 6 | 1 << 7, .keep = 5};
    for (size_t i = 0; i < LENGTH_OF(headings); i++)
        table_put(&table, STYLE_DIM, headings[i]);
    size_t first = history->lives.length > LIVES_SHOWN ? history->lives.length - LIVES_SHOWN : 0;
    for (size_t i = first; i < history->lives.length; i++)
        put_life(&table, history, &history->lives.at[i], look);
    fputc('\n', term->out);
    if (first)
        fprintf(term->out, "%*s%zu earlier ones: --until shows them, --json has all\n", INDENT, "",
                first);
    table_write(&table, term, INDENT);
}

/* ---- calls */

static const char *release_of(const struct history *history, const struct call *call)
{
    for (size_t i = 0; i < history->lives.length; i++) {
        if (history->lives.at[i].id == call->life)
            return history->lives.at[i].release;
    }
    return "";
}

static void write_call_times(const struct history *history, const struct call *call,
                             const struct history_look *look, struct line *line)
{
    char since[TEXT_SIZE_ROOM], until[TEXT_SIZE_ROOM];
    const char *release = release_of(history, call);
    start_row(line, "since");
    line_printf(line, STYLE_PLAIN, "%s", history_time(since, call->since_ms, look->now_ms));
    if (*release)
        line_printf(line, STYLE_PLAIN, ", in %s", release);
    line_printf(line, STYLE_PLAIN, "; called %s",
                history_time(since, call->opened_ms, look->now_ms));
    if (call->resolved_ms)
        line_printf(line, STYLE_PLAIN, ", over %s",
                    history_time(until, call->resolved_ms, look->now_ms));
    line_end(line);
}

static void write_because(const struct call *call, struct line *line)
{
    const char *label = "because";
    for (const char *text = call->because; *text; label = "") {
        size_t length = strcspn(text, "\n");
        AUTO_FREE char *one = xstrndup(text, length);
        start_row(line, label);
        line_wrap(line, STYLE_PLAIN, one);
        line_end(line);
        text += length + (text[length] == '\n');
    }
}

static void write_call(const struct history *history, const struct call *call,
                       const struct history_look *look, struct line *line)
{
    char size[TEXT_SIZE_ROOM];
    bool open = history_is_open(history, call);
    const char *place = strchr(call->cause, ' ');
    enum style style = !open ? STYLE_DIM : history_style(standing_state_name(call->state));
    line_end(line);
    line_put(line, style,
             !open                             ? "WAS CALLED"
             : call->state == STANDING_LEAKING ? "LEAK"
                                               : "CLIMB");
    line_to(line, VALUE_AT, 2);
    line_wrap(line, open ? STYLE_BOLD : STYLE_PLAIN, call->title);
    line_end(line);
    if (place) {
        start_row(line, "at");
        line_wrap(line, STYLE_PLAIN, place + 1);
        line_end(line);
    }
    write_call_times(history, call, look, line);
    if (isfinite(call->slope_per_s) && call->slope_per_s > 0) {
        start_row(line, "holds");
        line_printf(line, STYLE_PLAIN, "%s more a day",
                    text_size(size, (uint64_t)fmin(call->slope_per_s * 86400, 1e18)));
        if (isfinite(call->share))
            line_printf(line, STYLE_PLAIN, ": %.0f %% of what it grows by", call->share * 100);
        line_end(line);
    }
    write_because(call, line);
    if (*call->fix) {
        start_row(line, "fix");
        line_wrap(line, STYLE_GREEN, call->fix);
        line_end(line);
    }
}

/* ---- all of it */

void report_history(const struct history *history, const struct history_look *look,
                    struct term *term)
{
    struct line line = {.term = term};
    write_headline(history, &line);
    write_life(history, look, &line);
    write_memory(history, &line);
    write_growth(history, &line);
    line_end(&line);
    line_to(&line, INDENT, 0);
    line_put(&line, STYLE_BOLD, series_facts(history->metric)->what);
    line_end(&line);
    history_chart(history, look, term);
    write_lives(history, look, term);
    for (size_t i = 0; i < history->calls.length; i++) {
        if (history_is_open(history, &history->calls.at[i]))
            write_call(history, &history->calls.at[i], look, &line);
    }
    for (size_t i = history->calls.length; i-- > 0;) {
        if (!history_is_open(history, &history->calls.at[i]))
            write_call(history, &history->calls.at[i], look, &line);
    }
    line_deinit(&line);
}
