/* What people decided about findings before: the entries of .seep.yaml. Matching only; reading the
 * file is the command's. */
#ifndef SEEP_SCAN_SUPPRESSIONS_H
#define SEEP_SCAN_SUPPRESSIONS_H

#include "find/finding.h"

/* Texts are escaped and owned. */
struct suppression {
    bool every_rule;
    enum rule rule;
    char *function; /* pattern; NULL: any */
    char *file;     /* pattern of the path within the module; NULL: any */
    char *reason;
    size_t line; /* of the entry in its file */
    bool used;   /* it stood for a finding of this run */
};

struct suppressions {
    char *path; /* of the file; NULL: there is none */
    struct suppression_list VECTOR_OF(struct suppression) list;
};

/* The first entry that stands for a finding, or NULL. All that do are marked as used.
 *
 * A pattern of a function stands for the whole name; one without a slash also for the name without
 * the path of its package: "tsdb.(*Head).*". A pattern of a file stands for its path within its
 * module. */
const struct suppression *suppressions_find(struct suppressions *suppressions,
                                            const struct finding *finding);

void suppression_deinit(struct suppression *suppression);
void suppressions_deinit(struct suppressions *suppressions);

#endif
