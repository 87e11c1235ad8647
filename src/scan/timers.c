/* timer-loop: a goroutine that is started again and again and loops on a timer for ever. Each one
 * stays; one that is started once, for the life of the program, is a background job and none of
 * this. */
#include "scan/goroutines.h"

static const char fix[] =
    "give the loop a way out: select { case <-ticker.C: … case <-ctx.Done(): return }";

/* The channel of a ticker is never closed (time.Ticker.Stop). */
static bool is_ticker_channel(const struct launch *launch, const struct value *channel)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        enum callee callee = scanner_callee(launch->scanner, call);
        bool ticker = callee == CALLEE_NEW_TICKER && channel->kind == VALUE_RESULT_FIELD;
        bool tick = callee == CALLEE_TICK && channel->kind == VALUE_RESULT;
        if ((ticker || tick) && channel->number == 0 && channel->node == call->made.node)
            return true;
    }
    return false;
}

/* `for range ticker.C` has a way out in the code, but it is never taken. */
static bool ranges_over_ticker(const struct launch *launch, const struct summary_call *call)
{
    const struct summary *code = launch->start.code;
    if (scanner_callee(launch->scanner, call) != CALLEE_CHANRECV2 ||
        !is_ticker_channel(launch, &call->arguments[0]))
        return false;
    struct flow_graph graph = traced_graph(&code->traced);
    AUTO_LOOP struct loop loop = flow_graph_loop(&graph, call->made.node);
    return loop.facts.in_loop && loop_ends_by(code, &loop, call);
}

/* The wait for a timer in the goroutine's endless loop: time.Sleep, or a receive where the function
 * has a timer. */
static const struct summary_call *timer_wait(const struct launch *launch)
{
    const struct summary *code = launch->start.code;
    bool has_timer = false;
    for (size_t i = 0; i < code->calls.length; i++) {
        enum callee callee = scanner_callee(launch->scanner, &code->calls.at[i]);
        has_timer = has_timer || callee == CALLEE_AFTER || callee == CALLEE_TICK ||
                    callee == CALLEE_NEW_TICKER || callee == CALLEE_NEW_TIMER;
    }
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        enum callee callee = scanner_callee(launch->scanner, call);
        bool receives =
            callee == CALLEE_CHANRECV1 || callee == CALLEE_CHANRECV2 || callee == CALLEE_SELECTGO;
        if ((callee == CALLEE_SLEEP || (has_timer && receives)) &&
            (ranges_over_ticker(launch, call) ||
             loop_around(launch->scanner, code, call->made.node).end == LOOP_ENDLESS))
            return call;
    }
    return NULL;
}

void find_timer_loop(struct launch *launch)
{
    if (launch->loop.end == LOOP_NONE && !launch->per_request)
        return;
    const struct summary_call *wait = timer_wait(launch);
    if (!wait)
        return;
    /* A deferred call may recover from a panic that ends the loop. */
    bool repeats = launch_repeats(launch) && !launch_body_defers(launch);
    launch_report(launch, RULE_TIMER_LOOP, repeats ? GRADE_LIKELY : GRADE_POSSIBLE, repeats ? 0 : 1,
                  wait->made.return_pc,
                  sentence("goroutines are started again and again, and each loops on a timer for "
                           "ever"),
                  sentence("their loop has no way out: short of a panic, none of them ends"), fix);
}
