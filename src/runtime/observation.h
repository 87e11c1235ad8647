/* One look at one target: everything that seep knows of what runs in it. A value; whoever holds it may keep it beside a
 * later one and compare. Nothing of it points into the target. */
#ifndef SEEP_RUNTIME_OBSERVATION_H
#define SEEP_RUNTIME_OBSERVATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vector.h"
#include "program/program.h"
#include "runtime/counters.h"
#include "runtime/goroutine_state.h"
#include "runtime/stacks.h"
#include "runtime/whereabouts.h"
#include "target/target.h"

enum {
    STACK_NONE = UINT32_MAX
};

struct goroutine {
    address at; /* of runtime.g */
    uint64_t id;
    uint64_t parent_id; /* 0 if unknown (before Go 1.21) */
    int64_t
        wait_since_ns; /* CLOCK_MONOTONIC of the collection that saw it first; 0: none since it blocked */
    address go_pc;    /* return address of the go statement */
    address start_pc; /* entry of its function */
    address labels;
    address stack_low, stack_high;
    address sp;          /* where its frames begin; 0 if not known */
    uint32_t stack;      /* index into the stack table; STACK_NONE if it has not been read */
    uint32_t first_wait; /* index into waits */
    uint32_t deferred;   /* pending deferred calls of all its frames */
    uint16_t wait_count;
    uint8_t state;       /* enum goroutine_state */
    uint8_t wait_reason; /* index into wait_reasons */
    uint8_t wait_kind;   /* enum wait_kind */
    bool system;         /* the runtime's own */
    bool locked_to_thread;
};

enum wait_direction {
    DIRECTION_NONE,
    DIRECTION_SEND,
    DIRECTION_RECEIVE
};

/* A goroutine waits on an object (a select: one for each case). */
struct wait {
    uint32_t goroutine; /* index */
    uint32_t object;    /* index */
    uint32_t sudog;     /* tells it from others: it has one sudog as long as it waits; 0: none */
    enum wait_direction direction;
};

/* What goroutines wait on. */
struct wait_object {
    address
        at; /* hchan, or the Mutex, RWMutex, WaitGroup, Cond, semaphore; 0 for the nil channel */
    enum wait_kind
        kind; /* WAIT_CHAN_SEND stands for any channel, WAIT_NIL_CHAN for the nil channel */
    bool readable;
    bool closed;
    uint64_t length, capacity;
    address element_type;
    address first_sender, first_receiver; /* sudogs at the head of its queues */
    uint32_t senders, receivers;          /* goroutines that wait to */
    uint32_t waiters;                     /* of what is not a channel */
};

enum defer_kind {
    DEFER_LINKED,
    DEFER_OPEN_CODED,
    DEFER_RANGE_FUNC
};

/* Pending deferred calls of one defer statement, in one frame if there are several, else over all goroutines. */
struct defer_site {
    uint64_t count;
    uint64_t frames; /* frames that hold them: 1 if `goroutine` is known */
    uint64_t
        record_bytes; /* heap memory of the records and closures, as far as it is known; 0 if not on the heap */
    uint32_t goroutine; /* index, UINT32_MAX if of several */
    address sp;         /* the frame's; 0 if of several */
    address pc;       /* return address of the defer's call; for an open-coded one the frame's pc */
    address function; /* entry of the deferred function (compiler's wrapper); 0 if unknown */
    address
        captured; /* entry of the function value that the closure holds first, if it is one; 0 else */
    address frame_entry; /* entry of the frame's function; 0 if unknown */
    address oldest;      /* mark of the oldest record: tells two frames at one place apart */
    address record,
        closure; /* one of each on the heap; 0 if not there (closures: if all share one) */
    enum defer_kind kind;
};

/* Spans in use whose objects have one size. */
struct slot_class {
    uint64_t size_bytes; /* of a slot */
    uint64_t spans, slots, free_slots;
    uint64_t free_bytes; /* of free slots, resident ones only */
};

struct large_mapping {
    address start;
    uint64_t rss_bytes; /* 0: there is none */
    char name[64];      /* escaped, cut; "" if it has none */
};

enum {
    SLOT_CLASSES = 128, /* by spanclass / 2; Go has 68 */
    MAPPINGS_NAMED = 3
};

