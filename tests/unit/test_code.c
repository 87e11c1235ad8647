/* Machine code: the graph against a naive enumeration of paths, hand-assembled functions as Go's
 * compiler makes them, the arm64 decoder against Capstone, and random bytes. */
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
#include "code/calls.h"
#include "code/decode_arm64.h"
#include "code/trace.h"

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

/* ---- the graph, against an enumeration of all simple paths ---- */

enum {
    NODES_MAX = 7,
    EDGES_MAX = 14
};

static bool naive_path(const struct flow_graph *graph, uint32_t from, uint32_t to, unsigned seen)
{
    for (size_t i = 0; i < graph->edge_count; i++) {
        uint32_t next = graph->edges[i].to;
        if (graph->edges[i].from != from || seen & 1u << next)
            continue;
        if (next == to || naive_path(graph, next, to, seen | 1u << next))
            return true;
    }
    return false;
}

/* A walk from the node that ends well, or goes round. */
static bool naive_hope(const struct flow_graph *graph, uint32_t node, unsigned seen)
{
    bool has_next = false;
    if (graph->nodes[node] == NODE_FAILS)
        return false;
    if (seen & 1u << node || graph->nodes[node] == NODE_RETURNS || graph->nodes[node] == NODE_STOPS)
        return true;
    for (size_t i = 0; i < graph->edge_count; i++) {
        if (graph->edges[i].from != node)
            continue;
        has_next = true;
        if (naive_hope(graph, graph->edges[i].to, seen | 1u << node))
            return true;
    }
    return !has_next && graph->nodes[node] == NODE_PLAIN;
}

static struct loop_facts naive_facts(const struct flow_graph *graph, uint32_t call)
{
    bool in_loop[NODES_MAX] = {false}, returns = false, open = false;
    for (uint32_t n = 0; n < graph->node_count; n++) {
        bool after = naive_path(graph, call, n, 0);
        in_loop[n] = after && naive_path(graph, n, call, 0);
        returns |= after && graph->nodes[n] == NODE_RETURNS;
        open |= after && graph->nodes[n] == NODE_OPEN;
    }
    bool exits = !in_loop[call] && !open;
    for (size_t i = 0; i < graph->edge_count; i++) {
        const struct flow_edge *edge = &graph->edges[i];
        exits |= in_loop[edge->from] && !in_loop[edge->to] && naive_hope(graph, edge->to, 0);
    }
    for (uint32_t n = 0; n < graph->node_count; n++)
        exits |= in_loop[n] && graph->nodes[n] == NODE_RETURNS;
    enum way_out otherwise = open ? WAY_OUT_UNKNOWN : WAY_OUT_NONE;
    return (struct loop_facts){
        .in_loop = in_loop[call],
        .loop_exit = exits ? WAY_OUT_EXISTS : otherwise,
        .returns = returns ? WAY_OUT_EXISTS : otherwise,
    };
}

static void graphs_agree_with_enumeration(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t nodes[NODES_MAX];
        struct flow_edge edges[EDGES_MAX];
        struct flow_graph graph = {
            .nodes = nodes, .edges = edges, .node_count = 1 + random_below(NODES_MAX)};
        for (uint32_t n = 0; n < graph.node_count; n++)
            nodes[n] = n == 0 || random_below(2) ? NODE_PLAIN : (uint8_t)random_below(5);
        size_t wanted = random_below(EDGES_MAX + 1);
        for (size_t i = 0; i < wanted; i++) {
            uint32_t from = random_below(graph.node_count);
            if (nodes[from] != NODE_FAILS && nodes[from] != NODE_STOPS)
                edges[graph.edge_count++] =
                    (struct flow_edge){.from = from, .to = random_below(graph.node_count)};
        }
        struct loop_facts facts = flow_graph_facts(&graph, 0), naive = naive_facts(&graph, 0);
        assert_int_equal(facts.in_loop, naive.in_loop);
        assert_int_equal(facts.loop_exit, naive.loop_exit);
        assert_int_equal(facts.returns, naive.returns);
    }
}

/* ---- little functions ---- */

enum {
    ENTRY = 0x400000,
    TABLE = ENTRY + 0x4000
};

/* Callees stand at fixed distances from the entry. */
enum {
    DEFER = 0x8000,
    DEFERRETURN = 0x8100,
    BLOCK = 0x8200,
    PANIC = 0x8300,
    OTHER = 0x8400,
    GOEXIT = 0x8500,
    MORESTACK = 0x8600
};

