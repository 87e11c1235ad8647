/* A chart of dots: each cell of the terminal is two dots wide and four high (Unicode's braille patterns). */
#include <math.h>
#include <string.h>
#include <time.h>

#include "report/report_history.h"

enum {
    ROWS = 10,
    DOTS_X = 2,
    DOTS_Y = 4,
    LABEL = 11,       /* cells for the numbers at the side */
    WIDTH_PLAIN = 80, /* where the width is not known */
    COLUMNS_MAX = 300,
    COLUMNS_LEAST = 20
};

struct canvas {
    unsigned columns;
    uint8_t cells[ROWS][COLUMNS_MAX];
    double low, high;
    struct store_span span;
};

static void find_range(const struct history_chart *chart, struct canvas *canvas)
{
    canvas->low = INFINITY;
    canvas->high = -INFINITY;
    for (size_t i = 0; i < chart->life_count; i++) {
        for (size_t k = 0; k < chart->lives[i].length; k++) {
            canvas->low = fmin(canvas->low, (double)chart->lives[i].at[k].min);
            canvas->high = fmax(canvas->high, (double)chart->lives[i].at[k].max);
        }
    }
    if (canvas->low > canvas->high / 3) /* what hardly moves is not to look as if it jumped */
        canvas->low = fmax(0, canvas->low - (canvas->high - canvas->low) / 4 - 0.02 * canvas->high);
    else
        canvas->low = 0;
    if (!(canvas->high > canvas->low))
        canvas->high = canvas->low + 1;
}

static void dot(struct canvas *canvas, int64_t at_ms, double value)
{
    static const uint8_t bits[DOTS_Y][DOTS_X] = {
        {0x40, 0x80}, {0x04, 0x20}, {0x02, 0x10}, {0x01, 0x08}};
    double width = (double)(canvas->span.to_ms - canvas->span.from_ms);
    double x = (double)(at_ms - canvas->span.from_ms) / (width > 0 ? width : 1) *
               (canvas->columns * DOTS_X - 1);
    double y = (value - canvas->low) / (canvas->high - canvas->low) * (ROWS * DOTS_Y - 1);
    if (!(x >= 0 && x < canvas->columns * DOTS_X && y >= 0 && y < ROWS * DOTS_Y))
        return;
    unsigned column = (unsigned)x, row = (unsigned)y;
    canvas->cells[ROWS - 1 - row / DOTS_Y][column / DOTS_X] |= bits[row % DOTS_Y][column % DOTS_X];
}

static void put_number(struct line *line, const struct series_facts *metric, double value)
{
    char buffer[TEXT_SIZE_ROOM];
    const char *text = strcmp(metric->unit, "bytes") ? text_count(buffer, (uint64_t)fmax(0, value))
                                                     : text_size(buffer, (uint64_t)fmax(0, value));
    line_put_right(line, LABEL, 0, STYLE_DIM, text);
}

static void write_rows(const struct canvas *canvas, const struct series_facts *metric,
                       struct term *term)
{
    struct line line = {.term = term};
    for (unsigned row = 0; row < ROWS; row++) {
        struct text cells = {0};
        if (row == 0)
            put_number(&line, metric, canvas->high);
        else if (row == ROWS - 1)
            put_number(&line, metric, canvas->low);
        line_to(&line, LABEL + 1, 0);
        for (unsigned column = 0; column < canvas->columns; column++) {
            unsigned letter = 0x2800 + canvas->cells[row][column]; /* three bytes of UTF-8 */
            text_printf(&cells, "%c%c%c", 0xe0 | letter >> 12, 0x80 | (letter >> 6 & 0x3f),
                        0x80 | (letter & 0x3f));
        }
        line_put(&line, STYLE_CYAN, cells.bytes);
        line_end(&line);
        text_deinit(&cells);
    }
    line_deinit(&line);
}

/* Where lives began, and the ends of the span. */
static void write_axis(const struct history_chart *chart, const struct canvas *canvas,
                       struct term *term)
{
    struct line line = {.term = term};
    char marks[COLUMNS_MAX + 1], from[32], to[32];
    time_t first = canvas->span.from_ms / 1000, last = canvas->span.to_ms / 1000;
    struct tm calendar;
    memset(marks, ' ', canvas->columns);
    marks[canvas->columns] = '\0';
    for (size_t i = 0; i < chart->life_count; i++) {
        double share = (double)(chart->marks[i] - canvas->span.from_ms) /
                       (double)(canvas->span.to_ms - canvas->span.from_ms + 1);
        if (share >= 0 && share < 1)
            marks[(size_t)(share * canvas->columns)] = '|';
    }
    line_to(&line, LABEL + 1, 0);
    line_put(&line, STYLE_DIM, marks);
    line_end(&line);
    strftime(from, sizeof(from), "%Y-%m-%d %H:%M", localtime_r(&first, &calendar));
    strftime(to, sizeof(to), "%Y-%m-%d %H:%M", localtime_r(&last, &calendar));
    line_to(&line, LABEL + 1, 0);
    line_put(&line, STYLE_DIM, from);
    line_put_right(&line, LABEL + 1 + canvas->columns, 2, STYLE_DIM, to);
    line_end(&line);
    line_deinit(&line);
}

void history_chart_write(const struct history_chart *chart, struct term *term)
{
    struct canvas canvas = {.span = chart->span};
    unsigned width = term->width == TERM_WIDTH_UNLIMITED ? WIDTH_PLAIN : term->width;
    canvas.columns = width > LABEL + 2 + COLUMNS_LEAST ? width - LABEL - 2 : COLUMNS_LEAST;
    canvas.columns = canvas.columns < COLUMNS_MAX ? canvas.columns : COLUMNS_MAX;
    find_range(chart, &canvas);
    if (!isfinite(canvas.low))
        return;
    for (size_t i = 0; i < chart->life_count; i++) {
        for (size_t k = 0; k < chart->lives[i].length; k++) {
            const struct point *point = &chart->lives[i].at[k];
            dot(&canvas, point->at_ms, (double)point->min);
            dot(&canvas, point->at_ms, (double)point->max);
        }
    }
    write_rows(&canvas, chart->metric, term);
    write_axis(chart, &canvas, term);
}
