/* Variables of a stripped program have no names: they are told by the functions that use them. */
#ifndef SEEP_FIND_VARIABLE_USERS_H
#define SEEP_FIND_VARIABLE_USERS_H

#include "find/finding.h"

/* For each of `count` addresses of variables a function that names it, the program's own before those of libraries, initializers last: its name, escaped;
 * NULL where none is known. At most DATA_USERS_VARIABLES of them are looked for. The caller frees each. */
void variable_users(const struct looks *looks, const address *variables, size_t count,
                    char **users_ret);

#endif
