/* What building and asking a summary share. */
#ifndef SEEP_CODE_SUMMARY_INTERNAL_H
#define SEEP_CODE_SUMMARY_INTERNAL_H

#include "code/summary.h"

enum {
    CASE_SIZE = 16 /* runtime.scase: {c *hchan, elem unsafe.Pointer} */
};

/* The key of a call's result in summary.kept. */
static inline uint64_t result_key(const struct value *result)
{
    return (uint64_t)result->node << 8 | (uint8_t)result->number;
}

#endif
