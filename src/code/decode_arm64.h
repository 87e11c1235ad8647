/* The arm64 side of decode.h. */
#ifndef SEEP_CODE_DECODE_ARM64_H
#define SEEP_CODE_DECODE_ARM64_H

#include "code/decode.h"

struct instruction decode_arm64(const uint8_t *bytes, size_t size, address at);

#endif
