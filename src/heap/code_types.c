/* Rests on the summaries of functions (code/summary.h): which value comes from which call, and what is stored where. What is found is a claim that has to
 * fit the object. Only functions that name a variable in question, or that may have made a closure, are looked at: bounded by bytes of code. */
#include "heap/code_types.h"

#include <string.h>

#include "code/data_users.h"
#include "program/type_info.h"

enum {
    SPEND_MAX = 4 << 20,
    FUNCTION_MAX = 1 << 18, /* larger ones are not worth their time */
    DEPTH_MAX = 2,          /* of functions that return what another one made */
    PARENTS_MAX = 5,
    NAME_MAX_BYTES = 1024,
    GROWN_TYPE_ARGUMENT = 4, /* of growslice, since 1.20; before it came first */
};

enum maker {
    MAKER_NONE,
    MAKER_VALUE,
    MAKER_SIZED, /* since 1.27, for small values: the size comes first, the type second */
    MAKER_SLICE,
    MAKER_GROWN,
    MAKER_MAP,
    MAKER_CHANNEL,
    USER_OF_MAP, /* the type comes first, the map second */
};

static const struct {
    const char *name;
    enum maker maker;
} makers[] = {
    {"runtime.newobject", MAKER_VALUE},
    {"runtime.makeslice", MAKER_SLICE},
    {"runtime.makeslice64", MAKER_SLICE},
    {"runtime.makeslicecopy", MAKER_SLICE},
    {"runtime.growslice", MAKER_GROWN},
    {"runtime.makemap", MAKER_MAP},
    {"runtime.makemap64", MAKER_MAP},
    {"runtime.makechan", MAKER_CHANNEL},
    {"runtime.makechan64", MAKER_CHANNEL},
    {"runtime.mapaccess1", USER_OF_MAP},
    {"runtime.mapaccess2", USER_OF_MAP},
    {"runtime.mapaccess1_fast32", USER_OF_MAP},
    {"runtime.mapaccess2_fast32", USER_OF_MAP},
    {"runtime.mapaccess1_fast64", USER_OF_MAP},
    {"runtime.mapaccess2_fast64", USER_OF_MAP},
    {"runtime.mapaccess1_faststr", USER_OF_MAP},
    {"runtime.mapaccess2_faststr", USER_OF_MAP},
    {"runtime.mapaccess1_fat", USER_OF_MAP},
    {"runtime.mapaccess2_fat", USER_OF_MAP},
    {"runtime.mapassign", USER_OF_MAP},
    {"runtime.mapassign_fast32", USER_OF_MAP},
    {"runtime.mapassign_fast32ptr", USER_OF_MAP},
    {"runtime.mapassign_fast64", USER_OF_MAP},
    {"runtime.mapassign_fast64ptr", USER_OF_MAP},
    {"runtime.mapassign_faststr", USER_OF_MAP},
    {"runtime.mapdelete", USER_OF_MAP},
    {"runtime.mapdelete_fast32", USER_OF_MAP},
    {"runtime.mapdelete_fast64", USER_OF_MAP},
    {"runtime.mapdelete_faststr", USER_OF_MAP},
    {"runtime.mapiterinit", USER_OF_MAP},
    {"runtime.mapIterStart", USER_OF_MAP},
    {"runtime.mapclear", USER_OF_MAP},
};

/* ---- opening */

static uint64_t hash_of(const char *name, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3;
    return u64_mix(hash);
}

/* Some of these have their code in another package, under the runtime's name. */
static void find_makers(struct code_types *types, const char *name, address entry)
{
    if (strncmp(name, "runtime.m", 9) != 0 && strncmp(name, "runtime.g", 9) != 0 &&
        strncmp(name, "runtime.n", 9) != 0)
        return;
    if (!strncmp(name, "runtime.mallocgcSmall", 21) || !strncmp(name, "runtime.mallocgcTiny", 20))
        u64map_set(&types->makers, entry, MAKER_SIZED);
    for (size_t i = 0; i < LENGTH_OF(makers); i++) {
        if (!strcmp(name, makers[i].name))
            u64map_set(&types->makers, entry, makers[i].maker);
    }
}

static void index_functions(struct code_types *types)
{
    const struct pclntab *table = &types->program->pclntab;
    struct func func;
    for (uint64_t i = 0; i < table->function_count && i < UINT32_MAX; i++) {
        if (!pclntab_func_at(table, i, &func))
            continue;
        const char *name = func_name(table, &func);
        u64map_set(&types->functions, hash_of(name, strnlen(name, NAME_MAX_BYTES)), (uint32_t)i);
        find_makers(types, name, func.entry);
    }
}

struct error *code_types_open(struct target *target, const struct program *program,
                              struct code_types *types_ret)
{
    *types_ret = (struct code_types){.target = target, .program = program};
    TRY(decoder_create(program->arch, &types_ret->decoder));
    summary_context_init(&types_ret->context, target, program, types_ret->decoder);
    type_names_open(target, program, &types_ret->names);
    index_functions(types_ret);
    return NULL;
}

