/* States are kept where ways meet (leaders); between them code runs straight. Joining can only take
 * knowledge away, so the walk ends. */
#include "code/values.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "code/adjacency.h"

enum {
    WORD = 8,
    STEPS_PER_NODE = 64
};

struct walk {
    const struct code *code;
    const struct traced *traced;
    const struct value_rules *rules;
    const struct value_visitor *visitor;
    struct decoder *decoder;
    struct registers names;
    struct adjacency forward;
    bool *leader;
    uint32_t *call_of;            /* by node: index of its call + 1 */
    struct operation *operations; /* by node, once `decoded` */
    bool *decoded;
    struct values **before; /* by leader; NULL: not reached */
    struct node_ids work;
    uint64_t steps;
};

static const struct value unknown = {0};

struct value values_slot(const struct values *values, int64_t at)
{
    for (unsigned i = 0; i < values->slot_count; i++) {
        if (values->slots[i].at == at)
            return values->slots[i].value;
    }
    return unknown;
}

/* Forgets all slots that share a byte with [at, at + size). */
static void smudge(struct values *values, int64_t at, int64_t size)
{
    for (unsigned i = 0; i < values->slot_count;) {
        if (values->slots[i].at < at + size && at < values->slots[i].at + WORD)
            values->slots[i] = values->slots[--values->slot_count];
        else
            i++;
    }
}

static void set_slot(struct values *values, int64_t at, const struct value *value)
{
    smudge(values, at, WORD);
    if (value->kind == VALUE_UNKNOWN)
        return;
    if (values->slot_count == VALUE_SLOTS_MAX)
        values->is_full = true;
    else
        values->slots[values->slot_count++] = (struct value_slot){.at = at, .value = *value};
}

/* It is, or may be, something that the function made. */
static bool is_made(const struct walk *walk, const struct value *value)
{
    uint32_t made;
    if (value->kind == VALUE_MAYBE)
        return true;
    if (value->kind != VALUE_RESULT || value->number || !walk->call_of[value->node])
        return false;
    const struct traced_call *call = &walk->traced->calls.at[walk->call_of[value->node] - 1];
    return call->callee && u64map_get(walk->rules->makes, call->callee, &made);
}

/* What both may be. UNKNOWN is below MAYBE, MAYBE below MAYBE_ANY: joining only goes up. */
static struct value join_values(const struct walk *walk, const struct value *a,
                                const struct value *b)
{
    if (value_same(a, b))
        return *a;
    if (a->kind == VALUE_MAYBE_ANY || b->kind == VALUE_MAYBE_ANY)
        return (struct value){VALUE_MAYBE_ANY, 0, 0};
    if (is_made(walk, a) && is_made(walk, b))
        return a->node == b->node ? (struct value){VALUE_MAYBE, a->node, 0}
                                  : (struct value){VALUE_MAYBE_ANY, 0, 0};
    if (is_made(walk, a))
        return (struct value){VALUE_MAYBE, a->node, 0};
    if (is_made(walk, b))
        return (struct value){VALUE_MAYBE, b->node, 0};
    return unknown;
}

static void note_merge(const struct walk *walk, const struct value *joined,
                       const struct value *value)
{
    if (walk->visitor->merges && value->kind == VALUE_RESULT && !value_same(joined, value))
        walk->visitor->merges(walk->visitor->context, value);
}

/* True if that changed what is known in `into`. */
static bool join(const struct walk *walk, struct values *into, const struct values *other)
{
    bool changed = other->is_full && !into->is_full;
    into->is_full = into->is_full || other->is_full;
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        struct value joined = join_values(walk, &into->registers[i], &other->registers[i]);
        changed = changed || !value_same(&joined, &into->registers[i]);
        note_merge(walk, &joined, &into->registers[i]);
        note_merge(walk, &joined, &other->registers[i]);
        into->registers[i] = joined;
    }
    if (into->slot_count == other->slot_count &&
        !memcmp(into->slots, other->slots, into->slot_count * sizeof(*into->slots)))
        return changed;
    for (unsigned i = 0; i < into->slot_count;) {
        struct value there = values_slot(other, into->slots[i].at);
        struct value joined = join_values(walk, &into->slots[i].value, &there);
        changed = changed || !value_same(&joined, &into->slots[i].value);
        if (joined.kind == VALUE_UNKNOWN)
            into->slots[i] = into->slots[--into->slot_count];
        else
            into->slots[i++].value = joined;
    }
    for (unsigned i = 0; i < other->slot_count; i++) {
        struct value here = values_slot(into, other->slots[i].at);
        struct value joined = join_values(walk, &here, &other->slots[i].value);
        if (here.kind != VALUE_UNKNOWN || joined.kind == VALUE_UNKNOWN)
            continue;
        if (into->slot_count == VALUE_SLOTS_MAX) {
            changed = changed || !into->is_full;
            into->is_full = true;
            continue;
        }
        into->slots[into->slot_count++] = (struct value_slot){other->slots[i].at, joined};
        changed = true;
    }
    return changed;
}

