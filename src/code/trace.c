/* Follows compiled Go. A node is one instruction, found at one byte offset; node 0 is the call
 * itself.
 *
 * Only normal flow is followed. Not normal are:
 * - what follows a call that never returns. Go's compiler ends the block there (BlockExit in
 *   cmd/compile/internal/ssagen/ssa.go) and places any other block behind the call, among them the
 *   shared block at _func.deferreturn that recovery enters since Go 1.25;
 * - the way that recovery takes up to Go 1.24: deferproc returns 1, and a conditional jump right
 *   behind the call takes it (BlockDefer in cmd/compile/internal/amd64/ssa.go and arm64/ssa.go):
 *   NOPs, a test of the result, jump if not zero;
 * - the call of morestack, which only the function's first instructions reach. */
#include "code/trace.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/vector.h"
#include "code/jump_table.h"

struct trace {
    const struct code *code;
    struct decoder *decoder;
    address
        return_pc; /* of the call that is node 0; 0 if node 0 is the function's first instruction */
    struct traced got;
    struct node_ids before; /* by node: the node from which it was found */
    struct node_ids work;   /* nodes not yet followed */
    unsigned tables;        /* jump tables looked for */
};

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* By prefix, because their number grows: panicIndex and its kin became panicBounds in Go 1.26. */
enum call_effect call_effect_named(const char *name)
{
    static const char *const returns[] = {"panicCheck", "fatalsignal"};
    static const char *const fails[] = {"goPanic", "panic",     "throw",   "fatal",
                                        "goexit",  "morestack", "sigpanic"};
    if (!starts_with(name, "runtime."))
        return CALL_RETURNS;
    name += strlen("runtime.");
    if (starts_with(name, "deferproc") || strcmp(name, "deferrangefunc") == 0)
        return CALL_DEFERS;
    if (strcmp(name, "Goexit") == 0 || strcmp(name, "gopanic") == 0)
        return CALL_LEAVES;
    if (strcmp(name, "block") == 0)
        return CALL_STOPS;
    for (size_t i = 0; i < LENGTH_OF(returns); i++)
        if (starts_with(name, returns[i]))
            return CALL_RETURNS;
    for (size_t i = 0; i < LENGTH_OF(fails); i++)
        if (starts_with(name, fails[i]))
            return CALL_FAILS;
    return CALL_RETURNS;
}

static uint32_t add_node(struct trace *trace, uint32_t offset, uint32_t before)
{
    uint32_t node = (uint32_t)trace->got.nodes.length;
    VECTOR_PUSH(&trace->got.nodes, NODE_PLAIN);
    VECTOR_PUSH(&trace->got.conditions, CONDITION_NONE);
    VECTOR_PUSH(&trace->got.at, offset);
    VECTOR_PUSH(&trace->before, before);
    return node;
}

static void add_edge(struct trace *trace, uint32_t from, uint32_t to)
{
    VECTOR_PUSH(&trace->got.edges, (struct flow_edge){.from = from, .to = to});
}

/* Goes on at an address: to another place of this function, or out of it, which is as good as a
 * return. */
static void go_to(struct trace *trace, uint32_t from, address to)
{
    address offset = to - trace->code->entry;
    if (offset >= trace->code->size) {
        trace->got.nodes.at[from] = NODE_RETURNS;
        return;
    }
    uint32_t *known = &trace->got.node_at[offset];
    if (*known == 0) {
        uint32_t node = add_node(trace, (uint32_t)offset, from);
        *known = node + 1;
        VECTOR_PUSH(&trace->work, node);
    }
    add_edge(trace, from, *known - 1);
}

/* The same for the next instruction: there is always one, in code that is what it seems. */
static void fall_through(struct trace *trace, uint32_t from, address to, enum flow_node at_the_end)
{
    if (to - trace->code->entry < trace->code->size)
        go_to(trace, from, to);
    else
        trace->got.nodes.at[from] = (uint8_t)at_the_end;
}

static void follow_unknown(struct trace *trace, uint32_t node, address pc, unsigned size)
{
    const struct code *code = trace->code;
    trace->got.nodes.at[node] = NODE_OPEN;
    trace->got.undecoded++;
    address next = pc + size;
    if (size == 0)
        next = code->next_known && trace->got.undecoded <= TRACE_RESYNC_MAX
                   ? code->next_known(code->context, pc)
                   : 0;
    if (next > pc && next - code->entry < code->size)
        go_to(trace, node, next);
}

