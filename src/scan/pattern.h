/* Patterns with * and ?, for names and paths. */
#ifndef SEEP_SCAN_PATTERN_H
#define SEEP_SCAN_PATTERN_H

#include <stdbool.h>

/* True if the pattern stands for the whole text. `?` is one character, `*` any number of them. With
 * `folders` neither stands for a slash; `**` does, and "**" + "/" also for no folder at all. All
 * other characters stand for themselves. */
bool pattern_matches(const char *pattern, const char *text, bool folders);

#endif
