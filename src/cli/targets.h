/* What a person names on the command line becomes targets: a pid, a core file, a process name. */
#ifndef SEEP_CLI_TARGETS_H
#define SEEP_CLI_TARGETS_H

#include <sys/types.h>

#include "base/vector.h"
#include "target/target.h"

struct wanted {
    pid_t pid;        /* 0 for a core file */
    const char *path; /* of the core file; borrowed from the argument */
};

struct wanted_list VECTOR_OF(struct wanted);

/* Adds what `name` stands for:
 *   digits                        a pid
 *   a core file (ELF ET_CORE)     that file
 *   else                          every Go process whose executable's base name or comm it is
 * The same process is added once. The error says what would help. */
struct error *targets_resolve(const char *name, struct wanted_list *wanted) NODISCARD;

#endif