/* The instruction at an address of the code; UNKNOWN outside of it. */
static struct instruction decode(struct trace *trace, address pc)
{
    const struct code *code = trace->code;
    address offset = pc - code->entry;
    if (offset >= code->size)
        return (struct instruction){.kind = INSTRUCTION_UNKNOWN};
    return decoder_at(trace->decoder, code->bytes + offset, code->size - offset, pc);
}

/* Where normal flow goes on after a call that defers: behind the test for recovery, if there is
 * one. Since Go 1.25 there is none, and no code tests a result that the call does not have. */
static address behind_recovery_test(struct trace *trace, address pc)
{
    address at = pc;
    struct instruction instruction = decode(trace, at);
    for (unsigned nops = 0; nops < 16 && instruction.kind == INSTRUCTION_NOP; nops++) {
        at += instruction.size;
        instruction = decode(trace, at);
    }
    if (instruction.kind != INSTRUCTION_TEST_RESULT)
        return pc;
    at += instruction.size;
    instruction = decode(trace, at);
    if (instruction.kind != INSTRUCTION_BRANCH || instruction.condition != CONDITION_NOT_EQUAL)
        return pc;
    return at + instruction.size;
}

static enum call_effect effect_of(const struct code *code, const struct instruction *call)
{
    if (call->kind != INSTRUCTION_CALL || !call->value || !code->call_effect)
        return CALL_RETURNS;
    return code->call_effect(code->context, call->value);
}

static void follow_call(struct trace *trace, uint32_t node, const struct instruction *call,
                        address next)
{
    VECTOR_PUSH(&trace->got.calls,
                (struct traced_call){.node = node, .callee = call->value, .return_pc = next});
    switch (effect_of(trace->code, call)) {
    case CALL_FAILS:
        trace->got.nodes.at[node] = NODE_FAILS;
        return;
    case CALL_STOPS:
        trace->got.nodes.at[node] = NODE_STOPS;
        return;
    case CALL_LEAVES:
        trace->got.nodes.at[node] = NODE_RETURNS;
        return;
    case CALL_DEFERS:
        next = behind_recovery_test(trace, next);
        break;
    case CALL_RETURNS:
        break;
    }
    /* Nothing stands behind it: the compiler knew that it never returns. */
    fall_through(trace, node, next, NODE_FAILS);
}

/* The instructions before a node, on the way that led to it first. */
struct way_back {
    struct trace *trace;
    uint32_t node;
};

static bool step_back(void *context, struct instruction *instruction_ret)
{
    struct way_back *way = context;
    if (way->node == 0)
        return false;
    way->node = way->trace->before.at[way->node];
    if (way->node == 0)
        return false;
    *instruction_ret =
        decode(way->trace, way->trace->code->entry + way->trace->got.at.at[way->node]);
    return true;
}

static void follow_table(struct trace *trace, uint32_t node, const struct instruction *jump)
{
    const struct code *code = trace->code;
    struct way_back way = {.trace = trace, .node = node};
    trace->got.nodes.at[node] = NODE_OPEN;
    if (!code->read_word || ++trace->tables > TRACE_TABLES_MAX)
        return;
    address table = jump_table_find(jump, step_back, &way);
    if (!table)
        return;
    /* How long it is, its content says: another function's table or other data follows. If another
     * table of this function follows, there are ways too many, which can hide a proof but not make
     * one. */
    for (unsigned i = 0; i < TRACE_TABLE_MAX; i++) {
        uint64_t to;
        bool is_entry = code->read_word(code->context, table + 8 * (address)i, &to) &&
                        to - code->entry < code->size;
        if (!is_entry) {
            if (i > 0)
                trace->got.nodes.at[node] = NODE_PLAIN;
            return;
        }
        go_to(trace, node, to);
    }
}

static void follow(struct trace *trace, uint32_t node)
{
    address pc = trace->code->entry + trace->got.at.at[node];
    struct instruction instruction = decode(trace, pc);
    address next = pc + instruction.size;
    switch (instruction.kind) {
    case INSTRUCTION_CALL:
        if (trace->return_pc && next == trace->return_pc)
            add_edge(trace, node, 0);
        else
            follow_call(trace, node, &instruction, next);
        break;
    case INSTRUCTION_BRANCH:
        trace->got.conditions.at[node] = (uint8_t)instruction.condition;
        go_to(trace, node, instruction.value);
        fall_through(trace, node, next, NODE_OPEN);
        break;
    case INSTRUCTION_JUMP:
        go_to(trace, node, instruction.value);
        break;
    case INSTRUCTION_JUMP_REGISTER:
    case INSTRUCTION_JUMP_TABLE:
        follow_table(trace, node, &instruction);
        break;
    case INSTRUCTION_RETURN:
        trace->got.nodes.at[node] = NODE_RETURNS;
        break;
    case INSTRUCTION_TRAP:
        trace->got.nodes.at[node] = NODE_FAILS;
        break;
    case INSTRUCTION_UNKNOWN:
        follow_unknown(trace, node, pc, instruction.size);
        break;
    case INSTRUCTION_NOP:
        /* The compiler puts one at a function's end, behind a call that never returns (genssa,
         * "Ginsnop"). */
        fall_through(trace, node, next, NODE_FAILS);
        break;
    default:
        fall_through(trace, node, next, NODE_OPEN);
        break;
    }
}

