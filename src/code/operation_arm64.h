/* The arm64 side of operation.h. */
#ifndef SEEP_CODE_OPERATION_ARM64_H
#define SEEP_CODE_OPERATION_ARM64_H

#include "code/operation.h"

struct operation operation_arm64(const uint8_t *bytes, size_t size, address at);

#endif
