#include "scan/channels.h"

#include <string.h>

/* Is a value the channel? Asked of the maker's values, or of those of a goroutine's body. */
struct view {
    struct scanner *scanner;
    const struct channel *channel;
    const struct summary *code;
    const struct binding *binding; /* NULL: code is the maker's */
};

static struct value in_maker(const struct view *view, const struct value *value)
{
    if (view->binding)
        return binding_value(view->binding, value);
    return summary_resolve(view->code, value);
}

static bool is_channel(const struct view *view, const struct value *value)
{
    struct value there = in_maker(view, value);
    return value_same(&there, &view->channel->value);
}

/* By runtime.newobject, in the maker. */
static bool is_made_here(const struct view *view, const struct value *object)
{
    const struct summary *maker = view->channel->maker;
    uint32_t makes;
    for (size_t i = 0; i < maker->calls.length; i++) {
        if (maker->calls.at[i].made.node == object->node)
            return u64map_get(&view->scanner->summaries.makes, maker->calls.at[i].made.callee,
                              &makes);
    }
    return false;
}

/* The heap variable that holds the channel, where a closure captures it by reference. */
static bool is_box(const struct view *view, const struct value *value)
{
    struct value there = in_maker(view, value);
    struct value word = summary_field(view->channel->maker, &there, 0);
    return value_same(&word, &view->channel->value) && is_made_here(view, &there);
}

/* On some ways it is. */
static bool may_be(const struct view *view, const struct value *value)
{
    if (view->binding)
        return false; /* results of the body's own calls */
    if (value->kind == VALUE_MAYBE_ANY)
        return true;
    struct value result = {VALUE_RESULT, value->node, 0};
    return value->kind == VALUE_MAYBE && (is_channel(view, &result) || is_box(view, &result));
}

/* A word of an object of this function that has been given several values. */
static bool is_ambiguous(const struct view *view, const struct value *word)
{
    struct value object = {VALUE_RESULT, word->node, 0};
    for (size_t i = 0; i < view->code->stores.length; i++) {
        const struct summary_store *store = &view->code->stores.at[i];
        if (value_same(&store->base, &object) && store->offset == word->number)
            return true;
    }
    return false;
}

/* It may be the channel, for all one can tell. */
static bool is_unclear(const struct view *view, const struct value *value)
{
    if (value->kind == VALUE_RESULT_FIELD) {
        struct value there = summary_resolve(view->code, value);
        return there.kind == VALUE_RESULT_FIELD && is_ambiguous(view, &there);
    }
    return value->kind == VALUE_UNKNOWN || may_be(view, value);
}

static bool is_either(const struct view *view, const struct value *value)
{
    return may_be(view, value) || (value->kind != VALUE_UNKNOWN && value->kind != VALUE_NUMBER &&
                                   (is_channel(view, value) || is_box(view, value)));
}

static void add(struct channel_uses *uses, enum channel_act act, const struct summary_call *call,
                uint32_t select_case)
{
    VECTOR_PUSH(&uses->uses,
                (struct channel_use){.act = act, .call = call, .select_case = select_case});
}

static void look_at_select(const struct view *view, const struct summary_call *call,
                           struct channel_uses *uses)
{
    enum {
        BLOCKS = 5
    };
    const struct value *blocks = &call->arguments[BLOCKS];
    bool tries = blocks->kind == VALUE_NUMBER && !(blocks->number & 0xff);
    uses->escapes = uses->escapes || !call->case_count; /* its cases are not known */
    for (uint32_t i = 0; i < call->case_count; i++) {
        const struct value *channel = &view->code->cases.at[call->first_case + i];
        uses->escapes = uses->escapes || is_unclear(view, channel);
        if (!is_channel(view, channel))
            continue;
        add(uses,
            tries                  ? CHANNEL_TRIES
            : i < call->send_count ? CHANNEL_SELECTS_SEND
                                   : CHANNEL_SELECTS_RECEIVE,
            call, i);
    }
}

static bool passes(const struct view *view, const struct summary_call *call)
{
    for (unsigned i = 0; i < SUMMARY_ARGUMENTS; i++) {
        if (is_either(view, &call->arguments[i]))
            return true;
    }
    return !call->made.callee && is_either(view, &call->context);
}

/* Where the channel stands that a call takes, and what the call does with it. */
static bool act_of(enum callee callee, enum channel_act *act_ret, unsigned *argument_ret)
{
    static const struct {
        enum callee callee;
        enum channel_act act;
        unsigned argument;
    } acts[] = {
        {CALLEE_CHANSEND, CHANNEL_SENDS, 0},
        {CALLEE_CHANRECV1, CHANNEL_RECEIVES, 0},
        {CALLEE_CHANRECV2, CHANNEL_RANGES, 0},
        {CALLEE_CLOSECHAN, CHANNEL_CLOSES, 0},
        {CALLEE_SELECTNBSEND, CHANNEL_TRIES, 0},
        {CALLEE_SELECTNBRECV, CHANNEL_TRIES, 1}, /* (elem unsafe.Pointer, c *hchan) */
    };
    for (size_t i = 0; i < LENGTH_OF(acts); i++) {
        if (acts[i].callee != callee)
            continue;
        *act_ret = acts[i].act;
        *argument_ret = acts[i].argument;
        return true;
    }
    return false;
}

