/* Which memory of a target a snapshot keeps: all that seep's analyses go through, and what they really read beyond it. */
#ifndef SEEP_RUNTIME_KEEP_H
#define SEEP_RUNTIME_KEEP_H

#include "runtime/observation.h"
#include "target/readlog.h"

/* What of the heap was left out on purpose. */
struct keep_facts {
    uint64_t without_pointers; /* bytes of spans whose objects hold none */
    bool spans_known;          /* false: only what was read is kept of the heap */
};

/* `log`: what an analysis of this target has read. The list is ordered; it may name what is not mapped. */
struct error *keep_find(struct runtime *runtime, const struct readlog *log,
                        struct extents *kept_ret, struct keep_facts *facts_ret) NODISCARD;

#endif
