/* The one instant of a target that a heap graph needs: a core file or a snapshot is one, a live process is stopped for as long as it takes to keep what it is. With it
 * come a look, the graph, and the proof of who waits for ever. */
#ifndef SEEP_CLI_INSTANT_H
#define SEEP_CLI_INSTANT_H

#include "find/heap_view.h"
#include "heap/garbage.h"
#include "heap/proof.h"
#include "program/variable_types.h"
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
    char *heap_why; /* why there is no view of the heap; NULL: there is one, or none was wanted */
    struct data_symbols symbols;
    struct graph *graph;
    struct variable_types variables;
    struct typing *typing;
    struct heap_view *view; /* NULL: none */
    bool garbage_known;
    struct garbage garbage;
};

/* Of a live process that was looked at `before`: freezes it within the budget, and looks at it. What does not work is said in `why`; there is no error that
 * would end an inspection. */
void instant_of_process(struct instant *instant, struct target *live, struct program *program,
                        const struct observation *before, const struct freeze_options *options);

/* Of a target that stands still and was looked at already: a core file, a snapshot, a frozen process. */
void instant_of_still(struct instant *instant, struct runtime *runtime,
                      const struct observation *observation);

/* Builds the graph and the proof of what was looked at, if it was. */
void instant_prove(struct instant *instant, const struct observation *observation);

/* Tells who holds the heap, of what was looked at. `slots_max`: not for more slots of objects than that; 0: for any number. */
void instant_view(struct instant *instant, const struct looks *looks,
                  const struct group_table *groups, uint32_t slots_max,
                  const struct heap_view_wanted *wanted);

/* Who held the heap of a live process, at a moment before the instant. */
struct early_view {
    struct heap_view *view; /* NULL: not known */
    char *why;              /* why not, if it was tried */
    int64_t taken_ns;       /* like that of an observation */
};

/* The view of a look of its own, at a live process: it is frozen, and let go of again. */
void early_view_take(struct early_view *early, struct target *live, struct program *program,
                     const struct observation *before, const struct freeze_options *options);

void early_view_deinit(struct early_view *early);

/* Measures the garbage, if the graph could be built. */
void instant_weigh_garbage(struct instant *instant, const struct observation *observation);

void instant_deinit(struct instant *instant);

#endif
