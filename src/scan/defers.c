/* defer-in-loop, from the code alone. Go's compiler calls runtime.deferproc only for a defer that
 * may run more than once in a call of its function, so those calls are the list; the control flow
 * tells which are in a loop indeed, and what ends that loop:
 *
 *   certain   nothing: short of a panic, the function never gets behind the loop
 *   likely    others: the loop receives, selects or accepts, and runs as long as these want
 *   possible  the loop itself: a collection is exhausted, a condition holds; or the calls of a
 *             range-over-func loop, one per item
 *
 * Not reported: what runs at most once in a call of the function. */
#include "scan/closures.h"
#include "scan/loops.h"

#include <string.h>

#include "base/text.h"

static const char fix[] = "make the loop's body a function, so that its defers run each turn";

enum {
    /* In which order those of one grade are read. */
    RANK_OUTSIDE,
    RANK_NEVER_RUNS,
    RANK_ITSELF,
    RANK_UNKNOWN,
    RANK_FEW
};

/* Others decide when the loop ends, and nobody waits for the function: it is a goroutine's, the
 * program's main one too. A function that somebody calls and waits for does one operation, even if
 * that takes a select. */
static bool runs_for_long(const struct scanner *scanner, const struct func *func)
{
    uint32_t value;
    return u64map_get(&scanner->bodies, func->entry, &value) ||
           !strcmp(func_name(&scanner->program->pclntab, func), "main.main");
}

/* A call in the loop may end the goroutine: runtime.Goexit, three levels deep. Of what a call through a
 * pointer does, nothing is known: testing.TB is such a case, and in no program that is released. */
static bool may_exit_goroutine(struct scanner *scanner, const struct summary *summary,
                               const struct loop *loop)
{
    for (size_t i = 0; i < summary->calls.length; i++) {
        const struct traced_call *made = &summary->calls.at[i].made;
        if (loop->nodes[made->node] && made->callee && scanner_exits(scanner, made->callee))
            return true;
    }
    return false;
}

static void explain(struct scanner *scanner, const struct summary *summary, const struct func *func,
                    struct finding *finding, struct loop_judged judged, const struct loop *loop)
{
    const char *function = finding->at.function ? finding->at.function : "the function";
    char *reason = NULL;
    finding->grade = GRADE_POSSIBLE;
    switch (judged.end) {
    case LOOP_ENDLESS:
        finding->grade = may_exit_goroutine(scanner, summary, loop) ? GRADE_LIKELY : GRADE_CERTAIN;
        reason = sentence(
            "%s loops without a way out: short of a panic, its deferred calls never run", function);
        break;
    case LOOP_OTHERS:
    case LOOP_OUTSIDE:
        finding->grade = judged.end == LOOP_OTHERS || runs_for_long(scanner, func) ? GRADE_LIKELY
                                                                                   : GRADE_POSSIBLE;
        finding->rank = RANK_OUTSIDE;
        reason = judged.end == LOOP_OTHERS
                     ? sentence("only others end the loop, and until then no deferred call runs")
                     : sentence("the loop waits for others, and its deferred calls run only when "
                                "%s returns",
                                function);
        break;
    case LOOP_UNKNOWN:
        finding->rank = RANK_UNKNOWN;
        reason = sentence("it is in a loop, but part of the code could not be followed");
        break;
    case LOOP_FEW:
        finding->rank = RANK_FEW;
        reason = sentence("the loop counts to %lld only", (long long)judged.turns);
        break;
    default:
        finding->rank = RANK_ITSELF;
        reason = sentence("the deferred calls run when %s returns, not at the end of each turn",
                          function);
        break;
    }
    VECTOR_PUSH(&finding->because, reason);
    if (judged.end == LOOP_ENDLESS || loop->facts.returns != WAY_OUT_NONE)
        return;
    finding->rank = finding->rank > RANK_NEVER_RUNS ? RANK_NEVER_RUNS : finding->rank;
    VECTOR_PUSH(&finding->because,
                sentence("behind the loop %s does not return: they never run", function));
}

static const struct summary_call *call_to(const struct summary *summary, uint32_t node)
{
    for (size_t i = 0; i < summary->calls.length; i++) {
        if (summary->calls.at[i].made.node == node)
            return &summary->calls.at[i];
    }
    return NULL;
}

