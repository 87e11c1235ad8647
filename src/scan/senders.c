/* A goroutine that sends and can find nobody who receives. Each rule needs the channel's whole
 * story: who makes it, how much room it has, and that it goes nowhere but to goroutines that can be
 * followed.
 *
 *   early-return      its starter can return before it receives
 *   abandoned-sender  … by another case of a select on the channel: a timeout, a context
 *   double-send       it can send twice, its starter receives once
 *   fan-out-send      it is started again and again, and sends on a channel from elsewhere
 *
 * A starter that meets the goroutine in another way first (receives what it closes or sends
 * elsewhere, waits for its WaitGroup) is not said to leave it behind. */
#include "base/memory.h"
#include "scan/channels.h"
#include "scan/goroutines.h"
#include "scan/paths.h"

static const char fix_room[] =
    "give the channel room for all its senders: make(chan T, 1); or send in a select beside "
    "ctx.Done()";
static const char fix_once[] = "return right behind the first send";
static const char fix_try[] =
    "select { case ch <- value: default: }   a send that cannot block; or one beside ctx.Done()";

/* The channels of the maker that the goroutine signals its end on, other than `except`. */
static void block_meetings(const struct launch *launch, const struct value *except,
                           struct path *path)
{
    const struct summary *parent = launch->parent;
    for (size_t i = 0; i < parent->calls.length; i++) {
        const struct summary_call *call = &parent->calls.at[i];
        enum callee callee = scanner_callee(launch->scanner, call);
        if (callee == CALLEE_WAITGROUP_WAIT)
            path_block(path, call->made.node);
        struct channel channel;
        struct value made = {VALUE_RESULT, call->made.node, 0};
        if (callee != CALLEE_MAKECHAN || value_same(&made, except) ||
            !channel_of(launch->scanner, parent, &made, &channel))
            continue;
        AUTO_USES struct channel_uses body = {0}, maker = {0};
        channel_uses_of_body(launch->scanner, &channel, &launch->start, &body);
        if (!body.uses.length && !body.escapes)
            continue;
        channel_uses_of_maker(launch->scanner, &channel, &maker);
        for (size_t k = 0; k < maker.uses.length; k++) {
            const struct channel_use *use = &maker.uses.at[k];
            if (use->act == CHANNEL_RECEIVES || use->act == CHANNEL_RANGES)
                path_block(path, use->call->made.node);
            else if (use->act == CHANNEL_SELECTS_RECEIVE)
                path_block_case(path, use->call->made.node, use->select_case,
                                use->call->case_count);
        }
    }
}

static bool in_loop(const struct summary *summary, uint32_t node)
{
    struct flow_graph graph = traced_graph(&summary->traced);
    return flow_graph_facts(&graph, node).in_loop;
}

/* The two are in one loop: each turn has its own. */
static bool in_one_loop(const struct summary *summary, uint32_t node, uint32_t other)
{
    struct flow_graph graph = traced_graph(&summary->traced);
    AUTO_LOOP struct loop loop = flow_graph_loop(&graph, node);
    return loop.facts.in_loop && loop.nodes[other];
}

/* A loop that receives is not passed by without a turn, as far as one can tell: all of it counts as
 * the receive. A loop that also starts the goroutine is not meant. */
static void block_loop(const struct launch *launch, uint32_t node, struct path *path)
{
    AUTO_LOOP struct loop loop = loop_without(launch->parent, node, path->from);
    path_block(path, node);
    if (!loop.facts.in_loop)
        return;
    for (uint32_t n = 0; n < launch->parent->traced.nodes.length; n++) {
        if (loop.nodes[n])
            path_block(path, n);
    }
}

/* The starter's ways past its receives of the channel. */
static void block_receives(const struct launch *launch, const struct channel_uses *maker,
                           bool whole_selects, struct path *path)
{
    for (size_t i = 0; i < maker->uses.length; i++) {
        const struct channel_use *use = &maker->uses.at[i];
        uint32_t node = use->call->made.node;
        if (use->act == CHANNEL_SELECTS_RECEIVE && !whole_selects)
            path_block_case(path, node, use->select_case, use->call->case_count);
        else if (use->act != CHANNEL_SENDS && use->act != CHANNEL_CLOSES)
            block_loop(launch, node, path);
    }
}

