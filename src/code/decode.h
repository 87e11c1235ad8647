/* One machine instruction at a time, reduced to what matters for control flow, for amd64 and arm64.
 *
 * amd64 is Capstone's work: instruction lengths are the hard part. For arm64 the encoding itself
 * answers: all words are four bytes, and branches have one group of their own (Arm ARM, C4.1 "A64
 * instruction set encoding"), so that what a disassembler does not know (Capstone 4 knows no LSE
 * atomics) can't hide a branch. */
#ifndef SEEP_CODE_DECODE_H
#define SEEP_CODE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "program/program.h"
#include "target/address.h"

enum instruction_kind {
    INSTRUCTION_PLAIN,
    INSTRUCTION_NOP,
    INSTRUCTION_TEST_RESULT,   /* compares the first result register with zero */
    INSTRUCTION_CALL,          /* value: where to; 0 if through a register or memory */
    INSTRUCTION_JUMP,          /* value: where to */
    INSTRUCTION_BRANCH,        /* value: where to, or on */
    INSTRUCTION_JUMP_REGISTER, /* to what is in `reg` */
    INSTRUCTION_JUMP_TABLE,    /* to the 8-byte word at base + 8 * something */
    INSTRUCTION_RETURN,
    INSTRUCTION_TRAP,    /* never goes on */
    INSTRUCTION_UNKNOWN, /* not decoded, or control flow that Go's compiler doesn't make */
    /* How the address of a table gets into a register: */
    INSTRUCTION_ADDRESS,      /* reg = value */
    INSTRUCTION_ADD,          /* reg = base + value */
    INSTRUCTION_LOAD_INDEXED, /* reg = the 8-byte word at base + 8 * something */
};

/* When a branch is taken, by the last comparison of left with right. */
enum condition {
    CONDITION_NONE, /* no branch, or one on something else */
    CONDITION_EQUAL,
    CONDITION_NOT_EQUAL,
    CONDITION_LESS,
    CONDITION_LESS_EQUAL,
    CONDITION_GREATER,
    CONDITION_GREATER_EQUAL,
    CONDITION_BELOW, /* unsigned */
    CONDITION_BELOW_EQUAL,
    CONDITION_ABOVE,
    CONDITION_ABOVE_EQUAL,
};

struct instruction {
    enum instruction_kind kind;
    uint8_t size;             /* 0 if unknown */
    enum condition condition; /* BRANCH */
    uint16_t reg;             /* numbers compare within one architecture only */
    uint16_t base;
    address value;
};

struct decoder;

struct error *decoder_create(enum architecture arch, struct decoder **decoder_ret) NODISCARD;
void decoder_destroy(struct decoder *decoder);

/* The instruction at the first of `size` bytes (size > 0), which stands at address `at`. What can't
 * be decoded is INSTRUCTION_UNKNOWN. */
struct instruction decoder_at(struct decoder *decoder, const uint8_t *bytes, size_t size,
                              address at);

#endif
