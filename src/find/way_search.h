/* Parts of the search for ways: ways.c, variables.c, holders.c. */
#ifndef SEEP_FIND_WAY_SEARCH_H
#define SEEP_FIND_WAY_SEARCH_H

#include "find/living.h"
#include "find/ways.h"
#include "heap/leads.h"

struct way_search {
    const struct looks *looks;
    const struct waited *waited;
    struct heap *heap;
    struct leads leads;
    struct living living;
    struct ways *ret;
    uint32_t *seen; /* by lead: the last spread that came by */
    uint32_t spreads;
};

/* The better of both. */
void way_raise(struct way_in *way, struct way_in to);

/* All objects that the lead leads to have the way. */
void way_spread(struct way_search *search, uint32_t lead, struct way_in way);

/* Through variables; false if some of it could not be seen. */
bool variables_search(struct way_search *search);

/* Through the stacks of goroutines. */
struct error *holders_search(struct way_search *search) NODISCARD;

#endif
