/* The walks that rules take through a function, against an enumeration of all walks on random graphs;
 * what ends a loop; and the list of calls that rules start from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "code/adjacency.h"
#include "code/call_sites.h"
#include "memorytarget.h"
#include "scan/loops.h"
#include "scan/paths.h"

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

/* ---- the neighbours of a node ---- */

enum {
    NODES_MAX = 8,
    EDGES_MAX = 16
};

static void check_neighbours(const struct flow_graph *graph, bool backward)
{
    AUTO_ADJACENCY struct adjacency adjacency;
    adjacency_init(&adjacency, graph, backward);
    assert_int_equal(adjacency.first[0], 0);
    assert_int_equal(adjacency.first[graph->node_count], graph->edge_count);
    for (uint32_t n = 0; n < graph->node_count; n++) {
        uint32_t at = adjacency.first[n];
        for (size_t i = 0; i < graph->edge_count; i++) { /* in the order of the edges */
            const struct flow_edge *edge = &graph->edges[i];
            if ((backward ? edge->to : edge->from) != n)
                continue;
            assert_true(at < adjacency.first[n + 1]);
            assert_int_equal(adjacency.to[at++], backward ? edge->from : edge->to);
        }
        assert_int_equal(at, adjacency.first[n + 1]);
    }
}

static void neighbours_are_those_of_the_edges(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct flow_edge edges[EDGES_MAX];
        struct flow_graph graph = {.edges = edges,
                                   .node_count = 1 + random_below(NODES_MAX),
                                   .edge_count = random_below(EDGES_MAX + 1)};
        for (size_t i = 0; i < graph.edge_count; i++)
            edges[i] =
                (struct flow_edge){random_below(graph.node_count), random_below(graph.node_count)};
        check_neighbours(&graph, false);
        check_neighbours(&graph, true);
    }
    struct flow_graph none = {.node_count = 0};
    check_neighbours(&none, false);
}

/* ---- summaries by hand ---- */

static void add_node(struct summary *summary, enum flow_node node)
{
    VECTOR_PUSH(&summary->traced.nodes, (uint8_t)node);
}

static void add_edge(struct summary *summary, uint32_t from, uint32_t to)
{
    VECTOR_PUSH(&summary->traced.edges, (struct flow_edge){from, to});
}

static void add_call(struct summary *summary, uint32_t node, address callee)
{
    VECTOR_PUSH(&summary->calls, (struct summary_call){.made = {.node = node, .callee = callee}});
}

/* The branch asks for register `reg` of the call's result. */
static void add_compare(struct summary *summary, uint32_t branch, uint32_t call, int64_t reg,
                        enum condition condition, int64_t right)
{
    VECTOR_PUSH(&summary->compares, (struct summary_compare){.node = branch,
                                                             .branch = branch,
                                                             .left = {VALUE_RESULT, call, reg},
                                                             .right = right,
                                                             .condition = condition});
}

static void finish(struct summary *summary)
{
    struct flow_graph graph = traced_graph(&summary->traced);
    adjacency_init(&summary->forward, &graph, false);
}

static struct summary *new_summary(void)
{
    return xcalloc(1, sizeof(struct summary));
}

/* ---- walks, against an enumeration ---- */

enum {
    SELECTS_MAX = 2,
    CASES_MAX = 3
};

/* A select that may be passed by some cases. */
struct choice {
    uint32_t node;
    uint32_t case_count;
    unsigned allowed; /* bit per case */
};

struct world {
    struct summary *summary;
    uint32_t node_count, from;
    bool blocked[NODES_MAX];
    struct choice choices[SELECTS_MAX];
    unsigned choice_count;
};

/* Where a walk may be: at a node, having passed a select by a case (0: none). */
struct places {
    bool at[NODES_MAX][SELECTS_MAX + 1][CASES_MAX + 1];
};

