/* An address in what is examined: never a C pointer, so that nobody dereferences it. */
#ifndef SEEP_TARGET_ADDRESS_H
#define SEEP_TARGET_ADDRESS_H

#include <stdint.h>

typedef uint64_t address;

#endif
