/* What `seep ps` knows of each Go process. */
#ifndef SEEP_CLI_PS_LOOK_H
#define SEEP_CLI_PS_LOOK_H

#include "report/report.h"

/* Fills a row per Go process, by pid. *hidden_ret: processes whose executables may not be looked at. A process that cannot be read
 * gets a row that says why; one that exits meanwhile gets none. */
struct error *ps_look(struct ps_rows *rows_ret, uint64_t *hidden_ret) NODISCARD;

#endif