/* A condition by the signs of signed and unsigned difference. */
static bool naive_holds(enum condition condition, int64_t left, int64_t right)
{
    uint64_t a = (uint64_t)left, b = (uint64_t)right;
    int order = left < right ? -1 : left > right, unsigned_order = a < b ? -1 : a > b;
    static const struct {
        bool less, equal, more;
    } truth[] = {
        [CONDITION_EQUAL] = {false, true, false},   [CONDITION_NOT_EQUAL] = {true, false, true},
        [CONDITION_LESS] = {true, false, false},    [CONDITION_LESS_EQUAL] = {true, true, false},
        [CONDITION_GREATER] = {false, false, true}, [CONDITION_GREATER_EQUAL] = {false, true, true},
        [CONDITION_BELOW] = {true, false, false},   [CONDITION_BELOW_EQUAL] = {true, true, false},
        [CONDITION_ABOVE] = {false, false, true},   [CONDITION_ABOVE_EQUAL] = {false, true, true},
    };
    if (condition >= CONDITION_BELOW)
        order = unsigned_order;
    return order < 0 ? truth[condition].less
           : order   ? truth[condition].more
                     : truth[condition].equal;
}

/* Which of two ways a branch takes if its select was passed by this case; -1 if something else
 * decides. */
static int naive_way(const struct world *world, uint32_t node, unsigned select, unsigned which)
{
    const struct summary *summary = world->summary;
    uint32_t ways = 0;
    for (size_t i = 0; i < summary->traced.edges.length; i++)
        ways += summary->traced.edges.at[i].from == node;
    if (!select || ways != 2)
        return -1;
    for (size_t i = 0; i < summary->compares.length; i++) {
        const struct summary_compare *compare = &summary->compares.at[i];
        if (compare->branch == node && compare->left.kind == VALUE_RESULT &&
            compare->left.node == world->choices[select - 1].node && compare->left.number == 0)
            return naive_holds(compare->condition, which, compare->right) ? 0 : 1;
    }
    return -1;
}

static void naive_leave(const struct world *world, uint32_t node, unsigned select, unsigned which,
                        struct places *next, bool *entered)
{
    const struct summary *summary = world->summary;
    int way = naive_way(world, node, select, which), number = 0;
    for (size_t i = 0; i < summary->traced.edges.length; i++) {
        const struct flow_edge *edge = &summary->traced.edges.at[i];
        if (edge->from != node || (way >= 0 && number++ != way))
            continue;
        entered[edge->to] = true;
        if (!world->blocked[edge->to])
            next->at[edge->to][select][which] = true;
    }
}

/* One step from a place: through the node, if it is a select by each case that it may take. */
static void naive_step(const struct world *world, uint32_t node, unsigned select, unsigned which,
                       struct places *next, bool *entered)
{
    for (unsigned i = 0; i < world->choice_count; i++) {
        if (world->choices[i].node != node)
            continue;
        for (unsigned c = 0; c < world->choices[i].case_count; c++) {
            if (world->choices[i].allowed >> c & 1)
                naive_leave(world, node, i + 1, c, next, entered);
        }
        return;
    }
    naive_leave(world, node, select, which, next, entered);
}

/* All walks of up to as many steps as there are places. `entered`: nodes that a walk comes to;
 * returns whether one comes to a return that is not blocked. */
static bool naive_walks(const struct world *world, bool *entered)
{
    enum {
        PLACES = NODES_MAX * (SELECTS_MAX + 1) * (CASES_MAX + 1)
    };
    struct places now = {0};
    bool returns = false;
    naive_leave(world, world->from, 0, 0, &now, entered);
    for (unsigned steps = 0; steps < PLACES; steps++) {
        struct places next = {0};
        for (uint32_t n = 0; n < world->node_count; n++) {
            for (unsigned s = 0; s <= SELECTS_MAX; s++) {
                for (unsigned c = 0; c <= CASES_MAX; c++) {
                    if (!now.at[n][s][c])
                        continue;
                    returns |= world->summary->traced.nodes.at[n] == NODE_RETURNS;
                    naive_step(world, n, s, c, &next, entered);
                }
            }
        }
        now = next;
    }
    return returns;
}

static void make_choices(struct world *world)
{
    struct summary *summary = world->summary;
    world->choice_count = random_below(4) ? 1 + random_below(SELECTS_MAX) : 0;
    for (unsigned i = 0; i < world->choice_count; i++) {
        uint32_t count = 1 + random_below(CASES_MAX);
        world->choices[i] = (struct choice){i, count, random_below(1u << count)};
        summary->traced.nodes.at[i] = NODE_PLAIN;
    }
    for (uint32_t n = 0; n < world->node_count; n++) {
        enum condition condition = (enum condition)(CONDITION_EQUAL + random_below(10));
        if (random_below(4) && world->choice_count)
            add_compare(summary, n, random_below(8) ? random_below(world->choice_count) : n,
                        !random_below(8), condition, (int64_t)random_below(5) - 1);
        if (!random_below(32) && summary->compares.length)
            summary->compares.at[summary->compares.length - 1].left.kind = VALUE_ENTRY;
    }
}

