/* How the agent starts the programs that do what it does not do itself: seep-look, seep-page, seep-post. */
#ifndef SEEP_AGENT_CHILD_H
#define SEEP_AGENT_CHILD_H

#include <stddef.h>
#include <sys/types.h>

enum {
    CHILD_NULL = -1 /* as `from`: /dev/null */
};

/* The descriptor `at` of the child is the agent's `from`. */
struct child_file {
    int at, from;
};

/* `arguments` begins with the program's path and ends with NULL. No signal is blocked in the child, whatever the agent blocks. The files are put in place in their order; what is not
 * named stays as it is in the agent. Returns 0 or an errno, like posix_spawn(3). */
int child_spawn(char *const *arguments, const struct child_file *files, size_t count,
                pid_t *pid_ret);

#endif
