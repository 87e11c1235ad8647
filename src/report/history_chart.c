/* A metric over time in dots: in UTF-8 eight a cell (Braille), else one. Below it what happened, and the time. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "report/history.h"

enum {
    ROWS = 12,
    LABEL = 11, /* cells left of the chart */
    COLUMNS_MAX = 400,
    ACROSS = 2,
    UP = 4, /* dots of a Braille cell */
    EVENTS = 64
};

struct canvas {
    unsigned columns, dots_x, dots_y;
    int64_t from_ms, to_ms;
    double low, high;
    double limit; /* NAN: not shown */
    bool utf8;
    uint8_t cells[ROWS][COLUMNS_MAX]; /* bits as Unicode numbers them */
};

static void dot(struct canvas *canvas, long x, long y)
{
    static const uint8_t bits[UP][ACROSS] = {{1, 8}, {2, 16}, {4, 32}, {64, 128}};
    if (x < 0 || y < 0 || x >= (long)canvas->dots_x || y >= (long)canvas->dots_y)
        return;
    long row = ROWS - 1 - y / UP;
    canvas->cells[row][x / ACROSS] |= bits[UP - 1 - y % UP][x % ACROSS];
}

static long x_of(const struct canvas *canvas, int64_t at_ms)
{
    double part = (double)(at_ms - canvas->from_ms) / (double)(canvas->to_ms - canvas->from_ms);
    return lround(part * (canvas->dots_x - 1));
}

static long y_of(const struct canvas *canvas, double value)
{
    double part = (value - canvas->low) / (canvas->high - canvas->low);
    return lround(part * (canvas->dots_y - 1));
}

/* From the least to the most of each point, and on to the next unless there is a hole between. */
static void draw(struct canvas *canvas, const struct points *points, int64_t step_ms)
{
    int64_t hole_ms = (canvas->to_ms - canvas->from_ms) / 100;
    hole_ms = hole_ms > 3 * step_ms ? hole_ms : 3 * step_ms;
    for (size_t i = 0; i < points->length; i++) {
        const struct point *point = &points->at[i];
        long x = x_of(canvas, point->at_ms);
        for (long y = y_of(canvas, (double)point->min); y <= y_of(canvas, (double)point->max); y++)
            dot(canvas, x, y);
        if (!i || point->at_ms - points->at[i - 1].at_ms > hole_ms)
            continue;
        const struct point *last = &points->at[i - 1];
        long from_x = x_of(canvas, last->at_ms), from_y = y_of(canvas, (double)last->last);
        long to_y = y_of(canvas, (double)point->min), steps = labs(to_y - from_y);
        steps = steps > x - from_x ? steps : x - from_x;
        for (long k = 1; k < steps; k++)
            dot(canvas, from_x + (x - from_x) * k / steps, from_y + (to_y - from_y) * k / steps);
    }
}

static bool set_range(struct canvas *canvas, const struct history *history)
{
    double low = (double)INFINITY, high = (double)-INFINITY;
    for (size_t i = 0; i < history->points.length; i++) {
        for (size_t k = 0; k < history->points.at[i].length; k++) {
            low = fmin(low, (double)history->points.at[i].at[k].min);
            high = fmax(high, (double)history->points.at[i].at[k].max);
        }
    }
    if (!isfinite(low))
        return false;
    const struct standing *worst = history_worst(history);
    canvas->limit = (double)NAN;
    if (worst && isfinite(worst->limit) && high > worst->limit * 0.5 &&
        !strcmp(series_facts(history->metric)->unit, "bytes")) {
        canvas->limit = worst->limit;
        high = fmax(high, worst->limit);
    }
    canvas->low = low < high * 0.5 ? 0 : low - (high - low) * 0.1;
    canvas->high = high > canvas->low ? high : canvas->low + 1;
    return true;
}

/* ---- rows */

static void put_cell(const struct canvas *canvas, unsigned bits, bool limit, struct line *line)
{
    if (!bits && limit) {
        line_put(line, STYLE_RED, canvas->utf8 ? "┄" : "-");
    } else if (!bits) {
        line_put(line, STYLE_PLAIN, " ");
    } else if (canvas->utf8) {
        unsigned point = 0x2800 + bits;
        char cell[4] = {(char)(0xe0 | point >> 12), (char)(0x80 | (point >> 6 & 63)),
                        (char)(0x80 | (point & 63)), '\0'};
        line_put(line, STYLE_CYAN, cell);
    } else {
        unsigned upper = bits & (1 | 2 | 8 | 16), lower = bits & (4 | 32 | 64 | 128);
        line_put(line, STYLE_CYAN, upper && lower ? "|" : upper ? "'" : ".");
    }
}