static void make_world(struct world *world)
{
    *world =
        (struct world){.summary = new_summary(), .node_count = 3 + random_below(NODES_MAX - 2)};
    struct summary *summary = world->summary;
    for (uint32_t n = 0; n < world->node_count; n++)
        add_node(summary, random_below(6) ? NODE_PLAIN : NODE_RETURNS);
    for (uint32_t n = 0; n < world->node_count; n++) {
        for (uint32_t ways = 1 + (random_below(4) + 1) / 2; ways > 0; ways--)
            add_edge(summary, n, random_below(world->node_count));
        world->blocked[n] = !random_below(8);
    }
    world->from = world->node_count - 1 - random_below(2);
    make_choices(world);
    finish(summary);
}

static void open_path(const struct world *world, const struct scanner *scanner, struct path *path)
{
    path_init(path, scanner, world->summary, world->from);
    for (uint32_t n = 0; n < world->node_count; n++) {
        if (world->blocked[n])
            path_block(path, n);
    }
    for (unsigned i = 0; i < world->choice_count; i++) {
        const struct choice *choice = &world->choices[i];
        for (uint32_t c = 0; c < choice->case_count; c++) {
            if (!(choice->allowed >> c & 1))
                path_block_case(path, choice->node, c, choice->case_count);
        }
    }
}

static void walks_agree_with_enumeration(void **state)
{
    (void)state;
    struct scanner scanner = {0};
    unsigned found = 0, limited = 0, rounds = 40000;
    for (unsigned round = 0; round < rounds; round++) {
        struct world world;
        bool entered[NODES_MAX] = {false}, freely[NODES_MAX] = {false};
        make_world(&world);
        /* A select of which all cases may be taken is not told to the path. */
        for (unsigned i = 0; i < world.choice_count; i++) {
            if (world.choices[i].allowed + 1 == 1u << world.choices[i].case_count)
                world.choices[i].allowed--;
        }
        bool returns = naive_walks(&world, entered);
        AUTO_PATH struct path path;
        open_path(&world, &scanner, &path);
        assert_int_equal(path_returns(&path), returns);
        for (uint32_t n = 0; n < world.node_count; n++)
            assert_int_equal(path_reaches(&path, n), entered[n]);
        world.choice_count = 0;
        found += returns;
        limited += naive_walks(&world, freely) != returns;
        summary_destroy(world.summary);
    }
    /* The worlds are of all sorts. */
    assert_true(found > rounds / 10 && found < rounds * 9 / 10 && limited > rounds / 50);
}

/* 0: call; 1: select; 2: branch to 3 (returns) if it was case `right`, else to 4 (stops). */
static struct summary *select_summary(int64_t right)
{
    struct summary *summary = new_summary();
    for (unsigned n = 0; n < 5; n++)
        add_node(summary, n == 3 ? NODE_RETURNS : n == 4 ? NODE_STOPS : NODE_PLAIN);
    add_edge(summary, 0, 1);
    add_edge(summary, 1, 2);
    add_edge(summary, 2, 3);
    add_edge(summary, 2, 4);
    add_compare(summary, 2, 1, 0, CONDITION_EQUAL, right);
    finish(summary);
    return summary;
}

static void check_select(uint32_t blocked_case, uint32_t case_count, int64_t right, bool expected)
{
    struct scanner scanner = {0};
    struct summary *summary = select_summary(right);
    AUTO_PATH struct path path;
    path_init(&path, &scanner, summary, 0);
    path_block_case(&path, 1, blocked_case, case_count);
    if (path_returns(&path) != expected)
        fail_msg("case %u of %u blocked, %d wanted", blocked_case, case_count, (int)right);
    summary_destroy(summary);
}

