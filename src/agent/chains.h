/* The pending deferred calls of one goroutine: a list from the newest to the oldest, which may be millions long. Of a long one it is remembered what the newest was, and
 * the next time only those above it are counted. If that one is gone, the list is counted anew, as far as it is worth. */
#ifndef SEEP_AGENT_CHAINS_H
#define SEEP_AGENT_CHAINS_H

#include "agent/tally.h"

enum {
    CHAIN_PLACES = 8 /* defer statements that are told apart in one goroutine */
};

struct chain_count {
    address place;
    uint32_t count;
};

void chains_begin(struct tally_chains *chains);

/* Drops those whose goroutine was not seen. */
void chains_finish(struct tally_chains *chains);

/* Counts the list behind `head`: adds its length to *deferred, and returns the statements with at least TALLY_CHAIN_LEAST pending calls. Sets *partly if it did not come to the end. */
size_t chains_count(struct tally_chains *chains, pid_t pid, const struct recipe *recipe,
                    uint64_t goroutine, address head, struct chain_count counts[CHAIN_PLACES],
                    uint64_t *deferred, bool *partly);

#endif
