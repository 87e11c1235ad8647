/* Gathers a summary: the visitor of values_follow(). */
#include <string.h>

#include "base/memory.h"
#include "code/summary_internal.h"

enum {
    WORD = 8,
    CASES_MAX = 1 << 16,
    CLOSURES_MAX = 256,
    HELD_MAX = 1024,
    EXPOSED_MAX = 4096,
    ADDRESSES_MAX = 512,
    COPY_MAX = 1024,   /* how much of what runtime.duffcopy copies is looked at */
    BRANCH_WITHIN = 6, /* instructions from a comparison to its branch */
    /* func selectgo(cas0 *scase, order0 *uint16, pc0 *uintptr, nsends, nrecvs int, block bool) */
    SELECT_CASES = 0,
    SELECT_SENDS = 3,
    SELECT_RECEIVES = 4
};

struct builder {
    struct summary *summary;
    struct u64map flags; /* nodes that may change the flags */
    const struct summary_context *context;
};

static void on_merge(void *context, const struct value *value)
{
    struct builder *builder = context;
    u64map_set(&builder->summary->kept, result_key(value), 1);
}

static void on_number(void *context, int64_t number)
{
    struct builder *builder = context;
    u64map_set(&builder->summary->numbers, (uint64_t)number, 1);
}

static bool is_function(const struct builder *builder, const struct value *value, address *entry)
{
    const struct pclntab *table = &builder->context->program->pclntab;
    struct func func;
    *entry = (address)value->number;
    return value->kind == VALUE_NUMBER && *entry >= table->text && *entry < table->text_end &&
           pclntab_func(table, *entry, &func) && func.entry == *entry;
}

/* What rules follow through slots: what was made, given, or captured. */
static bool is_followed(const struct value *value)
{
    switch (value->kind) {
    case VALUE_RESULT:
    case VALUE_MAYBE:
    case VALUE_ENTRY:
    case VALUE_FIELD:
    case VALUE_FIELD_FIELD:
        return true;
    default:
        return false;
    }
}

/* The address of a slot is kept somewhere: what lies there, and behind it, may be used by others. */
static void note_address(struct summary *summary, const struct value *value)
{
    if (value->kind != VALUE_STACK)
        return;
    for (size_t i = 0; i < summary->addresses.length; i++) {
        if (summary->addresses.at[i] == value->number)
            return;
    }
    if (summary->addresses.length < ADDRESSES_MAX)
        VECTOR_PUSH(&summary->addresses, value->number);
    else
        summary->incomplete = true;
}

static void note_held(struct summary *summary, const struct value_slot *slot)
{
    for (size_t i = 0; i < summary->held.length; i++) {
        if (summary->held.at[i].at == slot->at &&
            value_same(&summary->held.at[i].value, &slot->value))
            return;
    }
    if (summary->held.length < HELD_MAX)
        VECTOR_PUSH(&summary->held, *slot);
    else
        summary->incomplete = true;
}

static void on_slot_store(void *context, int64_t at, const struct value *stored)
{
    struct builder *builder = context;
    if (is_followed(stored))
        note_held(builder->summary, &(struct value_slot){.at = at, .value = *stored});
    note_address(builder->summary, stored);
}

static void on_slot_load(void *context, int64_t at)
{
    struct builder *builder = context;
    u64map_set(&builder->summary->loaded, (uint64_t)at, 1);
}

static bool has_closure(const struct summary *summary, const struct summary_closure *closure)
{
    for (size_t i = 0; i < summary->closures.length; i++) {
        if (!memcmp(&summary->closures.at[i], closure, sizeof(*closure)))
            return true;
    }
    return false;
}

static bool is_runtime(const struct program *program, address callee)
{
    struct func func;
    return callee && pclntab_func(&program->pclntab, callee, &func) && func.entry == callee &&
           !strncmp(func_name(&program->pclntab, &func), "runtime.", strlen("runtime."));
}

/* The runtime's own functions take buffers and results by address, but for a few that copy. */
static bool copies_what_it_points_to(const struct program *program, address callee)
{
    static const char *const copying[] = {"runtime.convT", "runtime.typed", "runtime.chansend"};
    struct func func;
    if (!callee || !pclntab_func(&program->pclntab, callee, &func) || func.entry != callee)
        return true;
    const char *name = func_name(&program->pclntab, &func);
    bool copies = strncmp(name, "runtime.", strlen("runtime.")) != 0;
    for (size_t i = 0; i < LENGTH_OF(copying); i++)
        copies = copies || !strncmp(name, copying[i], strlen(copying[i]));
    return copies;
}

/* The values of slots in [at, at + size) go where they are not followed. */
static void expose(void *context, int64_t at, int64_t size, const struct values *values)
{
    struct builder *builder = context;
    for (unsigned i = 0; i < values->slot_count; i++) {
        const struct value_slot *slot = &values->slots[i];
        if (slot->at < at || slot->at - at >= size)
            continue;
        if (builder->summary->exposed.length < EXPOSED_MAX)
            VECTOR_PUSH(&builder->summary->exposed, slot->value);
        else
            builder->summary->incomplete = true;
    }
}

