/* The amd64 side, on Capstone's operands, and what both sides share. */
#include "code/operation.h"

#include <string.h>

#include "base/memory.h"
#include "code/decoder_internal.h"
#include "code/operation_arm64.h"

enum {
    WORD = 8,
    VECTOR = 16,
    COPY_MAX = 1024, /* how much of a copy in the frame is looked at */
    AMD64_CONTEXT = 9,
    AMD64_STACK = 15,
    AMD64_ARGUMENTS = 9,
    AMD64_BARRIER = 8,
    AMD64_SOURCE = 4, /* SI */
    ARM64_CONTEXT = 26,
    ARM64_STACK = 31,
    ARM64_ARGUMENTS = 16,
    ARM64_BARRIER = 25,
    ARM64_SOURCE = 20,
};

struct registers registers_of(enum architecture arch)
{
    if (arch == ARCH_ARM64)
        return (struct registers){ARM64_STACK, ARM64_CONTEXT, ARM64_ARGUMENTS, ARM64_BARRIER,
                                  ARM64_SOURCE};
    return (struct registers){AMD64_STACK, AMD64_CONTEXT, AMD64_ARGUMENTS, AMD64_BARRIER,
                              AMD64_SOURCE};
}

/* In Go's order: the arguments, the context (DX), then the others. */
uint8_t amd64_register(x86_reg reg)
{
    static const struct {
        uint16_t names[5];
    } registers[] = {
        {{X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH}},
        {{X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH}},
        {{X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH}},
        {{X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, 0}},
        {{X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, 0}},
        {{X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, 0}},
        {{X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, 0}},
        {{X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B, 0}},
        {{X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B, 0}},
        {{X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH}},
        {{X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B, 0}},
        {{X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B, 0}},
        {{X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B, 0}},
        {{X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B, 0}},
        {{X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, 0}},
        {{X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, 0}},
    };
    static uint8_t numbers[X86_REG_ENDING]; /* number + 1; 0: not yet filled */
    if (!numbers[X86_REG_RAX]) {
        for (size_t i = 0; i < LENGTH_OF(registers); i++)
            for (size_t n = 0; n < LENGTH_OF(registers[i].names); n++)
                numbers[registers[i].names[n]] = (uint8_t)(i + 1);
        numbers[0] = 0;
    }
    uint8_t number = reg < X86_REG_ENDING ? numbers[reg] : 0;
    return number ? (uint8_t)(number - 1) : REGISTER_NONE;
}

static struct operation other(void)
{
    return (struct operation){.kind = OPERATION_OTHER,
                              .to = REGISTER_NONE,
                              .from = REGISTER_NONE,
                              .second = REGISTER_NONE};
}

static struct operation two(enum operation_kind kind, uint8_t to, uint8_t from, int64_t number)
{
    struct operation operation = other();
    operation.kind = kind;
    operation.to = to;
    operation.from = from;
    operation.number = number;
    return operation;
}

/* The place base + distance, if that is all there is to it; REGISTER_NONE and the address if it is
 * relative to the instruction. */
static bool plain_place(const cs_insn *insn, const x86_op_mem *memory, uint8_t *base_ret,
                        int64_t *number_ret)
{
    *number_ret = memory->disp;
    *base_ret = REGISTER_NONE;
    if (memory->segment != X86_REG_INVALID || memory->index != X86_REG_INVALID)
        return false;
    if (memory->base == X86_REG_RIP) {
        *number_ret += (int64_t)(insn->address + insn->size);
        return true;
    }
    *base_ret = amd64_register(memory->base);
    return *base_ret != REGISTER_NONE;
}

static struct operation load(const cs_insn *insn, uint8_t to, const cs_x86_op *from)
{
    struct operation operation = two(OPERATION_LOAD, to, REGISTER_NONE, 0);
    if (from->size != WORD || !plain_place(insn, &from->mem, &operation.from, &operation.number)) {
        operation = other();
        operation.written = UINT32_C(1) << to;
    }
    return operation;
}

/* A word that goes to a place that is not known: behind an index, or in another segment. */
static struct operation stored_anywhere(const cs_x86_op *to, const cs_x86_op *from)
{
    struct operation operation = other();
    uint8_t source = from->type == X86_OP_REG ? amd64_register(from->reg) : REGISTER_NONE;
    if (to->size != WORD || source == REGISTER_NONE)
        return operation;
    operation.kind = OPERATION_STORE;
    operation.to = REGISTER_ANY;
    operation.from = source;
    return operation;
}

