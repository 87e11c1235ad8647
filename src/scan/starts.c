#include "scan/starts.h"

#include <string.h>

#include "base/memory.h"
#include "code/wrapper.h"
#include "scan/closures.h"

enum {
    WORD = 8
};

/* runtime.newproc(fn *funcval) */
static struct value closure_of(const struct summary *parent, const struct summary_call *call)
{
    return summary_resolve(parent, &call->arguments[0]);
}

/* The word at base + offset, for values of the parent. */
static struct value load_from(const struct summary *parent, const struct value *base,
                              int64_t offset)
{
    struct value word = {0};
    if (base->kind == VALUE_ENTRY)
        return (struct value){VALUE_FIELD, base->node, offset};
    word = summary_field(parent, base, offset);
    return summary_resolve(parent, &word);
}

/* A value of a function, where `root` says what its registers held at entry. */
static struct value rebase(const struct summary *parent, const struct value *value,
                           const struct value *root)
{
    struct value word = {0};
    switch (value->kind) {
    case VALUE_ENTRY:
        return *root;
    case VALUE_FIELD:
        return load_from(parent, root, value->number);
    case VALUE_FIELD_FIELD:
        word = load_from(parent, root, value->number >> 32);
        return load_from(parent, &word, (int32_t)value->number);
    case VALUE_NUMBER:
    case VALUE_GLOBAL:
        return *value;
    default:
        return word;
    }
}

/* A value of the function that gets the closure itself. */
static struct value from_closure(const struct binding *binding, const struct value *value)
{
    bool other = value->kind >= VALUE_ENTRY && value->kind <= VALUE_FIELD_FIELD &&
                 value->node != binding->parent->registers.context;
    return other ? (struct value){0} : rebase(binding->parent, value, &binding->closure);
}

/* What a register of the body held at its entry. */
static struct value root_of(const struct binding *binding, uint32_t reg)
{
    bool is_context = reg == binding->parent->registers.context;
    if (!binding->wrapper)
        return is_context ? binding->closure : (struct value){0};
    if (is_context)
        return from_closure(binding, &binding->passes->context);
    if (reg < SUMMARY_ARGUMENTS)
        return from_closure(binding, &binding->passes->arguments[reg]);
    return (struct value){0};
}

struct value binding_value(const struct binding *binding, const struct value *value)
{
    struct value root = root_of(binding, value->node);
    return rebase(binding->parent, value, &root);
}

/* The wrapper's call of the function that it was made for, by name or through a closure; NULL if
 * that function was inlined. */
static const struct summary_call *wrapped_call(struct scanner *scanner, const struct start *start,
                                               address *entry_ret)
{
    const struct summary *wrapper = start->wrapper;
    struct wrapped wrapped = wrapper_callee(scanner->target, scanner->program, wrapper->func.entry);
    if (wrapped.function && !wrapped.entry)
        return NULL;
    for (size_t i = 0; i < wrapper->calls.length; i++) {
        const struct summary_call *call = &wrapper->calls.at[i];
        if (wrapped.entry && call->made.callee == wrapped.entry) {
            *entry_ret = wrapped.entry;
            return call;
        }
        struct value closure = from_closure(&start->binding, &call->context);
        if (!call->made.callee &&
            closure_entry(scanner, start->binding.parent, &closure, entry_ret))
            return call;
    }
    return NULL;
}

static void follow_wrapper(struct scanner *scanner, struct start *start)
{
    struct func func;
    address entry = 0;
    const struct summary_call *call = wrapped_call(scanner, start, &entry);
    if (!call || !pclntab_func(&scanner->program->pclntab, entry, &func) || func.entry != entry)
        return;
    start->body = func;
    start->binding.wrapper = start->wrapper;
    start->binding.passes = call;
    start->code = scanner_summary(scanner, &func);
}

/* What the compiler makes of `go f(x)`: since Go 1.21 called gowrap, before that known by its
 * wrapper mark. */
static bool is_go_wrapper(const struct program *program, const struct func *func)
{
    return wrapper_is_one(program, func->entry) ||
           strstr(func_name(&program->pclntab, func), ".gowrap") != NULL;
}

bool start_resolve(struct scanner *scanner, const struct summary *parent,
                   const struct summary_call *call, struct start *start_ret)
{
    struct start start = {.call = call};
    address entry = 0;
    if (!scanner_spend(scanner, parent->stores.length + parent->calls.length))
        return false;
    start.binding.parent = parent;
    start.binding.closure = closure_of(parent, call);
    if (!closure_entry(scanner, parent, &start.binding.closure, &entry) ||
        !pclntab_func(&scanner->program->pclntab, entry, &start.body) || start.body.entry != entry)
        return false;
    struct summary *code = scanner_summary(scanner, &start.body);
    if (code && is_go_wrapper(scanner->program, &start.body)) {
        start.wrapper = code;
        follow_wrapper(scanner, &start);
        if (!start.binding.passes) { /* the function was inlined into its wrapper */
            start.code = start.wrapper;
            start.wrapper = NULL;
        }
    } else {
        start.code = code;
    }
    *start_ret = start;
    return true;
}

void start_deinit(struct start *start)
{
    scanner_release(start->wrapper);
    scanner_release(start->code);
    *start = (struct start){0};
}

/* Functions that take a handler for requests, and the register that holds its function value. */
static void gather_handlers(struct scanner *scanner, const struct summary *summary)
{
    enum {
        HANDLER_FUNCTION = 2, /* HandleFunc(pattern string, handler func(…)) */
        METHOD_HANDLER_FUNCTION = 3
    };
    for (size_t i = 0; i < summary->calls.length; i++) {
        const struct summary_call *call = &summary->calls.at[i];
        uint32_t name;
        address entry;
        if (!u64map_get(&scanner->named, call->made.callee, &name))
            continue;
        unsigned reg = name == CALLEE_HANDLE_FUNC       ? HANDLER_FUNCTION
                       : name == CALLEE_MUX_HANDLE_FUNC ? METHOD_HANDLER_FUNCTION
                                                        : SUMMARY_ARGUMENTS;
        if (reg == SUMMARY_ARGUMENTS)
            continue;
        struct value handler = summary_resolve(summary, &call->arguments[reg]);
        if (closure_entry(scanner, summary, &handler, &entry))
            u64map_set(&scanner->handlers, entry, 1);
    }
}

static void gather_starts(struct scanner *scanner, const struct summary *summary)
{
    for (size_t i = 0; i < summary->calls.length; i++) {
        struct start start;
        if (scanner_callee(scanner, &summary->calls.at[i]) != CALLEE_NEWPROC ||
            !start_resolve(scanner, summary, &summary->calls.at[i], &start))
            continue;
        u64map_set(&scanner->bodies, start.body.entry, 1);
        start_deinit(&start);
    }
}

void starts_gather(struct scanner *scanner)
{
    static const enum callee wanted[] = {CALLEE_NEWPROC, CALLEE_HANDLE_FUNC,
                                         CALLEE_MUX_HANDLE_FUNC};
    struct func func;
    for (size_t i = 0; scanner_next(scanner, wanted, LENGTH_OF(wanted), &i, &func);) {
        struct summary *summary = scanner_summary(scanner, &func);
        if (!summary)
            continue;
        gather_handlers(scanner, summary);
        gather_starts(scanner, summary);
        scanner_release(summary);
    }
}