static void cases_of_a_select_are_told_apart(void **state)
{
    (void)state;
    check_select(0, 2, 1, true);
    check_select(1, 2, 1, false);
    check_select(0, 1, 0, false); /* no other case: it can't be passed */
    check_select(62, 63, 61, true);
    check_select(62, 63, 62, false);
    check_select(0, 63, 62, true);
    check_select(0, 63, 63, false); /* there is no such case */
    check_select(0, 64, 1, false);  /* too many to tell apart: blocked as a whole */
    check_select(70, 100, 1, false);
}

static void both_cases_may_be_blocked(void **state)
{
    (void)state;
    struct scanner scanner = {0};
    struct summary *summary = select_summary(1);
    AUTO_PATH struct path path;
    path_init(&path, &scanner, summary, 0);
    path_block_case(&path, 1, 0, 2);
    assert_true(path_returns(&path));
    assert_true(path_reaches(&path, 2));
    assert_false(path_reaches(&path, 4));
    path_block_case(&path, 1, 1, 2);
    assert_false(path_returns(&path));
    assert_true(path_reaches(&path, 1));
    assert_false(path_reaches(&path, 2));
    summary_destroy(summary);
}

/* Selects in a row: of those that find no room none can be passed. */
static void more_selects_than_fit_are_blocked(void **state)
{
    (void)state;
    struct scanner scanner = {0};
    for (uint32_t count = PATH_SELECTS_MAX; count <= PATH_SELECTS_MAX + 1; count++) {
        struct summary *summary = new_summary();
        for (uint32_t n = 0; n <= count + 1; n++) {
            add_node(summary, n > count ? NODE_RETURNS : NODE_PLAIN);
            if (n)
                add_edge(summary, n - 1, n);
        }
        finish(summary);
        AUTO_PATH struct path path;
        path_init(&path, &scanner, summary, 0);
        for (uint32_t n = 1; n <= count; n++)
            path_block_case(&path, n, 0, 2);
        assert_int_equal(path_returns(&path), count <= PATH_SELECTS_MAX);
        summary_destroy(summary);
    }
}

static void calls_that_end_the_process_are_no_way(void **state)
{
    (void)state;
    struct scanner scanner = {0};
    u64map_set(&scanner.named, 0x1000, CALLEE_EXIT);
    u64map_set(&scanner.named, 0x2000, CALLEE_SLEEP);
    u64map_set(&scanner.named, 0x4000, CALLEE_PANIC);
    static const address callees[] = {0x1000, 0x2000, 0x3000, 0x4000, 0};
    for (size_t i = 0; i < LENGTH_OF(callees); i++) {
        struct summary *summary = select_summary(1);
        add_call(summary, 2, callees[i]);
        AUTO_PATH struct path path;
        path_init(&path, &scanner, summary, 0);
        assert_int_equal(path_returns(&path), callees[i] != 0x1000 && callees[i] != 0x4000);
        summary_destroy(summary);
    }
    u64map_deinit(&scanner.named);
}

/* A thousand diamonds in a row: states are counted once. */
static void walks_are_not_counted_by_ways(void **state)
{
    (void)state;
    struct scanner scanner = {0};
    struct summary *summary = new_summary();
    enum {
        DIAMONDS = 1000
    };
    for (uint32_t i = 0; i < DIAMONDS; i++) {
        uint32_t n = 3 * i;
        for (unsigned k = 0; k < 3; k++)
            add_node(summary, NODE_PLAIN);
        add_edge(summary, n, n + 1);
        add_edge(summary, n, n + 2);
        add_edge(summary, n + 1, n + 3);
        add_edge(summary, n + 2, n + 3);
    }
    add_node(summary, NODE_RETURNS);
    finish(summary);
    AUTO_PATH struct path path;
    path_init(&path, &scanner, summary, 0);
    assert_true(path_returns(&path));
    path_block(&path, 3 * DIAMONDS);
    assert_false(path_returns(&path));
    summary_destroy(summary);
}

/* ---- what ends a loop ---- */

enum {
    RECEIVE = 0x1000,
    RANGE = 0x2000,
    SELECT = 0x3000,
    SEND = 0x4000,
    MAKE = 0x6000
};

/* 0 → 1 → 2 → 0 is the loop; 1 → 3 and 2 → 4 leave it. */
struct loop_sample {
    uint8_t left[2]; /* the nodes 3 and 4; NODE_PLAIN: the way is not there */
    address callee;  /* called at node 1 */
    bool decides[2]; /* the branch at node 1, 2 is decided by what node 0's call returns */
    address decider;
    bool own; /* both are about a channel that node 4's call makes */
    struct summary_count count;
    struct loop_judged expected;
};

