/* Hiding a goroutine: it is as if it held nothing. The runtime itself leads from its list of all goroutines to each one's descriptor and from there to
 * its sudogs and deferred calls; these ways say nothing about who else could use what they lead to. So the descriptor and the sudogs are
 * marked without being followed, and the stack is left out. */
#ifndef SEEP_HEAP_HIDING_H
#define SEEP_HEAP_HIDING_H

#include "heap/roots.h"

/* A range of `hiding.objects`. */
struct hidden_range {
    uint32_t first, count;
};

struct hiding {
    struct marker *marker;
    struct hidden_objects VECTOR_OF(struct object) objects;
};

/* Before anything is marked. */
struct hidden_range hide_goroutine(struct hiding *hiding, const struct goroutine *goroutine);

/* The records of deferred calls that a goroutine made at one place. */
struct hidden_range hide_defers(struct hiding *hiding, const struct goroutine *goroutine,
                                address pc);

/* The same for all places at once, in one walk over the goroutine's records: ranges are added to the list, by pc. */
struct hidden_defers {
    address pc;
    struct hidden_range records;
};
struct hidden_defers_list VECTOR_OF(struct hidden_defers);
void hide_all_defers(struct hiding *hiding, const struct goroutine *goroutine,
                     struct hidden_defers_list *list);

/* What was hidden counts from now on; the stack is not scanned by this. */
void unhide(struct hiding *hiding, struct hidden_range range);

/* The same without counting them: a goroutine's descriptor and its sudogs are not freed when it ends, but kept for the next one (runtime/proc.go, gfput). */
void unhide_uncounted(struct hiding *hiding, struct hidden_range range);

void hiding_deinit(struct hiding *hiding);

#endif
