/* Cells of a CSV file that somebody will open in a spreadsheet. */
#ifndef SEEP_SERVE_CSV_H
#define SEEP_SERVE_CSV_H

#include "base/text.h"

/* Quoted; what a spreadsheet would take for a formula gets an apostrophe in front. */
void csv_put_text(struct text *text, const char *cell);

#endif
