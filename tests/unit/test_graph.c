/* Dominators of random graphs beside those of the definition: d dominates n if n can't be reached when d is taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/u64map.h"
#include "heap/dominators.h"
#include "heap/incoming.h"

enum {
    NODES_MAX = 60,
    EDGES_MAX = 400,
};

static uint64_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(u64_mix(seed) % below);
}

struct edge_list {
    uint32_t nodes, count;
    uint32_t from[EDGES_MAX], to[EDGES_MAX];
};

static struct csr csr_of(const struct edge_list *edges)
{
    struct csr csr = {.nodes = edges->nodes};
    uint32_t filled = 0;
    csr.first = xcalloc(edges->nodes + 1, sizeof(*csr.first));
    csr.to = xcalloc(edges->count + 1, sizeof(*csr.to));
    for (uint32_t node = 0; node < edges->nodes; node++) {
        csr.first[node] = filled;
        for (uint32_t i = 0; i < edges->count; i++) {
            if (edges->from[i] == node)
                csr.to[filled++] = edges->to[i];
        }
    }
    csr.first[edges->nodes] = filled;
    return csr;
}

/* Marks what is reached from the root without going through one node (CSR_NONE: through all), edge by edge until nothing changes. */
static void reach(const struct edge_list *edges, uint32_t root, uint32_t without, bool *reached)
{
    memset(reached, 0, NODES_MAX * sizeof(*reached));
    reached[root] = root != without;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < edges->count; i++) {
            if (reached[edges->from[i]] && !reached[edges->to[i]] && edges->to[i] != without)
                changed = reached[edges->to[i]] = true;
        }
    }
}

/* Is d one of n's dominators, going up the tree? */
static bool is_above(const struct visit *visit, const uint32_t *dominator, uint32_t d, uint32_t n)
{
    uint32_t above = visit->place[d];
    for (uint32_t at = visit->place[n];; at = dominator[at]) {
        if (at == above)
            return true;
        if (at == 0)
            return false;
    }
}

static uint32_t *find(const struct visit *visit, struct csr *incoming)
{
    struct tangle tangle;
    incoming_edges(visit, incoming);
    tangle_find(visit, incoming, &tangle);
    uint32_t *dominator = dominators_find(visit, incoming, &tangle);
    tangle_free(&tangle);
    return dominator;
}

/* The way by parents is as short as one that is found by trying edge after edge. */
static void check_ways(const struct edge_list *edges, uint32_t root, const struct visit *visit)
{
    uint32_t steps[NODES_MAX];
    memset(steps, 0xff, sizeof(steps));
    steps[root] = 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < edges->count; i++) {
            uint32_t from = steps[edges->from[i]];
            if (from != UINT32_MAX && from + 1 < steps[edges->to[i]]) {
                steps[edges->to[i]] = from + 1;
                changed = true;
            }
        }
    }
    for (uint32_t node = 0; node < edges->nodes; node++) {
        uint32_t count = 0;
        if (visit->place[node] == CSR_NONE)
            continue;
        for (uint32_t at = visit->place[node]; at != 0; at = visit->parent[at])
            count++;
        assert_int_equal(count, steps[node]);
    }
}

static void check(const struct edge_list *edges, uint32_t root)
{
    bool all[NODES_MAX], left[NODES_MAX];
    struct csr csr = csr_of(edges), incoming;
    struct visit visit;
    visit_from(&csr, root, &visit);
    uint32_t *dominator = find(&visit, &incoming);
    check_ways(edges, root, &visit);
    reach(edges, root, CSR_NONE, all);
    for (uint32_t node = 0; node < edges->nodes; node++)
        assert_int_equal(all[node], visit.place[node] != CSR_NONE);
    for (uint32_t place = 1; place < visit.count; place++)
        assert_true(dominator[place] < place);
    for (uint32_t d = 0; d < edges->nodes; d++) {
        reach(edges, root, d, left);
        for (uint32_t n = 0; all[d] && n < edges->nodes; n++) {
            if (all[n])
                assert_int_equal(!left[n], is_above(&visit, dominator, d, n));
        }
    }
    free(dominator);
    csr_free(&incoming);
    csr_free(&csr);
    visit_free(&visit);
}

static void test_random(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 3000; turn++) {
        struct edge_list edges = {.nodes = 1 + draw(turn % 3 ? 12 : NODES_MAX)};
        edges.count = draw(edges.nodes * (1 + draw(6)) + 1);
        for (uint32_t i = 0; i < edges.count; i++) {
            edges.from[i] = draw(edges.nodes);
            edges.to[i] = draw(4) ? draw(edges.nodes) : (edges.from[i] + 1) % edges.nodes;
        }
        check(&edges, draw(edges.nodes));
    }
}

