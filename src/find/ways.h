/* Ways: how somebody could still come to what goroutines wait for. Through variables of the program (which functions name the variable, what these can
 * do, and whether anybody still runs them or can call them), through stacks over several objects, and through the stacks of those who
 * run at the moment. By the heap of one instant if there is one. */
#ifndef SEEP_FIND_WAYS_H
#define SEEP_FIND_WAYS_H

#include "find/sites.h"

/* By rising hope for who waits. */
enum way {
    WAY_NONE,   /* none leads to it */
    WAY_UNUSED, /* a variable does, but no function that names it helps */
    WAY_RUNS,   /* somebody who runs has it, but nothing that helps is ahead of him */
    WAY_GONE, /* a function that names the variable would help, but nobody runs it or can call it any more */
    WAY_UNSURE, /* who could use it is not known */
    WAY_ALIVE,  /* somebody has it and can help, or runs a function that can, or can call one */
};

struct way_in {
    uint8_t way; /* enum way */
    address
        function; /* GONE, ALIVE: the one that would help; UNUSED: one that names the variable; 0 */
    address other; /* UNUSED: another one; 0 */
    uint32_t
        goroutine; /* RUNS, ALIVE: who; GONE: who is in the function, but waits for something else there; UINT32_MAX */
};

struct ways {
    struct way_in *at; /* by object */
    size_t count;
    uint64_t read_bytes; /* of the heap */
    bool sure;           /* all that runs was seen */
};

/* What is asked of them. */
struct waited {
    const address *objects;
    size_t count;
    const uint8_t *skip;    /* by goroutine: not to be counted on */
    const address *helpers; /* functions of the runtime that end such a wait */
    size_t helper_count;
    address own
        [2]; /* functions that those who wait run: their like, started anew, would only do the same */
    bool only_frames; /* what could be started anew does not help */
};

/* What can't be seen is unsure; of a release whose heap is not known, no way is. The caller ends the ways with ways_deinit(). */
void ways_find(const struct looks *looks, const struct waited *waited, struct ways *ways_ret);
void ways_deinit(struct ways *ways);

#endif
