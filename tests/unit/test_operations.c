/* What single instructions do: A64 words against Capstone's account of them, hand-assembled amd64
 * instructions with a known meaning, and random bytes. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <capstone/capstone.h>
#include <cmocka.h>

#include "base/memory.h"
#include "code/operation.h"
#include "code/operation_arm64.h"

enum {
    AT = 0x400a84, /* not at the start of a page */
    ARM64_SP = 31,
    ARM64_ZERO = 32 /* the zero register, for this file only */
};

#define BIT(n) (UINT32_C(1) << (n))

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static uint32_t random_word(void)
{
    return random_below(1u << 16) << 16 | random_below(1u << 16);
}

/* The registers that an operation says get another value. */
static uint32_t covered(const struct operation *operation, unsigned stack)
{
    uint32_t mask = operation->written;
    if (operation->kind == OPERATION_MOVE || operation->kind == OPERATION_NUMBER ||
        operation->kind == OPERATION_SUM || operation->kind == OPERATION_LOAD ||
        operation->kind == OPERATION_CHOICE) {
        if (operation->to < REGISTER_COUNT)
            mask |= BIT(operation->to);
        if (operation->kind == OPERATION_LOAD && operation->second < REGISTER_COUNT)
            mask |= BIT(operation->second);
    }
    return mask | (operation->moves_stack ? BIT(stack) : 0);
}

/* ---- arm64 ---- */

/* Complaints, one per mnemonic: a test tells all that is wrong at once. */
enum {
    COMPLAINTS_MAX = 64
};

struct complaints {
    unsigned ids[COMPLAINTS_MAX];
    unsigned length;
};

static void complain(struct complaints *complaints, const cs_insn *insn, uint32_t word,
                     const char *what)
{
    for (unsigned i = 0; i < complaints->length; i++) {
        if (complaints->ids[i] == insn->id)
            return;
    }
    if (complaints->length == COMPLAINTS_MAX)
        return;
    complaints->ids[complaints->length++] = insn->id;
    print_error("%08x %s %s: %s\n", word, insn->mnemonic, insn->op_str, what);
}

/* 0 … 30, SP, the zero register; REGISTER_NONE for vectors and all else. */
static uint8_t arm64_number(unsigned reg)
{
    if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
        return (uint8_t)(reg - ARM64_REG_X0);
    if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
        return (uint8_t)(reg - ARM64_REG_W0);
    switch (reg) {
    case ARM64_REG_X29:
        return 29;
    case ARM64_REG_X30:
        return 30;
    case ARM64_REG_SP:
    case ARM64_REG_WSP:
        return ARM64_SP;
    case ARM64_REG_XZR:
    case ARM64_REG_WZR:
        return ARM64_ZERO;
    default:
        return REGISTER_NONE;
    }
}

static bool is_wide(unsigned reg)
{
    return !(reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30) && reg != ARM64_REG_WZR &&
           reg != ARM64_REG_WSP;
}

/* Capstone 4 says of these that they write what they only read; calls are not asked for their
 * operation. */
static bool is_misjudged(const cs_insn *insn)
{
    static const char *const names[] = {"cmp", "cmn",  "tst", "ccmp", "ccmn", "msr",   "svc",
                                        "hvc", "smc",  "brk", "hlt",  "prfm", "prfum", "cbz",
                                        "sys", "cbnz", "tbz", "tbnz", "bl",   "blr",   "ret",
                                        "br",  "at",   "dc",  "ic",   "tlbi", "drps"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (strcmp(insn->mnemonic, names[i]) == 0)
            return true;
    }
    return false;
}

static uint32_t capstone_writes(csh capstone, const cs_insn *insn)
{
    cs_regs read, written;
    uint8_t read_count = 0, written_count = 0;
    uint32_t mask = 0;
    assert_int_equal(cs_regs_access(capstone, insn, read, &read_count, written, &written_count),
                     CS_ERR_OK);
    for (uint8_t i = 0; i < written_count; i++) {
        uint8_t number = arm64_number(written[i]);
        mask |= number < REGISTER_COUNT ? BIT(number) : 0;
    }
    return mask;
}

struct arm64 {
    csh capstone;
    cs_insn *insn;
};

static struct arm64 arm64_open(void)
{
    struct arm64 arm64;
    assert_int_equal(cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &arm64.capstone), CS_ERR_OK);
    cs_option(arm64.capstone, CS_OPT_DETAIL, CS_OPT_ON);
    arm64.insn = cs_malloc(arm64.capstone);
    return arm64;
}

static void arm64_close(struct arm64 *arm64)
{
    cs_free(arm64->insn, 1);
    cs_close(&arm64->capstone);
}

static bool disassemble(const struct arm64 *arm64, uint32_t word)
{
    const uint8_t *bytes = (const uint8_t *)&word;
    size_t size = sizeof(word);
    uint64_t at = AT;
    return cs_disasm_iter(arm64->capstone, &bytes, &size, &at, arm64->insn);
}

static struct operation operation_of(uint32_t word)
{
    return operation_arm64((const uint8_t *)&word, sizeof(word), AT);
}

/* Arm ARM, C4.1: what Go's compiler (cmd/compile/internal/arm64/ssa.go) makes, from Go 1.18 to
 * 1.27, but for branches. */
struct group {
    uint32_t fixed, mask;
};

static const struct group integers[] = {
    {0x11000000, 0x1f800000}, /* ADD, SUB, ADDS, SUBS (immediate) */
    {0x12000000, 0x1f800000}, /* AND, ORR, EOR, ANDS (immediate) */
    {0x12800000, 0x1f800000}, /* MOVN, MOVZ, MOVK */
    {0x13000000, 0x1f800000}, /* SBFM, BFM, UBFM */
    {0x13800000, 0x7fa00000}, /* EXTR */
    {0x10000000, 0x1f000000}, /* ADR, ADRP */
    {0x0a000000, 0x1f000000}, /* AND, BIC, ORR, … (shifted register) */
    {0x0b000000, 0x1f200000}, /* ADD, SUB, … (shifted register) */
    {0x1a000000, 0x1fe0fc00}, /* ADC, SBC */
    {0x1a400000, 0x3fe00c10}, /* CCMP, CCMN */
    {0x1a800000, 0x3fe00800}, /* CSEL and its kin */
    {0x1ac00000, 0x7fe00000}, /* UDIV, LSLV, CRC32B, … */
    {0x5ac00000, 0x7fffe000}, /* RBIT, REV, CLZ, … */
    {0x1b000000, 0x7f000000}, /* MADD, SMULH, … */
};

static const struct group accesses[] = {
    {0x39000000, 0x3f000000}, /* LDR, STR, LDRB, … (unsigned offset) */
    {0x38000000, 0x3f200c00}, /* LDUR, STUR, … */
    {0x38200800, 0x3f200c00}, /* LDR, STR, … (register offset) */
    {0x38000400, 0x3f200400}, /* … post- and pre-indexed */
    {0x28000000, 0x3e000000}, /* LDP, STP, LDPSW */
};

