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
#include "find/scan_internal.h"

#include <string.h>

#include "base/text.h"

static const char fix[] = "make the loop's body a function, so that its defers run each turn";

enum loop_end {
    ENDS_NEVER,
    ENDS_UNKNOWN,
    ENDS_OUTSIDE, /* others decide */
    ENDS_ITSELF,
};

static bool is_wait(enum callee callee)
{
    return callee == CALLEE_CHANRECV1 || callee == CALLEE_CHANRECV2 || callee == CALLEE_SELECTGO;
}

/* Does the loop wait for others? `sites` are the function's. */
static bool waits_in_loop(const struct traced *traced, const struct loop *loop,
                          const struct call_site *sites, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t node;
        if (is_wait((enum callee)sites[i].name) &&
            scanner_call_node(traced, sites[i].return_pc, &node) && loop->nodes[node])
            return true;
    }
    return false;
}

static enum loop_end end_of(const struct traced *traced, const struct loop *loop,
                            const struct call_site *sites, size_t count)
{
    if (loop->facts.loop_exit == WAY_OUT_NONE)
        return ENDS_NEVER;
    if (loop->facts.loop_exit == WAY_OUT_UNKNOWN)
        return ENDS_UNKNOWN;
    return waits_in_loop(traced, loop, sites, count) ? ENDS_OUTSIDE : ENDS_ITSELF;
}

static void explain(struct finding *finding, enum loop_end end, const struct loop *loop)
{
    const char *function = finding->at.function ? finding->at.function : "the function";
    char *reason = NULL;
    switch (end) {
    case ENDS_NEVER:
        finding->grade = GRADE_CERTAIN;
        reason = sentence(
            "%s loops without a way out: short of a panic, its deferred calls never run", function);
        break;
    case ENDS_OUTSIDE:
        finding->grade = GRADE_LIKELY;
        reason =
            sentence("the loop waits for others: until they end it, the deferred calls pile up");
        break;
    case ENDS_UNKNOWN:
        finding->grade = GRADE_POSSIBLE;
        reason = sentence("a loop, but part of its code could not be followed");
        break;
    case ENDS_ITSELF:
        finding->grade = GRADE_POSSIBLE;
        reason = sentence("until the loop ends, the deferred calls pile up");
        break;
    }
    VECTOR_PUSH(&finding->because, reason);
    if (end != ENDS_NEVER && loop->facts.returns == WAY_OUT_NONE)
        VECTOR_PUSH(&finding->because,
                    sentence("behind the loop, %s does not return: they never run", function));
}

static void judge(struct scanner *scanner, const struct func *func, const struct traced *traced,
                  const struct call_site *site, const struct call_site *sites, size_t count)
{
    uint32_t node;
    if (!scanner_call_node(traced, site->return_pc, &node))
        return; /* bytes of another instruction, or code that nothing leads to */
    struct flow_graph graph = traced_graph(traced);
    AUTO_LOOP struct loop loop = flow_graph_loop(&graph, node);
    struct scanned_defer defer = {.at = place_of(scanner->program, site->return_pc),
                                  .facts = loop.facts,
                                  .reported = loop.facts.in_loop};
    VECTOR_PUSH(&scanner->scan->defers, defer);
    if (!loop.facts.in_loop)
        return;
    const struct pclntab *table = &scanner->program->pclntab;
    const char *file = NULL;
    int32_t line;
    func_line(table, func, site->return_pc - 1, &file, &line);
    struct finding finding = {
        .rule = RULE_DEFER_IN_LOOP,
        .at = place_of(scanner->program, site->return_pc),
        .title = sentence("deferred calls pile up in a loop"),
        .fix = fix,
    };
    explain(&finding, end_of(traced, &loop, sites, count), &loop);
    scanner_report(scanner, &finding, func_name(table, func), file, "");
}

static bool is_defer(enum callee callee)
{
    return callee == CALLEE_DEFERPROC || callee == CALLEE_DEFERPROCAT ||
           callee == CALLEE_DEFERRANGEFUNC;
}

static void judge_function(struct scanner *scanner, const struct func *func)
{
    size_t count = 0;
    const struct call_site *sites =
        call_sites_within(&scanner->sites, func->entry, func->end, &count);
    AUTO_TRACED struct traced traced = {0};
    if (!scanner_trace(scanner, func, &traced))
        return;
    for (size_t i = 0; i < count; i++) {
        if (is_defer((enum callee)sites[i].name))
            judge(scanner, func, &traced, &sites[i], sites, count);
    }
}

void scan_defers(struct scanner *scanner)
{
    static const enum callee wanted[] = {CALLEE_DEFERPROC, CALLEE_DEFERPROCAT,
                                         CALLEE_DEFERRANGEFUNC};
    struct func func;
    for (size_t i = 0; scanner_next(scanner, wanted, LENGTH_OF(wanted), &i, &func);)
        judge_function(scanner, &func);
}