/* Whatever can come behind a receive: a way that joins it there may be one that a condition leads round
 * the receive because there is nothing to receive. */
static void block_behind_receives(const struct launch *launch, const struct channel_uses *maker,
                                  struct path *path)
{
    const struct summary *parent = launch->parent;
    struct node_ids work = {0};
    AUTO_FREE bool *seen = xcalloc(parent->traced.nodes.length, sizeof(bool));
    for (size_t i = 0; i < maker->uses.length; i++) {
        if (maker->uses.at[i].act == CHANNEL_RECEIVES || maker->uses.at[i].act == CHANNEL_RANGES)
            VECTOR_PUSH(&work, maker->uses.at[i].call->made.node);
    }
    while (work.length > 0) {
        uint32_t node = work.at[--work.length];
        for (uint32_t i = parent->forward.first[node]; i < parent->forward.first[node + 1]; i++) {
            uint32_t to = parent->forward.to[i];
            if (seen[to])
                continue;
            seen[to] = true;
            path_block(path, to);
            VECTOR_PUSH(&work, to);
        }
    }
    VECTOR_DEINIT(&work);
}

/* strictly: on a way that has nothing in common with those that receive. */
static bool can_leave(const struct launch *launch, const struct channel *channel,
                      const struct channel_uses *maker, bool whole_selects, bool strictly)
{
    AUTO_PATH struct path path = {0};
    path_init(&path, launch->scanner, launch->parent, launch->start.call->made.node);
    block_receives(launch, maker, whole_selects, &path);
    block_meetings(launch, &channel->value, &path);
    if (strictly)
        block_behind_receives(launch, maker, &path);
    return path_returns(&path);
}

static size_t receives(const struct channel_uses *uses)
{
    return channel_count(uses, CHANNEL_RECEIVES) + channel_count(uses, CHANNEL_RANGES) +
           channel_count(uses, CHANNEL_SELECTS_RECEIVE) + channel_count(uses, CHANNEL_TRIES);
}

/* The starter receives at most once, outside of any loop. */
static bool receives_once(const struct summary *parent, const struct channel_uses *maker)
{
    size_t count = 0;
    for (size_t i = 0; i < maker->uses.length; i++) {
        const struct channel_use *use = &maker->uses.at[i];
        if (use->act == CHANNEL_SENDS || use->act == CHANNEL_CLOSES)
            continue;
        if (use->act == CHANNEL_TRIES || ++count > 1 || in_loop(parent, use->call->made.node))
            return false;
    }
    return count == 1;
}

/* The second of two sends on one way through the goroutine; NULL if there is no such way. */
static const struct channel_use *second_send(const struct launch *launch,
                                             const struct channel_uses *body)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < body->uses.length; i++) {
        const struct channel_use *first = &body->uses.at[i];
        if (first->act != CHANNEL_SENDS)
            continue;
        if (in_loop(code, first->call->made.node))
            return first;
        AUTO_PATH struct path path = {0};
        path_init(&path, launch->scanner, code, first->call->made.node);
        for (size_t k = 0; k < body->uses.length; k++) {
            const struct channel_use *second = &body->uses.at[k];
            if (k != i && second->act == CHANNEL_SENDS &&
                scanner_spend(launch->scanner, code->traced.nodes.length) &&
                path_reaches(&path, second->call->made.node))
                return second;
        }
    }
    return NULL;
}

static void report_sender(struct launch *launch, enum rule rule, enum grade grade,
                          const struct channel_use *send, const char *title, const char *reason,
                          const char *fix)
{
    launch_report(launch, rule, grade, 0, send->call->made.return_pc, sentence("%s", title),
                  sentence("%s", reason), fix);
}

static bool sends_in_loop(const struct launch *launch, const struct channel_uses *body)
{
    for (size_t i = 0; i < body->uses.length; i++) {
        if (body->uses.at[i].act == CHANNEL_SENDS &&
            in_loop(launch->start.code, body->uses.at[i].call->made.node))
            return true;
    }
    return false;
}

/* Behind each other send that leads to the second one, there is no way round it: no condition may be
 * what keeps the two apart. */