void code_types_close(struct code_types *types)
{
    if (types->decoder) {
        summary_context_deinit(&types->context);
        decoder_destroy(types->decoder);
    }
    type_names_close(&types->names);
    u64map_deinit(&types->functions);
    u64map_deinit(&types->seen);
    u64map_deinit(&types->makers);
    u64map_deinit(&types->captures);
    VECTOR_DEINIT(&types->variables);
    VECTOR_DEINIT(&types->types);
    VECTOR_DEINIT(&types->more);
}

/* ---- values */

static bool is_type(const struct code_types *types, const struct value *value)
{
    const struct moduledata *module = &types->program->module;
    return value->kind == VALUE_NUMBER && (address)value->number >= module->types &&
           (address)value->number < module->types_end;
}

static enum maker maker_of(const struct code_types *types, address callee)
{
    uint32_t maker = MAKER_NONE;
    u64map_get(&types->makers, callee, &maker);
    return (enum maker)maker;
}

static const struct summary_call *call_at(const struct summary *summary, uint32_t node)
{
    for (size_t i = 0; i < summary->calls.length; i++) {
        if (summary->calls.at[i].made.node == node)
            return &summary->calls.at[i];
    }
    return NULL;
}

static struct code_type made_by(struct code_types *types, const struct summary *summary,
                                const struct value *value);

static struct summary *summary_of(struct code_types *types, const struct func *func)
{
    struct summary *summary = NULL;
    uint64_t size = func->end - func->entry;
    if (size > FUNCTION_MAX || types->spent + size > SPEND_MAX)
        return NULL;
    types->spent += size;
    return error_ignore(summary_create(&types->context, func, &summary)) ? NULL : summary;
}

/* What a function returns, if all its returns say the same. */
static struct code_type returned_by(struct code_types *types, address callee)
{
    struct code_type result = {0};
    struct func func;
    if (types->depth >= DEPTH_MAX || !pclntab_func(&types->program->pclntab, callee, &func))
        return result;
    struct summary *summary = summary_of(types, &func);
    types->depth++;
    for (size_t i = 0; summary && i < summary->returns.length; i++) {
        const struct value *value = &summary->returns.at[i].results[0];
        struct code_type made = made_by(types, summary, value);
        bool nil = value->kind == VALUE_NUMBER && !value->number;
        if (nil)
            continue;
        bool differs = result.kind && (made.kind != result.kind || made.type != result.type);
        result = differs ? (struct code_type){0} : made;
        if (!result.kind)
            break;
    }
    types->depth--;
    if (summary)
        summary_destroy(summary);
    return result;
}

static struct code_type made_by_call(const struct code_types *types,
                                     const struct summary_call *call)
{
    static const enum code_type_kind kinds[] = {
        [MAKER_VALUE] = CODE_POINTER, [MAKER_SIZED] = CODE_POINTER, [MAKER_SLICE] = CODE_SLICE,
        [MAKER_GROWN] = CODE_SLICE,   [MAKER_MAP] = CODE_MAP,       [MAKER_CHANNEL] = CODE_CHANNEL,
        [USER_OF_MAP] = CODE_MAP,
    };
    enum maker maker = maker_of(types, call->made.callee);
    const struct value *type = &call->arguments[maker == MAKER_SIZED];
    if (maker == MAKER_GROWN && !is_type(types, type))
        type = &call->arguments[GROWN_TYPE_ARGUMENT];
    return maker && is_type(types, type)
               ? (struct code_type){.kind = kinds[maker], .type = (address)type->number}
               : (struct code_type){0};
}

/* Where a value comes from: the call that made it. */
static struct code_type made_by(struct code_types *types, const struct summary *summary,
                                const struct value *value)
{
    bool result = (value->kind == VALUE_RESULT || value->kind == VALUE_MAYBE) && value->number == 0;
    const struct summary_call *call = result ? call_at(summary, value->node) : NULL;
    enum maker maker = call ? maker_of(types, call->made.callee) : MAKER_NONE;
    if (!call || !call->made.callee || maker == USER_OF_MAP)
        return (struct code_type){0};
    return maker ? made_by_call(types, call) : returned_by(types, call->made.callee);
}

/* ---- variables */

static bool is_variable(const struct code_types *types, address at)
{
    const struct moduledata *module = &types->program->module;
    return at % 8 == 0 && at >= module->noptrdata && at < module->noptrbss_end;
}

static void note_variable(struct code_types *types, address at, struct code_type type)
{
    if (!type.kind || !type.type || !is_variable(types, at))
        return;
    type.at = at;
    VECTOR_PUSH(&types->variables, type);
}

/* The type whose method is called, with a pointer to it as the first argument. */
static void note_receiver(struct code_types *types, const struct summary_call *call)
{
    const struct value *receiver = &call->arguments[0];
    struct func func;
    bool points = receiver->kind == VALUE_GLOBAL, is = receiver->kind == VALUE_NUMBER;
    if ((!points && !is) || !is_variable(types, (address)receiver->number) ||
        !pclntab_func(&types->program->pclntab, call->made.callee, &func) ||
        func.entry != call->made.callee)
        return;
    address type = type_of_receiver(&types->names, func_name(&types->program->pclntab, &func));
    note_variable(types, (address)receiver->number,
                  (struct code_type){.kind = points ? CODE_POINTER : CODE_VALUE, .type = type});
}

