/* A64 words by the tables of the Arm Architecture Reference Manual (C4.1 "A64 instruction set
 * encoding"). Register 31 is SP as a base and in additions of constants, else the zero register. */
#include "code/operation_arm64.h"

#include <string.h>

enum {
    WORD = 4,
    SP = 31
};

static int64_t signed_field(uint32_t word, unsigned shift, unsigned bits)
{
    return (int64_t)((uint64_t)(word >> shift) << (64 - bits)) >> (64 - bits);
}

static uint32_t writes(unsigned reg)
{
    return reg == SP ? 0 : UINT32_C(1) << reg;
}

static struct operation other(uint32_t written)
{
    return (struct operation){.kind = OPERATION_OTHER,
                              .to = REGISTER_NONE,
                              .from = REGISTER_NONE,
                              .second = REGISTER_NONE,
                              .written = written};
}

/* A load or store of one or two words at base + distance. */
static struct operation access(uint32_t word, bool is_load, int64_t distance, unsigned second)
{
    struct operation operation = other(0);
    unsigned reg = word & 31, base = word >> 5 & 31;
    operation.kind = is_load ? OPERATION_LOAD : OPERATION_STORE;
    operation.number = distance;
    operation.second = second == SP ? REGISTER_ZERO : (uint8_t)second;
    if (is_load) {
        operation.to = reg == SP ? REGISTER_ZERO : (uint8_t)reg;
        operation.from = (uint8_t)base;
        if (reg == SP && second == REGISTER_NONE) /* into the zero register */
            return other(0);
    } else {
        operation.to = (uint8_t)base;
        operation.from = reg == SP ? REGISTER_NONE : (uint8_t)reg;
    }
    return operation;
}

/* Before or behind the access, the base moves. */
static struct operation indexed(struct operation operation, uint32_t word, int64_t distance,
                                bool before)
{
    unsigned base = word >> 5 & 31;
    operation.number = 0;
    if (base == SP) {
        operation.moves_stack = distance;
        operation.moves_after = !before;
    } else if (operation.kind == OPERATION_LOAD) {
        operation = other(writes(word & 31) | writes(base) |
                          (operation.second < SP ? writes(operation.second) : 0));
    } else { /* the base that it writes is not followed, so neither is the place */
        operation.to = REGISTER_ANY;
        operation.written = writes(base);
    }
    return operation;
}

static struct operation single(uint32_t word)
{
    bool is_load = word >> 22 & 1;
    if ((word & 0xff800000) == 0xf9000000)
        return access(word, is_load, (int64_t)(word >> 10 & 0xfff) * 8, REGISTER_NONE);
    int64_t distance = signed_field(word, 12, 9);
    struct operation operation = access(word, is_load, distance, REGISTER_NONE);
    switch (word >> 10 & 3) {
    case 0:
        return operation;
    case 1:
        return indexed(operation, word, distance, false);
    default:
        return indexed(operation, word, distance, true);
    }
}

static struct operation pair(uint32_t word)
{
    bool is_load = word >> 22 & 1;
    int64_t distance = signed_field(word, 15, 7) * 8;
    struct operation operation = access(word, is_load, distance, word >> 10 & 31);
    switch (word >> 23 & 3) {
    case 1:
        return indexed(operation, word, distance, false);
    case 3:
        return indexed(operation, word, distance, true);
    default:
        return operation;
    }
}

static struct operation smudge(uint32_t word, int64_t distance, int64_t size)
{
    struct operation operation = other(0);
    operation.kind = OPERATION_SMUDGE;
    operation.to = word >> 5 & 31;
    operation.number = distance;
    operation.value = size;
    return operation;
}

static struct operation spread(uint32_t word, int64_t distance, int64_t size)
{
    struct operation operation = other(0);
    operation.kind = OPERATION_SPREAD;
    operation.from = word >> 5 & 31;
    operation.number = distance;
    operation.value = size;
    return operation;
}

static struct operation number_into(unsigned reg, int64_t number)
{
    struct operation operation = other(0);
    if (reg == SP)
        return operation;
    operation.kind = OPERATION_NUMBER;
    operation.to = (uint8_t)reg;
    operation.number = number;
    return operation;
}

static struct operation add_constant(uint32_t word)
{
    int64_t number = (int64_t)(word >> 10 & 0xfff) << (word & 0x00400000 ? 12 : 0);
    struct operation operation = other(0);
    operation.kind = OPERATION_SUM;
    operation.to = word & 31;
    operation.from = word >> 5 & 31;
    operation.number = word & 0x40000000 ? -number : number;
    return operation;
}

static struct operation compare(unsigned left, unsigned right, int64_t value)
{
    struct operation operation = other(0);
    operation.kind = OPERATION_COMPARE;
    operation.to = (uint8_t)left;
    operation.from = (uint8_t)right;
    operation.value = value;
    return operation;
}

