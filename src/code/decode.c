/* The amd64 side: Capstone's instructions by id and operands. Which registers and shapes matter is
 * what Go's compiler makes: cmd/compile/internal/amd64/ssa.go (BlockDefer up to Go 1.24;
 * BlockAMD64JUMPTABLE since Go 1.19). */
#include "code/decode.h"

#include <string.h>

#include "base/memory.h"
#include "code/decode_arm64.h"
#include "code/decoder_internal.h"

struct error *decoder_create(enum architecture arch, struct decoder **decoder_ret)
{
    struct decoder *decoder = xcalloc(1, sizeof(*decoder));
    decoder->arch = arch;
    if (arch == ARCH_AMD64) {
        cs_err failure = cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->capstone);
        if (failure != CS_ERR_OK) {
            free(decoder);
            return error_create(ERROR_UNSUPPORTED, "the disassembler can't start: %s",
                                cs_strerror(failure));
        }
        cs_option(decoder->capstone, CS_OPT_DETAIL, CS_OPT_ON);
        decoder->scratch = cs_malloc(decoder->capstone);
        if (!decoder->scratch) {
            decoder_destroy(decoder);
            return error_create(ERROR_NO_MEMORY, "no memory for the disassembler");
        }
    }
    *decoder_ret = decoder;
    return NULL;
}

void decoder_destroy(struct decoder *decoder)
{
    if (!decoder)
        return;
    if (decoder->scratch)
        cs_free(decoder->scratch, 1);
    if (decoder->capstone)
        cs_close(&decoder->capstone);
    free(decoder);
}

/* Capstone's ids of the conditional jumps stand together, in alphabetical order. */
static bool is_branch(unsigned id)
{
    return (id >= X86_INS_JAE && id <= X86_INS_JS && id != X86_INS_JMP) || id == X86_INS_LOOP ||
           id == X86_INS_LOOPE || id == X86_INS_LOOPNE || id == X86_INS_XBEGIN;
}

static enum condition condition_of(unsigned id)
{
    switch (id) {
    case X86_INS_JE:
        return CONDITION_EQUAL;
    case X86_INS_JNE:
        return CONDITION_NOT_EQUAL;
    case X86_INS_JL:
        return CONDITION_LESS;
    case X86_INS_JLE:
        return CONDITION_LESS_EQUAL;
    case X86_INS_JG:
        return CONDITION_GREATER;
    case X86_INS_JGE:
        return CONDITION_GREATER_EQUAL;
    case X86_INS_JB:
        return CONDITION_BELOW;
    case X86_INS_JBE:
        return CONDITION_BELOW_EQUAL;
    case X86_INS_JA:
        return CONDITION_ABOVE;
    case X86_INS_JAE:
        return CONDITION_ABOVE_EQUAL;
    default:
        return CONDITION_NONE;
    }
}

/* A jump that is not to a fixed place. */
static void jump_indirect(const cs_x86_op *operand, struct instruction *instruction)
{
    instruction->kind = INSTRUCTION_JUMP_REGISTER;
    if (operand->type == X86_OP_REG) {
        instruction->reg = (uint16_t)operand->reg;
    } else if (operand->type == X86_OP_MEM && operand->mem.index != X86_REG_INVALID &&
               operand->mem.scale == 8 && operand->mem.disp == 0 &&
               operand->mem.base != X86_REG_INVALID) {
        instruction->kind = INSTRUCTION_JUMP_TABLE;
        instruction->base = (uint16_t)operand->mem.base;
    }
}

static void load_or_lea(const cs_insn *insn, struct instruction *instruction)
{
    const cs_x86 *x86 = &insn->detail->x86;
    if (x86->op_count != 2 || x86->operands[0].type != X86_OP_REG ||
        x86->operands[1].type != X86_OP_MEM)
        return;
    const x86_op_mem *memory = &x86->operands[1].mem;
    instruction->reg = (uint16_t)x86->operands[0].reg;
    if (insn->id == X86_INS_LEA && memory->base == X86_REG_RIP) {
        instruction->kind = INSTRUCTION_ADDRESS;
        instruction->value = insn->address + insn->size + (uint64_t)memory->disp;
    } else if (insn->id == X86_INS_MOV && memory->scale == 8 && memory->disp == 0 &&
               memory->index != X86_REG_INVALID && memory->base != X86_REG_INVALID &&
               memory->segment == X86_REG_INVALID && x86->operands[0].size == 8) {
        instruction->kind = INSTRUCTION_LOAD_INDEXED;
        instruction->base = (uint16_t)memory->base;
    }
}

static struct instruction reduce(const cs_insn *insn)
{
    struct instruction instruction = {.kind = INSTRUCTION_PLAIN, .size = (uint8_t)insn->size};
    const cs_x86_op *first = &insn->detail->x86.operands[0];
    bool is_fixed = insn->detail->x86.op_count == 1 && first->type == X86_OP_IMM;
    if (is_branch(insn->id)) {
        instruction.kind = is_fixed ? INSTRUCTION_BRANCH : INSTRUCTION_UNKNOWN;
        instruction.value = is_fixed ? (address)first->imm : 0;
        instruction.condition = condition_of(insn->id);
        return instruction;
    }
    switch (insn->id) {
    case X86_INS_CALL:
        instruction.kind = INSTRUCTION_CALL;
        instruction.value = is_fixed ? (address)first->imm : 0;
        break;
    case X86_INS_JMP:
        instruction.kind = INSTRUCTION_JUMP;
        instruction.value = (address)first->imm;
        if (!is_fixed)
            jump_indirect(first, &instruction);
        break;
    case X86_INS_RET:
        instruction.kind = INSTRUCTION_RETURN;
        break;
    case X86_INS_UD2:
    case X86_INS_UD2B:
    case X86_INS_UD0:
    case X86_INS_INT3:
    case X86_INS_HLT:
        instruction.kind = INSTRUCTION_TRAP;
        break;
    case X86_INS_LCALL:
    case X86_INS_LJMP:
    case X86_INS_RETF:
    case X86_INS_RETFQ:
    case X86_INS_IRET:
    case X86_INS_IRETD:
    case X86_INS_IRETQ:
    case X86_INS_SYSRET:
    case X86_INS_SYSEXIT:
        instruction.kind = INSTRUCTION_UNKNOWN;
        break;
    case X86_INS_NOP:
        instruction.kind = INSTRUCTION_NOP;
        break;
    case X86_INS_TEST:
        if (insn->size == 2 && memcmp(insn->bytes, "\x85\xc0", 2) == 0)
            instruction.kind = INSTRUCTION_TEST_RESULT;
        break;
    case X86_INS_LEA:
    case X86_INS_MOV:
        load_or_lea(insn, &instruction);
        break;
    }
    return instruction;
}

struct instruction decoder_at(struct decoder *decoder, const uint8_t *bytes, size_t size,
                              address at)
{
    if (decoder->arch == ARCH_ARM64)
        return decode_arm64(bytes, size, at);
    uint64_t next = at;
    if (!cs_disasm_iter(decoder->capstone, &bytes, &size, &next, decoder->scratch))
        return (struct instruction){.kind = INSTRUCTION_UNKNOWN};
    return reduce(decoder->scratch);
}
