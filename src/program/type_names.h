/* Named struct types by package path and name, as the names of their methods have them: "net/http.(*Server).Serve" is a method of a pointer to
 * "net/http" "Server". */
#ifndef SEEP_PROGRAM_TYPE_NAMES_H
#define SEEP_PROGRAM_TYPE_NAMES_H

#include "base/u64map.h"
#include "program/program.h"

struct type_names {
    const struct program *program;
    struct u64map by_name; /* hash of path, ".", name -> distance from the first type / 8 */
};

/* One pass over the descriptors. None if they can't be read. */
void type_names_open(struct target *target, const struct program *program,
                     struct type_names *names_ret);
void type_names_close(struct type_names *names);

/* The descriptor of T for a function that is a method of *T; 0 if it is none, or T is not known (type arguments, no struct). */
address type_of_receiver(const struct type_names *names, const char *function);

#endif
