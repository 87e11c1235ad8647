#include "scan/goroutines.h"

#include <string.h>

#include "base/memory.h"
#include "scan/paths.h"

/* Each turn, or each request, passes the go statement: no "if it does not run yet" is before it. */
static bool is_unconditional(const struct launch *launch)
{
    uint32_t node = launch->start.call->made.node;
    AUTO_PATH struct path path = {0};
    if (launch->loop.end != LOOP_NONE) {
        struct flow_graph graph = traced_graph(&launch->parent->traced);
        AUTO_LOOP struct loop with = flow_graph_loop(&graph, node);
        for (uint32_t n = 0; n < graph.node_count; n++) {
            bool branches =
                launch->parent->forward.first[n + 1] - launch->parent->forward.first[n] > 1;
            if (n == node || !with.nodes[n] || !branches)
                continue;
            AUTO_LOOP struct loop without = loop_without(launch->parent, n, node);
            if (without.facts.in_loop)
                return false;
        }
        return true;
    }
    path_init(&path, launch->scanner, launch->parent, 0);
    path_block(&path, node);
    return !path_returns(&path);
}

bool launch_repeats(const struct launch *launch)
{
    return is_unconditional(launch) && (launch->per_request || launch->loop.end == LOOP_ENDLESS ||
                                        launch->loop.end == LOOP_OTHERS);
}

static const char *loop_remark(const struct launch *launch)
{
    switch (launch->loop.end) {
    case LOOP_NONE:
        return launch->per_request ? "for each request" : NULL;
    case LOOP_ENDLESS:
        return "in a loop without a way out";
    default:
        return "in a loop";
    }
}

/* One goroutine that stays is a leak if its starter is called again and again. That shows in its
 * callers, if it shows at all. */
static bool starter_repeats(const struct launch *launch)
{
    return launch->loop.end != LOOP_NONE || launch->per_request ||
           scanner_called_again(launch->scanner, launch->parent->func.entry);
}

void launch_report(struct launch *launch, enum rule rule, enum grade grade, unsigned rank,
                   address at_return_pc, char *title, char *reason, const char *fix)
{
    struct scanner *scanner = launch->scanner;
    address started = launch->start.call->made.return_pc;
    struct finding finding = {
        .rule = rule,
        .grade = grade,
        .rank = rank,
        .title = title,
        .at = place_of(scanner->program, at_return_pc),
        .started_at = place_of(scanner->program, started),
        .started_in_loop = loop_remark(launch),
        .fix = fix,
    };
    VECTOR_PUSH(&finding.because, reason);
    if (grade == GRADE_LIKELY && !starter_repeats(launch)) {
        finding.grade = GRADE_POSSIBLE;
        VECTOR_PUSH(&finding.because,
                    sentence("how often %s is called is not in sight",
                             finding.started_at.function ? finding.started_at.function : "it"));
    }
    scanner_report(scanner, &finding, at_return_pc,
                   finding.started_at.function ? finding.started_at.function : "");
}

/* It asks a request that it was given, or answers it. */
static bool handles_request(const struct scanner *scanner, const struct summary *summary)
{
    for (size_t i = 0; i < summary->calls.length; i++) {
        const struct summary_call *call = &summary->calls.at[i];
        if (scanner_callee(scanner, call) == CALLEE_REQUEST &&
            call->arguments[0].kind == VALUE_ENTRY)
            return true;
    }
    return false;
}

static bool serves_requests(const struct scanner *scanner, const struct summary *summary)
{
    uint32_t value;
    const struct func *func = &summary->func;
    const char *name = func_name(&scanner->program->pclntab, func);
    size_t length = strlen(name);
    static const char method[] = ").ServeHTTP";
    return handles_request(scanner, summary) ||
           u64map_get(&scanner->handlers, func->entry, &value) ||
           (length > strlen(method) && !strcmp(name + length - strlen(method), method));
}

static void judge_start(struct scanner *scanner, const struct summary *parent,
                        const struct summary_call *call)
{
    struct launch launch = {.scanner = scanner, .parent = parent};
    if (!start_resolve(scanner, parent, call, &launch.start))
        return;
    if (launch.start.code && scanner_spend(scanner, parent->traced.nodes.length)) {
        launch.loop = loop_around(scanner, parent, call->made.node);
        launch.per_request = serves_requests(scanner, parent);
        find_senders(&launch);
        find_receivers(&launch);
        find_timer_loop(&launch);
        find_waitgroup(&launch);
    }
    start_deinit(&launch.start);
}

void scan_goroutines(struct scanner *scanner)
{
    static const enum callee wanted[] = {CALLEE_NEWPROC};
    struct func func;
    for (size_t i = 0; scanner_next(scanner, wanted, LENGTH_OF(wanted), &i, &func);) {
        struct summary *parent = scanner_summary(scanner, &func);
        for (size_t k = 0; parent && k < parent->calls.length; k++) {
            if (scanner_callee(scanner, &parent->calls.at[k]) == CALLEE_NEWPROC)
                judge_start(scanner, parent, &parent->calls.at[k]);
        }
        scanner_release(parent);
    }
    find_lost_cancels(scanner);
}
