/* SQLite's log (its file format, https://sqlite.org/fileformat2.html#walformat): whether something was written to it that SQLite will not read any more. */
#ifndef SEEP_STORE_WAL_H
#define SEEP_STORE_WAL_H

#include <stdbool.h>

/* True if the log of the database at `path` has a commit behind a place that is damaged: SQLite reads up to that place and drops the rest without a word. To be asked before SQLite opens it. What ends
 * in the middle of a transaction is as a crash leaves it, and no damage. False, too, if there is no log, or it cannot be read. */
bool wal_lost_something(const char *path);

#endif