/* What lies where an argument points to: a struct in the frame that is copied, or an element that
 * is sent. How large it is, is not known; of what is behind it some may be something else. */
static void note_exposed(struct builder *builder, const struct values *values, address callee,
                         const struct value *argument)
{
    enum {
        WINDOW = 64
    };
    uint32_t value;
    if (argument->kind != VALUE_STACK ||
        !copies_what_it_points_to(builder->context->program, callee))
        return;
    if (u64map_get(&builder->context->channels, callee, &value))
        expose(builder, argument->number, WORD, values);
    else if (is_runtime(builder->context->program, callee))
        expose(builder, argument->number, WINDOW, values);
    else
        note_address(builder->summary, argument);
}

/* Function literals in slots of the frame, as the state at a call shows them. */
static void note_closures(struct builder *builder, const struct values *values)
{
    for (unsigned i = 0; i < values->slot_count; i++) {
        const struct value_slot *slot = &values->slots[i];
        struct summary_closure closure = {.at = slot->at};
        if (slot->value.kind == VALUE_RESULT || slot->value.kind == VALUE_MAYBE)
            u64map_set(&builder->summary->kept, result_key(&slot->value), 1);
        if (is_followed(&slot->value))
            note_held(builder->summary, slot);
        if (!is_function(builder, &slot->value, &closure.entry) ||
            builder->summary->closures.length >= CLOSURES_MAX)
            continue;
        for (unsigned k = 0; k < SUMMARY_CAPTURED; k++)
            closure.captured[k] = values_slot(values, slot->at + WORD * (k + 1));
        if (!has_closure(builder->summary, &closure))
            VECTOR_PUSH(&builder->summary->closures, closure);
    }
}

static void note_cases(struct builder *builder, const struct values *values,
                       struct summary_call *call)
{
    const struct value *at = &call->arguments[SELECT_CASES];
    const struct value *sends = &call->arguments[SELECT_SENDS];
    const struct value *receives = &call->arguments[SELECT_RECEIVES];
    uint32_t value;
    if (!u64map_get(&builder->context->selects, call->made.callee, &value) ||
        at->kind != VALUE_STACK || sends->kind != VALUE_NUMBER || receives->kind != VALUE_NUMBER)
        return;
    uint64_t count = (uint64_t)sends->number + (uint64_t)receives->number;
    if ((uint64_t)sends->number > count || count > CASES_MAX ||
        builder->summary->cases.length > CASES_MAX)
        return;
    call->cases_at = at->number;
    call->first_case = (uint32_t)builder->summary->cases.length;
    call->case_count = (uint32_t)count;
    call->send_count = (uint32_t)sends->number;
    for (uint64_t i = 0; i < count; i++)
        VECTOR_PUSH(&builder->summary->cases,
                    values_slot(values, at->number + (int64_t)i * CASE_SIZE));
}

/* How many registers the callee takes arguments from; the others hold what was left there. Write
 * barriers, the growing of the stack and panics take nothing that a rule would follow. */
static unsigned argument_count(const struct builder *builder, const struct traced_call *made)
{
    const struct pclntab *table = &builder->context->program->pclntab;
    address callee = made->callee;
    struct func func;
    uint32_t keeper;
    if (builder->summary->traced.nodes.at[made->node] == NODE_FAILS ||
        u64map_get(&builder->context->keeps, callee, &keeper))
        return 0;
    if (!callee || !pclntab_func(table, callee, &func) || func.entry != callee)
        return builder->summary->registers.arguments;
    int words = func_argument_words(table, &func);
    unsigned most = builder->summary->registers.arguments;
    return words < 0 || (unsigned)words > most ? most : (unsigned)words;
}

static void on_call(void *context, const struct traced_call *made, const struct values *values)
{
    struct builder *builder = context;
    struct summary_call call = {.made = *made};
    unsigned count = argument_count(builder, made);
    for (unsigned i = 0; i < count; i++) {
        call.arguments[i] = values->registers[i];
        note_exposed(builder, values, made->callee, &call.arguments[i]);
    }
    builder->summary->incomplete = builder->summary->incomplete || values->is_full;
    call.context = values->registers[builder->summary->registers.context];
    uint32_t keeper;
    const struct value *source = &values->registers[builder->summary->registers.source];
    if (u64map_get(&builder->context->keeps, made->callee, &keeper) && keeper == KEEPER_COPY &&
        source->kind == VALUE_STACK)
        expose(builder, source->number, COPY_MAX, values);
    if (!made->callee && call.context.kind == VALUE_STACK) {
        struct value entry = values_slot(values, call.context.number);
        if (!is_function(builder, &entry, &call.closure_entry))
            call.closure_entry = 0;
        call.closure_word = values_slot(values, call.context.number + WORD);
    }
    note_closures(builder, values);
    note_cases(builder, values, &call);
    VECTOR_PUSH(&builder->summary->calls, call);
}