static struct operation store(const cs_insn *insn, const cs_x86_op *to, const cs_x86_op *from)
{
    struct operation operation = other();
    bool known = plain_place(insn, &to->mem, &operation.to, &operation.number);
    if (!known)
        return stored_anywhere(to, from);
    operation.value = to->size;
    uint8_t source = from->type == X86_OP_REG ? amd64_register(from->reg) : REGISTER_NONE;
    if (to->size == WORD && from->type == X86_OP_IMM) {
        operation.kind = OPERATION_STORE;
        operation.value = from->imm;
    } else if (to->size == WORD && source != REGISTER_NONE) {
        operation.kind = OPERATION_STORE;
        operation.from = source;
    } else {
        operation.kind = OPERATION_SMUDGE;
    }
    return operation;
}

static struct operation move(const cs_insn *insn)
{
    const cs_x86_op *to = &insn->detail->x86.operands[0];
    const cs_x86_op *from = &insn->detail->x86.operands[1];
    if (to->type == X86_OP_MEM)
        return store(insn, to, from);
    uint8_t reg = to->type == X86_OP_REG ? amd64_register(to->reg) : REGISTER_NONE;
    if (reg == REGISTER_NONE)
        return other();
    if (from->type == X86_OP_MEM)
        return load(insn, reg, from);
    if (from->type == X86_OP_IMM && to->size >= WORD / 2)
        return two(OPERATION_NUMBER, reg, REGISTER_NONE, from->imm);
    uint8_t source = from->type == X86_OP_REG ? amd64_register(from->reg) : REGISTER_NONE;
    if (source != REGISTER_NONE && to->size >= WORD / 2)
        return two(OPERATION_MOVE, reg, source, 0);
    struct operation operation = other();
    operation.written = UINT32_C(1) << reg;
    return operation;
}

static struct operation lea(const cs_insn *insn)
{
    const cs_x86 *x86 = &insn->detail->x86;
    uint8_t to = amd64_register(x86->operands[0].reg);
    uint8_t base;
    int64_t number;
    if (to == REGISTER_NONE)
        return other();
    if (x86->operands[0].size < WORD / 2 ||
        !plain_place(insn, &x86->operands[1].mem, &base, &number)) {
        struct operation operation = other();
        operation.written = UINT32_C(1) << to;
        return operation;
    }
    if (base == REGISTER_NONE)
        return two(OPERATION_NUMBER, to, REGISTER_NONE, number);
    return two(OPERATION_SUM, to, base, number);
}

static struct operation add(const cs_insn *insn, int sign)
{
    const cs_x86 *x86 = &insn->detail->x86;
    const cs_x86_op *to = &x86->operands[0];
    struct operation operation = other();
    int64_t number = x86->op_count == 1 ? 1 : x86->operands[1].imm;
    bool constant = x86->op_count == 1 || x86->operands[1].type == X86_OP_IMM;
    if (to->type == X86_OP_MEM) {
        if (plain_place(insn, &to->mem, &operation.to, &operation.number) &&
            operation.to != REGISTER_NONE) {
            operation.kind = OPERATION_SMUDGE;
            operation.value = to->size;
        }
        return operation;
    }
    uint8_t reg = amd64_register(to->reg);
    if (reg == REGISTER_NONE)
        return operation;
    if (constant && to->size >= WORD / 2)
        return two(OPERATION_SUM, reg, reg, sign * number);
    operation.written = UINT32_C(1) << reg;
    return operation;
}

static struct operation compare(const cs_insn *insn)
{
    const cs_x86_op *left = &insn->detail->x86.operands[0];
    const cs_x86_op *right = &insn->detail->x86.operands[1];
    struct operation operation = two(OPERATION_COMPARE, REGISTER_NONE, REGISTER_NONE, 0);
    bool tests = insn->id == X86_INS_TEST;
    bool masks = tests && !(left->type == X86_OP_REG && right->type == X86_OP_REG &&
                            left->reg == right->reg);
    if (masks) /* asks for bits */
        return operation;
    if (left->type == X86_OP_REG)
        operation.to = amd64_register(left->reg);
    if (right->type == X86_OP_IMM)
        operation.value = right->imm;
    else if (tests)
        operation.value = 0;
    else if (right->type == X86_OP_REG)
        operation.from = amd64_register(right->reg);
    const cs_x86_op *memory = left->type == X86_OP_MEM    ? left
                              : right->type == X86_OP_MEM ? right
                                                          : NULL;
    if (memory) {
        if (left == memory && right->type == X86_OP_REG)
            operation.to = amd64_register(right->reg);
        operation.from_memory = plain_place(insn, &memory->mem, &operation.from, &operation.number);
        if (!operation.from_memory)
            operation.to = operation.from = REGISTER_NONE;
    }
    return operation;
}