/* Some nodes are reached late, by an edge from the root that is made then; edges from what comes with them to what was settled do not count. */
static void check_late(struct edge_list *edges, uint32_t settled_edges)
{
    const uint32_t root = 0;
    bool settled[NODES_MAX], all[NODES_MAX], left[NODES_MAX];
    struct edge_list counted = {.nodes = edges->nodes};
    struct edge_list early = {.nodes = edges->nodes};
    uint32_t from_root = 0;
    for (uint32_t i = 0; i < edges->count; i++) {
        if (edges->from[i] == root && from_root++ >= settled_edges)
            continue;
        early.from[early.count] = edges->from[i];
        early.to[early.count++] = edges->to[i];
    }
    struct csr csr = csr_of(&early), incoming;
    struct visit visit;
    visit_from(&csr, root, &visit);
    for (uint32_t n = 0; n < edges->nodes; n++)
        settled[n] = visit.place[n] != CSR_NONE;
    from_root = 0;
    for (uint32_t i = 0; i < edges->count; i++) {
        if (edges->from[i] == root && from_root++ >= settled_edges)
            visit_more(&csr, &visit, edges->to[i]);
    }
    uint32_t *dominator = find(&visit, &incoming);
    for (uint32_t i = 0; i < edges->count; i++) {
        if (!settled[edges->from[i]] && settled[edges->to[i]])
            continue;
        counted.from[counted.count] = edges->from[i];
        counted.to[counted.count++] = edges->to[i];
    }
    reach(&counted, root, CSR_NONE, all);
    for (uint32_t d = 0; d < edges->nodes; d++) {
        reach(&counted, root, d, left);
        assert_int_equal(all[d], visit.place[d] != CSR_NONE);
        for (uint32_t n = 0; all[d] && n < edges->nodes; n++) {
            if (all[n])
                assert_int_equal(!left[n], is_above(&visit, dominator, d, n));
        }
    }
    free(dominator);
    csr_free(&incoming);
    csr_free(&csr);
    visit_free(&visit);
}

static void test_late(void **state)
{
    (void)state;
    for (unsigned turn = 0; turn < 3000; turn++) {
        struct edge_list edges = {.nodes = 2 + draw(turn % 3 ? 12 : NODES_MAX - 2)};
        uint32_t from_root = 1 + draw(6);
        for (; edges.count < from_root; edges.count++)
            edges.to[edges.count] = 1 + draw(edges.nodes - 1);
        for (uint32_t more = draw(edges.nodes * 3); more > 0; more--) {
            edges.from[edges.count] = 1 + draw(edges.nodes - 1);
            edges.to[edges.count++] = 1 + draw(edges.nodes - 1);
        }
        check_late(&edges, draw(from_root + 1));
    }
}

/* The example of the paper (Lengauer and Tarjan, figures 1 and 2): R is 0, A to L are 1 to 12. */
static void test_published(void **state)
{
    (void)state;
    static const char text[] = "RA RB RC AD BA BD BE CF CG DL EH FI GI GJ HE HK IK JI KI KR LH";
    struct edge_list edges = {.nodes = 13};
    for (const char *at = text; *at; at += at[2] ? 3 : 2) {
        edges.from[edges.count] = at[0] == 'R' ? 0 : (uint32_t)(at[0] - 'A' + 1);
        edges.to[edges.count++] = at[1] == 'R' ? 0 : (uint32_t)(at[1] - 'A' + 1);
    }
    check(&edges, 0);
    struct csr csr = csr_of(&edges), incoming;
    struct visit visit;
    visit_from(&csr, 0, &visit);
    uint32_t *dominator = find(&visit, &incoming);
    static const struct {
        char node, by;
    } tree[] = {{'A', 'R'}, {'B', 'R'}, {'C', 'R'}, {'D', 'R'}, {'E', 'R'}, {'F', 'C'},
                {'G', 'C'}, {'H', 'R'}, {'I', 'R'}, {'J', 'G'}, {'K', 'R'}, {'L', 'D'}};
    for (size_t i = 0; i < LENGTH_OF(tree); i++) {
        uint32_t node = (uint32_t)(tree[i].node - 'A' + 1);
        uint32_t by = visit.node[dominator[visit.place[node]]];
        assert_int_equal(tree[i].by, by ? (int)('A' + by - 1) : 'R');
    }
    free(dominator);
    csr_free(&incoming);
    csr_free(&csr);
    visit_free(&visit);
}

/* A list that is a million nodes long, with pointers back: no recursion, no square of it. */
static void test_long(void **state)
{
    (void)state;
    enum {
        LONG = 1000000
    };
    struct csr csr = {.nodes = LONG}, incoming;
    csr.first = xcalloc(LONG + 1, sizeof(*csr.first));
    csr.to = xcalloc(2 * LONG, sizeof(*csr.to));
    for (uint32_t i = 0; i < LONG; i++) {
        csr.first[i] = 2 * i;
        csr.to[2 * i] = i + 1 < LONG ? i + 1 : 0;
        csr.to[2 * i + 1] = i ? i - 1 : 0;
    }
    csr.first[LONG] = 2 * LONG;
    struct visit visit;
    visit_from(&csr, 0, &visit);
    uint32_t *dominator = find(&visit, &incoming);
    assert_int_equal(visit.count, LONG);
    for (uint32_t i = 2; i + 1 < LONG; i++)
        assert_int_equal(visit.node[dominator[visit.place[i]]], i - 1);
    assert_int_equal(dominator[visit.place[LONG - 1]], visit.place[LONG - 2]);
    free(dominator);
    csr_free(&incoming);
    csr_free(&csr);
    visit_free(&visit);
}

/* What is reached later goes on from there. */
static void test_more(void **state)
{
    (void)state;
    const struct edge_list edges = {
        .nodes = 5, .count = 4, .from = {0, 2, 3, 2}, .to = {1, 3, 1, 2}};
    struct csr csr = csr_of(&edges);
    struct visit visit;
    visit_from(&csr, 0, &visit);
    assert_int_equal(visit.count, 2);
    visit_more(&csr, &visit, 2);
    visit_more(&csr, &visit, 3);
    assert_int_equal(visit.count, 4);
    assert_int_equal(visit.place[4], CSR_NONE);
    csr_free(&csr);
    visit_free(&visit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),    cmocka_unit_test(test_late),
        cmocka_unit_test(test_published), cmocka_unit_test(test_long),
        cmocka_unit_test(test_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