static bool fits_32(int64_t number)
{
    return number >= INT32_MIN && number <= INT32_MAX;
}

/* The word at base + offset. */
static struct value load(const struct values *values, const struct value *base, int64_t offset)
{
    switch (base->kind) {
    case VALUE_STACK:
        return values_slot(values, base->number + offset);
    case VALUE_ENTRY:
        return (struct value){VALUE_FIELD, base->node, offset};
    case VALUE_FIELD:
        if (!fits_32(base->number) || !fits_32(offset))
            return unknown;
        return (struct value){VALUE_FIELD_FIELD, base->node,
                              (int64_t)((uint64_t)base->number << 32 | (uint32_t)offset)};
    case VALUE_NUMBER:
        return (struct value){VALUE_GLOBAL, 0, base->number + offset};
    case VALUE_RESULT:
        return base->number ? unknown : (struct value){VALUE_RESULT_FIELD, base->node, offset};
    default:
        return unknown;
    }
}

static struct value sum(const struct value *value, int64_t number)
{
    struct value result = *value;
    if (value->kind == VALUE_NUMBER || value->kind == VALUE_STACK)
        result.number = (int64_t)((uint64_t)result.number + (uint64_t)number);
    else if (number)
        result = number == 1 ? (struct value){VALUE_RAISED, 0, 0} : unknown;
    return result;
}

static struct value register_value(const struct values *values, uint8_t reg)
{
    return reg < REGISTER_COUNT ? values->registers[reg] : unknown;
}

static void store_word(struct values *values, const struct value *base, int64_t offset,
                       const struct value *stored, const struct value_visitor *visitor,
                       uint32_t node)
{
    if (base->kind == VALUE_STACK && visitor && visitor->slot_store)
        visitor->slot_store(visitor->context, base->number + offset, stored);
    if (base->kind == VALUE_STACK)
        set_slot(values, base->number + offset, stored);
    else if (base->kind == VALUE_BARRIER)
        return;
    else if (visitor && visitor->store)
        visitor->store(visitor->context, node, base, offset, stored);
}

static void apply_store(const struct operation *operation, struct values *values,
                        const struct value_visitor *visitor, uint32_t node)
{
    struct value base = operation->to == REGISTER_NONE ? (struct value){VALUE_NUMBER, 0, 0}
                                                       : register_value(values, operation->to);
    struct value stored = operation->from == REGISTER_NONE
                              ? (struct value){VALUE_NUMBER, 0, operation->value}
                              : register_value(values, operation->from);
    store_word(values, &base, operation->number, &stored, visitor, node);
    if (operation->second != REGISTER_NONE) {
        stored = operation->second == REGISTER_ZERO ? (struct value){VALUE_NUMBER, 0, 0}
                                                    : register_value(values, operation->second);
        store_word(values, &base, operation->number + WORD, &stored, visitor, node);
    }
}

static void report_load(const struct value_visitor *visitor, const struct value *base,
                        int64_t offset)
{
    if (visitor && visitor->slot_load && base->kind == VALUE_STACK)
        visitor->slot_load(visitor->context, base->number + offset);
}

static void apply_load(const struct operation *operation, struct values *values,
                       const struct value_visitor *visitor)
{
    struct value base = operation->from == REGISTER_NONE ? (struct value){VALUE_NUMBER, 0, 0}
                                                         : register_value(values, operation->from);
    struct value second = load(values, &base, operation->number + WORD);
    report_load(visitor, &base, operation->number);
    if (operation->second < REGISTER_COUNT)
        report_load(visitor, &base, operation->number + WORD);
    if (operation->to < REGISTER_COUNT)
        values->registers[operation->to] = load(values, &base, operation->number);
    if (operation->second < REGISTER_COUNT)
        values->registers[operation->second] = second;
}

static void move_stack(const struct walk *walk, struct values *values, int64_t by)
{
    if (by)
        values->registers[walk->names.stack] = sum(&values->registers[walk->names.stack], by);
}

