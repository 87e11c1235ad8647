/* What is known of each finding before this run: that it is suppressed, or that an earlier scan had
 * it too. */
#ifndef SEEP_SCAN_KNOWN_H
#define SEEP_SCAN_KNOWN_H

#include "scan/baseline.h"
#include "scan/suppressions.h"

struct known {
    const struct suppression *suppression; /* NULL: none; borrowed */
    bool in_baseline;
};

/* One for each finding, in their order; the caller frees them. Sets `suppressed` of the findings. */
struct known *known_find(struct findings *findings, struct suppressions *suppressions,
                         struct baseline *baseline);

#endif
