#include "serve/csv.h"

#include <string.h>

/* Blanks before it do not help: some skip them. */
static bool is_formula(const char *cell)
{
    cell += strspn(cell, " \t\r\n");
    return *cell && strchr("=+-@|%", *cell);
}

void csv_put_text(struct text *text, const char *cell)
{
    text_puts(text, is_formula(cell) ? "\"'" : "\"");
    for (; *cell; cell++) {
        if (*cell == '"')
            text_puts(text, "\"");
        text_add(text, cell, 1);
    }
    text_puts(text, "\"");
}