static void on_store(void *context, uint32_t node, const struct value *base, int64_t offset,
                     const struct value *stored)
{
    struct builder *builder = context;
    VECTOR_PUSH(
        &builder->summary->stores,
        (struct summary_store){.node = node, .base = *base, .offset = offset, .stored = *stored});
}

static void on_return(void *context, uint32_t node, const struct values *values)
{
    struct builder *builder = context;
    struct summary_return returned = {.node = node};
    memcpy(returned.results, values->registers,
           builder->summary->registers.arguments * sizeof(*returned.results));
    VECTOR_PUSH(&builder->summary->returns, returned);
}

/* The branch that a comparison decides: the next one, if only plain code lies between. */
static void on_flags(void *context, uint32_t node)
{
    struct builder *builder = context;
    u64map_set(&builder->flags, node, 1);
}

/* Nothing between the comparison and its branch changes the flags. */
static bool flags_last(const struct builder *builder, uint32_t node, uint32_t branch)
{
    const struct summary *summary = builder->summary;
    uint32_t value;
    for (unsigned i = 0; node != branch && i < BRANCH_WITHIN; i++) {
        node = summary->forward.to[summary->forward.first[node]];
        if (node != branch && u64map_get(&builder->flags, node, &value))
            return false;
    }
    return true;
}

/* Once all nodes were seen. */
static void drop_overridden(struct builder *builder)
{
    struct summary *summary = builder->summary;
    size_t kept = 0;
    for (size_t i = 0; i < summary->compares.length; i++) {
        const struct summary_compare *compare = &summary->compares.at[i];
        if (flags_last(builder, compare->node, compare->branch))
            summary->compares.at[kept++] = *compare;
    }
    summary->compares.length = kept;
    kept = 0;
    for (size_t i = 0; i < summary->counts.length; i++) {
        const struct summary_count *count = &summary->counts.at[i];
        if (flags_last(builder, count->node, count->branch))
            summary->counts.at[kept++] = *count;
    }
    summary->counts.length = kept;
}

static bool branch_behind(const struct summary *summary, uint32_t node, uint32_t *branch_ret)
{
    for (unsigned i = 0; i < BRANCH_WITHIN; i++) {
        uint32_t first = summary->forward.first[node];
        uint32_t count = summary->forward.first[node + 1] - first;
        *branch_ret = node;
        if (count == 2 && summary->traced.conditions.at[node] != CONDITION_NONE)
            return true;
        if (count != 1)
            return false;
        node = summary->forward.to[first];
    }
    return false;
}

static void on_compare(void *context, uint32_t node, const struct value *left, int64_t right)
{
    struct builder *builder = context;
    struct summary *summary = builder->summary;
    uint32_t branch;
    if (left->kind == VALUE_UNKNOWN || !branch_behind(summary, node, &branch))
        return;
    enum condition condition = (enum condition)summary->traced.conditions.at[branch];
    if (left->kind == VALUE_RAISED) {
        /* up to and with the limit: `i++; if i <= limit` */
        bool with = condition == CONDITION_LESS_EQUAL || condition == CONDITION_GREATER;
        VECTOR_PUSH(&summary->counts, (struct summary_count){node, branch, right + with});
        return;
    }
    VECTOR_PUSH(
        &summary->compares,
        (struct summary_compare){
            .node = node, .branch = branch, .left = *left, .right = right, .condition = condition});
}

static struct error *build(struct summary_context *context, const struct func *func,
                           struct summary *summary)
{
    __attribute__((cleanup(flow_close))) struct function_code function = {0};
    struct builder builder = {.summary = summary, .context = context};
    struct value_visitor visitor = {.call = on_call,
                                    .store = on_store,
                                    .returns = on_return,
                                    .number = on_number,
                                    .merges = on_merge,
                                    .slot_store = on_slot_store,
                                    .slot_load = on_slot_load,
                                    .spreads = expose,
                                    .compare = on_compare,
                                    .flags = on_flags,
                                    .context = &builder};
    TRY(flow_open(context->target, context->program, func, context->decoder, &function));
    TRY(trace_function(&function.code, &summary->traced));
    struct flow_graph graph = traced_graph(&summary->traced);
    adjacency_init(&summary->forward, &graph, false);
    struct value_rules rules = {.keeps = &context->keeps, .makes = &context->makes};
    struct error *error = values_follow(&function.code, &summary->traced, &rules, &visitor);
    if (!error)
        drop_overridden(&builder);
    u64map_deinit(&builder.flags);
    return error;
}

struct error *summary_create(struct summary_context *context, const struct func *func,
                             struct summary **summary_ret)
{
    struct summary *summary = xcalloc(1, sizeof(*summary));
    summary->func = *func;
    summary->registers = registers_of(context->program->arch);
    struct error *error = build(context, func, summary);
    if (error) {
        summary_destroy(summary);
        return error;
    }
    *summary_ret = summary;
    return NULL;
}
