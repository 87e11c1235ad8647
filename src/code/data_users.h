/* Which functions name given variables: all of a program's, in one pass over its code. The pass looks at bytes and finds whoever may; only those are
 * decoded. */
#ifndef SEEP_CODE_DATA_USERS_H
#define SEEP_CODE_DATA_USERS_H

#include "code/data_refs.h"

enum {
    DATA_USERS_MAX = 1 << 12, /* functions that are decoded */
    DATA_USERS_WINDOW = 256,  /* of a struct: code may take its address and go on from there */
    DATA_USERS_VARIABLES = 1 << 10,
};

struct data_user {
    address entry;
    uint32_t variable; /* index */
    bool exact;        /* names its very address; false: takes an address shortly before it */
};

struct data_users VECTOR_OF(struct data_user);

/* Who names the words at these addresses, at most DATA_USERS_VARIABLES of them. False if there were too many, or if the code can't be read: then some
 * are missing. The caller ends the array with VECTOR_DEINIT. */
bool data_users_find(struct target *target, const struct program *program, const address *variables,
                     size_t count, struct data_users *users_ret);

#endif
