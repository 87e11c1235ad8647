/* The file for what `seep watch` has no options for: YAML, docs/running.md has every key. */
#ifndef SEEP_CLI_WATCH_FILE_H
#define SEEP_CLI_WATCH_FILE_H

#include "agent/settings.h"

/* Reads the file over the settings. Errors name file, line and what was expected. */
struct error *watch_file_read(const char *path, struct settings *settings) NODISCARD;

#endif