static const struct group exclusives[] = {
    {0x08007c00, 0x3fa07c00}, /* LDXR, STXR, LDAR, STLR, … */
};

static const struct group vectors[] = {
    {0x3c000000, 0x3e000000}, /* LDR, STR, … */
    {0x2c000000, 0x3e000000}, /* LDP, STP */
    {0x1e200000, 0x5f200000}, /* FMOV, FCVT, SCVTF, … */
    {0x1f000000, 0x5f000000}, /* FMADD, … */
    {0x0e000000, 0x9f000000}, /* vectors: CNT, UADDLV, UMOV, … */
};

enum {
    ROUNDS = 12000 /* words of each group */
};

static uint32_t word_of(const struct group *group)
{
    return (random_word() & ~group->mask) | group->fixed;
}

/* The base moves, but by nothing. */
static bool moves_by_nothing(const cs_arm64 *arm64)
{
    const cs_arm64_op *last = &arm64->operands[arm64->op_count - 1];
    if (!arm64->writeback || !arm64->op_count)
        return false;
    return last->type == ARM64_OP_IMM ? !last->imm : last->type == ARM64_OP_MEM && !last->mem.disp;
}

/* All registers that Capstone says are written are covered; SP is left alone else. */
static void check_written(const struct arm64 *arm64, uint32_t word, struct complaints *complaints)
{
    if (!disassemble(arm64, word) || is_misjudged(arm64->insn))
        return;
    struct operation operation = operation_of(word);
    uint32_t ours = covered(&operation, ARM64_SP);
    uint32_t theirs = capstone_writes(arm64->capstone, arm64->insn);
    unsigned base = word >> 5 & 31, by = word >> 16 & 31;
    if ((word & 0xbf800000) == 0x0d800000 && by != base)
        theirs &= ~BIT(by); /* LD1 … ST4 of one element, post-indexed: it is only read */
    if (base == ARM64_SP && moves_by_nothing(&arm64->insn->detail->arm64))
        ours = theirs = 0; /* both ways to say it are right */
    if (theirs & ~ours)
        complain(complaints, arm64->insn, word, "a written register is not covered");
    if (ours & ~theirs & BIT(ARM64_SP))
        complain(complaints, arm64->insn, word, "SP is not written");
}

static void check_groups(const struct group *groups, size_t count)
{
    struct arm64 arm64 = arm64_open();
    struct complaints complaints = {0};
    for (size_t i = 0; i < count; i++) {
        for (unsigned round = 0; round < ROUNDS; round++)
            check_written(&arm64, word_of(&groups[i]), &complaints);
    }
    arm64_close(&arm64);
    assert_int_equal(complaints.length, 0);
}

static void integers_cover_what_is_written(void **state)
{
    (void)state;
    check_groups(integers, LENGTH_OF(integers));
}

static void accesses_cover_what_is_written(void **state)
{
    (void)state;
    check_groups(accesses, LENGTH_OF(accesses));
    check_groups(exclusives, LENGTH_OF(exclusives));
}

static void vectors_cover_what_is_written(void **state)
{
    (void)state;
    check_groups(vectors, LENGTH_OF(vectors));
}

/* Also what only assembly uses, and what Go never makes. */
static void random_words_cover_what_is_written(void **state)
{
    (void)state;
    struct arm64 arm64 = arm64_open();
    struct complaints complaints = {0};
    for (unsigned round = 0; round < 300000; round++)
        check_written(&arm64, random_word(), &complaints);
    arm64_close(&arm64);
    assert_int_equal(complaints.length, 0);
}

/* Capstone 4 does not know these (Armv8.1); Arm ARM, C4.1 "Atomic memory operations", "Compare and
 * swap". */
static void atomics_cover_what_is_written(void **state)
{
    (void)state;
    static const struct {
        uint32_t word, written;
    } words[] = {
        {0xb8e00041, BIT(1)},          /* ldaddal w0, w1, [x2] */
        {0xf8e500c7, BIT(7)},          /* ldaddal x5, x7, [x6] */
        {0xf8e98109, BIT(9)},          /* swpal x9, x9, [x8] */
        {0x38fb10cb, BIT(11)},         /* ldclralb w27, w11, [x6] */
        {0x38e930c8, BIT(8)},          /* ldsetalb w9, w8, [x6] */
        {0xc8fbfdaf, BIT(27)},         /* casal x27, x15, [x13] */
        {0x88e3fc41, BIT(3)},          /* casal w3, w1, [x2] */
        {0x4866fc44, BIT(6) | BIT(7)}, /* caspal x6, x7, x4, x5, [x2] */
        {0x085f7c41, BIT(1)},          /* ldxrb w1, [x2] */
        {0xc8057c41, BIT(5)},          /* stxr w5, x1, [x2] */
        {0xc87f0c41, BIT(1) | BIT(3)}, /* ldxp x1, x3, [x2] */
    };
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        struct operation operation = operation_of(words[i].word);
        if (words[i].written & ~covered(&operation, ARM64_SP))
            fail_msg("%08x: %08x is covered", words[i].word, covered(&operation, ARM64_SP));
    }
}

/* An access of general registers writes no other registers than Capstone says: bits of its distance
 * are no register numbers. */
static void accesses_forget_nothing_else(void **state)
{
    (void)state;
    struct arm64 arm64 = arm64_open();
    struct complaints complaints = {0};
    for (size_t i = 0; i < LENGTH_OF(accesses); i++) {
        for (unsigned round = 0; round < ROUNDS; round++) {
            uint32_t word = word_of(&accesses[i]);
            if (!disassemble(&arm64, word) || is_misjudged(arm64.insn))
                continue;
            struct operation operation = operation_of(word);
            if (covered(&operation, ARM64_SP) & ~capstone_writes(arm64.capstone, arm64.insn))
                complain(&complaints, arm64.insn, word, "registers are forgotten");
        }
    }
    arm64_close(&arm64);
    assert_int_equal(complaints.length, 0);
}

/* ---- arm64: operands ---- */

static struct operation plain(enum operation_kind kind)
{
    return (struct operation){
        .kind = kind, .to = REGISTER_NONE, .from = REGISTER_NONE, .second = REGISTER_NONE};
}

static int64_t shifted(const cs_arm64_op *operand)
{
    return operand->shift.type == ARM64_SFT_LSL
               ? (int64_t)((uint64_t)operand->imm << operand->shift.value)
               : operand->imm;
}

/* The register of an operand; the zero register where there is none. */
static uint8_t operand_register(const cs_arm64_op *operand)
{
    return operand->type == ARM64_OP_REG ? arm64_number(operand->reg) : REGISTER_NONE;
}

