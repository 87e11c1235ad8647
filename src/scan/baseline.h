/* The findings of an earlier scan, by rule and fingerprint. */
#ifndef SEEP_SCAN_BASELINE_H
#define SEEP_SCAN_BASELINE_H

#include "find/finding.h"

/* Starts as {0}. */
struct baseline {
    struct baseline_keys VECTOR_OF(char *) keys; /* "rule fingerprint" */
    bool sorted;
};

void baseline_add(struct baseline *baseline, const char *rule, const char *fingerprint);
bool baseline_has(struct baseline *baseline, const struct finding *finding);
void baseline_deinit(struct baseline *baseline);

#endif