/* What is pushed or popped is no plain register: the slot, or the place, gets what is not known. */
static struct operation odd_stack_move(const cs_insn *insn, int64_t by)
{
    const cs_x86_op *operand = &insn->detail->x86.operands[0];
    struct operation operation = two(OPERATION_SMUDGE, AMD64_STACK, REGISTER_NONE, 0);
    operation.value = WORD;
    operation.moves_stack = by;
    if (by > 0 && operand->type == X86_OP_REG)
        operation.written = UINT32_C(1) << AMD64_STACK;
    if (by > 0 && (operand->type != X86_OP_MEM ||
                   !plain_place(insn, &operand->mem, &operation.to, &operation.number)))
        operation.kind = OPERATION_OTHER;
    return operation;
}

static struct operation stack_move(const cs_insn *insn, int64_t by)
{
    const cs_x86_op *operand = &insn->detail->x86.operands[0];
    uint8_t reg = operand->type == X86_OP_REG ? amd64_register(operand->reg) : REGISTER_NONE;
    struct operation operation = other();
    if (reg == REGISTER_NONE || reg == AMD64_STACK)
        return odd_stack_move(insn, by);
    if (by < 0)
        operation = two(OPERATION_STORE, AMD64_STACK, reg, 0);
    else
        operation = two(OPERATION_LOAD, reg, AMD64_STACK, 0);
    operation.moves_stack = by;
    operation.moves_after = by > 0;
    return operation;
}

/* What Capstone 4 leaves out: the implicit registers of CMPXCHG and of string instructions. */
static uint32_t written_unsaid(const cs_insn *insn)
{
    enum {
        AX = 1 << 0,
        CX = 1 << 2,
        DI = 1 << 3,
        SI = 1 << 4,
        DX = 1 << AMD64_CONTEXT
    };
    switch (insn->id) {
    case X86_INS_CMPXCHG:
        return AX;
    case X86_INS_CMPXCHG8B:
    case X86_INS_CMPXCHG16B:
        return AX | DX;
    case X86_INS_MOVSD: /* the other one of that name has a vector register */
        if (insn->detail->x86.operands[0].type == X86_OP_REG ||
            insn->detail->x86.operands[1].type == X86_OP_REG)
            return 0;
        return CX | DI | SI;
    case X86_INS_MOVSB:
    case X86_INS_MOVSW:
    case X86_INS_MOVSQ:
    case X86_INS_STOSB:
    case X86_INS_STOSW:
    case X86_INS_STOSD:
    case X86_INS_STOSQ:
        return CX | DI | SI;
    case X86_INS_LODSB:
    case X86_INS_LODSW:
    case X86_INS_LODSD:
    case X86_INS_LODSQ:
        return AX | CX | SI;
    default:
        return 0;
    }
}

/* CMOVcc stand together, in alphabetical order. From memory: what is loaded is not known. */
static bool choice(const cs_insn *insn, struct operation *operation_ret)
{
    const cs_x86 *x86 = &insn->detail->x86;
    bool is_cmov = insn->id >= X86_INS_CMOVA && insn->id <= X86_INS_CMOVS;
    if (!is_cmov || x86->op_count != 2 || x86->operands[0].type != X86_OP_REG ||
        x86->operands[1].type != X86_OP_REG || x86->operands[0].size < WORD / 2)
        return false;
    uint8_t to = amd64_register(x86->operands[0].reg);
    *operation_ret = two(OPERATION_CHOICE, to, amd64_register(x86->operands[1].reg), 0);
    operation_ret->second = to;
    return to != REGISTER_NONE && operation_ret->from != REGISTER_NONE;
}

/* XCHG, CMPXCHG and XADD with memory store their register. */
static bool exchange(const cs_insn *insn, struct operation *operation_ret)
{
    const cs_x86 *x86 = &insn->detail->x86;
    bool exchanges =
        insn->id == X86_INS_XCHG || insn->id == X86_INS_CMPXCHG || insn->id == X86_INS_XADD;
    if (!exchanges || x86->op_count != 2)
        return false;
    bool turned = x86->operands[1].type == X86_OP_MEM;
    const cs_x86_op *memory = &x86->operands[turned], *reg = &x86->operands[!turned];
    uint8_t number = reg->type == X86_OP_REG ? amd64_register(reg->reg) : REGISTER_NONE;
    if (memory->type != X86_OP_MEM || number == REGISTER_NONE)
        return false;
    *operation_ret = store(insn, memory, reg);
    operation_ret->written |= written_unsaid(insn);
    if (insn->id != X86_INS_CMPXCHG)
        operation_ret->written |= UINT32_C(1) << number;
    return true;
}