/* The function that is deferred, and what each call holds: its record, which the runtime allocates
 * (runtime.newdefer), and its closure. */
static void describe_call(struct scanner *scanner, const struct summary *summary, uint32_t node,
                          struct finding *finding)
{
    const struct summary_call *call = call_to(summary, node);
    const struct layout *record = types_layout(scanner->program->types, "runtime._defer");
    struct defer_site site = {0};
    finding->call_bytes = record ? record->size : 0;
    if (!call)
        return;
    struct value closure = summary_resolve(summary, &call->arguments[0]);
    struct value captured = summary_field(summary, &closure, 8);
    finding->call_bytes += closure_bytes(scanner, summary, &closure);
    if (!closure_entry(scanner, summary, &closure, &site.function))
        return;
    captured = summary_resolve(summary, &captured);
    closure_entry(scanner, summary, &captured, &site.captured);
    finding->deferred = place_of_deferred(scanner->target, scanner->program, &site);
}

/* A defer in the body of a range-over-func loop belongs to the function around it, and the body is
 * called for each item. */
static bool is_range_body(const struct call_site *site)
{
    return site->name == CALLEE_DEFERPROCAT;
}

static void explain_range_body(struct finding *finding)
{
    finding->grade = GRADE_POSSIBLE;
    finding->rank = RANK_ITSELF;
    VECTOR_PUSH(&finding->because, sentence("the loop ranges over a function: the deferred calls "
                                            "pile up, one for each item"));
}

static void judge(struct scanner *scanner, const struct summary *summary,
                  const struct call_site *site)
{
    uint32_t node;
    if (!scanner_call_node(&summary->traced, site->return_pc, &node))
        return; /* bytes of another instruction, or code that nothing leads to */
    if (!scanner_spend(scanner, summary->traced.nodes.length))
        return;
    struct flow_graph graph = traced_graph(&summary->traced);
    AUTO_LOOP struct loop loop = flow_graph_loop(&graph, node);
    bool piles_up = loop.facts.in_loop || is_range_body(site);
    struct scanned_defer defer = {.at = place_of(scanner->program, site->return_pc),
                                  .facts = loop.facts,
                                  .reported = piles_up};
    if (!loop.facts.in_loop && piles_up) { /* the loop is in the function that calls the body */
        defer.facts.in_loop = true;
        defer.facts.loop_exit = defer.facts.returns = WAY_OUT_UNKNOWN;
    }
    VECTOR_PUSH(&scanner->scan->defers, defer);
    if (!piles_up)
        return;
    struct finding finding = {
        .rule = RULE_DEFER_IN_LOOP,
        .at = place_of(scanner->program, site->return_pc),
        .fix = fix,
    };
    describe_call(scanner, summary, node, &finding);
    if (loop.facts.in_loop)
        explain(scanner, summary, &summary->func, &finding, loop_judge(scanner, summary, &loop),
                &loop);
    else
        explain_range_body(&finding);
    finding.title = sentence(finding.grade == GRADE_CERTAIN ? "deferred calls in a loop never run"
                                                            : "deferred calls pile up in a loop");
    scanner_report(scanner, &finding, site->return_pc,
                   finding.deferred.function ? finding.deferred.function : "");
}

static bool is_defer(uint32_t name)
{
    return name == CALLEE_DEFERPROC || name == CALLEE_DEFERPROCAT;
}

void scan_defers(struct scanner *scanner)
{
    static const enum callee wanted[] = {CALLEE_DEFERPROC, CALLEE_DEFERPROCAT};
    struct func func;
    for (size_t i = 0; scanner_next(scanner, wanted, LENGTH_OF(wanted), &i, &func);) {
        size_t count = 0;
        const struct call_site *sites =
            call_sites_within(&scanner->sites, func.entry, func.end, &count);
        struct summary *summary = scanner_summary(scanner, &func);
        for (size_t k = 0; summary && k < count; k++) {
            if (is_defer(sites[k].name))
                judge(scanner, summary, &sites[k]);
        }
        scanner_release(summary);
    }
}