/* What the parts of the memory consist of: resident bytes. In each line of the comments the members add up to what it names. */
struct memory_parts {
    bool known;
    uint64_t objects, dead_descriptors, free_slots, span_ends, untold; /* heap_in_use */
    uint64_t idle, idle_again;                                         /* heap_idle */
    uint64_t stacks_used, stacks_kept;                                 /* stacks */
    uint64_t buffers, tables;                                          /* runtime */
    uint64_t program_files, other_files;                               /* mapped_files */
    uint64_t c_heap, outside;                                          /* outside_go */
    uint64_t huge, heap_huge; /* in transparent huge pages: all, of the heap; across the parts */
    uint64_t frames;          /* of stacks_used: what holds frames */
    uint64_t dead_stacks;     /* of stacks_kept: what goroutines that ended keep */
    struct slot_class classes[SLOT_CLASSES];
    struct large_mapping outside_named[MAPPINGS_NAMED],
        files_named[MAPPINGS_NAMED]; /* largest first */
};

struct memory_split { /* bytes; see docs/json.md */
    bool known;
    uint64_t total; /* RSS, or what a core holds */
    uint64_t heap_in_use, heap_idle, stacks, runtime, mapped_files, outside_go;
    struct memory_parts parts;
};

struct unread {
    uint64_t goroutines, stacks, running, defers, channels;
    struct notes VECTOR_OF(char *) notes; /* owned */
};

struct observation {
    int64_t
        taken_ns; /* CLOCK_MONOTONIC of the target; for a core the newest time found in it; 0 unknown */
    bool taken_is_lower_bound;
    struct goroutines VECTOR_OF(struct goroutine) goroutines; /* living ones, in allgs order */
    struct wait_reasons VECTOR_OF(char *) wait_reasons;       /* escaped, owned */
    struct waits VECTOR_OF(struct wait) waits;
    struct wait_objects VECTOR_OF(struct wait_object) objects;
    struct defer_sites VECTOR_OF(struct defer_site) defers;
    struct stack_table *stacks; /* borrowed: shared between looks */
    struct memory_split memory;
    struct counters counters; /* of the runtime itself; OBSERVE_ALL */
    struct unread unread;
    uint64_t user, system;     /* goroutines */
    uint64_t dead;             /* descriptors kept for re-use */
    uint64_t dead_stack_bytes; /* stacks that these keep */
    address dead_at;           /* one of them; 0: there is none */
};

enum observe_depth {
    OBSERVE_COUNTS, /* states and pending deferred calls only: for ps */
    OBSERVE_STACKS, /* and stacks and waits: what findings need */
    OBSERVE_ALL,    /* and the memory */
    OBSERVE_PARTS,  /* and what its parts consist of */
};

struct runtime; /* what is found once per process: offsets, globals */

/* Finds the runtime's structures. Borrows target and program. Errors say which structure could not be verified. */
struct error *runtime_open(struct target *target, struct program *program,
                           struct runtime **runtime_ret) NODISCARD;
void runtime_close(struct runtime *runtime);

/* How what was found so far was found. */
const struct whereabouts *runtime_whereabouts(const struct runtime *runtime);

/* The names of the structs that runtime_open needs layouts of, for program_open. */
extern const char *const runtime_wanted_types[];

/* Takes one look. */
struct error *observe(struct runtime *runtime, enum observe_depth depth, struct stack_table *stacks,
                      struct observation *observation_ret) NODISCARD;

/* A look with stacks at a frozen process; its memory and its counters are those of a look at the live one, where resident pages can be told. */
struct error *observe_beside(struct runtime *runtime, struct stack_table *stacks,
                             const struct observation *before,
                             struct observation *observation_ret) NODISCARD;

void observation_deinit(struct observation *observation);

const char *goroutine_state_name(enum goroutine_state state);

/* Labels of a goroutine ("key", "value" pairs, escaped), as many as `max`; returns how many. The caller frees each. */
size_t goroutine_labels(struct runtime *runtime, const struct goroutine *goroutine,
                        char *(*pairs)[2], size_t max);

/* Seconds that the goroutine waits at least; negative if Go has not noted it. */
double goroutine_wait_s(const struct observation *observation, const struct goroutine *goroutine);

#endif
