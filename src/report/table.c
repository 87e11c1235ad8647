#include "report/table.h"

enum {
    GAP = 2
};

void table_put(struct table *table, enum style style, const char *text)
{
    VECTOR_PUSH(&table->cells, (struct table_cell){.text = xstrdup(text), .style = style});
}

/* How many columns fit. */
static unsigned columns_shown(const struct table *table, const struct term *term,
                              const size_t *widths, size_t indent)
{
    size_t end = indent;
    for (unsigned i = 0; i < table->columns; i++) {
        end += widths[i];
        if (term->width && end > term->width && i >= table->keep)
            return i;
        end += widths[i] ? GAP : 0;
    }
    return table->columns;
}

static void write_row(const struct table *table, const struct table_cell *cells,
                      const size_t *widths, unsigned columns, struct line *line, size_t indent)
{
    size_t column = indent;
    for (unsigned i = 0; i < columns; i++) {
        if (table->right >> i & 1) {
            line_put_right(line, column + widths[i], 0, cells[i].style, cells[i].text);
        } else {
            line_to(line, column, 0);
            line_put(line, cells[i].style, cells[i].text);
        }
        column += widths[i] ? widths[i] + GAP : 0;
    }
    line_end(line);
}

void table_write(struct table *table, struct term *term, size_t indent)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    size_t rows = table->cells.length / table->columns;
    for (size_t i = 0; i < rows * table->columns; i++) {
        size_t cells = term_cells(table->cells.at[i].text);
        if (cells > widths[i % table->columns])
            widths[i % table->columns] = cells;
    }
    unsigned columns = columns_shown(table, term, widths, indent);
    struct line line = {.term = term};
    for (size_t row = 0; row < rows; row++)
        write_row(table, &table->cells.at[row * table->columns], widths, columns, &line, indent);
    line_deinit(&line);
    for (size_t i = 0; i < table->cells.length; i++)
        free(table->cells.at[i].text);
    VECTOR_DEINIT(&table->cells);
}
