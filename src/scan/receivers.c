/* range-never-closed: a goroutine ranges over a channel until it is closed, and nobody who has the
 * channel closes it. Its maker must be able to return: as long as it lives it may still send. */
#include "scan/channels.h"
#include "scan/goroutines.h"
#include "scan/paths.h"

static const char fix[] = "close the channel when nothing more comes: defer close(ch) where it is "
                          "sent to; or receive in a select beside ctx.Done()";

/* The receive is in a loop that ends only if the channel is closed: each way out is decided by the
 * receive's own "ok". */
static bool only_close_ends(const struct summary *code, const struct summary_call *receive)
{
    struct flow_graph graph = traced_graph(&code->traced);
    AUTO_LOOP struct loop loop = flow_graph_loop(&graph, receive->made.node);
    return loop.facts.in_loop && loop_ends_by(code, &loop, receive);
}

/* Somebody may close it: another goroutine of the maker, or one that can't be followed. */
static bool others_close(const struct launch *launch, const struct channel *channel)
{
    const struct summary *parent = launch->parent;
    for (size_t i = 0; i < parent->calls.length; i++) {
        const struct summary_call *call = &parent->calls.at[i];
        struct start start;
        if (call == launch->start.call || scanner_callee(launch->scanner, call) != CALLEE_NEWPROC)
            continue;
        if (!start_resolve(launch->scanner, parent, call, &start))
            return true;
        AUTO_USES struct channel_uses uses = {0};
        if (start.code)
            channel_uses_of_body(launch->scanner, channel, &start, &uses);
        bool closes = !start.code || uses.escapes || channel_count(&uses, CHANNEL_CLOSES);
        start_deinit(&start);
        if (closes)
            return true;
    }
    return false;
}

static bool maker_returns(const struct launch *launch)
{
    AUTO_PATH struct path path = {0};
    path_init(&path, launch->scanner, launch->parent, launch->start.call->made.node);
    return path_returns(&path);
}

static void judge_range(struct launch *launch, const struct channel *channel,
                        const struct summary_call *receive)
{
    AUTO_USES struct channel_uses maker = {0}, body = {0};
    channel_uses_of_body(launch->scanner, channel, &launch->start, &body);
    channel_uses_of_maker(launch->scanner, channel, &maker);
    if (body.escapes || maker.escapes || channel_count(&body, CHANNEL_CLOSES) ||
        channel_count(&maker, CHANNEL_CLOSES) || others_close(launch, channel) ||
        !maker_returns(launch))
        return;
    launch_report(launch, RULE_RANGE_NEVER_CLOSED, GRADE_LIKELY, 0, receive->made.return_pc,
                  sentence("a goroutine ranges over a channel that nobody closes"),
                  sentence("the channel goes nowhere else, and none of those who have it closes "
                           "it: the goroutine waits for ever once its starter has returned"),
                  fix);
}

void find_receivers(struct launch *launch)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        if (scanner_callee(launch->scanner, call) != CALLEE_CHANRECV2)
            continue;
        struct value value = binding_value(&launch->start.binding, &call->arguments[0]);
        struct channel channel;
        if (channel_of(launch->scanner, launch->parent, &value, &channel) &&
            only_close_ends(code, call)) {
            judge_range(launch, &channel, call);
            return;
        }
    }
}