static void note_call(struct code_types *types, const struct summary_call *call)
{
    const struct value *map = &call->arguments[1];
    if (maker_of(types, call->made.callee) != USER_OF_MAP)
        note_receiver(types, call);
    else if (map->kind == VALUE_GLOBAL && is_type(types, &call->arguments[0]))
        note_variable(
            types, (address)map->number,
            (struct code_type){.kind = CODE_MAP, .type = (address)call->arguments[0].number});
}

/* A new closure: an object whose first word is a function's entry. */
static void note_closure(struct code_types *types, const struct summary *summary,
                         const struct summary_store *store)
{
    struct func func;
    address entry = (address)store->stored.number;
    if (!pclntab_func(&types->program->pclntab, entry, &func) || func.entry != entry)
        return;
    struct code_type made = made_by(types, summary, &store->base);
    if (made.kind != CODE_POINTER)
        return;
    u64map_set(&types->captures, entry, (uint32_t)types->types.length);
    VECTOR_PUSH(&types->types, made.type);
}

static void note_store(struct code_types *types, const struct summary *summary,
                       const struct summary_store *store)
{
    address at = (address)store->base.number + (uint64_t)store->offset;
    if (store->base.kind == VALUE_NUMBER && is_variable(types, at))
        note_variable(types, at, made_by(types, summary, &store->stored));
    else if (store->base.kind == VALUE_RESULT && store->stored.kind == VALUE_NUMBER &&
             !store->offset)
        note_closure(types, summary, store);
}

static void look_at(struct code_types *types, address entry)
{
    struct func func;
    bool is_new = false;
    u64map_intern(&types->seen, entry, 1, &is_new);
    if (!is_new || !pclntab_func(&types->program->pclntab, entry, &func))
        return;
    struct summary *summary = summary_of(types, &func);
    if (!summary)
        return;
    for (size_t i = 0; i < summary->calls.length; i++)
        note_call(types, &summary->calls.at[i]);
    for (size_t i = 0; i < summary->stores.length; i++)
        note_store(types, summary, &summary->stores.at[i]);
    summary_destroy(summary);
}

void code_types_of_variables(struct code_types *types, const address *variables, size_t count,
                             size_t more)
{
    struct data_users users = {0};
    (void)data_users_find(types->target, types->program, variables, count + more, &users);
    for (size_t i = 0; i < users.length; i++) {
        if (users.at[i].variable < count)
            look_at(types, users.at[i].entry);
        else
            VECTOR_PUSH(&types->more, users.at[i].entry);
    }
    VECTOR_DEINIT(&users);
}

void code_types_of_more(struct code_types *types)
{
    for (size_t i = 0; i < types->more.length; i++)
        look_at(types, types->more.at[i]);
    types->more.length = 0;
}

/* ---- closures */

/* Length of a name without its last element: dots between brackets do not count. */
static size_t parent_length(const char *name, size_t size)
{
    unsigned depth = 0;
    while (size > 0) {
        char last = name[--size];
        depth += last == ']';
        depth -= last == '[' && depth;
        if (last == '.' && !depth)
            return size;
    }
    return 0;
}

/* Who makes closures of a function: the one that it is written in, or that this one was inlined into; its name begins the closure's. */
static void look_at_parents(struct code_types *types, const char *name)
{
    size_t size = strnlen(name, NAME_MAX_BYTES);
    uint32_t index = 0;
    struct func func;
    for (unsigned i = 0; i < PARENTS_MAX && size; i++) {
        size = parent_length(name, size);
        if (size && u64map_get(&types->functions, hash_of(name, size), &index) &&
            pclntab_func_at(&types->program->pclntab, index, &func))
            look_at(types, func.entry);
    }
}

address code_type_of_closure(struct code_types *types, const struct func *func)
{
    uint32_t index = 0;
    if (!u64map_get(&types->captures, func->entry, &index))
        look_at_parents(types, func_name(&types->program->pclntab, func));
    return u64map_get(&types->captures, func->entry, &index) ? types->types.at[index] : 0;
}

address code_receiver_of_closure(const struct code_types *types, const struct func *func)
{
    const char *name = func_name(&types->program->pclntab, func);
    size_t size = strnlen(name, NAME_MAX_BYTES);
    return size > 3 && !strcmp(name + size - 3, "-fm") ? type_of_receiver(&types->names, name) : 0;
}

struct code_type code_type_of_call(struct code_types *types, address pc)
{
    struct func func;
    struct code_type made = {0};
    struct summary *summary =
        pclntab_func(&types->program->pclntab, pc - 1, &func) ? summary_of(types, &func) : NULL;
    for (size_t i = 0; summary && i < summary->calls.length; i++) {
        if (summary->calls.at[i].made.return_pc == pc)
            made = made_by_call(types, &summary->calls.at[i]);
    }
    if (summary)
        summary_destroy(summary);
    return made;
}
