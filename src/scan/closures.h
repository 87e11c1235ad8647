/* Function values in code: which function they are of, and what they hold. */
#ifndef SEEP_SCAN_CLOSURES_H
#define SEEP_SCAN_CLOSURES_H

#include "scan/scanner.h"

/* The entry of a function value's function: a constant one stands in read-only data, else it is what
 * was stored first into the object that the function makes. False if the code does not show it. */
bool closure_entry(struct scanner *scanner, const struct summary *summary,
                   const struct value *closure, address *entry_ret);

/* Bytes of the object that runtime.newobject makes for the closure: 0 for a constant, or if its type
 * can't be read. */
uint64_t closure_bytes(struct scanner *scanner, const struct summary *summary,
                       const struct value *closure);

#endif
