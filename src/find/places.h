/* Source places of a goroutine: the line where it waits that a person would look at. */
#ifndef SEEP_FIND_PLACES_H
#define SEEP_FIND_PLACES_H

#include "find/finding.h"

/* The pc of the innermost frame that is neither the runtime's nor of package sync: where the user's code waits. It is the address
 * to look up (for place_at). 0 without a stack. */
address place_user_pc(const struct program *program, const struct observation *observation,
                      const struct goroutine *goroutine);

/* For people: the innermost frame of the program's own code or its dependencies; if all are of Go's standard library, the outermost that is not the runtime's. Function
 * NULL without a stack. */
struct place place_of_stack(const struct program *program, const struct observation *observation,
                            const struct goroutine *goroutine);

/* The innermost source frame at a look-up address that is the user's, else the innermost. */
struct place place_at(const struct program *program, address lookup_pc);

#endif
