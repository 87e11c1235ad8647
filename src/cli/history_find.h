/* What a person means by a name or a time. */
#ifndef SEEP_CLI_HISTORY_FIND_H
#define SEEP_CLI_HISTORY_FIND_H

#include "base/error.h"
#include "store/records.h"

/* The program that is meant: by its key, its name, the beginning of one of them, or the id of a process, best one that runs. The
 * error names those that come near. The caller frees. */
struct error *history_find(const struct lives *lives, const char *name,
                           char **program_ret) NODISCARD;

/* "7d", "12h", "30m", "45s": before now; "2026-03-01", "2026-03-01T14:00": local time. */
struct error *option_moment(const char *text, int64_t now_ms, int64_t *at_ms_ret) NODISCARD;

#endif
