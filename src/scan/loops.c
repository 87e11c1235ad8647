#include "scan/loops.h"

#include <string.h>

#include "base/memory.h"

enum {
    FEW_TURNS = 64
};

/* "net.(*TCPListener).Accept" and its kin: waits for a peer. */
static bool is_accept(const struct scanner *scanner, address callee)
{
    const struct pclntab *table = &scanner->program->pclntab;
    struct func func;
    if (!callee || !pclntab_func(table, callee, &func) || func.entry != callee)
        return false;
    const char *name = func_name(table, &func);
    const char *method = strrchr(name, '.');
    return method && (!strncmp(name, "net.", 4) || !strncmp(name, "crypto/tls.", 11)) &&
           !strncmp(method, ".Accept", strlen(".Accept"));
}

static bool waits(const struct scanner *scanner, const struct summary_call *call)
{
    switch (scanner_callee(scanner, call)) {
    case CALLEE_CHANRECV1:
    case CALLEE_CHANRECV2:
    case CALLEE_SELECTGO:
        return true;
    default:
        return is_accept(scanner, call->made.callee);
    }
}

static bool is_own_channel(const struct scanner *scanner, const struct summary *summary,
                           const struct summary_call *receive);

static bool waits_in_loop(const struct scanner *scanner, const struct summary *summary,
                          const struct loop *loop)
{
    for (size_t i = 0; i < summary->calls.length; i++) {
        const struct summary_call *call = &summary->calls.at[i];
        if (loop->nodes[call->made.node] && waits(scanner, call) &&
            !is_own_channel(scanner, summary, call))
            return true;
    }
    return false;
}

/* Does one way of the branch at `node` leave the loop, to where a program goes on? */
static bool is_exit(const struct summary *summary, const struct loop *loop, uint32_t node)
{
    for (uint32_t i = summary->forward.first[node]; i < summary->forward.first[node + 1]; i++) {
        uint32_t to = summary->forward.to[i];
        if (!loop->nodes[to] && !loop->doomed[to])
            return true;
    }
    return false;
}

/* A count that is compared with a small constant on the way out. */
static int64_t constant_turns(const struct summary *summary, const struct loop *loop)
{
    for (size_t i = 0; i < summary->counts.length; i++) {
        const struct summary_count *count = &summary->counts.at[i];
        if (loop->nodes[count->branch] && count->limit > 0 && count->limit <= FEW_TURNS &&
            is_exit(summary, loop, count->branch))
            return count->limit;
    }
    return 0;
}

static bool decides(const struct summary *summary, uint32_t branch, const struct summary_call *call)
{
    for (size_t i = 0; i < summary->compares.length; i++) {
        const struct summary_compare *compare = &summary->compares.at[i];
        if (compare->branch == branch && compare->left.kind == VALUE_RESULT &&
            compare->left.node == call->made.node)
            return true;
    }
    return false;
}

bool loop_ends_by(const struct summary *summary, const struct loop *loop,
                  const struct summary_call *call)
{
    bool ends = false;
    for (uint32_t n = 0; n < summary->traced.nodes.length; n++) {
        if (!loop->nodes[n] || !is_exit(summary, loop, n))
            continue;
        if (!decides(summary, n, call))
            return false;
        ends = true;
    }
    return ends;
}

/* What it ranges over, the function made itself: it also knows how much that is. */
static bool is_own_channel(const struct scanner *scanner, const struct summary *summary,
                           const struct summary_call *receive)
{
    struct value channel = summary_resolve(summary, &receive->arguments[0]);
    if (channel.kind != VALUE_RESULT)
        return false;
    for (size_t i = 0; i < summary->calls.length; i++) {
        if (summary->calls.at[i].made.node == channel.node)
            return scanner_callee(scanner, &summary->calls.at[i]) == CALLEE_MAKECHAN;
    }
    return false;
}

/* The one receive or select that ends the loop. */
static bool ends_by_others(const struct scanner *scanner, const struct summary *summary,
                           const struct loop *loop)
{
    for (size_t i = 0; i < summary->calls.length; i++) {
        const struct summary_call *call = &summary->calls.at[i];
        enum callee callee = scanner_callee(scanner, call);
        if ((callee == CALLEE_CHANRECV2 || callee == CALLEE_SELECTGO) &&
            !is_own_channel(scanner, summary, call) && loop->nodes[call->made.node] &&
            loop_ends_by(summary, loop, call))
            return true;
    }
    return false;
}

struct loop_judged loop_judge(const struct scanner *scanner, const struct summary *summary,
                              const struct loop *loop)
{
    if (!loop->facts.in_loop)
        return (struct loop_judged){LOOP_NONE, 0};
    if (loop->facts.loop_exit == WAY_OUT_NONE)
        return (struct loop_judged){LOOP_ENDLESS, 0};
    if (loop->facts.loop_exit == WAY_OUT_UNKNOWN)
        return (struct loop_judged){LOOP_UNKNOWN, 0};
    int64_t turns = constant_turns(summary, loop);
    if (turns)
        return (struct loop_judged){LOOP_FEW, turns};
    if (ends_by_others(scanner, summary, loop))
        return (struct loop_judged){LOOP_OTHERS, 0};
    bool outside = waits_in_loop(scanner, summary, loop);
    return (struct loop_judged){outside ? LOOP_OUTSIDE : LOOP_ITSELF, 0};
}

struct loop loop_without(const struct summary *summary, uint32_t node, uint32_t except)
{
    struct flow_graph graph = traced_graph(&summary->traced);
    AUTO_FREE struct flow_edge *edges = xmalloc((graph.edge_count + 1) * sizeof(*edges));
    size_t count = 0;
    for (size_t i = 0; i < graph.edge_count; i++) {
        if (graph.edges[i].from != except && graph.edges[i].to != except)
            edges[count++] = graph.edges[i];
    }
    graph.edges = edges;
    graph.edge_count = count;
    return flow_graph_loop(&graph, node);
}

struct loop_judged loop_around(const struct scanner *scanner, const struct summary *summary,
                               uint32_t node)
{
    struct flow_graph graph = traced_graph(&summary->traced);
    AUTO_LOOP struct loop loop = flow_graph_loop(&graph, node);
    return loop_judge(scanner, summary, &loop);
}