static struct operation address_into(uint32_t word, address at)
{
    uint64_t field = (uint64_t)(word >> 5 & 0x7ffff) << 2 | (word >> 29 & 3);
    int64_t distance = (int64_t)(field << 43) >> 43;
    int64_t base = (int64_t)at;
    return number_into(word & 31,
                       word >> 31 ? (base & ~INT64_C(0xfff)) + distance * 4096 : base + distance);
}

/* The constant of a logical instruction: a run of ones, turned and repeated (Arm ARM,
 * DecodeBitMasks). False if the fields make none. */
static bool bit_mask(uint32_t word, uint64_t *mask_ret)
{
    unsigned turn = word >> 16 & 63, ones = word >> 10 & 63;
    unsigned key = (word >> 22 & 1) << 6 | (~ones & 63);
    if (key < 2)
        return false;
    unsigned size = 1U << (31 - (unsigned)__builtin_clz(key));
    unsigned length = (ones & (size - 1)) + 1;
    turn &= size - 1;
    if (length == size)
        return false;
    uint64_t element = (UINT64_C(1) << length) - 1;
    if (turn)
        element = element >> turn | element << (size - turn);
    if (size < 64)
        element &= (UINT64_C(1) << size) - 1;
    uint64_t mask = 0;
    for (unsigned at = 0; at < 64; at += size)
        mask |= element << at;
    *mask_ret = word >> 31 ? mask : mask & UINT32_MAX;
    return true;
}

/* A word that an atomic instruction stores at its base. */
static struct operation stored(uint32_t word, unsigned reg, uint32_t written)
{
    struct operation operation = access(word, false, 0, REGISTER_NONE);
    operation.from = reg == SP ? REGISTER_NONE : (uint8_t)reg;
    operation.written = written;
    return operation;
}

/* Loads and stores that are no plain words: what they may write. */
static struct operation other_access(uint32_t word)
{
    if ((word & 0xffc00000) == 0xad000000) /* STP Q */
        return smudge(word, signed_field(word, 15, 7) * 16, 32);
    if ((word & 0xffc00000) == 0x3d800000) /* STR Q */
        return smudge(word, (int64_t)(word >> 10 & 0xfff) * 16, 16);
    if ((word & 0xffe00c00) == 0x3c800000) /* STUR Q */
        return smudge(word, signed_field(word, 12, 9), 16);
    unsigned low = word & 31, high = word >> 16 & 31;
    if ((word & 0xfffffc00) == 0xc89ffc00) /* STLR */
        return stored(word, low, 0);
    if ((word & 0xffa07c00) == 0xc8a07c00) /* CAS */
        return stored(word, low, writes(high));
    if ((word & 0xffe00000) == 0xc8000000) /* STXR, STLXR */
        return stored(word, low, writes(high));
    if ((word & 0xff200c00) == 0xf8200000) /* SWP, LDADD and their kin */
        return stored(word, high, writes(low));
    if ((word & 0xffc00000) == 0xad400000) /* LDP Q */
        return spread(word, signed_field(word, 15, 7) * 16, 32);
    if ((word & 0xffc00000) == 0x3dc00000) /* LDR Q */
        return spread(word, (int64_t)(word >> 10 & 0xfff) * 16, 16);
    if ((word & 0xffe00c00) == 0x3cc00000) /* LDUR Q */
        return spread(word, signed_field(word, 12, 9), 16);
    if ((word & 0xffe00c00) == 0xf8200800) { /* STR Xt, [Xn, Xm] */
        struct operation operation = access(word, false, 0, REGISTER_NONE);
        operation.to = REGISTER_ANY;
        return operation;
    }
    bool vector = word >> 26 & 1;
    uint32_t loaded = vector ? 0 : writes(word & 31);
    uint32_t base = UINT32_C(1) << (word >> 5 & 31); /* SP, too */
    if ((word & 0x3b000000) == 0x18000000)           /* LDR (literal) */
        return other(loaded);
    unsigned scale = word >> 30;
    bool stores = !(word >> 22 & 3);
    if ((word & 0x3b200c00) == 0x38200800) /* at a register's distance */
        return other(stores ? 0 : loaded);
    if ((word & 0x3b000000) == 0x39000000) { /* at a constant distance */
        if (stores)
            return smudge(word, (int64_t)(word >> 10 & 0xfff) << scale, INT64_C(1) << scale);
        return other(loaded);
    }
    if ((word & 0x3b200000) == 0x38000000) {
        bool moves = word >> 10 & 1;
        if (stores && !moves)
            return smudge(word, signed_field(word, 12, 9), INT64_C(1) << scale);
        return other((stores ? 0 : loaded) | (moves ? base : 0));
    }
    if ((word & 0x3a000000) == 0x28000000) { /* pairs */
        uint32_t second = vector ? 0 : writes(word >> 10 & 31);
        bool moves = word >> 23 & 1;
        unsigned each = vector ? 4U << scale : scale & 2 ? 8 : 4;
        if (!(word >> 22 & 1) && !moves)
            return smudge(word, signed_field(word, 15, 7) * each, 2 * each);
        return other((word >> 22 & 1 ? loaded | second : 0) | (moves ? base : 0));
    }
    if ((word & 0xbe800000) == 0x0c800000) /* vectors by element, post-indexed */
        return other(base);
    if ((word & 0x3fe08000) == 0x08808000) /* STLR, STLLR */
        return smudge(word, 0, INT64_C(1) << scale);
    if ((word & 0xbfa07c00) == 0x08207c00) /* CASP */
        return other(writes(word >> 16 & 31) | writes(((word >> 16 & 31) + 1) & 31));
    /* Exclusive ones and atomics: all that may be written in any of them. */
    return other(writes(word & 31) | writes(word >> 16 & 31) | writes(word >> 10 & 31));
}

