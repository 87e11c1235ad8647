/* What a person names on the command line becomes targets: a pid, a core file, a snapshot, a process name. */
#ifndef SEEP_CLI_TARGETS_H
#define SEEP_CLI_TARGETS_H

#include <sys/types.h>

#include "base/vector.h"
#include "target/target.h"

struct wanted {
    pid_t pid;        /* 0 for a file */
    const char *path; /* of the core file or snapshot; borrowed from the argument */
    bool is_snapshot;
};

struct wanted_list VECTOR_OF(struct wanted);

/* Opens it; `exe` may be NULL, and counts for core files only. */
struct error *wanted_open(const struct wanted *wanted, const char *exe,
                          struct target **target_ret) NODISCARD;

/* Adds what `name` stands for:
 *   digits                        a pid
 *   a core file (ELF ET_CORE)     that file
 *   a snapshot (`seep save`)      that file
 *   else                          every Go process whose executable's base name or comm it is
 * The same process is added once. The error says what would help. */
struct error *targets_resolve(const char *name, struct wanted_list *wanted) NODISCARD;

#endif