static const struct loop_sample loop_samples[] = {
    {.expected = {LOOP_ENDLESS, 0}},
    {.left = {NODE_FAILS}, .expected = {LOOP_ENDLESS, 0}},
    {.left = {NODE_RETURNS}, .expected = {LOOP_ITSELF, 0}},
    {.left = {NODE_OPEN}, .expected = {LOOP_UNKNOWN, 0}},
    {.left = {NODE_STOPS}, .expected = {LOOP_ITSELF, 0}},
    {.left = {NODE_RETURNS}, .callee = RECEIVE, .expected = {LOOP_OUTSIDE, 0}},
    {.left = {NODE_RETURNS}, .callee = SELECT, .expected = {LOOP_OUTSIDE, 0}},
    {.left = {NODE_RETURNS}, .callee = SEND, .expected = {LOOP_ITSELF, 0}},
    {.left = {0, NODE_RETURNS}, .callee = 0x5000, .expected = {LOOP_ITSELF, 0}},
    /* others decide */
    {.left = {NODE_RETURNS}, .decider = RANGE, .decides = {true}, .expected = {LOOP_OTHERS, 0}},
    {.left = {NODE_RETURNS}, .decider = SELECT, .decides = {true}, .expected = {LOOP_OTHERS, 0}},
    {.left = {NODE_RETURNS}, .decider = RANGE, .expected = {LOOP_OUTSIDE, 0}},
    {.left = {NODE_RETURNS}, .decider = SEND, .decides = {true}, .expected = {LOOP_ITSELF, 0}},
    {.left = {NODE_RETURNS, NODE_RETURNS},
     .decider = RANGE,
     .decides = {true, true},
     .expected = {LOOP_OTHERS, 0}},
    {.left = {NODE_RETURNS, NODE_RETURNS},
     .decider = RANGE,
     .decides = {true, false},
     .expected = {LOOP_OUTSIDE, 0}},
    {.left = {NODE_RETURNS, NODE_FAILS}, /* a panic is no way out */
     .decider = RANGE,
     .decides = {true, false},
     .expected = {LOOP_OTHERS, 0}},
    /* what the function made itself, it may know all about */
    {.left = {NODE_RETURNS}, .callee = RECEIVE, .own = true, .expected = {LOOP_ITSELF, 0}},
    {.left = {NODE_RETURNS},
     .decider = RANGE,
     .decides = {true},
     .own = true,
     .expected = {LOOP_ITSELF, 0}},
    /* a count */
    {.left = {NODE_RETURNS}, .count = {.branch = 1, .limit = 5}, .expected = {LOOP_FEW, 5}},
    {.left = {NODE_RETURNS},
     .count = {.branch = 1, .limit = 64},
     .callee = RECEIVE,
     .expected = {LOOP_FEW, 64}},
    {.left = {NODE_RETURNS}, .count = {.branch = 1, .limit = 65}, .expected = {LOOP_ITSELF, 0}},
    {.left = {NODE_RETURNS}, .count = {.branch = 1, .limit = -5}, .expected = {LOOP_ITSELF, 0}},
    {.left = {NODE_RETURNS}, .count = {.branch = 2, .limit = 5}, .expected = {LOOP_ITSELF, 0}},
    {.left = {NODE_RETURNS}, .count = {.branch = 3, .limit = 5}, .expected = {LOOP_ITSELF, 0}},
};

static struct summary *loop_summary(const struct loop_sample *sample)
{
    struct summary *summary = new_summary();
    for (unsigned n = 0; n < 5; n++)
        add_node(summary, n < 3 ? NODE_PLAIN : (enum flow_node)sample->left[n - 3]);
    for (uint32_t n = 0; n < 3; n++)
        add_edge(summary, n, (n + 1) % 3);
    for (uint32_t n = 1; n < 3; n++) {
        if (sample->left[n - 1])
            add_edge(summary, n, n + 2);
        if (sample->decides[n - 1])
            add_compare(summary, n, 0, 1, CONDITION_EQUAL, 0);
    }
    add_call(summary, 1, sample->callee);
    add_call(summary, 0, sample->decider);
    add_call(summary, 4, MAKE);
    for (size_t i = 0; i < 2 && sample->own; i++)
        summary->calls.at[i].arguments[0] = (struct value){VALUE_RESULT, 4, 0};
    if (sample->count.limit)
        VECTOR_PUSH(&summary->counts, sample->count);
    finish(summary);
    return summary;
}

