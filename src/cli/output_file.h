/* A file that an option names, written whole or not at all: what was there stays if that fails (cli/new_file.h). */
#ifndef SEEP_CLI_OUTPUT_FILE_H
#define SEEP_CLI_OUTPUT_FILE_H

#include "base/text.h"

/* Takes the place of a file of that name. Errors name the file. */
struct error *output_file_write(const char *path, const struct text *bytes) NODISCARD;

#endif
