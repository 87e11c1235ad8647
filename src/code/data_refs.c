#include "code/data_refs.h"

#include "code/body.h"
#include "code/operation.h"

struct search {
    address low, high;
    struct data_refs *refs;
    bool known[REGISTER_COUNT]; /* constants in registers: on arm64 an address comes in two steps */
    uint64_t values[REGISTER_COUNT];
};

static void note(struct search *search, uint64_t at)
{
    if (at < search->low || at >= search->high || search->refs->length >= DATA_REFS_MAX)
        return;
    for (size_t i = 0; i < search->refs->length; i++) {
        if (search->refs->at[i] == at)
            return;
    }
    VECTOR_PUSH(search->refs, at);
}

static bool value_of(const struct search *search, uint8_t base, int64_t number, uint64_t *value_ret)
{
    bool fixed = base == REGISTER_NONE;
    if (!fixed && (base >= REGISTER_COUNT || !search->known[base]))
        return false;
    *value_ret = (fixed ? 0 : search->values[base]) + (uint64_t)number;
    return true;
}

static void take(struct search *search, const struct operation *operation)
{
    uint64_t value = 0;
    bool stores = operation->kind == OPERATION_STORE || operation->kind == OPERATION_SMUDGE;
    uint8_t base = stores ? operation->to : operation->from;
    bool names = stores || operation->kind == OPERATION_LOAD || operation->kind == OPERATION_SUM ||
                 operation->kind == OPERATION_NUMBER ||
                 (operation->kind == OPERATION_COMPARE && operation->from_memory);
    if (operation->kind == OPERATION_NUMBER)
        base = REGISTER_NONE;
    bool has_value = names && value_of(search, base, operation->number, &value);
    if (has_value)
        note(search, value);
    for (unsigned i = 0; i < REGISTER_COUNT; i++)
        search->known[i] = search->known[i] && !(operation->written >> i & 1);
    if (stores || operation->kind == OPERATION_COMPARE || operation->to >= REGISTER_COUNT)
        return;
    bool constant = operation->kind == OPERATION_SUM || operation->kind == OPERATION_NUMBER;
    search->known[operation->to] = has_value && constant;
    search->values[operation->to] = value;
}

static struct error *search_body(struct target *target, const struct program *program,
                                 const struct func *func, struct search *search)
{
    AUTO_BODY struct body body = {0};
    struct decoder *decoder = NULL;
    TRY(body_read(target, func, &body));
    TRY(decoder_create(program->arch, &decoder));
    for (size_t at = 0; at < body.size;) {
        const uint8_t *bytes = body.bytes + at;
        struct instruction instruction =
            decoder_at(decoder, bytes, body.size - at, func->entry + at);
        if (instruction.size) {
            struct operation operation =
                operation_at(decoder, bytes, body.size - at, func->entry + at);
            take(search, &operation);
        }
        at += instruction.size ? instruction.size : program->pclntab.quantum;
    }
    decoder_destroy(decoder);
    return NULL;
}

void data_refs_add(struct target *target, const struct program *program, const char *function,
                   address low, address high, struct data_refs *refs)
{
    struct search search = {.low = low, .high = high, .refs = refs};
    struct func func;
    if (pclntab_func_named(&program->pclntab, function, &func))
        error_ignore(search_body(target, program, &func, &search));
}