static void loops_are_told_apart(void **state)
{
    (void)state;
    struct program program = {.arch = ARCH_AMD64};
    struct scanner scanner = {.program = &program};
    u64map_set(&scanner.named, RECEIVE, CALLEE_CHANRECV1);
    u64map_set(&scanner.named, RANGE, CALLEE_CHANRECV2);
    u64map_set(&scanner.named, SELECT, CALLEE_SELECTGO);
    u64map_set(&scanner.named, SEND, CALLEE_CHANSEND);
    u64map_set(&scanner.named, MAKE, CALLEE_MAKECHAN);
    for (size_t i = 0; i < LENGTH_OF(loop_samples); i++) {
        struct summary *summary = loop_summary(&loop_samples[i]);
        for (uint32_t n = 0; n < 3; n++) {
            struct loop_judged judged = loop_around(&scanner, summary, n);
            if (judged.end != loop_samples[i].expected.end ||
                judged.turns != loop_samples[i].expected.turns)
                fail_msg("sample %zu, node %u: %d, %d turns", i, n, judged.end, (int)judged.turns);
        }
        if (loop_samples[i].left[0])
            assert_int_equal(loop_around(&scanner, summary, 3).end, LOOP_NONE);
        summary_destroy(summary);
    }
    u64map_deinit(&scanner.named);
}

/* Can one come from a node to another, by any number of edges, without passing `except`? */
static bool naive_reaches(const struct summary *summary, uint32_t from, uint32_t to,
                          uint32_t except)
{
    bool reached[NODES_MAX] = {false};
    for (unsigned round = 0; round < NODES_MAX; round++) {
        for (size_t i = 0; i < summary->traced.edges.length; i++) {
            const struct flow_edge *edge = &summary->traced.edges.at[i];
            if ((edge->from == from || reached[edge->from]) && edge->from != except &&
                edge->to != except)
                reached[edge->to] = true;
        }
    }
    return reached[to];
}

static void loops_without_a_node_agree_with_enumeration(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 10000; round++) {
        struct world world;
        make_world(&world);
        uint32_t except = random_below(world.node_count);
        AUTO_LOOP struct loop loop = loop_without(world.summary, world.from, except);
        bool in_loop = naive_reaches(world.summary, world.from, world.from, except);
        assert_int_equal(loop.facts.in_loop, in_loop);
        for (uint32_t n = 0; n < world.node_count && in_loop; n++) {
            bool around = naive_reaches(world.summary, world.from, n, except) &&
                          naive_reaches(world.summary, n, world.from, except);
            assert_int_equal(loop.nodes[n], around);
        }
        summary_destroy(world.summary);
    }
}

/* ---- calls by their bytes ---- */

enum {
    TEXT = 0x400000,
    PIECE = 1 << 20, /* how much is read at once where the executable's file does not hold it */
    TEXT_SIZE = 2 * PIECE + 1000,
    CALLEES = 3
};

/* Callees stand at fixed distances from the text. */
static const struct named_entry callees[CALLEES] = {
    {TEXT + 0x40, 7}, {TEXT + TEXT_SIZE, 8}, {TEXT - 0x1000, 9}};

static void put_call(uint8_t *text, enum architecture arch, size_t at, address callee)
{
    uint32_t distance = (uint32_t)(callee - TEXT - at);
    uint32_t word = arch == ARCH_AMD64 ? distance - 5 : 0x94000000 | (distance / 4 & 0x3ffffff);
    if (arch == ARCH_AMD64)
        text[at++] = 0xe8;
    memcpy(text + at, &word, sizeof(word));
}

