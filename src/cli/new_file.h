/* A file that comes to be as a whole or not at all: until it is committed it has another name or none, and is nobody else's to
 * read (mode 0600). */
#ifndef SEEP_CLI_NEW_FILE_H
#define SEEP_CLI_NEW_FILE_H

#include <stdbool.h>

#include "base/error.h"

struct new_file {
    int fd;
    char *path;
    char *temporary; /* its name until then; NULL: it has none */
    bool replace;    /* a file of that name */
};

/* Errors: there is such a file (unless `replace`); something of that name is no file; the folder can't be written to. */
struct error *new_file_create(const char *path, bool replace, struct new_file *file_ret) NODISCARD;

/* On its disk, under its name. */
struct error *new_file_commit(struct new_file *file) NODISCARD;

/* Closes it. What was not committed is gone. */
void new_file_close(struct new_file *file);

#endif
