/* Reads an earlier output of `seep scan --json`. */
#ifndef SEEP_CLI_BASELINE_FILE_H
#define SEEP_CLI_BASELINE_FILE_H

#include "scan/baseline.h"

/* One or several documents. Errors are one line with the file and, if it is no JSON, the line. The
 * caller ends the baseline, also after an error. */
struct error *baseline_read(const char *path, struct baseline *baseline) NODISCARD;

#endif
