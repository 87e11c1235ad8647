/* timer-loop: a goroutine that is started again and again and loops on a timer for ever. Each one
 * stays; one that is started once, for the life of the program, is a background job and none of
 * this. */
#include "find/scan_goroutines.h"

static const char fix[] =
    "give the loop a way out: select { case <-ticker.C: … case <-ctx.Done(): return }";

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
            loop_around(launch->scanner, code, call->made.node).end == LOOP_ENDLESS)
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
    bool repeats = launch_repeats(launch);
    launch_report(launch, RULE_TIMER_LOOP, repeats ? GRADE_LIKELY : GRADE_POSSIBLE, repeats ? 0 : 1,
                  wait->made.return_pc,
                  sentence("goroutines are started again and again, and each loops on a timer for "
                           "ever"),
                  sentence("their loop has no way out: short of a panic, none of them ends"), fix);
}
