/* What freezing gives: a target whose memory is a copy, or a twin's. */
#ifndef SEEP_TARGET_FROZEN_H
#define SEEP_TARGET_FROZEN_H

#include "target/copy.h"
#include "target/guardian.h"

/* Takes the guardian, the copy and the mappings in any case (all become empty). `live` must outlive
 * it. With a twin in the guardian's facts, the copy is empty and memory is the twin's. */
struct error *frozen_create(struct process *live, struct guardian *guardian, struct copy *copy,
                            struct mappings *mappings, struct target **frozen_ret) NODISCARD;

#endif
