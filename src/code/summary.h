/* What one function does, as far as rules ask: its graph, its calls with their arguments, what it
 * stores outside of its frame, what it returns, which closures it keeps in its frame, how it goes
 * on behind a select. */
#ifndef SEEP_CODE_SUMMARY_H
#define SEEP_CODE_SUMMARY_H

#include "code/adjacency.h"
#include "code/flow.h"
#include "code/values.h"

enum {
    SUMMARY_ARGUMENTS = 16, /* registers, of arm64; amd64 has 9 and leaves the others unknown */
    SUMMARY_CAPTURED = 8    /* words of a closure in the frame */
};

struct summary_call {
    struct traced_call made;
    struct value arguments[SUMMARY_ARGUMENTS];
    struct value context;      /* the closure, if the callee is one */
    address closure_entry;     /* the function of a closure in the frame that is called; 0: none */
    struct value closure_word; /* the first word that this closure holds */
    int64_t cases_at;          /* of a select: the slots of its cases */
    uint32_t first_case, case_count; /* of a select: its channels in `cases` */
    uint32_t send_count;             /* the first of these cases send, the others receive */
};

struct summary_store {
    uint32_t node;
    struct value base; /* never a stack slot */
    int64_t offset;
    struct value stored;
};

struct summary_return {
    uint32_t node;
    struct value results[SUMMARY_ARGUMENTS];
};

/* A function's address in a slot of the frame, and the words behind it: a closure that does not
 * escape, of a deferred or directly called function literal. */
struct summary_closure {
    int64_t at; /* the slot */
    address entry;
    struct value captured[SUMMARY_CAPTURED];
};

/* A comparison of a value with a constant, and the branch that it decides. */
struct summary_compare {
    uint32_t node, branch;
    struct value left;
    int64_t right;
    enum condition condition; /* under which the branch's first edge is taken */
};

/* A counter that has just been raised by one is compared with a constant. */
struct summary_count {
    uint32_t node, branch;
    int64_t limit;
};

struct summary {
    struct func func;
    bool is_shared; /* owned by a cache of its maker's */
    struct traced traced;
    struct adjacency forward;
    struct summary_calls VECTOR_OF(struct summary_call) calls;
    struct summary_stores VECTOR_OF(struct summary_store) stores;
    struct summary_returns VECTOR_OF(struct summary_return) returns;
    struct summary_closures VECTOR_OF(struct summary_closure) closures;
    struct summary_compares VECTOR_OF(struct summary_compare) compares;
    struct summary_counts VECTOR_OF(struct summary_count) counts;
    struct summary_cases VECTOR_OF(struct value) cases;
    struct u64map numbers; /* all constants that come into registers */
    bool incomplete;       /* more slots than are kept: not all uses of a value are seen */
    struct u64map kept;    /* results of calls seen in slots, or in registers where ways meet */
    struct summary_addresses VECTOR_OF(int64_t) addresses; /* of slots, that go to others */
    struct u64map loaded;                                  /* slots that are read again */
    struct summary_slots
        VECTOR_OF(struct value_slot) held; /* what it made, was given or captured, in slots */
    struct summary_exposed
        VECTOR_OF(struct value) exposed; /* in slots whose address is given away */
    struct registers registers;
};

/* What the summary has to know of the program, made once. */
struct summary_context {
    struct target *target;
    const struct program *program;
    struct decoder *decoder;
    struct u64map keeps;    /* functions that keep all registers */
    struct u64map selects;  /* runtime.selectgo */
    struct u64map channels; /* … that take an element to send or receive */
    struct u64map makes;    /* runtime.makechan and newobject */
};

void summary_context_init(struct summary_context *context, struct target *target,
                          const struct program *program, struct decoder *decoder);
void summary_context_deinit(struct summary_context *context);

/* Errors: as trace_function() and values_follow(). The caller frees with summary_destroy(). */
struct error *summary_create(struct summary_context *context, const struct func *func,
                             struct summary **summary_ret) NODISCARD;
void summary_destroy(struct summary *summary);

/* Is this slot for others: one that the function itself never reads (an argument passed on the
 * stack), one of the caller's (a result), one within what is taken for
 * the size of an object (GIVEN_BYTES) behind a slot whose address goes somewhere? Cases
 * of a select are none of these. */
bool summary_is_given(const struct summary *summary, const struct value_slot *slot);

/* Is this value in such a slot? */
bool summary_gives_by_stack(const struct summary *summary, const struct value *value);

/* What the single store into an object that this function makes says of the word at an offset;
 * UNKNOWN if there is none, or several that differ. `object`: VALUE_RESULT of the call that makes
 * it. */
struct value summary_field(const struct summary *summary, const struct value *object,
                           int64_t offset);

/* Is this result of a call kept in the frame at some time, or may be in a register behind a place
 * where ways meet? Or passed on, stored, called, returned? */
bool summary_keeps(const struct summary *summary, const struct value *result);
bool summary_uses(const struct summary *summary, const struct value *result);

/* The same value with words of the function's own objects replaced by what was stored there. */
struct value summary_resolve(const struct summary *summary, const struct value *value);

#endif
