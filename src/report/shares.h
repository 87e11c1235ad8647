/* Parts of a whole as they are shown: rounded so that what is shown adds up to what is shown. */
#ifndef SEEP_REPORT_SHARES_H
#define SEEP_REPORT_SHARES_H

#include <stddef.h>
#include <stdint.h>

/* In units of `step`, which add up to `total`: down at first, then up where most was lost. */
void shares_round(const uint64_t *parts, size_t count, double step, uint64_t total,
                  uint64_t *shown_ret);

#endif