static enum call_effect effect_of(void *context, address callee)
{
    (void)context;
    switch (callee - ENTRY) {
    case DEFER:
        return call_effect_named("runtime.deferproc");
    case BLOCK:
        return call_effect_named("runtime.block");
    case PANIC:
        return call_effect_named("runtime.panicIndex");
    case GOEXIT:
        return call_effect_named("runtime.Goexit");
    case MORESTACK:
        return call_effect_named("runtime.morestack_noctxt");
    default:
        return call_effect_named("main.other");
    }
}

/* A table of two entries: the offsets in context. */
static bool read_word(void *context, address at, uint64_t *value_ret)
{
    const unsigned *entries = context;
    if (at < TABLE || at >= TABLE + 16)
        return false;
    *value_ret = ENTRY + entries[(at - TABLE) / 8];
    return true;
}

static bool read_nothing(void *context, address at, uint64_t *value_ret)
{
    (void)context, (void)at, (void)value_ret;
    return false;
}

static address next_is_one_on(void *context, address pc)
{
    (void)context;
    return pc + 1;
}

struct sample {
    const char *hex;
    enum architecture arch;
    unsigned return_at; /* offset behind the call of deferproc */
    struct loop_facts facts;
    unsigned table[2]; /* offsets of the jump table's entries; {0}: it can't be read */
    bool resync;
};

#define NONE                WAY_OUT_NONE
#define EXISTS              WAY_OUT_EXISTS
#define UNKNOWN             WAY_OUT_UNKNOWN
#define AMD64(code, after)  .hex = code, .arch = ARCH_AMD64, .return_at = (after)
#define ARM64(code)         .hex = code, .arch = ARCH_ARM64, .return_at = 4
#define LOOP(exit, returns) .facts = {true, exit, returns, 0}

