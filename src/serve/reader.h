/* The store as the page has it: opened at the first question, kept open, opened anew if its file was replaced or something went wrong with it. */
#ifndef SEEP_SERVE_READER_H
#define SEEP_SERVE_READER_H

#include <sys/stat.h>

#include "store/store.h"

struct reader {
    const char *where; /* borrowed */
    char *shown;       /* the same, escaped */
    struct store *store;
    struct stat file;  /* that is open */
    uint64_t openings; /* what was begun with one store does not go on with another */
};

struct reader reader_of(const char *where);
void reader_deinit(struct reader *reader);

/* Opens it if it is not open, or not that file any more. */
struct error *reader_open(struct reader *reader) NODISCARD;

/* Something is wrong with it: the next question opens it anew. */
void reader_drop(struct reader *reader);

#endif