static bool expect_access(const cs_arm64 *arm64, bool is_load, bool is_pair,
                          struct operation *expected)
{
    const cs_arm64_op *operands = arm64->operands, *memory = &operands[is_pair ? 2 : 1];
    uint8_t reg = operand_register(&operands[0]);
    uint8_t second = is_pair ? operand_register(&operands[1]) : REGISTER_NONE;
    if (memory->type != ARM64_OP_MEM || memory->mem.index != ARM64_REG_INVALID ||
        reg == REGISTER_NONE || !is_wide(operands[0].reg))
        return false;
    if (is_pair && (reg == ARM64_ZERO || second == ARM64_ZERO))
        return false; /* there is no name for it: see the values of such pairs */
    *expected = plain(is_load ? OPERATION_LOAD : OPERATION_STORE);
    uint8_t base = arm64_number(memory->mem.base);
    expected->to = is_load ? reg : base;
    expected->from = is_load ? base : reg == ARM64_ZERO ? REGISTER_NONE : reg;
    expected->second = second;
    expected->number = memory->mem.disp;
    if (is_load && reg == ARM64_ZERO) {
        *expected = plain(OPERATION_OTHER);
        expected->number = memory->mem.disp;
    }
    const cs_arm64_op *behind = memory + 1;
    bool after = arm64->op_count > behind - operands && behind->type == ARM64_OP_IMM;
    if (!arm64->writeback)
        return true;
    int64_t by = after ? behind->imm : expected->number;
    expected->number = 0;
    if (base != ARM64_SP) { /* the place is not followed */
        expected->kind = is_load ? OPERATION_OTHER : OPERATION_STORE;
        expected->to = REGISTER_ANY;
        expected->written = BIT(base) | (is_load && reg < ARM64_SP ? BIT(reg) : 0) |
                            (is_load && is_pair ? BIT(second) : 0);
        return true;
    }
    expected->moves_stack = by;
    expected->moves_after = after;
    return true;
}

static bool expect_compare(const cs_arm64 *arm64, struct operation *expected)
{
    const cs_arm64_op *operands = arm64->operands;
    *expected = plain(OPERATION_COMPARE);
    expected->to = operand_register(&operands[0]);
    if (arm64->op_count != 2 || expected->to >= ARM64_ZERO)
        return false;
    if (operands[1].type == ARM64_OP_IMM) {
        expected->value = shifted(&operands[1]);
        return true;
    }
    expected->from = operand_register(&operands[1]);
    if (expected->from == ARM64_ZERO)
        expected->from = REGISTER_NONE;
    return operands[1].shift.type == ARM64_SFT_INVALID && operands[1].ext == ARM64_EXT_INVALID;
}

static bool expect_number(const cs_arm64 *arm64, int64_t number, struct operation *expected)
{
    uint8_t to = operand_register(&arm64->operands[0]);
    *expected = plain(to == ARM64_ZERO ? OPERATION_OTHER : OPERATION_NUMBER);
    if (to == REGISTER_NONE)
        return false;
    expected->to = to;
    expected->number = number;
    return true;
}

static bool expect_move(const cs_arm64 *arm64, struct operation *expected)
{
    const cs_arm64_op *operands = arm64->operands;
    uint8_t to = operand_register(&operands[0]), from = operand_register(&operands[1]);
    if (to == REGISTER_NONE || from == REGISTER_NONE)
        return false;
    if (from == ARM64_ZERO)
        return expect_number(arm64, 0, expected);
    *expected = plain(to == ARM64_ZERO ? OPERATION_OTHER : OPERATION_MOVE);
    expected->to = to;
    expected->from = from;
    /* To and from SP it is an addition of 0. */
    if (to == ARM64_SP || from == ARM64_SP)
        expected->kind = OPERATION_SUM;
    return is_wide(operands[0].reg) || expected->kind != OPERATION_SUM;
}

static bool expect_sum(const cs_arm64 *arm64, int sign, struct operation *expected)
{
    const cs_arm64_op *operands = arm64->operands;
    *expected = plain(OPERATION_SUM);
    if (arm64->op_count != 3 || operands[2].type != ARM64_OP_IMM || arm64->update_flags ||
        !is_wide(operands[0].reg))
        return false;
    expected->to = operand_register(&operands[0]);
    expected->from = operand_register(&operands[1]);
    expected->number = sign * shifted(&operands[2]);
    return expected->to <= ARM64_SP && expected->from <= ARM64_SP;
}

static bool expect_choice(const cs_arm64 *arm64, struct operation *expected)
{
    const cs_arm64_op *operands = arm64->operands;
    uint8_t from = operand_register(&operands[1]), second = operand_register(&operands[2]);
    *expected = plain(OPERATION_CHOICE);
    expected->to = operand_register(&operands[0]);
    expected->from = from == ARM64_ZERO ? REGISTER_NONE : from;
    expected->second = second == ARM64_ZERO ? REGISTER_NONE : second;
    if (expected->to == ARM64_ZERO)
        *expected = plain(OPERATION_OTHER);
    return true;
}

/* What Capstone's operands say of the instructions whose operation is told in full. */
static bool expect(const cs_insn *insn, uint32_t word, struct operation *expected)
{
    const cs_arm64 *arm64 = &insn->detail->arm64;
    bool is_wide_move = (word & 0x1f800000) == 0x12800000;
    switch (insn->id) {
    case ARM64_INS_ADD:
        return expect_sum(arm64, 1, expected);
    case ARM64_INS_SUB:
        return expect_sum(arm64, -1, expected);
    case ARM64_INS_MOVZ:
        return expect_number(arm64, shifted(&arm64->operands[1]), expected);
    case ARM64_INS_MOVN:
        return expect_number(arm64, ~shifted(&arm64->operands[1]), expected);
    case ARM64_INS_MOV:
        if (arm64->operands[1].type == ARM64_OP_IMM)
            return is_wide_move && expect_number(arm64, shifted(&arm64->operands[1]), expected);
        return expect_move(arm64, expected);
    case ARM64_INS_ORR:
        return (word & 0x7f8003e0) == 0x320003e0 && arm64->operands[2].type == ARM64_OP_IMM &&
               operand_register(&arm64->operands[0]) != ARM64_SP &&
               expect_number(arm64, arm64->operands[2].imm, expected);
    case ARM64_INS_LDR:
    case ARM64_INS_LDUR:
        return expect_access(arm64, true, false, expected);
    case ARM64_INS_STR:
    case ARM64_INS_STUR:
        return expect_access(arm64, false, false, expected);
    case ARM64_INS_LDP:
    case ARM64_INS_LDNP:
        return expect_access(arm64, true, true, expected);
    case ARM64_INS_STP:
    case ARM64_INS_STNP:
        return expect_access(arm64, false, true, expected);
    case ARM64_INS_ADR:
    case ARM64_INS_ADRP:
        return expect_number(arm64, arm64->operands[1].imm, expected);
    case ARM64_INS_CMP:
        return expect_compare(arm64, expected);
    case ARM64_INS_CBZ:
    case ARM64_INS_CBNZ:
        *expected = plain(OPERATION_COMPARE);
        expected->to = operand_register(&arm64->operands[0]);
        return expected->to < ARM64_ZERO;
    case ARM64_INS_CSEL:
        return expect_choice(arm64, expected);
    case ARM64_INS_TBZ:
    case ARM64_INS_TBNZ: /* a bool: bit 0 */
        *expected = plain(arm64->operands[1].imm ? OPERATION_OTHER : OPERATION_COMPARE);
        expected->to = operand_register(&arm64->operands[0]);
        return expected->to < ARM64_ZERO;
    default:
        return false;
    }
}