static const struct sample samples[] = {
    /* for, up to 1.24: l: call DEFER; nop; test eax,eax; jne r; jmp l; r: call DEFERRETURN; ret */
    {AMD64("e8fb7f00009085c07502ebf4e8ef800000c3", 5), LOOP(NONE, NONE)},
    /* for, from 1.25: l: call DEFER; jmp l; call DEFERRETURN; ret */
    {AMD64("e8fb7f0000ebf9e8f4800000c3", 5), LOOP(NONE, NONE)},
    /* two defers, the first: l: call DEFER; test eax,eax; jne r; call DEFER; test eax,eax; jne r;
     * jmp l; r: call DEFERRETURN; ret */
    {AMD64("e8fb7f000085c0750be8f27f000085c07502ebece8e7800000c3", 5), LOOP(NONE, NONE)},
    /* two defers, the second */
    {AMD64("e8fb7f000085c0750be8f27f000085c07502ebece8e7800000c3", 14), LOOP(NONE, NONE)},
    /* a loop that ends: l: call DEFER; call OTHER; test al,al; je l; call DEFERRETURN; ret */
    {AMD64("e8fb7f0000e8f683000084c074f2e8ed800000c3", 5), LOOP(EXISTS, EXISTS)},
    /* range, then select{}: l: call DEFER; inc rcx; cmp rcx,5; jl l; call BLOCK; nop */
    {AMD64("e8fb7f000048ffc14883f9057cf2e8ed81000090", 5), LOOP(EXISTS, NONE)},
    /* a panic is no way out: l: call DEFER; cmp rcx,rdx; jae p; jmp l; p: call PANIC; call
     * DEFERRETURN; ret */
    {AMD64("e8fb7f00004839d17302ebf4e8ef820000e8ea800000c3", 5), LOOP(NONE, NONE)},
    /* a switch: l: call DEFER; lea rcx,TABLE[rip]; mov rax,[rsp+8]; jmp [rcx+rax*8]; jmp l; call
     * DEFERRETURN; ret */
    {AMD64("e8fb7f0000488d0df43f0000488b442408ff24c1ebeae8e5800000c3", 5), LOOP(EXISTS, EXISTS),
     .table = {20, 22}},
    /* a switch whose cases go on */
    {AMD64("e8fb7f0000488d0df43f0000488b442408ff24c1ebeae8e5800000c3", 5), LOOP(NONE, NONE),
     .table = {20, 20}},
    /* a switch without its table */
    {AMD64("e8fb7f0000488d0df43f0000488b442408ff24c1ebeae8e5800000c3", 5),
     .facts = {false, UNKNOWN, UNKNOWN, 0}},
    /* a switch by register: l: call DEFER; lea rcx,TABLE[rip]; mov rcx,[rcx+rax*8]; jmp rcx; jmp l;
     * call DEFERRETURN; ret */
    {AMD64("e8fb7f0000488d0df43f0000488b0cc1ffe1ebece8e7800000c3", 5), LOOP(EXISTS, EXISTS),
     .table = {18, 20}},
    /* the result of another call: l: call OTHER; test eax,eax; jne r; jmp l; r: ret */
    {AMD64("e8fb83000085c07502ebf5c3", 5), LOOP(EXISTS, EXISTS)},
    /* no loop: call DEFER; call DEFERRETURN; ret */
    {AMD64("e8fb7f0000e8f6800000c3", 5), .facts = {false, EXISTS, EXISTS, 0}},
    /* an inner loop that ends: o: call DEFER; i: dec rcx; jne i; jmp o */
    {AMD64("e8fb7f000048ffc975fbebf4", 5), LOOP(NONE, NONE)},
    /* Goexit runs what is deferred: l: call DEFER; test al,al; je l; call GOEXIT; jmp l */
    {AMD64("e8fb7f000084c074f7e8f2840000ebf0", 5), LOOP(EXISTS, EXISTS)},
    /* undecodable: l: call DEFER; test al,al; je l; .byte 6; call DEFERRETURN; ret */
    {AMD64("e8fb7f000084c074f706e8f1800000c3", 5), .facts = {true, UNKNOWN, UNKNOWN, 1}},
    /* undecodable, taken up again */
    {AMD64("e8fb7f000084c074f706e8f1800000c3", 5), .facts = {true, EXISTS, EXISTS, 1},
     .resync = true},
    /* a jump to another function: l: call DEFER; je elsewhere; jmp l */
    {AMD64("e8fb7f00000f84f53f0000ebf3", 5), LOOP(EXISTS, EXISTS)},
    /* out into a second loop: l: call DEFER; je s; jmp l; s: pause; jmp s */
    {AMD64("e8fb7f00007402ebf7f390ebfc", 5), LOOP(EXISTS, NONE)},
    /* nothing behind the call: call DEFER */
    {AMD64("e8fb7f0000", 5), .facts = {false, EXISTS, NONE, 0}},
    /* morestack is no loop: cmp rsp,[r14+16]; jbe m; call DEFER; call OTHER (never returns); m:
     * call MORESTACK; jmp start */
    {AMD64("493b6610760ae8f57f0000e8f0830000e8eb850000ebe9", 11),
     .facts = {false, EXISTS, NONE, 0}},
    /* for, 1.19: l: bl DEFER; cmp x0,xzr; b.ne r; b l; r: bl DEFERRETURN; ret */
    {ARM64("002000941f001feb41000054fdffff173c200094c0035fd6"), LOOP(NONE, NONE)},
    /* for, 1.24: l: bl DEFER; nop; cmp x0,#0; b.ne r; b l; r: bl DEFERRETURN; ret */
    {ARM64("002000941f2003d51f0000f141000054fcffff173b200094c0035fd6"), LOOP(NONE, NONE)},
    /* for, from 1.25: l: bl DEFER; b l; bl DEFERRETURN; ret */
    {ARM64("00200094ffffff173e200094c0035fd6"), LOOP(NONE, NONE)},
    /* a loop that ends (cbz): l: bl DEFER; bl OTHER; cbz w0,l; bl DEFERRETURN; ret */
    {ARM64("00200094ff200094c0ffff343d200094c0035fd6"), LOOP(EXISTS, EXISTS)},
    /* a loop that ends (tbz): l: bl DEFER; bl OTHER; tbz w0,#0,l; bl DEFERRETURN; ret */
    {ARM64("00200094ff200094c0ff07363d200094c0035fd6"), LOOP(EXISTS, EXISTS)},
    /* a panic is no way out: l: bl DEFER; cmp x1,x2; b.hs p; b l; p: bl PANIC; nop */
    {ARM64("002000943f0002eb42000054fdffff17bc2000941f2003d5"), LOOP(NONE, NONE)},
    /* atomics: l: bl DEFER; ldaddal x1,x2,[x3]; b l */
    {ARM64("002000946200e1f8feffff17"), LOOP(NONE, NONE)},
    /* a switch: l: bl DEFER; adr x1,TABLE-0x1000; add x1,x1,#0x1000; ldr x27,[x1,x0,lsl #3]; br
     * x27; b l; bl DEFERRETURN; ret */
    {ARM64("00200094e17f0110210440913b7860f860031fd6fbffff173a200094c0035fd6"),
     LOOP(EXISTS, EXISTS), .table = {20, 24}},
};

