/* The file of suppressions: YAML, read with libyaml.
 *
 *   suppress:
 *     - rule: defer-in-loop          # or "*"
 *       function: main.poll          # a pattern; this or file, or both
 *       file: cmd/agent/poll.go      # a pattern of the path within the module
 *       reason: ends with the process
 *
 * Errors are one line with the file and the line in it. */
#ifndef SEEP_CLI_SUPPRESSIONS_FILE_H
#define SEEP_CLI_SUPPRESSIONS_FILE_H

#include "scan/suppressions.h"

/* NULL: .seep.yaml in the current directory, if there is one. */
struct error *suppressions_read(const char *path, struct suppressions *suppressions_ret) NODISCARD;

/* The same over its bytes; `shown` is the file's name, escaped. */
struct error *suppressions_parse(const char *bytes, size_t size, const char *shown,
                                 struct suppressions *suppressions_ret) NODISCARD;

#endif
