/* Which module a function is from, by its import path and the program's build info. */
#ifndef SEEP_FIND_ORIGIN_H
#define SEEP_FIND_ORIGIN_H

#include "find/finding.h"

/* `function` and `file` are raw, as in pclntab; file may be NULL. Without build info: package main
 * is the program's own, and the version is what the file's path says ("…/name@v1.2.3/…"). */
struct origin origin_of(const struct program *program, const char *function, const char *file);
void origin_deinit(struct origin *origin);

#endif