static void look_at_call(const struct view *view, const struct summary_call *call,
                         struct channel_uses *uses)
{
    enum callee callee = scanner_callee(view->scanner, call);
    enum channel_act act;
    unsigned argument;
    if (act_of(callee, &act, &argument)) {
        const struct value *channel = &call->arguments[argument];
        if (is_channel(view, channel))
            add(uses, act, call, 0);
        else
            uses->escapes = uses->escapes || is_unclear(view, channel);
    } else if (callee == CALLEE_SELECTGO) {
        look_at_select(view, call, uses);
    } else if (callee != CALLEE_NEWPROC) { /* its closure's words are looked at as stores */
        uses->escapes = uses->escapes || passes(view, call);
    }
}

/* The closure of a `go` statement of this function. */
static bool is_go_closure(const struct view *view, const struct value *object)
{
    for (size_t i = 0; i < view->code->calls.length; i++) {
        const struct summary_call *call = &view->code->calls.at[i];
        if (scanner_callee(view->scanner, call) == CALLEE_NEWPROC &&
            value_same(&call->arguments[0], object))
            return true;
    }
    return false;
}

static void look_at_stores(const struct view *view, struct channel_uses *uses)
{
    for (size_t i = 0; i < view->code->stores.length && !uses->escapes; i++) {
        const struct summary_store *store = &view->code->stores.at[i];
        if (!is_either(view, &store->stored) || (!view->binding && is_box(view, &store->base)))
            continue;
        uses->escapes =
            view->binding || may_be(view, &store->stored) || !is_go_closure(view, &store->base);
    }
}

static void look_at_closures(const struct view *view, struct channel_uses *uses)
{
    for (size_t i = 0; i < view->code->closures.length; i++) {
        const struct summary_closure *closure = &view->code->closures.at[i];
        for (unsigned k = 0; k < SUMMARY_CAPTURED; k++)
            uses->escapes = uses->escapes || is_either(view, &closure->captured[k]);
    }
}

/* What the body of a goroutine returns goes nowhere. The maker's registers may hold results or what is
 * left in them: callers tell. */
static void look_at_returns(const struct view *view, struct channel_uses *uses)
{
    uint32_t held = 0;
    for (size_t i = 0; !view->binding && i < view->code->returns.length; i++) {
        const struct summary_return *returned = &view->code->returns.at[i];
        for (unsigned k = 0; k < SUMMARY_ARGUMENTS; k++)
            held |= is_either(view, &returned->results[k]) ? UINT32_C(1) << k : 0;
    }
    if (held && !uses->escapes)
        uses->escapes = scanner_results_used(view->scanner, view->code->func.entry, held);
}

static void look(const struct view *view, struct channel_uses *uses)
{
    const struct summary *code = view->code;
    uint64_t cost =
        (code->calls.length + code->stores.length + code->returns.length) * SUMMARY_ARGUMENTS;
    *uses =
        (struct channel_uses){.escapes = code->incomplete || !scanner_spend(view->scanner, cost)};
    for (size_t i = 0; i < view->code->calls.length; i++)
        look_at_call(view, &view->code->calls.at[i], uses);
    look_at_stores(view, uses);
    look_at_closures(view, uses);
    look_at_returns(view, uses);
    for (size_t i = 0; i < code->held.length; i++)
        uses->escapes = uses->escapes || (summary_is_given(code, &code->held.at[i]) &&
                                          is_either(view, &code->held.at[i].value));
    for (size_t i = 0; i < view->code->exposed.length; i++)
        uses->escapes = uses->escapes || is_either(view, &view->code->exposed.at[i]);
}

bool channel_of(struct scanner *scanner, const struct summary *maker, const struct value *value,
                struct channel *channel_ret)
{
    struct value made = summary_resolve(maker, value);
    if (made.kind != VALUE_RESULT || made.number)
        return false;
    for (size_t i = 0; i < maker->calls.length; i++) {
        const struct summary_call *call = &maker->calls.at[i];
        if (call->made.node != made.node || scanner_callee(scanner, call) != CALLEE_MAKECHAN)
            continue;
        const struct value *size = &call->arguments[1];
        *channel_ret = (struct channel){
            .maker = maker, .value = made, .size = size->kind == VALUE_NUMBER ? size->number : -1};
        return true;
    }
    return false;
}

void channel_uses_of_maker(struct scanner *scanner, const struct channel *channel,
                           struct channel_uses *uses_ret)
{
    look(&(struct view){.scanner = scanner, .channel = channel, .code = channel->maker}, uses_ret);
}

void channel_uses_of_body(struct scanner *scanner, const struct channel *channel,
                          const struct start *start, struct channel_uses *uses_ret)
{
    look(&(struct view){.scanner = scanner,
                        .channel = channel,
                        .code = start->code,
                        .binding = &start->binding},
         uses_ret);
}

void channel_uses_deinit(struct channel_uses *uses)
{
    VECTOR_DEINIT(&uses->uses);
}

size_t channel_count(const struct channel_uses *uses, enum channel_act act)
{
    size_t count = 0;
    for (size_t i = 0; i < uses->uses.length; i++)
        count += uses->uses.at[i].act == act;
    return count;
}

const struct channel_use *channel_first(const struct channel_uses *uses, enum channel_act act)
{
    for (size_t i = 0; i < uses->uses.length; i++) {
        if (uses->uses.at[i].act == act)
            return &uses->uses.at[i];
    }
    return NULL;
}