static size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t length = strlen(hex) / 2;
    assert_true(length <= room);
    for (size_t i = 0; i < length; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return length;
}

static void functions_have_the_right_facts(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        const struct sample *sample = &samples[i];
        uint8_t bytes[64];
        unsigned table[2] = {sample->table[0], sample->table[1]};
        struct code code = {
            .arch = sample->arch,
            .bytes = bytes,
            .size = from_hex(sample->hex, bytes, sizeof(bytes)),
            .entry = ENTRY,
            .call_effect = effect_of,
            .read_word = table[0] ? read_word : read_nothing,
            .next_known = sample->resync ? next_is_one_on : NULL,
            .context = table,
        };
        struct loop_facts facts;
        assert_null(trace_loop(&code, ENTRY + sample->return_at, &facts));
        const struct loop_facts *wanted = &sample->facts;
        bool right = facts.in_loop == wanted->in_loop && facts.loop_exit == wanted->loop_exit &&
                     facts.returns == wanted->returns && facts.undecoded == wanted->undecoded;
        if (!right)
            fail_msg("%s: in_loop %d, loop_exit %d, returns %d, undecoded %u", sample->hex,
                     facts.in_loop, facts.loop_exit, facts.returns, facts.undecoded);
    }
}

static void a_return_pc_elsewhere_is_an_error(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xe8, 0, 0, 0, 0, 0xc3};
    struct code code = {.arch = ARCH_AMD64, .bytes = bytes, .size = sizeof(bytes), .entry = ENTRY};
    struct loop_facts facts;
    static const address elsewhere[] = {0, ENTRY, ENTRY - 1, ENTRY + 7, UINT64_MAX};
    for (size_t i = 0; i < LENGTH_OF(elsewhere); i++)
        assert_true(error_ignore(trace_loop(&code, elsewhere[i], &facts)));
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    unsigned table[2] = {3, 8};
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t bytes[96];
        size_t size = 1 + random_below(sizeof(bytes));
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)random_below(256);
        struct code code = {
            .arch = round % 2 ? ARCH_ARM64 : ARCH_AMD64,
            .bytes = bytes,
            .size = size,
            .entry = ENTRY,
            .call_effect = effect_of,
            .read_word = read_word,
            .next_known = next_is_one_on,
            .context = table,
        };
        struct loop_facts facts;
        assert_null(trace_loop(&code, ENTRY + 1 + random_below((uint32_t)size), &facts));
        size_t at = 0, calls = 0;
        address callee;
        while (calls_next(code.arch, bytes, size, ENTRY, &at, &callee))
            calls++;
        assert_true(calls <= size);
    }
}

/* ---- the arm64 decoder against another one ---- */

static enum instruction_kind capstone_kind(const cs_insn *insn)
{
    switch (insn->id) {
    case ARM64_INS_B:
        return insn->detail->arm64.cc == ARM64_CC_INVALID || insn->detail->arm64.cc >= ARM64_CC_AL
                   ? INSTRUCTION_JUMP
                   : INSTRUCTION_BRANCH;
    case ARM64_INS_CBZ:
    case ARM64_INS_CBNZ:
    case ARM64_INS_TBZ:
    case ARM64_INS_TBNZ:
        return INSTRUCTION_BRANCH;
    case ARM64_INS_BL:
    case ARM64_INS_BLR:
        return INSTRUCTION_CALL;
    case ARM64_INS_BR:
        return INSTRUCTION_JUMP_REGISTER;
    case ARM64_INS_RET:
        return INSTRUCTION_RETURN;
    case ARM64_INS_BRK:
        return INSTRUCTION_TRAP;
    case ARM64_INS_ADR:
    case ARM64_INS_ADRP:
        return INSTRUCTION_ADDRESS;
    default:
        return INSTRUCTION_PLAIN;
    }
}

