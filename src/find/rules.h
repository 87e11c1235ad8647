/* The leak kinds: one file each. To add one, see docs/how-to-add-a-rule.md. */
#ifndef SEEP_FIND_RULES_H
#define SEEP_FIND_RULES_H

#include "find/finding.h"

/* Each: is there a suspect that only a second look can judge? And: the findings and remarks. */
bool defer_in_loop_suspects(const struct looks *looks);
void defer_in_loop_find(const struct looks *looks, struct findings *findings, struct notes *notes);

bool blocked_suspects(const struct looks *looks);
void blocked_find(const struct looks *looks, struct findings *findings, struct notes *notes);

/* Those that are proved to wait for ever, however few. */
void proved_find(const struct looks *looks, struct findings *findings);

/* Text as a new string. */
char *sentence(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