/* Numbers of narrow registers are compared as such. */
static bool same_operands(const struct operation *a, const struct operation *b, bool wide)
{
    if (a->kind != b->kind || a->moves_stack != b->moves_stack ||
        (a->moves_stack && a->moves_after != b->moves_after) || a->written != b->written)
        return false;
    if (a->kind == OPERATION_OTHER)
        return true;
    bool same = wide ? a->number == b->number : (uint32_t)a->number == (uint32_t)b->number;
    return same && a->to == b->to && a->from == b->from && a->second == b->second &&
           a->value == b->value;
}

static unsigned check_operands(const struct arm64 *arm64, uint32_t word,
                               struct complaints *complaints)
{
    struct operation expected;
    if (!disassemble(arm64, word) || !expect(arm64->insn, word, &expected))
        return 0;
    struct operation ours = operation_of(word);
    if (!same_operands(&ours, &expected, is_wide(arm64->insn->detail->arm64.operands[0].reg)))
        complain(complaints, arm64->insn, word, "operands differ");
    return 1;
}

static void arm64_operands_agree_with_capstone(void **state)
{
    (void)state;
    static const struct group groups[] = {
        {0x91000000, 0xbf800000}, /* ADD, SUB */
        {0x910003ff, 0xbf8003ff}, /* … of SP */
        {0x52800000, 0x7f800000}, /* MOVZ */
        {0x12800000, 0x7f800000}, /* MOVN */
        {0x2a0003e0, 0x7fe0ffe0}, /* MOV */
        {0x320003e0, 0x7f8003e0}, /* MOV of a mask */
        {0xf9000000, 0xff800000}, /* LDR, STR */
        {0xf8000000, 0xffa00c00}, /* LDUR, STUR */
        {0xf8000400, 0xffa00400}, /* LDR, STR: post- and pre-indexed */
        {0xf80007e0, 0xffa007e0}, /* … by SP */
        {0xa8000000, 0xfe000000}, /* LDP, STP */
        {0xa80003e0, 0xfe0003e0}, /* … by SP */
        {0x10000000, 0x1f000000}, /* ADR, ADRP */
        {0x7100001f, 0x7f80001f}, /* CMP (immediate) */
        {0x6b00001f, 0x7fe0fc1f}, /* CMP (register) */
        {0x1a800000, 0x7fe00c00}, /* CSEL */
        {0x34000000, 0x7e000000}, /* CBZ, CBNZ */
        {0x36000000, 0x7e000000}, /* TBZ, TBNZ */
        {0x36000000, 0x7ef80000}, /* … of bits 0 and 32 */
    };
    struct arm64 arm64 = arm64_open();
    struct complaints complaints = {0};
    for (size_t i = 0; i < LENGTH_OF(groups); i++) {
        unsigned checked = 0;
        for (unsigned round = 0; round < ROUNDS; round++)
            checked += check_operands(&arm64, word_of(&groups[i]), &complaints);
        if (checked < ROUNDS / 16) /* then it is no check */
            fail_msg("group %zu: only %u words", i, checked);
    }
    arm64_close(&arm64);
    assert_int_equal(complaints.length, 0);
}

/* Vectors into the frame; Capstone's account of them is too coarse. */
static void vector_stores_smudge(void **state)
{
    (void)state;
    static const struct {
        uint32_t word;
        int64_t number, size;
    } words[] = {
        {0xad0107e0, 32, 32},  /* stp q0, q1, [sp, #32] */
        {0xad3f07e0, -32, 32}, /* stp q0, q1, [sp, #-32] */
        {0x3d800be0, 32, 16},  /* str q0, [sp, #32] */
        {0x3c9e03e0, -32, 16}, /* stur q0, [sp, #-32] */
        {0x3c8a03e0, 160, 16}, /* stur q0, [sp, #160] */
    };
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        struct operation operation = operation_of(words[i].word);
        assert_int_equal(operation.kind, OPERATION_SMUDGE);
        assert_int_equal(operation.to, ARM64_SP);
        assert_int_equal(operation.number, words[i].number);
        assert_int_equal(operation.value, words[i].size);
    }
}

/* … and out of it. */
static void vector_loads_spread(void **state)
{
    (void)state;
    static const struct {
        uint32_t word;
        int64_t number, size;
    } words[] = {
        {0xad4107e0, 32, 32},  /* ldp q0, q1, [sp, #32] */
        {0xad7f07e0, -32, 32}, /* ldp q0, q1, [sp, #-32] */
        {0x3dc00be0, 32, 16},  /* ldr q0, [sp, #32] */
        {0x3cde03e0, -32, 16}, /* ldur q0, [sp, #-32] */
        {0x3cca03e0, 160, 16}, /* ldur q0, [sp, #160] */
    };
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        struct operation operation = operation_of(words[i].word);
        assert_int_equal(operation.kind, OPERATION_SPREAD);
        assert_int_equal(operation.from, ARM64_SP);
        assert_int_equal(operation.number, words[i].number);
        assert_int_equal(operation.value, words[i].size);
    }
}

/* The same for words that are narrower, or floating point. */
static void narrow_stores_smudge_on_arm64(void **state)
{
    (void)state;
    static const struct {
        uint32_t word;
        int64_t number, size;
    } words[] = {
        {0xb9000be1, 8, 4},   /* str w1, [sp, #8] */
        {0xb80043e1, 4, 4},   /* stur w1, [sp, #4] */
        {0x39003fe1, 15, 1},  /* strb w1, [sp, #15] */
        {0x790017e1, 10, 2},  /* strh w1, [sp, #10] */
        {0x290107e0, 8, 8},   /* stp w0, w1, [sp, #8] */
        {0xfd000be1, 16, 8},  /* str d1, [sp, #16] */
        {0xbd000be1, 8, 4},   /* str s1, [sp, #8] */
        {0x6d0107e0, 16, 16}, /* stp d0, d1, [sp, #16] */
        {0xfc1f83e1, -8, 8},  /* stur d1, [sp, #-8] */
        {0x399ffbe1, 0, 0},   /* ldrsb x1, [sp, #2046]: a load */
        {0xb94007e1, 0, 0},   /* ldr w1, [sp, #4]: a load */
    };
    unsigned wrong = 0;
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        struct operation operation = operation_of(words[i].word);
        bool right = operation.kind == OPERATION_OTHER;
        if (words[i].size)
            right = operation.kind == OPERATION_SMUDGE && operation.to == ARM64_SP &&
                    operation.number == words[i].number && operation.value == words[i].size;
        if (right)
            continue;
        wrong++;
        print_error("%08x: kind %d, number %" PRId64 ", size %" PRId64 "\n", words[i].word,
                    operation.kind, operation.number, operation.value);
    }
    assert_int_equal(wrong, 0);
}

