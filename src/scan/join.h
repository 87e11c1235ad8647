/* Joins what the code can do with what a running program does. */
#ifndef SEEP_SCAN_JOIN_H
#define SEEP_SCAN_JOIN_H

#include "scan/scan.h"

/* Adds to findings of blocked goroutines how their code comes to that, where a rule of the scan knows
 * the shape. Scans the program only if there is such a finding. */
struct error *scan_join(struct target *target, struct program *program,
                        struct findings *findings) NODISCARD;

#endif
