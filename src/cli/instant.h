/* The one instant of a target that a heap graph needs: a core file is one, a live process is stopped for as long as it takes to keep what it is. With it
 * come a look, the graph, and the proof of who waits for ever. */
#ifndef SEEP_CLI_INSTANT_H
#define SEEP_CLI_INSTANT_H

#include "heap/proof.h"
#include "target/freeze.h"

struct instant {
    bool tried;
    bool looked;           /* there is an observation of it: of a live process, `observation` */
    char *why;             /* why nothing is proved; NULL: `stuck` says who waits for ever */
    struct target *frozen; /* of a live process; NULL else */
    struct runtime *runtime;
    struct observation observation;
    struct freeze_facts facts;
    struct heap *heap;
    struct proof *proof;
    uint8_t *stuck; /* by goroutine */
};

/* Of a live process that was looked at `before`: freezes it within the budget, and looks at it. What does not work is said in `why`; there is no error that
 * would end an inspection. */
void instant_of_process(struct instant *instant, struct target *live, struct program *program,
                        const struct observation *before, int64_t budget_ns);

/* Of a core file, which was looked at already. */
void instant_of_core(struct instant *instant, struct runtime *runtime,
                     const struct observation *observation);

/* Builds the graph and the proof of what was looked at, if it was. */
void instant_prove(struct instant *instant, const struct observation *observation);

void instant_deinit(struct instant *instant);

#endif