/* ---- amd64 ---- */

enum {
    RAX,
    RBX,
    RCX,
    RDI,
    RSI,
    R8,
    R9,
    R10,
    R11,
    RDX,
    R12,
    R13,
    R14,
    R15,
    RBP,
    RSP,
    NONE = REGISTER_NONE
};

struct sample {
    const char *hex;
    struct operation operation;
};

#define KIND(name) .kind = OPERATION_##name, .second = NONE
#define MOVE(into, out)                         \
    {                                           \
        KIND(MOVE), .to = (into), .from = (out) \
    }
#define NUMBER(into, n)                                         \
    {                                                           \
        KIND(NUMBER), .to = (into), .from = NONE, .number = (n) \
    }
#define SUM(into, out, n)                                     \
    {                                                         \
        KIND(SUM), .to = (into), .from = (out), .number = (n) \
    }
#define LOAD(into, base, n)                                     \
    {                                                           \
        KIND(LOAD), .to = (into), .from = (base), .number = (n) \
    }
#define STORE(base, n, out)                                     \
    {                                                           \
        KIND(STORE), .to = (base), .number = (n), .from = (out) \
    }
#define STORE_NUMBER(base, n, v)                                             \
    {                                                                        \
        KIND(STORE), .to = (base), .number = (n), .from = NONE, .value = (v) \
    }
#define SMUDGE(base, n, size)                                      \
    {                                                              \
        KIND(SMUDGE), .to = (base), .number = (n), .value = (size) \
    }
#define STORE_ANYWHERE(out)                            \
    {                                                  \
        KIND(STORE), .to = REGISTER_ANY, .from = (out) \
    }
#define SPREAD(base, n, size)                                        \
    {                                                                \
        KIND(SPREAD), .from = (base), .number = (n), .value = (size) \
    }
#define COMPARE(left, v)                                        \
    {                                                           \
        KIND(COMPARE), .to = (left), .from = NONE, .value = (v) \
    }
#define COMPARE_WITH(left, out)                    \
    {                                              \
        KIND(COMPARE), .to = (left), .from = (out) \
    }
#define COMPARE_MEMORY(left, base, n, v)                                          \
    {                                                                             \
        KIND(COMPARE), .to = (left), .from = (base), .number = (n), .value = (v), \
                       .from_memory = true                                        \
    }
#define WRITES(mask)                   \
    {                                  \
        KIND(OTHER), .written = (mask) \
    }
#define PUSH(out)                                                \
    {                                                            \
        KIND(STORE), .to = RSP, .from = (out), .moves_stack = -8 \
    }
#define POP(into)                                                                    \
    {                                                                                \
        KIND(LOAD), .to = (into), .from = RSP, .moves_stack = 8, .moves_after = true \
    }

static const struct sample moves[] = {
    {"4889d8", MOVE(RAX, RBX)},                                /* mov rax, rbx */
    {"4989d4", MOVE(R12, RDX)},                                /* mov r12, rdx */
    {"4c8bc7", MOVE(R8, RDI)},                                 /* mov r8, rdi */
    {"89d8", MOVE(RAX, RBX)},                                  /* mov eax, ebx */
    {"88d8", WRITES(BIT(RAX))},                                /* mov al, bl */
    {"6689d8", WRITES(BIT(RAX))},                              /* mov ax, bx */
    {"b805000000", NUMBER(RAX, 5)},                            /* mov eax, 5 */
    {"b8ffffffff", NUMBER(RAX, 0xffffffff)},                   /* mov eax, 0xffffffff */
    {"48c7c3ffffffff", NUMBER(RBX, -1)},                       /* mov rbx, -1 */
    {"49bb8877665544332211", NUMBER(R11, 0x1122334455667788)}, /* movabs r11, … */
    {"b001", WRITES(BIT(RAX))},                                /* mov al, 1 */
    {"31c0", NUMBER(RAX, 0)},                                  /* xor eax, eax */
    {"4d31c9", NUMBER(R9, 0)},                                 /* xor r9, r9 */
    {"31d8", WRITES(BIT(RAX))},                                /* xor eax, ebx */
    {"0f57c0", WRITES(0)},                                     /* xorps xmm0, xmm0 */
    {"488d4c2410", SUM(RCX, RSP, 16)},                         /* lea rcx, [rsp+16] */
    {"488d6c24f8", SUM(RBP, RSP, -8)},                         /* lea rbp, [rsp-8] */
    {"488d0501000000", NUMBER(RAX, AT + 7 + 1)},               /* lea rax, [rip+1] */
    {"488d05f9ffffff", NUMBER(RAX, AT)},                       /* lea rax, [rip-7] */
    {"488d0411", WRITES(BIT(RAX))},                            /* lea rax, [rcx+rdx] */
    {"488d04cd00000000", WRITES(BIT(RAX))},                    /* lea rax, [rcx*8] */
    {"4883c008", SUM(RAX, RAX, 8)},                            /* add rax, 8 */
    {"4883c0f8", SUM(RAX, RAX, -8)},                           /* add rax, -8 */
    {"480500010000", SUM(RAX, RAX, 256)},                      /* add rax, 256 */
    {"4801d8", WRITES(BIT(RAX))},                              /* add rax, rbx */
    {"480344240a", WRITES(BIT(RAX))},                          /* add rax, [rsp+10] */
    {"4883ec18", SUM(RSP, RSP, -24)},                          /* sub rsp, 24 */
    {"4883ec80", SUM(RSP, RSP, 128)},                          /* sub rsp, -128 */
    {"4881ec88000000", SUM(RSP, RSP, -136)},                   /* sub rsp, 136 */
    {"4883c418", SUM(RSP, RSP, 24)},                           /* add rsp, 24 */
    {"4829d8", WRITES(BIT(RAX))},                              /* sub rax, rbx */
    {"48ffc1", SUM(RCX, RCX, 1)},                              /* inc rcx */
    {"ffc6", SUM(RSI, RSI, 1)},                                /* inc esi */
    {"49ffcf", SUM(R15, R15, -1)},                             /* dec r15 */
    {"90", WRITES(0)},                                         /* nop */
    {"0f1f440000", WRITES(0)},                                 /* nop [rax+rax] */
    {"6690", WRITES(0)},                                       /* xchg ax, ax */
};

