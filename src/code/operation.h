/* What an instruction does with registers and memory, reduced to what tells where a value comes
 * from: moves, constants, addresses, loads and stores of words, sums and comparisons. All else is
 * "other", with the registers that it may write.
 *
 * Registers have Go's own order (ABIInternal, cmd/compile/abi-internal.md): 0, 1, 2, … are the
 * integer arguments and results, on both architectures. */
#ifndef SEEP_CODE_OPERATION_H
#define SEEP_CODE_OPERATION_H

#include "code/decode.h"

enum {
    REGISTER_COUNT = 32,
    REGISTER_ANY = 253,  /* of a STORE: the place is not known */
    REGISTER_ZERO = 254, /* of LDP, STP: reads as 0, and what is loaded is dropped */
    REGISTER_NONE = 255,
};

struct registers {
    uint8_t stack;     /* SP */
    uint8_t context;   /* the closure of the function that runs */
    uint8_t arguments; /* how many */
    uint8_t barrier;   /* where a write barrier returns its buffer */
    uint8_t source;    /* from where runtime.duffcopy copies */
};

struct registers registers_of(enum architecture arch);

enum operation_kind {
    OPERATION_OTHER,
    OPERATION_MOVE,   /* to = from */
    OPERATION_CHOICE, /* to = from, or `second`, which may be `to` itself */
    OPERATION_NUMBER, /* to = number */
    OPERATION_SUM,    /* to = from + number */
    OPERATION_LOAD,   /* to = *(from + number), 8 bytes; from REGISTER_NONE: at `number` */
    OPERATION_STORE,  /* *(to + number) = from, 8 bytes; from REGISTER_NONE: the constant `value` */
    OPERATION_SMUDGE, /* `value` bytes at to + number become something else */
    OPERATION_SPREAD, /* the `value` bytes at from + number are read in a way that is not followed */
    OPERATION_COMPARE, /* to with from; from REGISTER_NONE: with `value` */
};

struct operation {
    enum operation_kind kind;
    uint8_t to, from;
    uint8_t second;   /* arm64 LDP, STP: the register of the next word; else REGISTER_NONE */
    bool from_memory; /* COMPARE: `to` is compared with the word at from + number */
    int64_t number, value;
    uint32_t written;    /* bit n: register n gets a value that is not known */
    int64_t moves_stack; /* SP changes by so much, … */
    bool moves_after;    /* … behind the load or store, not before it */
};

/* The operation of the instruction at the first of `size` bytes. What can't be decoded is OTHER and
 * writes all registers. */
struct operation operation_at(struct decoder *decoder, const uint8_t *bytes, size_t size,
                              address at);

#endif