static void report_compare(const struct operation *operation, const struct values *values,
                           const struct value_visitor *visitor, uint32_t node)
{
    if (!visitor || !visitor->compare)
        return;
    struct value left = register_value(values, operation->to);
    if (operation->from == REGISTER_NONE && !operation->from_memory && left.kind != VALUE_UNKNOWN)
        visitor->compare(visitor->context, node, &left, operation->value);
}

static void report_number(const struct values *values, uint8_t reg,
                          const struct value_visitor *visitor)
{
    if (visitor && visitor->number && values->registers[reg].kind == VALUE_NUMBER)
        visitor->number(visitor->context, values->registers[reg].number);
}

static void report_spread(const struct operation *operation, const struct values *values,
                          const struct value_visitor *visitor)
{
    struct value base = register_value(values, operation->from);
    if (visitor && visitor->spreads && base.kind == VALUE_STACK)
        visitor->spreads(visitor->context, base.number + operation->number, operation->value,
                         values);
}

/* Sums of a register with itself are no addresses (LEA), which leave the flags alone. */
static bool may_set_flags(const struct operation *operation)
{
    return operation->kind == OPERATION_COMPARE ||
           (operation->kind == OPERATION_SUM && operation->to == operation->from) ||
           (operation->kind == OPERATION_OTHER && operation->written);
}

static void apply(const struct walk *walk, const struct operation *operation, struct values *values,
                  const struct value_visitor *visitor, uint32_t node)
{
    if (!operation->moves_after)
        move_stack(walk, values, operation->moves_stack);
    if (visitor && visitor->flags && may_set_flags(operation))
        visitor->flags(visitor->context, node);
    /* Before what they read is forgotten. */
    if (operation->kind == OPERATION_STORE)
        apply_store(operation, values, visitor, node);
    if (operation->kind == OPERATION_SPREAD)
        report_spread(operation, values, visitor);
    for (unsigned i = 0; i < REGISTER_COUNT && operation->written >> i; i++) {
        if (operation->written >> i & 1)
            values->registers[i] = unknown;
    }
    struct value base = register_value(values, operation->to);
    struct value second;
    switch (operation->kind) {
    case OPERATION_MOVE:
        values->registers[operation->to] = register_value(values, operation->from);
        break;
    case OPERATION_CHOICE:
        base = register_value(values, operation->from);
        second = register_value(values, operation->second);
        values->registers[operation->to] = join_values(walk, &base, &second);
        break;
    case OPERATION_NUMBER:
        values->registers[operation->to] = (struct value){VALUE_NUMBER, 0, operation->number};
        report_number(values, operation->to, visitor);
        break;
    case OPERATION_SUM:
        base = register_value(values, operation->from);
        values->registers[operation->to] = sum(&base, operation->number);
        report_number(values, operation->to, visitor);
        break;
    case OPERATION_LOAD:
        apply_load(operation, values, visitor);
        break;
    case OPERATION_SMUDGE:
        if (base.kind == VALUE_STACK)
            smudge(values, base.number + operation->number, operation->value);
        break;
    case OPERATION_COMPARE:
        report_compare(operation, values, visitor, node);
        break;
    default:
        break;
    }
    if (operation->moves_after)
        move_stack(walk, values, operation->moves_stack);
}

/* A call keeps SP and the frame's slots, and leaves results in the argument registers. */
static void apply_call(const struct walk *walk, const struct traced_call *call,
                       struct values *values)
{
    uint32_t keeper;
    if (call->callee && u64map_get(walk->rules->keeps, call->callee, &keeper)) {
        if (keeper == KEEPER_BARRIER)
            values->registers[walk->names.barrier] = (struct value){VALUE_BARRIER, 0, 0};
        return;
    }
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        if (i == walk->names.stack)
            continue;
        values->registers[i] =
            i < walk->names.arguments ? (struct value){VALUE_RESULT, call->node, i} : unknown;
    }
}

static const struct operation *operation_of(const struct walk *walk, uint32_t node)
{
    if (!walk->decoded[node]) {
        uint32_t offset = walk->traced->at.at[node];
        walk->operations[node] =
            operation_at(walk->decoder, walk->code->bytes + offset, walk->code->size - offset,
                         walk->code->entry + offset);
        walk->decoded[node] = true;
    }
    return &walk->operations[node];
}

static void step(const struct walk *walk, uint32_t node, struct values *values,
                 const struct value_visitor *visitor)
{
    uint32_t call = walk->call_of[node];
    if (call) {
        const struct traced_call *made = &walk->traced->calls.at[call - 1];
        if (visitor && visitor->call)
            visitor->call(visitor->context, made, values);
        apply_call(walk, made, values);
        return;
    }
    if (visitor && visitor->returns && walk->traced->nodes.at[node] == NODE_RETURNS)
        visitor->returns(visitor->context, node, values);
    apply(walk, operation_of(walk, node), values, visitor, node);
}