struct operation operation_arm64(const uint8_t *bytes, size_t size, address at)
{
    uint32_t word;
    if (size < WORD)
        return other(UINT32_MAX);
    memcpy(&word, bytes, WORD);
    unsigned to = word & 31;
    if ((word & 0xff800000) == 0xf9000000)
        return single(word); /* LDR, STR (unsigned offset) */
    if ((word & 0xff200000) == 0xf8000000 && (word >> 23 & 1) == 0 && (word >> 10 & 3) != 2)
        return single(word); /* LDUR, STUR, pre- and post-indexed */
    if ((word & 0xfe000000) == 0xa8000000)
        return pair(word); /* LDP, STP of 64 bits */
    if ((word & 0xbf800000) == 0x91000000)
        return add_constant(word); /* ADD, SUB (immediate, 64 bits) */
    if ((word & 0x1f000000) == 0x10000000)
        return address_into(word, at);     /* ADR, ADRP */
    if ((word & 0x7f800000) == 0x52800000) /* MOVZ */
        return number_into(to, (int64_t)((uint64_t)(word >> 5 & 0xffff) << (word >> 21 & 3) * 16));
    if ((word & 0x7f800000) == 0x12800000) /* MOVN */
        return number_into(to,
                           (int64_t) ~((uint64_t)(word >> 5 & 0xffff) << (word >> 21 & 3) * 16));
    if ((word & 0x7fe0ffe0) == 0x2a0003e0) { /* MOV (register) */
        unsigned from = word >> 16 & 31;
        if (from == SP || to == SP)
            return number_into(to, 0);
        struct operation operation = other(0);
        operation.kind = OPERATION_MOVE;
        operation.to = (uint8_t)to;
        operation.from = (uint8_t)from;
        return operation;
    }
    uint64_t mask;
    if ((word & 0x7f8003e0) == 0x320003e0 && bit_mask(word, &mask)) /* MOV (bitmask immediate) */
        return to == SP ? other(UINT32_C(1) << SP) : number_into(to, (int64_t)mask);
    if ((word & 0x7fe00c00) == 0x1a800000 && to != SP) { /* CSEL */
        struct operation operation = other(0);
        operation.kind = OPERATION_CHOICE;
        operation.to = (uint8_t)to;
        operation.from = word >> 5 & 31;
        operation.second = word >> 16 & 31;
        if (operation.from == SP) /* the zero register */
            operation.from = REGISTER_NONE;
        if (operation.second == SP)
            operation.second = REGISTER_NONE;
        return operation;
    }
    if ((word & 0x7f80001f) == 0x7100001f) /* CMP (immediate) */
        return compare(word >> 5 & 31, REGISTER_NONE,
                       (int64_t)(word >> 10 & 0xfff) << (word & 0x00400000 ? 12 : 0));
    if ((word & 0x7fe0fc1f) == 0x6b00001f) { /* CMP (register) */
        unsigned right = word >> 16 & 31;
        return compare(word >> 5 & 31, right == SP ? REGISTER_NONE : right, 0);
    }
    if ((word & 0x7e000000) == 0x34000000 || (word & 0xfef80000) == 0x36000000)
        return compare(to, REGISTER_NONE, 0); /* CBZ, CBNZ; TBZ, TBNZ of bit 0: of a bool */
    if ((word & 0xffe00000) == 0xd5200000)
        return other(writes(to)); /* MRS, SYSL */
    if ((word & 0x1c000000) == 0x14000000)
        return other(0); /* branches, hints, system */
    if ((word & 0x0a000000) == 0x08000000)
        return other_access(word);
    /* Additions of a constant or an extended register and logical operations with a constant, unless
     * they set flags: here 31 is SP. */
    bool adds = (word & 0x1f800000) == 0x11000000 || (word & 0x1fe00000) == 0x0b200000;
    bool masks = (word & 0x1f800000) == 0x12000000;
    if (to == SP && ((adds && !(word >> 29 & 1)) || (masks && (word >> 29 & 3) != 3)))
        return other(UINT32_C(1) << SP);
    return other(writes(to));
}