/* All that the instruction writes, by Capstone's own account. */
static struct operation unknown(struct decoder *decoder, const cs_insn *insn)
{
    struct operation operation = other();
    struct operation special;
    if (choice(insn, &special) || exchange(insn, &special))
        return special;
    cs_regs read, written;
    uint8_t read_count = 0, written_count = 0;
    if (cs_regs_access(decoder->capstone, insn, read, &read_count, written, &written_count))
        operation.written = UINT32_MAX;
    for (uint8_t i = 0; i < written_count; i++) {
        uint8_t reg = amd64_register(written[i]);
        if (reg != REGISTER_NONE)
            operation.written |= UINT32_C(1) << reg;
    }
    const cs_x86 *x86 = &insn->detail->x86;
    if (x86->op_count > 1 && x86->operands[1].type == X86_OP_MEM &&
        x86->operands[1].size >= VECTOR &&
        plain_place(insn, &x86->operands[1].mem, &operation.from, &operation.number) &&
        operation.from != REGISTER_NONE) {
        operation.kind = OPERATION_SPREAD;
        operation.value = x86->operands[1].size;
    } else if (insn->id == X86_INS_MOVSQ) { /* REP MOVSQ copies from SI */
        operation.kind = OPERATION_SPREAD;
        operation.from = amd64_register(X86_REG_RSI);
        operation.value = COPY_MAX;
    }
    operation.written |= written_unsaid(insn);
    /* Capstone 4 does not say of all stores that they write; that one more is taken for one costs
     * little. */
    if (operation.kind == OPERATION_OTHER && x86->op_count && x86->operands[0].type == X86_OP_MEM &&
        plain_place(insn, &x86->operands[0].mem, &operation.to, &operation.number) &&
        operation.to != REGISTER_NONE) {
        operation.kind = OPERATION_SMUDGE;
        operation.value = x86->operands[0].size;
    }
    return operation;
}

static struct operation reduce(struct decoder *decoder, const cs_insn *insn)
{
    const cs_x86 *x86 = &insn->detail->x86;
    switch (insn->id) {
    case X86_INS_MOV:
    case X86_INS_MOVABS:
        return move(insn);
    case X86_INS_MOVUPS:
    case X86_INS_MOVUPD:
    case X86_INS_MOVDQU:
    case X86_INS_MOVAPS:
    case X86_INS_MOVQ:
    case X86_INS_MOVSD:
        if (x86->operands[0].type == X86_OP_MEM && x86->operands[1].type != X86_OP_MEM)
            return store(insn, &x86->operands[0], &x86->operands[1]);
        break;
    case X86_INS_LEA:
        return lea(insn);
    case X86_INS_XOR:
        if (x86->operands[0].type == X86_OP_REG && x86->operands[1].type == X86_OP_REG &&
            x86->operands[0].reg == x86->operands[1].reg && x86->operands[0].size >= WORD / 2 &&
            amd64_register(x86->operands[0].reg) != REGISTER_NONE)
            return two(OPERATION_NUMBER, amd64_register(x86->operands[0].reg), REGISTER_NONE, 0);
        break;
    case X86_INS_ADD:
    case X86_INS_INC:
        return add(insn, 1);
    case X86_INS_SUB:
    case X86_INS_DEC:
        return add(insn, -1);
    case X86_INS_CMP:
    case X86_INS_TEST:
        return compare(insn);
    case X86_INS_PUSH:
        return stack_move(insn, -WORD);
    case X86_INS_POP:
        return stack_move(insn, WORD);
    case X86_INS_NOP:
        return other();
    }
    return unknown(decoder, insn);
}

struct operation operation_at(struct decoder *decoder, const uint8_t *bytes, size_t size,
                              address at)
{
    if (decoder->arch == ARCH_ARM64)
        return operation_arm64(bytes, size, at);
    uint64_t next = at;
    if (!cs_disasm_iter(decoder->capstone, &bytes, &size, &next, decoder->scratch)) {
        struct operation operation = other();
        operation.written = UINT32_MAX;
        return operation;
    }
    return reduce(decoder, decoder->scratch);
}