static bool must_send_again(const struct launch *launch, const struct channel_uses *body,
                            const struct channel_use *second)
{
    const struct summary *code = launch->start.code;
    uint32_t to = second->call->made.node;
    for (size_t i = 0; i < body->uses.length; i++) {
        const struct channel_use *first = &body->uses.at[i];
        AUTO_PATH struct path path = {0};
        if (first == second || first->act != CHANNEL_SENDS)
            continue;
        path_init(&path, launch->scanner, code, first->call->made.node);
        bool leads = path_reaches(&path, to);
        path_block(&path, to);
        if (leads && !path_returns(&path))
            return true;
    }
    return false;
}

static int32_t line_of(const struct launch *launch, const struct channel_use *use)
{
    struct source_frame frame = {0};
    pclntab_frames(&launch->scanner->program->pclntab, use->call->made.return_pc - 1, &frame, 1);
    return frame.line;
}

/* The last one in the source: those before it are mostly of errors. */
static const struct channel_use *last_send(const struct launch *launch,
                                           const struct channel_uses *uses)
{
    const struct channel_use *last = NULL;
    for (size_t i = 0; i < uses->uses.length; i++) {
        const struct channel_use *use = &uses->uses.at[i];
        if (use->act == CHANNEL_SENDS && (!last || line_of(launch, use) > line_of(launch, last)))
            last = use;
    }
    return last;
}

static void judge_one_sender(struct launch *launch, const struct channel *channel,
                             const struct channel_uses *maker, const struct channel_uses *body)
{
    const struct channel_use *send = last_send(launch, body);
    const struct channel_use *second = channel->size == 0 && receives_once(launch->parent, maker)
                                           ? second_send(launch, body)
                                           : NULL;
    if (second) { /* in a loop it may be one and the same */
        report_sender(launch, RULE_DOUBLE_SEND,
                      must_send_again(launch, body, second) ? GRADE_LIKELY : GRADE_POSSIBLE, second,
                      "a goroutine can send twice, but only one receive is there",
                      "a way through it passes two sends on one channel, whose maker receives once",
                      fix_once);
        return;
    }
    if (channel->size > 0 || sends_in_loop(launch, body))
        return;
    if (!receives(maker))
        report_sender(launch, RULE_EARLY_RETURN, GRADE_LIKELY, send,
                      "a goroutine waits to send, and nobody ever receives",
                      "the channel has no room, and nothing that knows it receives", fix_room);
    else if (can_leave(launch, channel, maker, true, false))
        report_sender(launch, RULE_EARLY_RETURN,
                      can_leave(launch, channel, maker, true, true) ? GRADE_LIKELY : GRADE_POSSIBLE,
                      send, "a goroutine is left behind: its starter can return before it receives",
                      "the channel has no room, and there is a way from the go statement to a "
                      "return that does not receive",
                      fix_room);
    else if (can_leave(launch, channel, maker, false, false))
        report_sender(
            launch, RULE_ABANDONED_SENDER,
            can_leave(launch, channel, maker, false, true) ? GRADE_LIKELY : GRADE_POSSIBLE, send,
            "a goroutine is left behind when its starter's select takes another case",
            "the channel has no room, and behind another case of the select the starter "
            "returns without receiving",
            fix_room);
}

/* Senders that a loop starts, while the starter takes only the first value. */
static void judge_loop_senders(struct launch *launch, const struct channel *channel,
                               const struct channel_uses *maker, const struct channel_uses *body)
{
    if (channel->size != 0 || !receives_once(launch->parent, maker))
        return;
    report_sender(launch, RULE_EARLY_RETURN, GRADE_LIKELY, channel_first(body, CHANNEL_SENDS),
                  "a loop starts senders, but only one value is received",
                  "the channel has no room: all senders but one wait for ever", fix_room);
}

/* Other goroutines of this function that have the channel may receive, too. */
static bool is_shared(const struct launch *launch, const struct channel *channel)
{
    const struct summary *parent = launch->parent;
    for (size_t i = 0; i < parent->calls.length; i++) {
        const struct summary_call *call = &parent->calls.at[i];
        if (call == launch->start.call || scanner_callee(launch->scanner, call) != CALLEE_NEWPROC)
            continue;
        struct start start;
        bool shared = true;
        if (start_resolve(launch->scanner, parent, call, &start)) {
            AUTO_USES struct channel_uses uses = {0};
            if (start.code)
                channel_uses_of_body(launch->scanner, channel, &start, &uses);
            shared = !start.code || uses.uses.length || uses.escapes;
            start_deinit(&start);
        }
        if (shared)
            return true;
    }
    return false;
}

