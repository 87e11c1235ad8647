/* Lines for a terminal or a pipe: colour, the width of what is shown, columns. Widths count terminal cells, not bytes: a
 * function's name may hold any letter. Nothing here looks at the environment but term_init(). */
#ifndef SEEP_REPORT_TERM_H
#define SEEP_REPORT_TERM_H

#include <stdbool.h>
#include <stdio.h>

#include "base/text.h"

enum color_when {
    COLOR_AUTO,
    COLOR_ALWAYS,
    COLOR_NEVER
};

enum style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_YELLOW,
    STYLE_CYAN,
    STYLE_GREEN
};

enum {
    TERM_WIDTH_UNLIMITED = 0
};

struct term {
    FILE *out; /* borrowed */
    bool color;
    unsigned width; /* cells; TERM_WIDTH_UNLIMITED if it is no terminal */
};

/* COLOR_AUTO: colour only on a terminal that is not "dumb", and without NO_COLOR in the environment. */
void term_init(struct term *term, FILE *out, enum color_when when);

/* How many cells a text takes; an invalid byte takes one. */
size_t term_cells(const char *text);

/* One line under construction. Starts as {.term = …}; what follows a column is padded when it comes, so that no line ever ends
 * in blanks. */
struct line {
    struct term *term;
    struct text text;
    size_t cells;   /* where the next text begins */
    size_t pending; /* blanks owed */
};

void line_put(struct line *line, enum style style, const char *text);
void line_printf(struct line *line, enum style style, const char *format, ...) PRINTF_LIKE(3, 4);

/* Moves to a column; at least `gap` blanks if the line is that far already. */
void line_to(struct line *line, size_t column, size_t gap);

/* Puts a text so that it ends at `end` (a column), at least `gap` blanks after what is there. */
void line_put_right(struct line *line, size_t end, size_t gap, enum style style, const char *text);

/* Puts words from the current column on; on a terminal breaks the line before its edge and goes on at this column. */
void line_wrap(struct line *line, enum style style, const char *text);

/* Writes the line with its newline and starts an empty one. */
void line_end(struct line *line);

/* Ends a line for good. */
void line_deinit(struct line *line);

#endif