static void check_word(csh capstone, uint32_t word)
{
    cs_insn *insn = NULL;
    struct instruction ours = decode_arm64((const uint8_t *)&word, 4, ENTRY);
    size_t count = cs_disasm(capstone, (const uint8_t *)&word, 4, ENTRY, 1, &insn);
    if (count == 1) {
        enum instruction_kind kind = capstone_kind(insn);
        bool flows = kind != INSTRUCTION_PLAIN;
        bool is_exception = insn->id == ARM64_INS_ERET || insn->id == ARM64_INS_DRPS ||
                            insn->id == ARM64_INS_HLT || insn->id == ARM64_INS_HVC ||
                            insn->id == ARM64_INS_SMC || insn->id == ARM64_INS_DCPS1 ||
                            insn->id == ARM64_INS_DCPS2 || insn->id == ARM64_INS_DCPS3;
        if (flows ? ours.kind != kind : ours.kind == INSTRUCTION_UNKNOWN && !is_exception)
            fail_msg("%08x: %s %s, ours is %d", word, insn->mnemonic, insn->op_str, ours.kind);
        cs_arm64_op *last = &insn->detail->arm64.operands[insn->detail->arm64.op_count - 1];
        if (flows && insn->detail->arm64.op_count > 0 && last->type == ARM64_OP_IMM &&
            kind != INSTRUCTION_TRAP)
            assert_true((address)last->imm == ours.value);
    }
    cs_free(insn, count);
}

static void arm64_agrees_with_capstone(void **state)
{
    (void)state;
    csh capstone;
    assert_int_equal(cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &capstone), CS_ERR_OK);
    cs_option(capstone, CS_OPT_DETAIL, CS_OPT_ON);
    for (unsigned round = 0; round < 100000; round++) {
        uint32_t word = random_below(1u << 16) << 16 | random_below(1u << 16);
        check_word(capstone, word);
        check_word(capstone, (word & ~0x1c000000u) | 0x14000000u); /* the branch group */
        check_word(capstone, (word & 0x00fffc1f) | 0xd6000000u);   /* its registers */
        check_word(capstone, (word & 0x607fffff) | 0x10000000u);   /* ADR, ADRP */
    }
    cs_close(&capstone);
}

/* ---- calls ---- */

static void calls_are_found_by_their_bytes(void **state)
{
    (void)state;
    uint8_t bytes[32];
    static const char *const hex[] = {
        /* mov eax,0xe8; call OTHER; call rax; call PANIC */
        [ARCH_AMD64] = "b8e8000000e8f6830000ffd0e8ef820000",
        /* bl OTHER; blr x3; bl PANIC */
        [ARCH_ARM64] = "0021009460003fd6be200094",
    };
    for (int arch = ARCH_AMD64; arch <= ARCH_ARM64; arch++) {
        size_t size = from_hex(hex[arch], bytes, sizeof(bytes)), at = 0;
        address callee;
        unsigned found = 0;
        while (calls_next((enum architecture)arch, bytes, size, ENTRY, &at, &callee))
            found += callee == ENTRY + OTHER ? 1 : callee == ENTRY + PANIC ? 16 : 0;
        assert_int_equal(found, 17);
    }
}

static void packages_are_told_apart(void **state)
{
    (void)state;
    struct program program = {.info = {.main_module = (char *)(uintptr_t) "agent"}};
    static const char *const standard[] = {
        "runtime.mallocgc",
        "net/http.(*Server).Serve",
        "sync.(*Map[github.com/x/y.T]).Load",
        "vendor/golang.org/x/net/http2.F",
        "agents.F",
        "type:.eq.sync.Mutex",
        "",
    };
    static const char *const other[] = {
        "main.main",
        "main.(*T).f.func1",
        "github.com/x/y.F",
        "example%2ecom.F",
        "agent/pkg.F",
        "agent.F",
        "golang.org/x/sync/errgroup.(*Group).Go",
        "github.com/x/y.F[go.shape.int]",
    };
    for (size_t i = 0; i < LENGTH_OF(standard); i++)
        assert_true(calls_is_standard(&program, standard[i]));
    for (size_t i = 0; i < LENGTH_OF(other); i++)
        assert_false(calls_is_standard(&program, other[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_agree_with_enumeration),
        cmocka_unit_test(functions_have_the_right_facts),
        cmocka_unit_test(a_return_pc_elsewhere_is_an_error),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(arm64_agrees_with_capstone),
        cmocka_unit_test(calls_are_found_by_their_bytes),
        cmocka_unit_test(packages_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
