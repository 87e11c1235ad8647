/* A64 words, by the tables of the Arm Architecture Reference Manual (C4.1, C4.1.3 "Branches,
 * Exception Generating and System instructions"): bits 28 to 26 are 101 for all that may change the
 * flow. What Go's compiler makes of tables and of the test after a defer:
 * cmd/compile/internal/arm64/ssa.go (BlockDefer up to Go 1.24, BlockARM64JUMPTABLE since Go 1.20).
 */
#include "code/decode_arm64.h"

#include <string.h>

enum {
    WORD = 4
};

/* The signed field of `bits` bits that begins at bit `shift`, in units of 4 bytes from `at`. */
static address relative(uint32_t word, unsigned shift, unsigned bits, address at)
{
    int64_t field = (int64_t)((uint64_t)(word >> shift) << (64 - bits)) >> (64 - bits);
    return at + (uint64_t)field * WORD;
}

/* Arm ARM, C1.2.4 "Condition code". */
static enum condition condition_of(uint32_t code)
{
    static const uint8_t conditions[] = {
        [0] = CONDITION_EQUAL,          [1] = CONDITION_NOT_EQUAL, [2] = CONDITION_ABOVE_EQUAL,
        [3] = CONDITION_BELOW,          [8] = CONDITION_ABOVE,     [9] = CONDITION_BELOW_EQUAL,
        [10] = CONDITION_GREATER_EQUAL, [11] = CONDITION_LESS,     [12] = CONDITION_GREATER,
        [13] = CONDITION_LESS_EQUAL,    [15] = CONDITION_NONE};
    return (enum condition)conditions[code];
}

static struct instruction branch_group(uint32_t word, address at)
{
    struct instruction instruction = {.kind = INSTRUCTION_UNKNOWN, .size = WORD};
    if ((word & 0x7c000000) == 0x14000000) { /* B, BL */
        instruction.kind = word >> 31 ? INSTRUCTION_CALL : INSTRUCTION_JUMP;
        instruction.value = relative(word, 0, 26, at);
    } else if ((word & 0xff000000) == 0x54000000) { /* B.cond, and BC.cond of Armv8.8 */
        bool always = (word & 0xe) == 0xe;
        instruction.kind = always ? INSTRUCTION_JUMP : INSTRUCTION_BRANCH;
        instruction.condition = condition_of(word & 0xf);
        instruction.value = relative(word, 5, 19, at);
    } else if ((word & 0x7e000000) == 0x34000000) { /* CBZ, CBNZ */
        instruction.kind = INSTRUCTION_BRANCH;
        instruction.condition = word >> 24 & 1 ? CONDITION_NOT_EQUAL : CONDITION_EQUAL;
        instruction.value = relative(word, 5, 19, at);
    } else if ((word & 0x7e000000) == 0x36000000) { /* TBZ, TBNZ */
        instruction.kind = INSTRUCTION_BRANCH;
        if ((word & 0x80f80000) == 0) /* bit 0 */
            instruction.condition = word >> 24 & 1 ? CONDITION_NOT_EQUAL : CONDITION_EQUAL;
        instruction.value = relative(word, 5, 14, at);
    } else if ((word & 0xfffffc1f) == 0xd61f0000) { /* BR */
        instruction.kind = INSTRUCTION_JUMP_REGISTER;
        instruction.reg = word >> 5 & 31;
    } else if ((word & 0xfffffc1f) == 0xd63f0000) { /* BLR */
        instruction.kind = INSTRUCTION_CALL;
    } else if ((word & 0xfffffc1f) == 0xd65f0000) { /* RET */
        instruction.kind = INSTRUCTION_RETURN;
    } else if (word == 0xd503201f) {
        instruction.kind = INSTRUCTION_NOP;
    } else if ((word & 0xffc00000) == 0xd5000000) { /* hints, barriers, MSR, MRS, SYS */
        instruction.kind = INSTRUCTION_PLAIN;
    } else if ((word & 0xffe0001f) == 0xd4000001) { /* SVC */
        instruction.kind = INSTRUCTION_PLAIN;
    } else if ((word & 0xffe0001f) == 0xd4200000) { /* BRK */
        instruction.kind = INSTRUCTION_TRAP;
    }
    return instruction;
}

static struct instruction address_of(uint32_t word, address at)
{
    uint64_t field = (uint64_t)(word >> 5 & 0x7ffff) << 2 | (word >> 29 & 3);
    uint64_t distance = (uint64_t)((int64_t)(field << 43) >> 43);
    bool page = word >> 31;
    return (struct instruction){
        .kind = INSTRUCTION_ADDRESS,
        .size = WORD,
        .reg = word & 31,
        .value = page ? (at & ~(address)0xfff) + (distance << 12) : at + distance,
    };
}

struct instruction decode_arm64(const uint8_t *bytes, size_t size, address at)
{
    uint32_t word;
    if (size < WORD)
        return (struct instruction){.kind = INSTRUCTION_UNKNOWN};
    memcpy(&word, bytes, WORD);
    struct instruction instruction = {.kind = INSTRUCTION_PLAIN, .size = WORD};
    if ((word & 0x1c000000) == 0x14000000)
        return branch_group(word, at);
    if ((word & 0x1f000000) == 0x10000000) /* ADR, ADRP */
        return address_of(word, at);
    if ((word & 0xff800000) == 0x91000000) { /* ADD (immediate, 64 bits) */
        unsigned shift = word & 0x00400000 ? 12 : 0;
        instruction.kind = INSTRUCTION_ADD;
        instruction.value = (uint64_t)(word >> 10 & 0xfff) << shift;
    } else if ((word & 0xffe0fc00) == 0xf8607800) { /* LDR Xt, [Xn, Xm, LSL #3] */
        instruction.kind = INSTRUCTION_LOAD_INDEXED;
    } else if (word == 0xeb1f001f ||
               word == 0xf100001f) { /* CMP X0, XZR up to Go 1.19; CMP X0, #0 */
        instruction.kind = INSTRUCTION_TEST_RESULT;
    } else if (word >> 16 == 0 ||
               word == 0xbea71700) { /* UDF; what Go's assembler writes for UNDEF */
        instruction.kind = INSTRUCTION_TRAP;
    }
    instruction.reg = word & 31;
    instruction.base = word >> 5 & 31;
    return instruction;
}
