#include "code/dead_registers.h"

#include <string.h>

#include "base/u64map.h"
#include "base/vector.h"
#include "code/body.h"
#include "code/decoder_internal.h"
#include "code/operation.h"

enum {
    R12 = 1 << 10,
    R13 = 1 << 11,
    R15 = 1 << 13,
    VECTORS = 16,
    STEPS_MAX = 1 << 12
};

static const uint32_t scratch = (R12 | R13 | R15) | UINT32_C(0xffff) << DEAD_VECTOR;

/* A way through the code, and the registers that it has neither read nor overwritten so far. */
struct way {
    address at;
    uint32_t open;
};

struct search {
    const struct pclntab *table;
    struct decoder *decoder;
    const struct func *func;
    struct body body;
    struct u64map seen; /* by address: registers that a way had open there */
    struct ways VECTOR_OF(struct way) ways;
    uint32_t live;
    unsigned steps;
};

struct uses {
    uint32_t read, overwritten;
};

static uint32_t bit_of(x86_reg reg)
{
    static const x86_reg first[] = {X86_REG_XMM0, X86_REG_YMM0, X86_REG_ZMM0};
    uint8_t number = amd64_register(reg);
    if (number != REGISTER_NONE)
        return UINT32_C(1) << number;
    for (size_t i = 0; i < LENGTH_OF(first); i++) {
        if (reg >= first[i] && reg < first[i] + VECTORS)
            return UINT32_C(1) << (DEAD_VECTOR + (reg - first[i]));
    }
    return 0;
}

/* Instructions that give their first operand a new value, whatever it was before. Go's compiler uses the lower halves of vector registers only. */
static bool overwrites(const cs_insn *insn)
{
    switch (insn->id) {
    case X86_INS_MOVSS:
    case X86_INS_MOVSD:
        return insn->detail->x86.operands[1].type == X86_OP_MEM;
    case X86_INS_MOVUPS:
    case X86_INS_MOVAPS:
    case X86_INS_MOVDQU:
    case X86_INS_MOVDQA:
    case X86_INS_MOVQ:
    case X86_INS_MOVD:
    case X86_INS_MOV:
    case X86_INS_MOVABS:
    case X86_INS_MOVZX:
    case X86_INS_MOVSX:
    case X86_INS_MOVSXD:
    case X86_INS_LEA:
        return true;
    default:
        return false;
    }
}

/* Whoever mentions a register reads it, but where all of it is overwritten: four bytes clear the other four. */
static struct uses uses_of(const cs_insn *insn)
{
    enum {
        HALF = 4
    };
    const cs_x86 *x86 = &insn->detail->x86;
    const cs_x86_op *first = &x86->operands[0], *second = &x86->operands[1];
    struct uses uses = {0};
    bool clears = insn->id == X86_INS_XOR || insn->id == X86_INS_XORPS || insn->id == X86_INS_PXOR;
    if (clears && first->type == X86_OP_REG && second->type == X86_OP_REG &&
        first->reg == second->reg && first->size >= HALF)
        return (struct uses){.overwritten = bit_of(first->reg)};
    for (uint8_t i = 0; i < x86->op_count; i++) {
        const cs_x86_op *operand = &x86->operands[i];
        if (operand->type == X86_OP_MEM)
            uses.read |= bit_of(operand->mem.base) | bit_of(operand->mem.index);
        else if (operand->type == X86_OP_REG && i == 0 && operand->size >= HALF && overwrites(insn))
            uses.overwritten |= bit_of(operand->reg);
        else if (operand->type == X86_OP_REG)
            uses.read |= bit_of(operand->reg);
    }
    return uses;
}

/* A call for which the compiler does not save what it keeps in registers; so is one to where no Go function is known. */
static bool keeps_registers(const struct search *search, address callee)
{
    static const char *const names[] = {"runtime.gcWriteBarrier", "runtime.duffzero",
                                        "runtime.duffcopy"};
    struct func func;
    if (!callee) /* a closure or a method: as any Go function */
        return false;
    if (!pclntab_func(search->table, callee, &func))
        return true;
    const char *name = func_name(search->table, &func);
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (!strncmp(name, names[i], strlen(names[i])))
            return true;
    }
    return false;
}

static bool is_inside(const struct search *search, address at)
{
    return at >= search->func->entry && at - search->func->entry < search->body.size;
}

/* Whether the way goes on behind the instruction; where it goes on is in *at. */
static bool goes_on(struct search *search, const struct instruction *instruction, struct way *way)
{
    address next = way->at + instruction->size;
    switch (instruction->kind) {
    case INSTRUCTION_CALL:
        if (!keeps_registers(search, instruction->value))
            return false;
        break;
    case INSTRUCTION_JUMP:
        if (!is_inside(search, instruction->value)) { /* another function, with its arguments */
            search->live |= keeps_registers(search, instruction->value) ? way->open : 0;
            return false;
        }
        next = instruction->value;
        break;
    case INSTRUCTION_BRANCH:
        VECTOR_PUSH(&search->ways, (struct way){.at = instruction->value, .open = way->open});
        break;
    case INSTRUCTION_RETURN:
    case INSTRUCTION_TRAP:
        return false;
    case INSTRUCTION_JUMP_REGISTER:
    case INSTRUCTION_JUMP_TABLE:
        search->live |= way->open;
        return false;
    default:
        break;
    }
    way->at = next;
    return true;
}

/* False if the way ends here, or another one has been here with as much. */
static bool step(struct search *search, struct way *way)
{
    bool is_new = false;
    if (!is_inside(search, way->at) || ++search->steps > STEPS_MAX) {
        search->live |= way->open;
        return false;
    }
    uint32_t before = u64map_intern(&search->seen, way->at, way->open, &is_new);
    if (!is_new && !(way->open & ~before))
        return false;
    u64map_set(&search->seen, way->at, before | way->open);
    uint64_t offset = way->at - search->func->entry;
    struct instruction instruction = decoder_at(search->decoder, search->body.bytes + offset,
                                                search->body.size - offset, way->at);
    if (instruction.kind == INSTRUCTION_UNKNOWN) {
        search->live |= way->open;
        return false;
    }
    struct uses uses = uses_of(search->decoder->scratch); /* which decoder_at() filled */
    search->live |= way->open & uses.read;
    way->open &= ~(uses.read | uses.overwritten);
    return way->open && goes_on(search, &instruction, way);
}

uint32_t dead_registers(struct target *target, const struct program *program,
                        struct decoder *decoder, const struct func *func, address pc)
{
    struct search search = {.table = &program->pclntab, .decoder = decoder, .func = func};
    if (decoder->arch != ARCH_AMD64 || error_ignore(body_read(target, func, &search.body)))
        return 0;
    VECTOR_PUSH(&search.ways, (struct way){.at = pc, .open = scratch});
    while (search.ways.length) {
        struct way way = search.ways.at[--search.ways.length];
        while (step(&search, &way))
            ;
    }
    u64map_deinit(&search.seen);
    VECTOR_DEINIT(&search.ways);
    body_deinit(&search.body);
    return scratch & ~search.live;
}
