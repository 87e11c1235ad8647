#include "code/data_refs.h"

#include "code/body.h"
#include "code/operation.h"

struct search {
    data_note *note;
    void *context;
    bool known[REGISTER_COUNT]; /* constants in registers: on arm64 an address comes in two steps */
    uint64_t values[REGISTER_COUNT];
};

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
    bool constant = operation->kind == OPERATION_SUM || operation->kind == OPERATION_NUMBER;
    if (has_value)
        search->note(search->context, value, constant);
    for (unsigned i = 0; i < REGISTER_COUNT; i++)
        search->known[i] = search->known[i] && !(operation->written >> i & 1);
    if (stores || operation->kind == OPERATION_COMPARE || operation->to >= REGISTER_COUNT)
        return;
    search->known[operation->to] = has_value && constant;
    search->values[operation->to] = value;
}

struct error *data_refs_each(struct target *target, const struct program *program,
                             const struct func *func, data_note *note, void *context)
{
    struct search search = {.note = note, .context = context};
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
            take(&search, &operation);
        }
        at += instruction.size ? instruction.size : program->pclntab.quantum;
    }
    decoder_destroy(decoder);
    return NULL;
}

struct range {
    address low, high;
    struct data_refs *refs;
};

static void note_in_range(void *context, address at, bool taken)
{
    const struct range *range = context;
    (void)taken;
    if (at < range->low || at >= range->high || range->refs->length >= DATA_REFS_MAX)
        return;
    for (size_t i = 0; i < range->refs->length; i++) {
        if (range->refs->at[i] == at)
            return;
    }
    VECTOR_PUSH(range->refs, at);
}

void data_refs_add(struct target *target, const struct program *program, const char *function,
                   address low, address high, struct data_refs *refs)
{
    struct range range = {.low = low, .high = high, .refs = refs};
    struct func func;
    if (pclntab_func_named(&program->pclntab, function, &func))
        error_ignore(data_refs_each(target, program, &func, note_in_range, &range));
}
