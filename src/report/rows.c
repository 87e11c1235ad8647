#include "report/rows.h"

#include "report/places.h"

enum {
    LABEL_AT = 2,
    GAP = 3,
    COLUMN_CELLS_MAX = 60
};

enum style grade_style(enum grade grade)
{
    return grade == GRADE_CERTAIN ? STYLE_RED : grade == GRADE_LIKELY ? STYLE_YELLOW : STYLE_CYAN;
}

size_t row_end(const struct term *term)
{
    return term->width && term->width < ROW_END ? term->width : ROW_END;
}

void row_start(struct line *line, const char *label)
{
    line_to(line, LABEL_AT, 0);
    line_put(line, STYLE_DIM, label);
    line_to(line, ROW_VALUE_AT, 2);
}

void row_text(struct line *line, const char *label, const char *text)
{
    row_start(line, label);
    line_wrap(line, STYLE_PLAIN, text);
    line_end(line);
}

static void fit(size_t *cells, const char *text)
{
    size_t wanted = term_cells(text);
    *cells = wanted > *cells && wanted <= COLUMN_CELLS_MAX ? wanted : *cells;
}

void row_columns_fit(struct row_columns *columns, const struct place *place)
{
    char buffer[PLACE_ROOM];
    if (!place->function)
        return;
    fit(&columns->function_cells, short_function(place->function, columns->in_full));
    fit(&columns->file_cells, place_line(buffer, place, columns->in_full));
}

void row_place(struct line *line, const struct row_columns *columns, const char *label,
               const struct place *place, const char *remark)
{
    if (!place->function)
        return;
    char buffer[PLACE_ROOM];
    size_t file_at = ROW_VALUE_AT + columns->function_cells;
    row_start(line, label);
    line_put(line, STYLE_BOLD, short_function(place->function, columns->in_full));
    line_to(line, file_at, 0);
    line_to(line, 0, GAP);
    line_put(line, STYLE_PLAIN, place_line(buffer, place, columns->in_full));
    if (remark) {
        line_to(line, file_at + GAP + columns->file_cells, 0);
        line_to(line, 0, GAP);
        line_put(line, STYLE_PLAIN, remark);
    }
    line_end(line);
}

void row_reasons(struct line *line, const struct finding *finding)
{
    for (size_t i = 0; i < finding->because.length; i++)
        row_text(line, i ? "" : "because", finding->because.at[i]);
    if (finding->fix)
        row_text(line, "fix", finding->fix);
}
