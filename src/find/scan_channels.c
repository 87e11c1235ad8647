#include "find/scan_channels.h"

#include <string.h>

/* Is a value the channel? Asked of the maker's values, or of those of a goroutine's body. */
struct view {
    const struct scanner *scanner;
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

/* The heap variable that holds the channel, where a closure captures it by reference. */
static bool is_box(const struct view *view, const struct value *value)
{
    struct value there = in_maker(view, value);
    struct value word = summary_field(view->channel->maker, &there, 0);
    return value_same(&word, &view->channel->value);
}

static bool is_either(const struct view *view, const struct value *value)
{
    return value->kind != VALUE_UNKNOWN && value->kind != VALUE_NUMBER &&
           (is_channel(view, value) || is_box(view, value));
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
    for (uint32_t i = 0; i < call->case_count; i++) {
        if (!is_channel(view, &view->code->cases.at[call->first_case + i]))
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
    uint32_t keeper;
    if (u64map_get(&view->scanner->summaries.keeps, call->made.callee, &keeper))
        return false; /* a write barrier takes no arguments */
    for (unsigned i = 0; i < SUMMARY_ARGUMENTS; i++) {
        if (is_either(view, &call->arguments[i]))
            return true;
    }
    return !call->made.callee && is_either(view, &call->context);
}

static void look_at_call(const struct view *view, const struct summary_call *call,
                         struct channel_uses *uses)
{
    const struct value *first = &call->arguments[0], *second = &call->arguments[1];
    switch (scanner_callee(view->scanner, call)) {
    case CALLEE_CHANSEND:
        if (is_channel(view, first))
            add(uses, CHANNEL_SENDS, call, 0);
        break;
    case CALLEE_CHANRECV1:
        if (is_channel(view, first))
            add(uses, CHANNEL_RECEIVES, call, 0);
        break;
    case CALLEE_CHANRECV2:
        if (is_channel(view, first))
            add(uses, CHANNEL_RANGES, call, 0);
        break;
    case CALLEE_CLOSECHAN:
        if (is_channel(view, first))
            add(uses, CHANNEL_CLOSES, call, 0);
        break;
    case CALLEE_SELECTNBSEND:
        if (is_channel(view, first))
            add(uses, CHANNEL_TRIES, call, 0);
        break;
    case CALLEE_SELECTNBRECV: /* selectnbrecv(elem unsafe.Pointer, c *hchan) */
        if (is_channel(view, second))
            add(uses, CHANNEL_TRIES, call, 0);
        break;
    case CALLEE_SELECTGO:
        look_at_select(view, call, uses);
        break;
    case CALLEE_NEWPROC: /* the closure's words are looked at as stores */
        break;
    default:
        uses->escapes = uses->escapes || passes(view, call);
        break;
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
        uses->escapes = view->binding || !is_go_closure(view, &store->base);
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

/* What the body of a goroutine returns goes nowhere. */
static void look_at_returns(const struct view *view, struct channel_uses *uses)
{
    for (size_t i = 0; !view->binding && i < view->code->returns.length; i++) {
        const struct summary_return *returned = &view->code->returns.at[i];
        for (unsigned k = 0; k < SUMMARY_ARGUMENTS; k++)
            uses->escapes = uses->escapes || is_either(view, &returned->results[k]);
    }
}

static void look(const struct view *view, struct channel_uses *uses)
{
    *uses = (struct channel_uses){0};
    for (size_t i = 0; i < view->code->calls.length; i++)
        look_at_call(view, &view->code->calls.at[i], uses);
    look_at_stores(view, uses);
    look_at_closures(view, uses);
    look_at_returns(view, uses);
    for (size_t i = 0; i < view->code->exposed.length; i++)
        uses->escapes = uses->escapes || is_either(view, &view->code->exposed.at[i]);
}

bool channel_of(const struct scanner *scanner, const struct summary *maker,
                const struct value *value, struct channel *channel_ret)
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

void channel_uses_of_maker(const struct scanner *scanner, const struct channel *channel,
                           struct channel_uses *uses_ret)
{
    look(&(struct view){.scanner = scanner, .channel = channel, .code = channel->maker}, uses_ret);
}

void channel_uses_of_body(const struct scanner *scanner, const struct channel *channel,
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