static const struct sample accesses_of_memory[] = {
    {"488b442408", LOAD(RAX, RSP, 8)},                 /* mov rax, [rsp+8] */
    {"4d8b5c2410", LOAD(R11, R12, 16)},                /* mov r11, [r12+16] */
    {"488b8b00ffffff", LOAD(RCX, RBX, -256)},          /* mov rcx, [rbx-256] */
    {"488b00", LOAD(RAX, RAX, 0)},                     /* mov rax, [rax] */
    {"488b0d10000000", LOAD(RCX, NONE, AT + 7 + 16)},  /* mov rcx, [rip+16] */
    {"488b04c8", WRITES(BIT(RAX))},                    /* mov rax, [rax+rcx*8] */
    {"64488b0425f8ffffff", WRITES(BIT(RAX))},          /* mov rax, fs:[-8] */
    {"8b442408", WRITES(BIT(RAX))},                    /* mov eax, [rsp+8] */
    {"0fb6442408", WRITES(BIT(RAX))},                  /* movzx eax, byte [rsp+8] */
    {"4863442408", WRITES(BIT(RAX))},                  /* movsxd rax, [rsp+8] */
    {"4889442408", STORE(RSP, 8, RAX)},                /* mov [rsp+8], rax */
    {"4c894bf0", STORE(RBX, -16, R9)},                 /* mov [rbx-16], r9 */
    {"48c744240805000000", STORE_NUMBER(RSP, 8, 5)},   /* mov qword [rsp+8], 5 */
    {"48c74424f8ffffffff", STORE_NUMBER(RSP, -8, -1)}, /* mov qword [rsp-8], -1 */
    {"89442408", SMUDGE(RSP, 8, 4)},                   /* mov [rsp+8], eax */
    {"c744240805000000", SMUDGE(RSP, 8, 4)},           /* mov dword [rsp+8], 5 */
    {"668944240a", SMUDGE(RSP, 10, 2)},                /* mov [rsp+10], ax */
    {"c644240f01", SMUDGE(RSP, 15, 1)},                /* mov byte [rsp+15], 1 */
    {"488904c8", STORE_ANYWHERE(RAX)},                 /* mov [rax+rcx*8], rax */
    {"48890510000000", STORE(NONE, AT + 7 + 16, RAX)}, /* mov [rip+16], rax */
    {"440f117c2410", SMUDGE(RSP, 16, 16)},             /* movups [rsp+16], xmm15 */
    {"f30f7f442410", SMUDGE(RSP, 16, 16)},             /* movdqu [rsp+16], xmm0 */
    {"0f29442410", SMUDGE(RSP, 16, 16)},               /* movaps [rsp+16], xmm0 */
    {"f20f11442410", SMUDGE(RSP, 16, 8)},              /* movsd [rsp+16], xmm0 */
    {"f30f11442410", SMUDGE(RSP, 16, 4)},              /* movss [rsp+16], xmm0 */
    {"660fd6442410", SMUDGE(RSP, 16, 8)},              /* movq [rsp+16], xmm0 */
    {"6448890425f8ffffff", STORE_ANYWHERE(RAX)},       /* mov fs:[-8], rax */
    {"64488b00", WRITES(BIT(RAX))},                    /* mov rax, fs:[rax] */
    {"64488901", STORE_ANYWHERE(RAX)},                 /* mov fs:[rcx], rax */
    {"f20f10442410", WRITES(0)},                       /* movsd xmm0, [rsp+16] */
    {"0f10442410", SPREAD(RSP, 16, 16)},               /* movups xmm0, [rsp+16] */
    {"66480f7ec0", WRITES(BIT(RAX))},                  /* movq rax, xmm0 */
    {"48ff442408", SMUDGE(RSP, 8, 8)},                 /* inc qword [rsp+8] */
    {"48834424f008", SMUDGE(RSP, -16, 8)},             /* add qword [rsp-16], 8 */
    {"29442408", SMUDGE(RSP, 8, 4)},                   /* sub [rsp+8], eax */
    {"48210424", SMUDGE(RSP, 0, 8)},                   /* and [rsp], rax */
    {"48c1642408 03", SMUDGE(RSP, 8, 8)},              /* shl qword [rsp+8], 3 */
    {"50", PUSH(RAX)},                                 /* push rax */
    {"4157", PUSH(R15)},                               /* push r15 */
    {"58", POP(RAX)},                                  /* pop rax */
    {"5d", POP(RBP)},                                  /* pop rbp */
};

static const struct sample comparisons[] = {
    {"4883f805", COMPARE(RAX, 5)},                              /* cmp rax, 5 */
    {"4883f8ff", COMPARE(RAX, -1)},                             /* cmp rax, -1 */
    {"4981f900010000", COMPARE(R9, 256)},                       /* cmp r9, 256 */
    {"83f905", COMPARE(RCX, 5)},                                /* cmp ecx, 5 */
    {"3c01", COMPARE(RAX, 1)},                                  /* cmp al, 1 */
    {"4839d8", COMPARE_WITH(RAX, RBX)},                         /* cmp rax, rbx */
    {"4885c0", COMPARE(RAX, 0)},                                /* test rax, rax */
    {"85db", COMPARE(RBX, 0)},                                  /* test ebx, ebx */
    {"84c0", COMPARE(RAX, 0)},                                  /* test al, al */
    {"493b6610", COMPARE_MEMORY(RSP, R14, 16, 0)},              /* cmp rsp, [r14+16] */
    {"48837c240805", COMPARE_MEMORY(NONE, RSP, 8, 5)},          /* cmp qword [rsp+8], 5 */
    {"833d1000000000", COMPARE_MEMORY(NONE, NONE, AT + 23, 0)}, /* cmp dword [rip+16], 0 */
    {"48833cc805", {KIND(COMPARE), .to = NONE, .from = NONE, .value = 5}}, /* cmp [rax+rcx*8], 5 */
};

static const struct sample others[] = {
    {"48f7e3", WRITES(BIT(RAX) | BIT(RDX))}, /* mul rbx */
    {"48f7fb", WRITES(BIT(RAX) | BIT(RDX))}, /* idiv rbx */
    {"480fafc3", WRITES(BIT(RAX))},          /* imul rax, rbx */
    {"486bcb05", WRITES(BIT(RCX))},          /* imul rcx, rbx, 5 */
    {"490f44c0",
     {.kind = OPERATION_CHOICE, .to = RAX, .from = R8, .second = RAX}}, /* cmove rax, r8 */
    {"0f95c1", WRITES(BIT(RCX))},                                       /* setne cl */
    {"48c1e003", WRITES(BIT(RAX))},                                     /* shl rax, 3 */
    {"48f7d8", WRITES(BIT(RAX))},                                       /* neg rax */
    {"4893", WRITES(BIT(RAX) | BIT(RBX))},                              /* xchg rax, rbx */
    {"480fbcc3", WRITES(BIT(RAX))},                                     /* bsf rax, rbx */
    {"f3480fb8c3", WRITES(BIT(RAX))},                                   /* popcnt rax, rbx */
    {"490fc8", WRITES(BIT(R8))},                                        /* bswap r8 */
    {"480fa4d803", WRITES(BIT(RAX))},                                   /* shld rax, rbx, 3 */
    {"c4e2f1f7c3", WRITES(BIT(RAX))},                                   /* shlx rax, rbx, rcx */
    {"f2480f2cc0", WRITES(BIT(RAX))},                                   /* cvttsd2si rax, xmm0 */
    {"0fa2", WRITES(BIT(RAX) | BIT(RBX) | BIT(RCX) | BIT(RDX))},        /* cpuid */
    {"0f31", WRITES(BIT(RAX) | BIT(RDX))},                              /* rdtsc */
};

