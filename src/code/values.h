/* Where the values in registers and stack slots come from, at every call of a function: a forward
 * data flow over its graph. A value is known only if it is the same on every way that leads there.
 *
 * What it does not see: writes through pointers to stack slots, and slots of a width other than a
 * word. So what it says of a slot whose address was given away may be old: claims must not rest on
 * that alone. */
#ifndef SEEP_CODE_VALUES_H
#define SEEP_CODE_VALUES_H

#include "base/u64map.h"
#include "code/operation.h"
#include "code/trace.h"

enum value_kind {
    VALUE_UNKNOWN,
    VALUE_NUMBER,      /* number; also an address of the program */
    VALUE_STACK,       /* the address of a slot; number: from SP at entry */
    VALUE_ENTRY,       /* what register `node` held at entry: an argument, or the closure */
    VALUE_FIELD,       /* the word at (register `node` at entry) + number */
    VALUE_FIELD_FIELD, /* the word at FIELD + …: number holds both distances, value_field_field() */
    VALUE_GLOBAL,      /* the word at address `number` */
    VALUE_RESULT,      /* what the call at `node` left in register `number` */
    VALUE_RESULT_FIELD, /* the word at (first result of the call at `node`) + number */
    VALUE_BARRIER,      /* the write barrier's buffer: what is stored there goes nowhere */
    VALUE_MAYBE,        /* on some ways VALUE_RESULT of the call at `node`, on others not */
    VALUE_MAYBE_ANY,    /* on different ways results of different calls */
    VALUE_RAISED,       /* something that is not known, and 1 more: a counter */
};

struct value {
    enum value_kind kind;
    uint32_t node;
    int64_t number;
};

static inline bool value_same(const struct value *a, const struct value *b)
{
    return a->kind == b->kind && a->node == b->node && a->number == b->number;
}

enum {
    VALUE_SLOTS_MAX = 160,
};

struct value_slot {
    int64_t at;
    struct value value;
};

/* What is known at one place. */
struct values {
    struct value registers[REGISTER_COUNT];
    struct value_slot slots[VALUE_SLOTS_MAX]; /* no order */
    unsigned slot_count;
    bool is_full; /* there were more slots: what is not known may have been there */
};

/* The word at a stack address; UNKNOWN if nothing is known. */
struct value values_slot(const struct values *values, int64_t at);

enum value_keeper {
    KEEPER_PLAIN,  /* duffzero and its kin */
    KEEPER_COPY,   /* duffcopy */
    KEEPER_BARRIER /* returns the buffer in R11 (amd64), R25 (arm64) since Go 1.21 */
};

/* But for `merges` called once per node, in the order of the code. Each may be NULL. */
struct value_visitor {
    /* Registers are those with which the call is made. */
    void (*call)(void *context, const struct traced_call *call, const struct values *values);
    /* A word is stored at base + offset, where base is no stack slot. */
    void (*store)(void *context, uint32_t node, const struct value *base, int64_t offset,
                  const struct value *stored);
    /* Where ways meet, a register holds this on one of them and something else on another: it may be
     * used behind, or be what is left from before. Called more than once. */
    void (*merges)(void *context, const struct value *value);
    /* Slots of [at, at + size) are read in a way that is not followed: copied as a whole. */
    void (*spreads)(void *context, int64_t at, int64_t size, const struct values *values);
    /* A word is stored in a slot. */
    void (*slot_store)(void *context, int64_t at, const struct value *stored);
    /* The word of a slot is loaded. */
    void (*slot_load)(void *context, int64_t at);
    /* A constant, an address mostly, comes into a register. */
    void (*number)(void *context, int64_t number);
    /* Registers hold results, or what is left in them. */
    void (*returns)(void *context, uint32_t node, const struct values *values);
    /* The flags of a comparison before it may not last beyond this node. */
    void (*flags)(void *context, uint32_t node);
    /* A known value is compared with a constant. */
    void (*compare)(void *context, uint32_t node, const struct value *left, int64_t right);
    void *context;
};

/* What is special about some of the functions that are called, by entry. */
struct value_rules {
    const struct u64map *keeps; /* enum value_keeper: they change no registers but scratch ones */
    const struct u64map *makes; /* their first result is followed as "may be" where ways meet */
};

/* ERROR_LIMIT if it takes too long: code that no compiler made. */
struct error *values_follow(const struct code *code, const struct traced *traced,
                            const struct value_rules *rules,
                            const struct value_visitor *visitor) NODISCARD;

#endif
