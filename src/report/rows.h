/* The rows of a finding: a label, and from one column on what it is. */
#ifndef SEEP_REPORT_ROWS_H
#define SEEP_REPORT_ROWS_H

#include "find/finding.h"
#include "report/term.h"

enum {
    ROW_VALUE_AT = 15,
    ROW_END = 100
};

enum style grade_style(enum grade grade);

/* Where a headline ends on the right. */
size_t row_end(const struct term *term);

void row_start(struct line *line, const char *label);
void row_text(struct line *line, const char *label, const char *text);

/* How wide the columns of places are, so that those of one finding stand below each other. Starts as
 * {.in_full = …}; very long names stick out. */
struct row_columns {
    bool in_full; /* whole names and paths */
    size_t function_cells, file_cells;
};

void row_columns_fit(struct row_columns *columns, const struct place *place);

/* The remark may be NULL. Nothing if there is no place. */
void row_place(struct line *line, const struct row_columns *columns, const char *label,
               const struct place *place, const char *remark);

/* The reasons and the fix. */
void row_reasons(struct line *line, const struct finding *finding);

#endif
