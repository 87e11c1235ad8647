/* Small files that people write or keep. */
#ifndef SEEP_CLI_READ_FILE_H
#define SEEP_CLI_READ_FILE_H

#include "base/text.h"

/* The whole file; ERROR_LIMIT if it has more than `max` bytes, ERROR_NOT_FOUND if it is not there.
 * The caller ends the text, also after an error. */
struct error *read_file(const char *path, size_t max, struct text *text_ret) NODISCARD;

#endif
