/* A small table in columns that are as wide as their widest cell. For tens or thousands of rows: it holds all before it writes. */
#ifndef SEEP_REPORT_TABLE_H
#define SEEP_REPORT_TABLE_H

#include "base/vector.h"
#include "report/term.h"

enum {
    TABLE_COLUMNS_MAX = 12
};

struct table_cell {
    char *text;
    enum style style;
};

/* Starts as {.columns = …, .right = …, .keep = …}. On a terminal that is too narrow, columns are dropped from the right, but
 * for the first `keep`. */
struct table {
    unsigned columns;
    unsigned right; /* bit i: column i is aligned to the right */
    unsigned keep;
    struct table_cells VECTOR_OF(struct table_cell) cells;
};

/* The next cell, row by row; the text is copied. */
void table_put(struct table *table, enum style style, const char *text);

/* Writes the rows, each `indent` blanks in, and empties the table. Cells in a last, unfinished row are dropped. */
void table_write(struct table *table, struct term *term, size_t indent);

#endif