static unsigned direct_call_size(enum architecture arch)
{
    return arch == ARCH_AMD64 ? 5 : 4;
}

static struct error *follow_all(struct trace *trace)
{
    while (trace->work.length > 0) {
        if (trace->got.nodes.length > TRACE_MAX || trace->got.edges.length > 4 * (size_t)TRACE_MAX)
            return error_create(ERROR_LIMIT, "a function has more than %d instructions", TRACE_MAX);
        follow(trace, trace->work.at[--trace->work.length]);
    }
    return NULL;
}

/* Node 0 is the call itself. */
static void start_behind_call(struct trace *trace)
{
    uint32_t call = add_node(trace, 0, 0);
    address next = trace->return_pc;
    struct instruction direct = decode(trace, next - direct_call_size(trace->code->arch));
    if (effect_of(trace->code, &direct) == CALL_DEFERS)
        next = behind_recovery_test(trace, next);
    fall_through(trace, call, next, NODE_FAILS);
}

static void start_at_entry(struct trace *trace)
{
    uint32_t node = add_node(trace, 0, 0);
    trace->got.node_at[0] = node + 1;
    VECTOR_PUSH(&trace->work, node);
}

void traced_deinit(struct traced *traced)
{
    free(traced->node_at);
    VECTOR_DEINIT(&traced->nodes);
    VECTOR_DEINIT(&traced->conditions);
    VECTOR_DEINIT(&traced->at);
    VECTOR_DEINIT(&traced->calls);
    VECTOR_DEINIT(&traced->edges);
    *traced = (struct traced){0};
}

static void trace_deinit(struct trace *trace)
{
    if (trace->decoder && trace->decoder != trace->code->decoder)
        decoder_destroy(trace->decoder);
    traced_deinit(&trace->got);
    VECTOR_DEINIT(&trace->before);
    VECTOR_DEINIT(&trace->work);
}

static struct error *run(struct trace *trace)
{
    const struct code *code = trace->code;
    if (code->size > TRACE_BYTES_MAX)
        return error_create(ERROR_LIMIT, "a function of %zu bytes", code->size);
    trace->decoder = code->decoder;
    if (!trace->decoder)
        TRY(decoder_create(code->arch, &trace->decoder));
    TRY(memory_try(code->size, sizeof(*trace->got.node_at), &trace->got.node_at));
    if (trace->return_pc)
        start_behind_call(trace);
    else
        start_at_entry(trace);
    return follow_all(trace);
}

struct flow_graph traced_graph(const struct traced *traced)
{
    return (struct flow_graph){
        .nodes = traced->nodes.at,
        .node_count = (uint32_t)traced->nodes.length,
        .edges = traced->edges.at,
        .edge_count = traced->edges.length,
    };
}

struct error *trace_function(const struct code *code, struct traced *traced_ret)
{
    __attribute__((cleanup(trace_deinit))) struct trace trace = {.code = code};
    if (!code->size)
        return error_create(ERROR_BAD_DATA, "a function without code");
    TRY(run(&trace));
    *traced_ret = trace.got;
    trace.got = (struct traced){0};
    return NULL;
}

struct error *trace_loop(const struct code *code, address return_pc, struct loop_facts *facts_ret)
{
    __attribute__((cleanup(trace_deinit))) struct trace trace = {.code = code,
                                                                 .return_pc = return_pc};
    /* A return address may be the function's end: of a call behind which nothing stands. */
    if (return_pc - code->entry - 1 >= code->size)
        return error_create(ERROR_BAD_DATA, "0x%llx is not in the function at 0x%llx",
                            (unsigned long long)return_pc, (unsigned long long)code->entry);
    TRY(run(&trace));
    struct flow_graph graph = traced_graph(&trace.got);
    *facts_ret = flow_graph_facts(&graph, 0);
    facts_ret->undecoded = trace.got.undecoded;
    return NULL;
}
