/* What happens if somebody truncates a file that is mapped: touching the missing part raises
 * SIGBUS. The handler says in one line which file it was and ends the process with exit status
 * 2. */
#ifndef SEEP_ELF_CUTFILE_H
#define SEEP_ELF_CUTFILE_H

#include <stddef.h>

/* Watches a mapping; installs the handler at the first call. `shown` is copied, and cut if it is
 * long. */
void cutfile_watch(const void *start, size_t size, const char *shown);

/* Ends the watch. Call it before the memory is unmapped. */
void cutfile_forget(const void *start);

#endif