/* The callee of the bytes at an offset, if they are a call of one of these. */
static bool naive_call(const uint8_t *text, size_t size, enum architecture arch, size_t at,
                       struct call_site *site_ret)
{
    size_t length = arch == ARCH_AMD64 ? 5 : 4;
    if (size - at < length)
        return false;
    for (size_t i = 0; i < CALLEES; i++) {
        uint8_t wanted[8] = {0}, *from = wanted;
        uint32_t distance = (uint32_t)(callees[i].entry - TEXT - at);
        uint32_t word = arch == ARCH_AMD64 ? distance - 5 : 0x94000000 | (distance / 4 & 0x3ffffff);
        if (arch == ARCH_AMD64)
            *from++ = 0xe8;
        memcpy(from, &word, sizeof(word));
        *site_ret = (struct call_site){TEXT + at + length, callees[i].name};
        if (memcmp(wanted, text + at, length) == 0)
            return true;
    }
    return false;
}

static struct program program_of(enum architecture arch, size_t size)
{
    return (struct program){.arch = arch, .pclntab = {.text = TEXT, .text_end = TEXT + size}};
}

static void find_sites(struct target *target, enum architecture arch, size_t size,
                       struct call_sites *sites)
{
    struct program program = program_of(arch, size);
    struct named_entry entries[CALLEES];
    memcpy(entries, callees, sizeof(entries));
    struct named_entries named = {.at = entries, .length = CALLEES};
    assert_null(call_sites_find(target, &program, &named, sites));
}

static void check_sites(const uint8_t *text, size_t size, enum architecture arch)
{
    struct target *target = memory_target_create(TEXT, text, size);
    struct call_sites sites = {0};
    find_sites(target, arch, size, &sites);
    size_t found = 0, step = arch == ARCH_AMD64 ? 1 : 4;
    for (size_t at = 0; at < size; at += step) {
        struct call_site site;
        if (!naive_call(text, size, arch, at, &site))
            continue;
        assert_true(found < sites.length);
        assert_int_equal(sites.at[found].return_pc, site.return_pc);
        assert_int_equal(sites.at[found].name, site.name);
        found++;
    }
    assert_int_equal(found, sites.length);
    VECTOR_DEINIT(&sites);
    target_close(target);
}

static void call_sites_agree_with_a_plain_search(void **state)
{
    (void)state;
    uint8_t *text = xmalloc(TEXT_SIZE);
    for (unsigned round = 0; round < 6; round++) {
        enum architecture arch = round % 2 ? ARCH_ARM64 : ARCH_AMD64;
        size_t size = TEXT_SIZE - 4 * random_below(1000);
        for (size_t i = 0; i < size; i++)
            text[i] = random_below(8) ? (uint8_t)random_below(256) : 0xe8;
        for (unsigned i = 0; i < 2000; i++) {
            size_t at = random_below((uint32_t)size - 8) & ~(size_t)(arch == ARCH_ARM64 ? 3 : 0);
            put_call(text, arch, at, callees[random_below(CALLEES)].entry);
        }
        check_sites(text, size, arch);
    }
    free(text);
}

/* Pieces overlap: a call that lies across their border is found, and found once. */
static void calls_at_the_border_of_pieces_are_found_once(void **state)
{
    (void)state;
    uint8_t *text = xcalloc(TEXT_SIZE, 1);
    for (int arch = ARCH_AMD64; arch <= ARCH_ARM64; arch++) {
        size_t step = arch == ARCH_AMD64 ? 1 : 4;
        for (size_t at = PIECE - 40; at <= PIECE + 24; at += step) {
            memset(text + PIECE - 64, 0, 128);
            put_call(text, (enum architecture)arch, at, callees[at % CALLEES].entry);
            put_call(text, (enum architecture)arch, at + 8, callees[(at + 1) % CALLEES].entry);
            struct target *target = memory_target_create(TEXT, text, TEXT_SIZE);
            struct call_sites sites = {0};
            find_sites(target, (enum architecture)arch, TEXT_SIZE, &sites);
            address behind = TEXT + at + (arch == ARCH_AMD64 ? 5 : 4);
            assert_int_equal(sites.length, 2);
            assert_int_equal(sites.at[0].return_pc, behind);
            assert_int_equal(sites.at[0].name, callees[at % CALLEES].name);
            assert_int_equal(sites.at[1].return_pc, behind + 8);
            VECTOR_DEINIT(&sites);
            target_close(target);
        }
        memset(text + PIECE - 64, 0, 128);
    }
    free(text);
}