/* From a leader to where the next ones begin. Returns the last node of the stretch. */
static uint32_t run_stretch(struct walk *walk, uint32_t node, struct values *values,
                            const struct value_visitor *visitor)
{
    const uint32_t *first = walk->forward.first;
    for (;;) {
        walk->steps++;
        step(walk, node, values, visitor);
        if (first[node + 1] - first[node] != 1)
            return node;
        uint32_t next = walk->forward.to[first[node]];
        if (walk->leader[next])
            return node;
        node = next;
    }
}

static void reach(struct walk *walk, uint32_t leader, const struct values *values)
{
    if (!walk->before[leader]) {
        walk->before[leader] = xmalloc(sizeof(*values));
        *walk->before[leader] = *values;
    } else if (!join(walk, walk->before[leader], values)) {
        return;
    }
    VECTOR_PUSH(&walk->work, leader);
}

static void mark_leaders(struct walk *walk)
{
    uint32_t count = (uint32_t)walk->traced->nodes.length;
    AUTO_FREE uint32_t *incoming = xcalloc(count, sizeof(*incoming));
    for (uint32_t n = 0; n < count; n++) {
        uint32_t first = walk->forward.first[n], last = walk->forward.first[n + 1];
        for (uint32_t i = first; i < last; i++) {
            incoming[walk->forward.to[i]]++;
            if (last - first > 1)
                walk->leader[walk->forward.to[i]] = true;
        }
    }
    walk->leader[0] = true;
    for (uint32_t n = 0; n < count; n++)
        walk->leader[n] = walk->leader[n] || incoming[n] > 1;
}

static struct values entry_values(const struct walk *walk)
{
    struct values values = {0};
    for (unsigned i = 0; i < REGISTER_COUNT; i++)
        values.registers[i] = (struct value){VALUE_ENTRY, i, 0};
    values.registers[walk->names.stack] = (struct value){VALUE_STACK, 0, 0};
    return values;
}

static struct error *find_fixed_point(struct walk *walk)
{
    struct values values = entry_values(walk);
    uint64_t limit = STEPS_PER_NODE * (uint64_t)walk->traced->nodes.length;
    reach(walk, 0, &values);
    while (walk->work.length > 0) {
        uint32_t leader = walk->work.at[--walk->work.length];
        values = *walk->before[leader];
        uint32_t last = run_stretch(walk, leader, &values, NULL);
        if (walk->steps > limit)
            return error_create(ERROR_LIMIT, "the values of a function take too long to follow");
        for (uint32_t i = walk->forward.first[last]; i < walk->forward.first[last + 1]; i++)
            reach(walk, walk->forward.to[i], &values);
    }
    return NULL;
}

static void walk_deinit(struct walk *walk)
{
    for (size_t n = 0; n < walk->traced->nodes.length; n++)
        free(walk->before[n]);
    free(walk->before);
    free(walk->leader);
    free(walk->call_of);
    free(walk->operations);
    free(walk->decoded);
    adjacency_deinit(&walk->forward);
    VECTOR_DEINIT(&walk->work);
}

struct error *values_follow(const struct code *code, const struct traced *traced,
                            const struct value_rules *rules, const struct value_visitor *visitor)
{
    size_t count = traced->nodes.length;
    struct flow_graph graph = traced_graph(traced);
    __attribute__((cleanup(walk_deinit))) struct walk walk = {
        .code = code,
        .traced = traced,
        .rules = rules,
        .visitor = visitor,
        .decoder = code->decoder,
        .names = registers_of(code->arch),
        .leader = xcalloc(count, sizeof(bool)),
        .call_of = xcalloc(count, sizeof(uint32_t)),
        .operations = xmalloc(count * sizeof(struct operation)),
        .decoded = xcalloc(count, sizeof(bool)),
        .before = xcalloc(count, sizeof(struct values *)),
    };
    adjacency_init(&walk.forward, &graph, false);
    mark_leaders(&walk);
    for (size_t i = 0; i < traced->calls.length; i++)
        walk.call_of[traced->calls.at[i].node] = (uint32_t)i + 1;
    TRY(find_fixed_point(&walk));
    for (size_t offset = 0; offset < code->size; offset++) {
        uint32_t node = traced->node_at[offset];
        if (!node || !walk.before[node - 1])
            continue;
        struct values values = *walk.before[node - 1];
        run_stretch(&walk, node - 1, &values, visitor);
    }
    return NULL;
}
