/* What every fuzz target has: one function that is fed bytes and must neither crash, hang nor leak. */
#ifndef SEEP_FUZZ_H
#define SEEP_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Numbers from the input; 0 when it has no more. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

static inline uint64_t fuzz_number(struct fuzz_input *input, size_t width)
{
    uint64_t value = 0;
    width = width < input->left ? width : input->left;
    if (width)
        memcpy(&value, input->at, width);
    input->at += width;
    input->left -= width;
    return value;
}

#endif
