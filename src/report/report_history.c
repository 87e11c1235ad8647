#include "report/report_history.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "report/table.h"

enum {
    LIVES_SHOWN = 12,
    INDENT = 2,
    LABEL_AT = 15
};

static const double day_s = 86400;

/* ---- values of the answers */

static const char *text_in(const json_t *object, const char *key, const char *none)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && *text ? text : none;
}

static int64_t number_in(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static double real_in(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static enum style style_of(const char *state)
{
    if (!strcmp(state, "leaking"))
        return STYLE_RED;
    if (!strcmp(state, "climbing"))
        return STYLE_YELLOW;
    return strcmp(state, "steady") ? STYLE_PLAIN : STYLE_GREEN;
}

static const char *format_time(int64_t at_ms, char buffer[32])
{
    time_t seconds = at_ms / 1000;
    struct tm calendar;
    strftime(buffer, 32, "%Y-%m-%d %H:%M", localtime_r(&seconds, &calendar));
    return buffer;
}

/* "+38.2 MiB/d" */
static const char *format_slope(const json_t *slope, char buffer[TEXT_SIZE_ROOM + 8])
{
    char size[TEXT_SIZE_ROOM];
    double per_day = real_in(slope, "per_s") * day_s;
    if (!isfinite(per_day))
        return "-";
    snprintf(buffer, TEXT_SIZE_ROOM + 8, "%c%s/d", per_day < 0 ? '-' : '+',
             text_size(size, (uint64_t)fabs(per_day)));
    return buffer;
}

/* Eight heights of a letter. */
static char *spark(const json_t *values, size_t width)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    struct text text = {0};
    double low = INFINITY, high = -INFINITY;
    size_t count = json_array_size(values);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(values, i);
        if (!json_is_number(value))
            continue;
        low = fmin(low, json_number_value(value));
        high = fmax(high, json_number_value(value));
    }
    low = fmin(low, 0.9 * high);
    for (size_t i = 0; i < width && count; i++) {
        double most = -INFINITY;
        for (size_t k = i * count / width; k < (i + 1) * count / width; k++) {
            const json_t *value = json_array_get(values, k);
            most = json_is_number(value) ? fmax(most, json_number_value(value)) : most;
        }
        double share = high > low ? (most - low) / (high - low) : 0;
        text_puts(&text, isfinite(most) ? bars[(unsigned)(fmin(0.999, fmax(0, share)) * 8)] : " ");
    }
    return text.bytes ? text.bytes : xstrdup("");
}

/* ---- all programs */

static void put_program(struct table *table, const json_t *program)
{
    char buffer[TEXT_SIZE_ROOM + 8];
    const json_t *now = json_object_get(program, "now");
    const char *state = text_in(program, "state", "unknown");
    double limit_s = real_in(json_object_get(program, "to_limit"), "s");
    AUTO_FREE char *bars = spark(json_object_get(json_object_get(program, "spark"), "values"), 20);
    table_put(table, STYLE_BOLD, text_in(program, "program", "?"));
    table_put(table, style_of(state), state);
    table_put(table, STYLE_PLAIN,
              json_is_number(json_object_get(now, "rss"))
                  ? text_size(buffer, (uint64_t)number_in(now, "rss"))
                  : "-");
    table_put(table, STYLE_PLAIN,
              json_is_number(json_object_get(now, "goroutines"))
                  ? text_count(buffer, (uint64_t)number_in(now, "goroutines"))
                  : "-");
    table_put(table, STYLE_PLAIN, format_slope(json_object_get(program, "slope"), buffer));
    table_put(table, STYLE_PLAIN, isfinite(limit_s) ? text_duration(buffer, limit_s) : "-");
    table_put(table, STYLE_PLAIN, text_in(program, "release", "-"));
    table_put(table, STYLE_CYAN, bars);
}

void report_history_programs(const json_t *programs, int64_t now_ms, struct term *term)
{
    static const char *const heads[] = {"PROGRAM", "STATE",    "RSS",     "GOROUTINES",
                                        "SLOPE",   "TO LIMIT", "RELEASE", "24 H"};
    struct table table = {.columns = LENGTH_OF(heads), .right = 0x3c, .keep = 3};
    struct line line = {.term = term};
    bool leaks = false;
    (void)now_ms;
    for (size_t i = 0; i < LENGTH_OF(heads); i++)
        table_put(&table, STYLE_DIM, heads[i]);
    for (size_t i = 0; i < json_array_size(programs); i++)
        put_program(&table, json_array_get(programs, i));
    table_write(&table, term, 0);
    for (size_t i = 0; i < json_array_size(programs); i++) {
        const json_t *program = json_array_get(programs, i);
        if (!number_in(program, "open_calls"))
            continue;
        line_printf(&line, style_of(text_in(program, "state", "")), "%s: %s",
                    text_in(program, "program", "?"), text_in(program, "why", "it climbs"));
        line_end(&line);
        leaks = true;
    }
    if (leaks) {
        line_put(&line, STYLE_DIM,
                 "`seep history PROGRAM` shows where, since when, and what helps");
        line_end(&line);
    }
    line_deinit(&line);
}

/* ---- one program */

static void put_row(struct line *line, const char *label, enum style style, const char *text)
{
    line_to(line, INDENT, 0);
    line_put(line, STYLE_DIM, label);
    line_to(line, LABEL_AT, 1);
    line_wrap(line, style, text);
    line_end(line);
}