/* A channel of the starter's own. */
static void judge_channel(struct launch *launch, const struct channel *channel)
{
    AUTO_USES struct channel_uses maker = {0}, body = {0};
    channel_uses_of_body(launch->scanner, channel, &launch->start, &body);
    if (!channel_count(&body, CHANNEL_SENDS) || body.escapes || channel->size < 0)
        return;
    channel_uses_of_maker(launch->scanner, channel, &maker);
    if (maker.escapes || is_shared(launch, channel))
        return;
    if (launch->loop.end == LOOP_NONE ||
        in_one_loop(launch->parent, launch->start.call->made.node, channel->value.node))
        judge_one_sender(launch, channel, &maker, &body);
    else
        judge_loop_senders(launch, channel, &maker, &body);
}

/* Not one that the goroutine makes for itself. */
static bool is_from_elsewhere(const struct launch *launch, const struct value *channel)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        if (scanner_callee(launch->scanner, &code->calls.at[i]) == CALLEE_MAKECHAN)
            return false;
    }
    return channel->kind != VALUE_RESULT;
}

/* The starter itself receives from the channel: one that it was given, or keeps in a struct. */
static bool starter_receives(const struct launch *launch, const struct value *value)
{
    if (value->kind == VALUE_UNKNOWN)
        return false;
    struct channel channel = {.maker = launch->parent, .value = *value, .size = -1};
    AUTO_USES struct channel_uses uses = {0};
    channel_uses_of_maker(launch->scanner, &channel, &uses);
    return receives(&uses) > 0;
}

/* The goroutine receives from it, too: a semaphore, or something that it borrowed. */
static bool gives_back(const struct launch *launch, const struct value *channel)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        enum callee callee = scanner_callee(launch->scanner, call);
        if ((callee == CALLEE_CHANRECV1 || callee == CALLEE_CHANRECV2) &&
            channel->kind != VALUE_UNKNOWN && value_same(&call->arguments[0], channel))
            return true;
    }
    return false;
}

/* The starter makes a channel with room, or perhaps with room, that it keeps where it is not
 * followed: it may be this one. */
static bool may_have_room(const struct launch *launch)
{
    const struct summary *parent = launch->parent;
    for (size_t i = 0; i < parent->calls.length; i++) {
        const struct value *size = &parent->calls.at[i].arguments[1];
        if (scanner_callee(launch->scanner, &parent->calls.at[i]) == CALLEE_MAKECHAN &&
            !(size->kind == VALUE_NUMBER && size->number == 0))
            return true;
    }
    return false;
}

/* A send on a channel that the starter did not make. */
static void judge_foreign_send(struct launch *launch, const struct summary_call *send,
                               const struct value *value)
{
    if ((launch->loop.end == LOOP_NONE && !launch->per_request) || waits_for_group(launch) ||
        starter_receives(launch, value) || gives_back(launch, &send->arguments[0]) ||
        may_have_room(launch))
        return;
    launch_report(launch, RULE_FAN_OUT_SEND, GRADE_POSSIBLE, launch_repeats(launch) ? 0 : 1,
                  send->made.return_pc,
                  sentence("goroutines are started again and again, and each waits until it can "
                           "send"),
                  sentence("the send has no way out: if the receiver is gone or slow, they pile "
                           "up"),
                  fix_try);
}

void find_senders(struct launch *launch)
{
    const struct summary *code = launch->start.code;
    struct u64map seen = {0}; /* channels, by the node that makes them */
    bool foreign = false;
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        if (scanner_callee(launch->scanner, call) != CALLEE_CHANSEND)
            continue;
        struct value value = binding_value(&launch->start.binding, &call->arguments[0]);
        struct channel channel;
        bool is_new = false;
        if (channel_of(launch->scanner, launch->parent, &value, &channel)) {
            u64map_intern(&seen, channel.value.node, 1, &is_new);
            if (is_new)
                judge_channel(launch, &channel);
        } else if (!foreign && is_from_elsewhere(launch, &call->arguments[0])) {
            foreign = true;
            judge_foreign_send(launch, call, &value);
        }
    }
    u64map_deinit(&seen);
}