static void calls_at_the_ends_of_the_text_are_found(void **state)
{
    (void)state;
    uint8_t text[64] = {0};
    for (size_t size = 5; size <= sizeof(text); size++) {
        memset(text, 0, sizeof(text));
        put_call(text, ARCH_AMD64, 0, callees[0].entry);
        if (size >= 10)
            put_call(text, ARCH_AMD64, size - 5, callees[1].entry);
        check_sites(text, size, ARCH_AMD64);
        check_sites(text, size - 1, ARCH_AMD64); /* the last one is cut off */
    }
    check_sites(text, 0, ARCH_AMD64);
    check_sites(text, 3, ARCH_ARM64);
}

/* A target of which some bytes can't be read. */
static address hole_start, hole_end;

static struct error *read_around_hole(struct target *target, address at, void *to, size_t size)
{
    if (at < hole_end && at + size > hole_start)
        return target_fault(at, size);
    return memory_target_read(target, at, to, size);
}

static void a_hole_costs_no_more_than_its_piece(void **state)
{
    (void)state;
    uint8_t *text = xcalloc(TEXT_SIZE, 1);
    static const size_t places[] = {
        100, PIECE - 100, PIECE + 100, 2 * PIECE - 100, 2 * PIECE + 100, TEXT_SIZE - 5};
    static const struct {
        size_t start, end;
        unsigned found; /* bit per place; those in a hole's piece may be found */
    } holes[] = {
        {0, 0, 0x3f},      {PIECE + 4096, PIECE + 8192, 0x33},
        {0, PIECE, 0x3c},  {2 * PIECE + 500, TEXT_SIZE, 0x0f},
        {0, TEXT_SIZE, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(places); i++)
        put_call(text, ARCH_AMD64, places[i], callees[0].entry);
    for (size_t i = 0; i < LENGTH_OF(holes); i++) {
        struct target *target = memory_target_create(TEXT, text, TEXT_SIZE);
        struct target_operations operations = *target->operations;
        operations.read = read_around_hole;
        target->operations = &operations;
        hole_start = TEXT + holes[i].start;
        hole_end = TEXT + holes[i].end;
        struct call_sites sites = {0};
        find_sites(target, ARCH_AMD64, TEXT_SIZE, &sites);
        for (size_t k = 0; k < LENGTH_OF(places); k++) {
            bool found = false;
            for (size_t n = 0; n < sites.length; n++)
                found |= sites.at[n].return_pc == TEXT + places[k] + 5;
            assert_true(found || !(holes[i].found >> k & 1));
            assert_true(!found || places[k] + 5 <= holes[i].start || places[k] >= holes[i].end);
        }
        VECTOR_DEINIT(&sites);
        target_close(target);
    }
    free(text);
}

static void sites_of_a_range_are_found(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct call_sites sites = {0};
        address at = 0;
        for (uint32_t count = random_below(6); count > 0; count--)
            VECTOR_PUSH(&sites, (struct call_site){at += 1 + random_below(4), count});
        address start = random_below(20), end = start + random_below(8);
        size_t count, wanted = 0, first = 0;
        for (size_t i = 0; i < sites.length; i++) {
            first += sites.at[i].return_pc <= start;
            wanted += sites.at[i].return_pc > start && sites.at[i].return_pc <= end;
        }
        const struct call_site *found = call_sites_within(&sites, start, end, &count);
        assert_int_equal(count, wanted);
        assert_ptr_equal(found, wanted ? &sites.at[first] : NULL);
        VECTOR_DEINIT(&sites);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_those_of_the_edges),
        cmocka_unit_test(walks_agree_with_enumeration),
        cmocka_unit_test(cases_of_a_select_are_told_apart),
        cmocka_unit_test(both_cases_may_be_blocked),
        cmocka_unit_test(more_selects_than_fit_are_blocked),
        cmocka_unit_test(calls_that_end_the_process_are_no_way),
        cmocka_unit_test(walks_are_not_counted_by_ways),
        cmocka_unit_test(loops_are_told_apart),
        cmocka_unit_test(loops_without_a_node_agree_with_enumeration),
        cmocka_unit_test(call_sites_agree_with_a_plain_search),
        cmocka_unit_test(calls_at_the_border_of_pieces_are_found_once),
        cmocka_unit_test(calls_at_the_ends_of_the_text_are_found),
        cmocka_unit_test(a_hole_costs_no_more_than_its_piece),
        cmocka_unit_test(sites_of_a_range_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