static void write_row(const struct canvas *canvas, unsigned row, uint32_t metric, struct line *line)
{
    char buffer[TEXT_SIZE_ROOM];
    unsigned limit_row =
        isnan(canvas->limit) ? ROWS : ROWS - 1 - (unsigned)(y_of(canvas, canvas->limit) / UP);
    unsigned last = 0;
    double value = canvas->high - (canvas->high - canvas->low) * row / (ROWS - 1);
    if (row == limit_row)
        line_put_right(line, LABEL - 1, 0, STYLE_RED, history_value(buffer, metric, canvas->limit));
    else if (row == 0 || row == ROWS - 1 || row == ROWS / 2)
        line_put_right(line, LABEL - 1, 0, STYLE_DIM, history_value(buffer, metric, value));
    line_to(line, LABEL, 0);
    line_put(line, STYLE_DIM, canvas->utf8 ? "│" : "|");
    for (unsigned i = 0; i < canvas->columns; i++) {
        if (canvas->cells[row][i] || row == limit_row)
            last = i + 1;
    }
    for (unsigned i = 0; i < last; i++)
        put_cell(canvas, canvas->cells[row][i], row == limit_row, line);
    line_end(line);
}

/* ---- what happened */

struct event {
    int64_t at_ms;
    const char *sign, *plain, *what;
    enum style style;
    const char *label; /* or NULL */
};

static const struct event *kind_of_life(const struct life *life)
{
    static const struct event began[] = {
        [LIFE_RESTART] = {0, "△", "r", "restart", STYLE_PLAIN, NULL},
        [LIFE_RELEASE] = {0, "▲", "R", "release", STYLE_BOLD, NULL},
        [LIFE_ROLLBACK] = {0, "▽", "b", "rollback", STYLE_YELLOW, NULL},
    };
    return life->kind < LENGTH_OF(began) && began[life->kind].sign ? &began[life->kind] : NULL;
}

static const struct event *kind_of_marker(const struct marker *marker)
{
    static const struct event kinds[] = {
        [MARKER_TRIM] = {0, "◦", "t", "memory given back", STYLE_DIM, NULL},
        [MARKER_OUT_OF_MEMORY] = {0, "✕", "x", "out of memory", STYLE_RED, NULL},
        [MARKER_AGENT_START] = {0, NULL, NULL, NULL, STYLE_DIM, NULL},
        [MARKER_AGENT_GAP] = {0, "┊", ":", "not watched before", STYLE_DIM, NULL},
        [MARKER_CLOCK_STEP] = {0, "◷", "c", "clock set", STYLE_DIM, NULL},
        [MARKER_STORE_LOST] = {0, "┊", ":", "not watched before", STYLE_DIM, NULL},
    };
    return marker->kind < LENGTH_OF(kinds) && kinds[marker->kind].sign ? &kinds[marker->kind]
                                                                       : NULL;
}

static size_t gather_events(const struct history *history, struct event events[EVENTS])
{
    size_t count = 0;
    for (size_t i = 0; i < history->lives.length && count < EVENTS; i++) {
        const struct event *kind = kind_of_life(&history->lives.at[i]);
        if (!kind)
            continue;
        events[count] = *kind;
        events[count].at_ms = history->lives.at[i].started_ms;
        events[count++].label =
            history->lives.at[i].kind == LIFE_RESTART ? NULL : history->lives.at[i].release;
    }
    for (size_t i = 0; i < history->markers.length && count < EVENTS; i++) {
        const struct event *kind = kind_of_marker(&history->markers.at[i]);
        if (!kind)
            continue;
        events[count] = *kind;
        events[count++].at_ms = history->markers.at[i].at_ms;
    }
    for (size_t i = 1; i < count; i++) { /* few, and nearly in order */
        for (size_t k = i; k && events[k].at_ms < events[k - 1].at_ms; k--) {
            struct event swap = events[k];
            events[k] = events[k - 1];
            events[k - 1] = swap;
        }
    }
    return count;
}

static bool is_shown(const struct canvas *canvas, const struct event *event)
{
    return event->at_ms >= canvas->from_ms && event->at_ms <= canvas->to_ms;
}

