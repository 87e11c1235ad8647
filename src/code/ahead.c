#include "code/ahead.h"

#include "code/adjacency.h"
#include "code/flow.h"

struct sweep {
    struct target *target;
    const struct program *program;
    struct ahead_calls *calls;
    uint16_t base; /* arm64: the register that has the page of an address */
    address page;
};

static bool is_entry(const struct program *program, address at)
{
    struct func func;
    return pclntab_func(&program->pclntab, at, &func) && func.entry == at;
}

/* A function's value is a pointer to read-only memory that holds its entry, or, in a closure, the entry itself. */
static void take_value(struct sweep *sweep, address at)
{
    const struct pclntab *table = &sweep->program->pclntab;
    uint64_t word = at;
    size_t left = 0;
    if (at < table->text || at >= table->text_end) {
        if (at % 8 || !target_view(sweep->target, at, true, &left) || left < 8)
            return;
        struct error *error = target_u64(sweep->target, at, &word);
        if (error_ignore(error))
            return;
    }
    if (is_entry(sweep->program, word))
        VECTOR_PUSH(sweep->calls, (struct ahead_call){.callee = word});
}

static void take(struct sweep *sweep, const struct instruction *instruction, address next)
{
    switch (instruction->kind) {
    case INSTRUCTION_CALL:
    case INSTRUCTION_JUMP:
        if (instruction->value && is_entry(sweep->program, instruction->value))
            VECTOR_PUSH(sweep->calls,
                        (struct ahead_call){.callee = instruction->value, .return_pc = next});
        break;
    case INSTRUCTION_ADDRESS:
        sweep->base = instruction->reg;
        sweep->page = instruction->value;
        take_value(sweep, instruction->value);
        break;
    case INSTRUCTION_ADD:
        if (instruction->base == sweep->base)
            take_value(sweep, sweep->page + instruction->value);
        break;
    default:
        break;
    }
}

/* Marks the nodes that come after the frame's pc; false if they are not known. */
static bool mark_ahead(const struct traced *traced, address entry, size_t size, address pc,
                       bool *ahead)
{
    struct flow_graph graph = traced_graph(traced);
    AUTO_ADJACENCY struct adjacency next = {0};
    AUTO_FREE uint32_t *work = xmalloc(((size_t)graph.node_count + 1) * sizeof(*work));
    uint32_t start = UINT32_MAX, length = 0;
    if (pc <= entry || pc - entry > size)
        return false;
    for (size_t i = 0; i < traced->calls.length; i++) {
        if (traced->calls.at[i].return_pc == pc)
            start = traced->calls.at[i].node;
    }
    if (start == UINT32_MAX && pc - entry < size && traced->node_at[pc - entry]) {
        start = traced->node_at[pc - entry] - 1;
        ahead[start] = true;
    }
    if (start == UINT32_MAX)
        return false;
    adjacency_init(&next, &graph, false);
    work[length++] = start;
    while (length) {
        uint32_t node = work[--length];
        if (graph.nodes[node] == NODE_OPEN)
            return false;
        for (uint32_t i = next.first[node]; i < next.first[node + 1]; i++) {
            uint32_t to = next.to[i];
            if (!ahead[to])
                work[length++] = to;
            ahead[to] = true;
        }
    }
    return true;
}

/* By offset: is it an instruction that is ahead? NULL: all may be. */
static bool *offsets_ahead(const struct function_code *function, address pc)
{
    AUTO_TRACED struct traced traced = {0};
    size_t size = function->body.size;
    if (!pc || error_ignore(trace_function(&function->code, &traced)))
        return NULL;
    AUTO_FREE bool *nodes = xcalloc(traced.nodes.length + 1, sizeof(*nodes));
    if (!mark_ahead(&traced, function->func.entry, size, pc, nodes))
        return NULL;
    bool *ahead = xcalloc(size + 1, sizeof(*ahead));
    for (size_t i = 0; i < traced.nodes.length; i++)
        ahead[traced.at.at[i]] = nodes[i];
    return ahead;
}

void ahead_of(struct target *target, const struct program *program, struct decoder *decoder,
              const struct func *func, address pc, struct ahead_calls *calls_ret)
{
    __attribute__((cleanup(flow_close))) struct function_code function = {0};
    struct sweep sweep = {.target = target, .program = program, .calls = calls_ret};
    *calls_ret = (struct ahead_calls){0};
    if (error_ignore(flow_open(target, program, func, decoder, &function)))
        return;
    AUTO_FREE bool *ahead = offsets_ahead(&function, pc);
    const struct body *body = &function.body;
    for (size_t at = 0; at < body->size;) {
        struct instruction instruction =
            decoder_at(decoder, body->bytes + at, body->size - at, func->entry + at);
        unsigned size = instruction.size ? instruction.size : program->pclntab.quantum;
        if (instruction.size && (!ahead || ahead[at]))
            take(&sweep, &instruction, func->entry + at + size);
        at += size;
    }
}