static size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t length = 0;
    for (; *hex; hex++) {
        char pair[3] = {hex[0], hex[1], 0};
        if (*hex == ' ')
            continue;
        assert_true(length < room && hex[1]);
        bytes[length++] = (uint8_t)strtoul(pair, NULL, 16);
        hex++;
    }
    return length;
}

static struct decoder *amd64;

static int open_decoder(void **state)
{
    (void)state;
    return error_ignore(decoder_create(ARCH_AMD64, &amd64));
}

static int close_decoder(void **state)
{
    (void)state;
    decoder_destroy(amd64);
    return 0;
}

static struct operation amd64_operation(const char *hex)
{
    uint8_t bytes[16];
    size_t size = from_hex(hex, bytes, sizeof(bytes));
    return operation_at(amd64, bytes, size, AT);
}

/* What is not said of a kind does not count. */
static bool same_operation(const struct operation *a, const struct operation *b)
{
    if (a->kind != b->kind || a->moves_stack != b->moves_stack ||
        a->moves_after != b->moves_after || a->second != b->second)
        return false;
    switch (a->kind) {
    case OPERATION_OTHER:
        return a->written == b->written;
    case OPERATION_STORE:
        return a->to == b->to && a->from == b->from && a->number == b->number &&
               (a->from != NONE || a->value == b->value) && a->written == b->written;
    case OPERATION_SMUDGE:
        return a->to == b->to && a->number == b->number && a->value == b->value &&
               a->written == b->written;
    case OPERATION_SPREAD:
        return a->from == b->from && a->number == b->number && a->value == b->value &&
               a->written == b->written;
    case OPERATION_COMPARE:
        return a->to == b->to && a->from == b->from && a->value == b->value &&
               a->from_memory == b->from_memory && a->written == b->written &&
               (!a->from_memory || a->number == b->number);
    default:
        return a->to == b->to && a->from == b->from && a->number == b->number &&
               a->written == b->written;
    }
}

static void check_samples(const struct sample *samples, size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct operation ours = amd64_operation(samples[i].hex);
        if (same_operation(&ours, &samples[i].operation))
            continue;
        wrong++;
        print_error("%s: kind %d, to %u, from %u, number %" PRId64 ", value %" PRId64
                    ", written %x, memory %d, SP %" PRId64 "\n",
                    samples[i].hex, ours.kind, ours.to, ours.from, ours.number, ours.value,
                    ours.written, ours.from_memory, ours.moves_stack);
    }
    assert_int_equal(wrong, 0);
}

static void amd64_moves_are_known(void **state)
{
    (void)state;
    check_samples(moves, LENGTH_OF(moves));
}

static void amd64_accesses_are_known(void **state)
{
    (void)state;
    check_samples(accesses_of_memory, LENGTH_OF(accesses_of_memory));
}

static void amd64_comparisons_are_known(void **state)
{
    (void)state;
    check_samples(comparisons, LENGTH_OF(comparisons));
}

static void amd64_others_write_what_they_write(void **state)
{
    (void)state;
    check_samples(others, LENGTH_OF(others));
}

/* Of a narrow register the rest stays: no constant, no sum. */
static void narrow_registers_get_no_known_value(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"30c0", WRITES(BIT(RAX))},       /* xor al, al */
        {"30e4", WRITES(BIT(RAX))},       /* xor ah, ah */
        {"6631c0", WRITES(BIT(RAX))},     /* xor ax, ax */
        {"04ff", WRITES(BIT(RAX))},       /* add al, -1 */
        {"fec4", WRITES(BIT(RAX))},       /* inc ah */
        {"6683c301", WRITES(BIT(RBX))},   /* add bx, 1 */
        {"668d03", WRITES(BIT(RAX))},     /* lea ax, [rbx] */
        {"66410f44c0", WRITES(BIT(RAX))}, /* cmove ax, r8w */
    };
    check_samples(samples, LENGTH_OF(samples));
}

/* Capstone 4 does not say so: F of the Intel SDM's CMPXCHG does. */
static void compare_and_swap_writes_rax(void **state)
{
    (void)state;
    static const char *const hex[] = {
        "f0480fb14c2408", /* lock cmpxchg [rsp+8], rcx */
        "f00fb10a",       /* lock cmpxchg [rdx], ecx */
        "480fb1d9",       /* cmpxchg rcx, rbx */
    };
    for (size_t i = 0; i < LENGTH_OF(hex); i++) {
        struct operation operation = amd64_operation(hex[i]);
        assert_true(covered(&operation, RSP) & BIT(RAX));
    }
    struct operation pair = amd64_operation("f0480fc74c2410"); /* lock cmpxchg16b [rsp+16] */
    assert_true(covered(&pair, RSP) & BIT(RAX));
    assert_true(covered(&pair, RSP) & BIT(RDX));
}

/* MOVSD is the name of two instructions. */
static void string_moves_write_their_registers(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint32_t written;
    } samples[] = {
        {"a5", BIT(RDI) | BIT(RSI)},                /* movsd */
        {"f3a5", BIT(RDI) | BIT(RSI) | BIT(RCX)},   /* rep movsd */
        {"f348ab", BIT(RDI) | BIT(RCX)},            /* rep stosq */
        {"f3a4", BIT(RDI) | BIT(RSI) | BIT(RCX)},   /* rep movsb */
        {"f348a5", BIT(RDI) | BIT(RSI) | BIT(RCX)}, /* rep movsq */
    };
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        struct operation operation = amd64_operation(samples[i].hex);
        if (samples[i].written & ~covered(&operation, RSP))
            fail_msg("%s: %x is covered", samples[i].hex, covered(&operation, RSP));
    }
}

/* Whatever is written into a slot ends what was known of it: also by instructions of which Capstone 4
 * does not say that they write memory. */