static void write_call(const json_t *call, int64_t now_ms, struct term *term)
{
    struct line line = {.term = term};
    char buffer[TEXT_SIZE_ROOM + 8], when[32];
    const char *state = text_in(call, "state", "climbing");
    bool over = number_in(call, "resolved_ms");
    struct text since = {0};
    const char *cause = text_in(call, "cause", ""), *place = strchr(cause, ' ');
    double share = real_in(call, "share");
    line_printf(&line, over ? STYLE_DIM : style_of(state), "%s  ", over ? "over" : state);
    line_put(&line, STYLE_BOLD, text_in(call, "title", "?"));
    line_end(&line);
    if (place)
        put_row(&line, "where", STYLE_CYAN, place + 1);
    text_printf(&since, "%s, %s ago", format_time(number_in(call, "since_ms"), when),
                text_duration(buffer, (double)(now_ms - number_in(call, "since_ms")) / 1e3));
    text_printf(
        &since, "; called %s later",
        text_duration(buffer,
                      (double)(number_in(call, "opened_ms") - number_in(call, "since_ms")) / 1e3));
    put_row(&line, "since", STYLE_PLAIN, since.bytes);
    text_deinit(&since);
    if (json_is_object(json_object_get(call, "slope")))
        put_row(&line, "grows", STYLE_PLAIN, format_slope(json_object_get(call, "slope"), buffer));
    if (isfinite(share)) {
        snprintf(buffer, sizeof(buffer), "%.0f %% of the climb", 100 * share);
        put_row(&line, "share", STYLE_PLAIN, buffer);
    }
    const json_t *because = json_object_get(call, "because");
    for (size_t i = 0; i < json_array_size(because); i++)
        put_row(&line, i ? "" : "because", STYLE_PLAIN,
                json_string_value(json_array_get(because, i)) ?: "?");
    if (json_is_string(json_object_get(call, "fix")))
        put_row(&line, "fix", STYLE_GREEN, text_in(call, "fix", ""));
    line_end(&line);
    line_deinit(&line);
}

static void write_releases(const json_t *releases, struct term *term)
{
    static const char *const heads[] = {"RELEASE", "STATE", "SLOPE", "PEAK RSS",
                                        "WATCHED", "LIVES", "SINCE"};
    struct table table = {.columns = LENGTH_OF(heads), .right = 0x3c, .keep = 3};
    char buffer[TEXT_SIZE_ROOM + 8], when[32];
    for (size_t i = 0; i < LENGTH_OF(heads); i++)
        table_put(&table, STYLE_DIM, heads[i]);
    for (size_t i = json_array_size(releases); i-- > 0;) {
        const json_t *release = json_array_get(releases, i);
        const char *state = text_in(release, "state", "unknown");
        table_put(&table, STYLE_BOLD, text_in(release, "release", "-"));
        table_put(&table, style_of(state), state);
        table_put(&table, STYLE_PLAIN, format_slope(json_object_get(release, "slope"), buffer));
        table_put(&table, STYLE_PLAIN, text_size(buffer, (uint64_t)number_in(release, "peak_rss")));
        table_put(&table, STYLE_PLAIN, text_duration(buffer, real_in(release, "hours") * 3600));
        table_put(&table, STYLE_PLAIN, text_count(buffer, (uint64_t)number_in(release, "lives")));
        table_put(&table, STYLE_DIM, format_time(number_in(release, "first_ms"), when));
    }
    table_write(&table, term, 0);
}

static void write_lives(const json_t *lives, int64_t now_ms, struct term *term)
{
    static const char *const heads[] = {"STARTED", "AS", "RELEASE", "PID", "FOR", "THEN", "STATE"};
    struct table table = {.columns = LENGTH_OF(heads), .right = 0x18, .keep = 3};
    char buffer[TEXT_SIZE_ROOM], when[32];
    for (size_t i = 0; i < LENGTH_OF(heads); i++)
        table_put(&table, STYLE_DIM, heads[i]);
    size_t count = json_array_size(lives);
    for (size_t i = count; i-- > 0 && count - i <= LIVES_SHOWN;) {
        const json_t *life = json_array_get(lives, i);
        int64_t ended = number_in(life, "ended_ms"), started = number_in(life, "started_ms");
        const char *state = text_in(json_object_get(life, "standing"), "state", "-");
        table_put(&table, STYLE_PLAIN, format_time(started, when));
        table_put(&table, STYLE_PLAIN, text_in(life, "kind", "-"));
        table_put(&table, STYLE_PLAIN, text_in(life, "release", "-"));
        snprintf(buffer, sizeof(buffer), "%lld", (long long)number_in(life, "pid"));
        table_put(&table, STYLE_PLAIN, buffer);
        table_put(&table, STYLE_PLAIN,
                  text_duration(buffer, (double)((ended ? ended : now_ms) - started) / 1e3));
        table_put(&table, STYLE_PLAIN, text_in(life, "end", "-"));
        table_put(&table, style_of(state), state);
    }
    table_write(&table, term, 0);
}

void report_history_program(const json_t *program, const struct history_chart *chart,
                            int64_t now_ms, struct term *term)
{
    struct line line = {.term = term};
    const char *state = text_in(program, "state", "unknown");
    const json_t *calls = json_object_get(program, "calls");
    line_printf(&line, STYLE_BOLD, "%s  ", text_in(program, "program", "?"));
    line_put(&line, style_of(state), state);
    line_printf(&line, STYLE_DIM, "  %s", chart->metric->what);
    line_end(&line);
    history_chart_write(chart, term);
    line_end(&line);
    for (int over = 0; over < 2; over++) {
        for (size_t i = json_array_size(calls); i-- > 0;) {
            const json_t *call = json_array_get(calls, i);
            if (!number_in(call, "resolved_ms") == !over)
                write_call(call, now_ms, term);
        }
    }
    write_releases(json_object_get(program, "releases"), term);
    line_end(&line);
    write_lives(json_object_get(program, "lives"), now_ms, term);
    line_deinit(&line);
}