/* Signs at their time, a release with its name where there is room. */
static void write_events(const struct canvas *canvas, const struct event *events, size_t count,
                         struct line *line)
{
    for (size_t i = 0; i < count; i++) {
        const struct event *event = &events[i];
        if (!is_shown(canvas, event))
            continue;
        size_t column = LABEL + 1 + (size_t)x_of(canvas, event->at_ms) / ACROSS;
        size_t next = i + 1 < count && events[i + 1].at_ms <= canvas->to_ms
                          ? (size_t)x_of(canvas, events[i + 1].at_ms) / ACROSS + LABEL + 1
                          : LABEL + 1 + canvas->columns;
        line_to(line, column, 0);
        line_put(line, event->style, canvas->utf8 ? event->sign : event->plain);
        if (event->label && term_cells(event->label) + 2 + line->cells <= next)
            line_printf(line, event->style, " %s", event->label);
    }
    line_end(line);
}

static void explain(const struct canvas *canvas, const char *sign, const char *what, bool *any,
                    struct line *line)
{
    size_t cells = 1 + 1 + strlen(what);
    if (*any && line->cells + 3 + cells > LABEL + 1 + canvas->columns)
        line_end(line);
    line_to(line, LABEL + 1, *any && line->cells ? 3 : 0);
    line_printf(line, STYLE_DIM, "%s %s", sign, what);
    *any = true;
}

/* What the signs mean, each once. */
static void write_legend(const struct canvas *canvas, const struct event *events, size_t count,
                         struct line *line)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        bool known = !is_shown(canvas, &events[i]);
        for (size_t k = 0; k < i && !known; k++)
            known = !strcmp(events[k].what, events[i].what) && is_shown(canvas, &events[k]);
        if (!known)
            explain(canvas, canvas->utf8 ? events[i].sign : events[i].plain, events[i].what, &any,
                    line);
    }
    if (!isnan(canvas->limit))
        explain(canvas, canvas->utf8 ? "┄" : "-", "limit", &any, line);
    if (any)
        line_end(line);
}

/* ---- time */

static void write_axis(const struct canvas *canvas, struct line *line)
{
    line_to(line, LABEL, 0);
    line_put(line, STYLE_DIM, canvas->utf8 ? "└" : "+");
    for (unsigned i = 0; i < canvas->columns; i++)
        line_put(line, STYLE_DIM, canvas->utf8 ? "─" : "-");
    line_end(line);
}

static void write_times(const struct canvas *canvas, struct line *line)
{
    unsigned count = canvas->columns / 26 + 1;
    bool days = canvas->to_ms - canvas->from_ms > INT64_C(60) * 86400 * 1000;
    for (unsigned i = 0; i <= count; i++) {
        char text[TEXT_SIZE_ROOM];
        int64_t at_ms = canvas->from_ms + (canvas->to_ms - canvas->from_ms) * i / count;
        time_t at = (time_t)(at_ms / 1000);
        struct tm calendar = {.tm_mday = 1};
        localtime_r(&at, &calendar);
        strftime(text, sizeof(text), days ? "%e %b %Y" : "%e %b %H:%M", &calendar);
        const char *begin = *text == ' ' ? text + 1 : text;
        size_t column = LABEL + 1 + canvas->columns * i / count, half = strlen(begin) / 2;
        if (i == count) {
            line_put_right(line, column, 2, STYLE_DIM, begin);
        } else {
            line_to(line, i ? column - half : column, i ? 2 : 0);
            line_put(line, STYLE_DIM, begin);
        }
    }
    line_end(line);
}

void history_chart(const struct history *history, const struct history_look *look,
                   struct term *term)
{
    struct canvas canvas = {
        .utf8 = look->utf8, .from_ms = history->span.from_ms, .to_ms = history->span.to_ms};
    struct line line = {.term = term};
    struct event events[EVENTS];
    unsigned width = look->width < 40 ? 40 : look->width;
    canvas.columns = width - LABEL - 2 < COLUMNS_MAX ? width - LABEL - 2 : COLUMNS_MAX;
    canvas.dots_x = canvas.columns * ACROSS;
    canvas.dots_y = ROWS * UP;
    if (canvas.to_ms <= canvas.from_ms || !set_range(&canvas, history)) {
        line_put(&line, STYLE_DIM, "  no samples of it in that time");
        line_end(&line);
        line_deinit(&line);
        return;
    }
    for (size_t i = 0; i < history->points.length; i++)
        draw(&canvas, &history->points.at[i], history->step_ms);
    for (unsigned row = 0; row < ROWS; row++)
        write_row(&canvas, row, history->metric, &line);
    write_axis(&canvas, &line);
    write_times(&canvas, &line);
    size_t count = gather_events(history, events);
    if (count)
        write_events(&canvas, events, count, &line);
    write_legend(&canvas, events, count, &line);
    line_deinit(&line);
}