static void all_stores_smudge(void **state)
{
    (void)state;
    static const struct sample samples[] = {
        {"480f38f1442408", SMUDGE(RSP, 8, 8)},     /* movbe [rsp+8], rax: GOAMD64=v3 */
        {"0f94442408", SMUDGE(RSP, 8, 1)},         /* sete [rsp+8] */
        {"0f9c842488000000", SMUDGE(RSP, 136, 1)}, /* setl [rsp+136] */
        {"c5fe7f442408", SMUDGE(RSP, 8, 32)},      /* vmovdqu [rsp+8], ymm0 */
        {"c5fa7f442408", SMUDGE(RSP, 8, 16)},      /* vmovdqu [rsp+8], xmm0 */
        {"c5f811442408", SMUDGE(RSP, 8, 16)},      /* vmovups [rsp+8], xmm0 */
        {"c5fb11442408", SMUDGE(RSP, 8, 8)},       /* vmovsd [rsp+8], xmm0 */
        {"660f7f442410", SMUDGE(RSP, 16, 16)},     /* movdqa [rsp+16], xmm0 */
        {"0f17442408", SMUDGE(RSP, 8, 8)},         /* movhps [rsp+8], xmm0 */
        {"66480f3a1644240801", SMUDGE(RSP, 8, 8)}, /* pextrq [rsp+8], xmm0, 1 */
        {"480fc3442408", SMUDGE(RSP, 8, 8)},       /* movnti [rsp+8], rax */
        {"0fae5c2408", SMUDGE(RSP, 8, 4)},         /* stmxcsr [rsp+8] */
        {"dd5c2408", SMUDGE(RSP, 8, 8)},           /* fstp qword [rsp+8] */
    };
    check_samples(samples, LENGTH_OF(samples));
}

static bool compares_with_constant(const struct operation *operation)
{
    return operation->kind == OPERATION_COMPARE && operation->to != NONE &&
           operation->from == NONE && !operation->from_memory;
}

static void check_no_constant(const char *const *hex, size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct operation operation = amd64_operation(hex[i]);
        if (!compares_with_constant(&operation))
            continue;
        wrong++;
        print_error("%s: a comparison with %" PRId64 "\n", hex[i], operation.value);
    }
    assert_int_equal(wrong, 0);
}

/* TEST with a mask asks for bits. */
static void a_test_of_bits_is_no_comparison(void **state)
{
    (void)state;
    static const char *const hex[] = {
        "a801",           /* test al, 1 */
        "48a900010000",   /* test rax, 256 */
        "f6c380",         /* test bl, 0x80 */
        "48f7c307000000", /* test rbx, 7 */
    };
    check_no_constant(hex, LENGTH_OF(hex));
}

/* Memory that can't be named is no constant either. */
static void a_comparison_with_memory_is_none_with_a_constant(void **state)
{
    (void)state;
    static const char *const hex[] = {
        "483b04d1",           /* cmp rax, [rcx+rdx*8] */
        "483904d1",           /* cmp [rcx+rdx*8], rax */
        "64483b0425f8ffffff", /* cmp rax, fs:[-8] */
        "488504d1",           /* test [rcx+rdx*8], rax */
        "3a0411",             /* cmp al, [rcx+rdx] */
        "483b0510000000",     /* cmp rax, [rip+16] */
    };
    check_no_constant(hex, LENGTH_OF(hex));
}

static void what_is_no_instruction_writes_everything(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x06, 0x06, 0x06, 0x06};
    assert_int_equal(operation_at(amd64, bytes, sizeof(bytes), AT).written, UINT32_MAX);
    static const uint8_t cut[] = {0x48, 0x8b};
    assert_int_equal(operation_at(amd64, cut, sizeof(cut), AT).written, UINT32_MAX);
    assert_int_equal(operation_arm64(cut, sizeof(cut), AT).written, UINT32_MAX);
}

/* Fields stay within what values.c takes them for. */
static void check_bounds(const struct operation *operation)
{
    uint8_t to = operation->to, from = operation->from, second = operation->second;
    switch (operation->kind) {
    case OPERATION_OTHER:
        return;
    case OPERATION_STORE:
        assert_true(to < REGISTER_COUNT || to == REGISTER_ANY || to == REGISTER_NONE);
        break;
    case OPERATION_SMUDGE:
    case OPERATION_SPREAD:
        assert_true(operation->value > 0 && operation->value <= 4096);
        assert_true(to < REGISTER_COUNT || to == REGISTER_NONE);
        break;
    case OPERATION_COMPARE:
        assert_true(to < REGISTER_COUNT || to == REGISTER_NONE);
        break;
    case OPERATION_LOAD: /* a pair whose first register is the zero register */
        assert_true(to < REGISTER_COUNT || to == REGISTER_ZERO);
        break;
    default:
        assert_true(to < REGISTER_COUNT);
    }
    assert_true(from < REGISTER_COUNT || from == REGISTER_NONE);
    assert_true(second < REGISTER_COUNT || second >= REGISTER_ZERO);
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    static const uint8_t prefixes[] = {0x48, 0x4c, 0x0f, 0xf2, 0xf3, 0x66, 0xc5, 0xc4, 0x62, 0x67};
    static const address places[] = {AT, 0, UINT64_MAX - 2, INT64_MAX - 5, (address)INT64_MIN};
    for (unsigned round = 0; round < 300000; round++) {
        size_t size = 1 + random_below(15);
        uint8_t *bytes = xmalloc(size); /* so that reading on is noticed */
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)random_below(256);
        if (round % 2)
            bytes[0] = prefixes[random_below(LENGTH_OF(prefixes))];
        struct operation operation =
            operation_at(amd64, bytes, size, places[random_below(LENGTH_OF(places))]);
        check_bounds(&operation);
        operation = operation_arm64(bytes, size, places[random_below(LENGTH_OF(places))]);
        check_bounds(&operation);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_cover_what_is_written),
        cmocka_unit_test(accesses_cover_what_is_written),
        cmocka_unit_test(vectors_cover_what_is_written),
        cmocka_unit_test(random_words_cover_what_is_written),
        cmocka_unit_test(atomics_cover_what_is_written),
        cmocka_unit_test(accesses_forget_nothing_else),
        cmocka_unit_test(arm64_operands_agree_with_capstone),
        cmocka_unit_test(vector_stores_smudge),
        cmocka_unit_test(vector_loads_spread),
        cmocka_unit_test(narrow_stores_smudge_on_arm64),
        cmocka_unit_test(amd64_moves_are_known),
        cmocka_unit_test(amd64_accesses_are_known),
        cmocka_unit_test(amd64_comparisons_are_known),
        cmocka_unit_test(amd64_others_write_what_they_write),
        cmocka_unit_test(narrow_registers_get_no_known_value),
        cmocka_unit_test(compare_and_swap_writes_rax),
        cmocka_unit_test(string_moves_write_their_registers),
        cmocka_unit_test(all_stores_smudge),
        cmocka_unit_test(a_test_of_bits_is_no_comparison),
        cmocka_unit_test(a_comparison_with_memory_is_none_with_a_constant),
        cmocka_unit_test(what_is_no_instruction_writes_everything),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, open_decoder, close_decoder);
}
