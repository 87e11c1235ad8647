/* waitgroup-stuck: sync.WaitGroup.Wait that can't come back, because the goroutine that it waits
 * for has a way round its Done, or because more was added than is done.
 *
 * Done is Add(-1), and inlined as such since Go 1.18. A way round Done is not looked for in
 * a goroutine with deferred calls: one of them may be the Done. */
#include <string.h>

#include "code/wrapper.h"
#include "scan/goroutines.h"
#include "scan/paths.h"

static const char fix[] = "call wg.Done() on every way out: defer wg.Done() at the top of the "
                          "goroutine; wg.Add(1) for each of them";

/* The closure that the compiler makes of `defer wg.Done()`: kept in the frame, and called where the
 * goroutine ends if it is open-coded. */
static bool is_deferred_done(const struct scanner *scanner, address entry)
{
    static const char group[] = "sync.(*WaitGroup).";
    struct wrapped wrapped = wrapper_callee(scanner->target, scanner->program, entry);
    return wrapped.function && !strncmp(wrapped.function, group, strlen(group));
}

/* The group on which this call is a Done. */
static bool is_done(const struct scanner *scanner, const struct summary_call *call,
                    struct value *group_ret)
{
    const struct value *delta = &call->arguments[1];
    *group_ret = call->arguments[0];
    switch (scanner_callee(scanner, call)) {
    case CALLEE_WAITGROUP_DONE:
        return true;
    case CALLEE_WAITGROUP_ADD:
        return delta->kind == VALUE_NUMBER && (int32_t)delta->number == -1;
    default:
        *group_ret = call->closure_word;
        return call->closure_entry && is_deferred_done(scanner, call->closure_entry);
    }
}

bool waits_for_group(const struct launch *launch)
{
    const struct summary *code = launch->start.code, *parent = launch->parent;
    bool done = false, wait = false;
    struct value group;
    for (size_t i = 0; i < code->calls.length && !done; i++)
        done = is_done(launch->scanner, &code->calls.at[i], &group);
    for (size_t i = 0; i < code->closures.length && !done; i++)
        done = is_deferred_done(launch->scanner, code->closures.at[i].entry);
    for (size_t i = 0; i < parent->calls.length; i++)
        wait =
            wait || scanner_callee(launch->scanner, &parent->calls.at[i]) == CALLEE_WAITGROUP_WAIT;
    return done && wait;
}

/* Calls of runtime.deferproc and its kin; open-coded ones are in the code itself. */
static bool has_defer_records(const struct launch *launch)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        struct func func;
        address callee = code->calls.at[i].made.callee;
        const struct pclntab *table = &launch->scanner->program->pclntab;
        if (callee && pclntab_func(table, callee, &func) && func.entry == callee &&
            !strncmp(func_name(table, &func), "runtime.deferproc", sizeof("runtime.deferproc") - 1))
            return true;
    }
    return false;
}

static bool has_open_coded_defers(const struct launch *launch)
{
    return func_funcdata(&launch->scanner->program->pclntab, &launch->start.code->func,
                         FUNCDATA_OPEN_CODED_DEFER_INFO) != 0;
}

bool launch_body_defers(const struct launch *launch)
{
    return has_defer_records(launch) || has_open_coded_defers(launch);
}

static bool is_group(const struct launch *launch, const struct value *value,
                     const struct value *group)
{
    struct value there = binding_value(&launch->start.binding, value);
    return value_same(&there, group);
}

/* The slot is the captured word of such a closure. */
static bool is_in_deferred_done(const struct launch *launch, int64_t at)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->closures.length; i++) {
        if (code->closures.at[i].at + 8 == at &&
            is_deferred_done(launch->scanner, code->closures.at[i].entry))
            return true;
    }
    return false;
}

/* The group goes to other functions, or to memory: they may call Done. */
static bool group_escapes(const struct launch *launch, const struct value *group)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        struct value done;
        if (is_done(launch->scanner, call, &done))
            continue;
        for (unsigned k = 0; k < SUMMARY_ARGUMENTS; k++) {
            if (is_group(launch, &call->arguments[k], group))
                return true;
        }
    }
    for (size_t i = 0; i < code->held.length; i++) {
        if (is_in_deferred_done(launch, code->held.at[i].at))
            continue;
        if (summary_is_given(code, &code->held.at[i]) &&
            is_group(launch, &code->held.at[i].value, group))
            return true;
    }
    for (size_t i = 0; i < code->stores.length; i++) {
        if (is_group(launch, &code->stores.at[i].stored, group))
            return true;
    }
    for (size_t i = 0; i < code->closures.length; i++) {
        if (is_deferred_done(launch->scanner, code->closures.at[i].entry))
            continue;
        for (unsigned k = 0; k < SUMMARY_CAPTURED; k++) {
            if (is_group(launch, &code->closures.at[i].captured[k], group))
                return true;
        }
    }
    return false;
}

/* A way from the goroutine's start to its end round all its calls of Done. */
static bool can_miss_done(const struct launch *launch, const struct value *group)
{
    const struct summary *code = launch->start.code;
    AUTO_PATH struct path path = {0};
    path_init(&path, launch->scanner, code, 0);
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        struct value done;
        if (is_done(launch->scanner, call, &done) && is_group(launch, &done, group))
            path_block(&path, call->made.node);
    }
    return path_returns(&path);
}

/* The one call of that kind on the group in the starter; NULL if there is none or more. */
static const struct summary_call *only_call(const struct launch *launch, enum callee callee,
                                            const struct value *group)
{
    const struct summary_call *found = NULL;
    for (size_t i = 0; i < launch->parent->calls.length; i++) {
        const struct summary_call *call = &launch->parent->calls.at[i];
        struct value value = summary_resolve(launch->parent, &call->arguments[0]);
        if (scanner_callee(launch->scanner, call) != callee || !value_same(&value, group))
            continue;
        if (found)
            return NULL;
        found = call;
    }
    return found;
}

static size_t starts_of(const struct launch *launch)
{
    size_t count = 0;
    for (size_t i = 0; i < launch->parent->calls.length; i++)
        count += scanner_callee(launch->scanner, &launch->parent->calls.at[i]) == CALLEE_NEWPROC;
    return count;
}

/* No way through the goroutine passes two calls of Done. */
static bool is_done_once(const struct launch *launch, const struct value *group)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        struct value done;
        if (!is_done(launch->scanner, call, &done) || !is_group(launch, &done, group))
            continue;
        AUTO_PATH struct path path = {0};
        path_init(&path, launch->scanner, code, call->made.node);
        for (size_t k = 0; k < code->calls.length; k++) {
            if (!scanner_spend(launch->scanner, code->traced.nodes.length))
                return false;
            if (is_done(launch->scanner, &code->calls.at[k], &done) &&
                path_reaches(&path, code->calls.at[k].made.node))
                return false;
        }
    }
    return true;
}

/* Add(n) with n > 1 for a single goroutine that is done once. */
static bool adds_too_many(const struct launch *launch, const struct value *group)
{
    const struct summary_call *add = only_call(launch, CALLEE_WAITGROUP_ADD, group);
    if (!add || launch->loop.end != LOOP_NONE || starts_of(launch) != 1 ||
        loop_around(launch->scanner, launch->parent, add->made.node).end != LOOP_NONE)
        return false;
    return add->arguments[1].kind == VALUE_NUMBER && add->arguments[1].number > 1 &&
           is_done_once(launch, group);
}

/* Done once per item, by a worker: not what is judged here. */
static bool is_done_in_loop(const struct launch *launch)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        struct value done;
        if (is_done(launch->scanner, &code->calls.at[i], &done) &&
            loop_around(launch->scanner, code, code->calls.at[i].made.node).end != LOOP_NONE)
            return true;
    }
    return false;
}

/* In the starter, the group goes to others than the goroutine: they may be done with it. */
static bool starter_shares(const struct launch *launch, const struct value *group)
{
    const struct summary *parent = launch->parent;
    for (size_t i = 0; i < parent->calls.length; i++) {
        const struct summary_call *call = &parent->calls.at[i];
        enum callee callee = scanner_callee(launch->scanner, call);
        if (callee == CALLEE_WAITGROUP_ADD || callee == CALLEE_WAITGROUP_WAIT)
            continue;
        for (unsigned k = 0; k < SUMMARY_ARGUMENTS; k++) {
            struct value value = summary_resolve(parent, &call->arguments[k]);
            if (value_same(&value, group))
                return true;
        }
    }
    for (size_t i = 0; i < parent->stores.length; i++) {
        struct value value = summary_resolve(parent, &parent->stores.at[i].stored);
        if (value_same(&value, group) &&
            !value_same(&parent->stores.at[i].base, &launch->start.binding.closure))
            return true;
    }
    for (size_t i = 0; i < parent->closures.length; i++) {
        for (unsigned k = 0; k < SUMMARY_CAPTURED; k++) {
            if (value_same(&parent->closures.at[i].captured[k], group))
                return true;
        }
    }
    return summary_gives_by_stack(parent, group);
}

/* The goroutine can be started, and waited for, without an Add: then a condition may decide on all
 * three. */
static bool add_is_conditional(const struct launch *launch, const struct value *group)
{
    AUTO_PATH struct path path = {0};
    path_init(&path, launch->scanner, launch->parent, 0);
    for (size_t i = 0; i < launch->parent->calls.length; i++) {
        const struct summary_call *call = &launch->parent->calls.at[i];
        struct value value = summary_resolve(launch->parent, &call->arguments[0]);
        if (scanner_callee(launch->scanner, call) == CALLEE_WAITGROUP_ADD &&
            value_same(&value, group))
            path_block(&path, call->made.node);
    }
    return path_reaches(&path, launch->start.call->made.node);
}

/* One call of Done only: several may exclude each other by a condition. */
static bool is_done_at_one_place(const struct launch *launch)
{
    const struct summary *code = launch->start.code;
    size_t count = 0;
    struct value group;
    for (size_t i = 0; i < code->calls.length; i++)
        count += is_done(launch->scanner, &code->calls.at[i], &group);
    return count == 1;
}

static void judge(struct launch *launch, const struct value *group)
{
    const struct summary_call *wait = only_call(launch, CALLEE_WAITGROUP_WAIT, group);
    if (!wait || has_defer_records(launch) || group_escapes(launch, group) ||
        is_done_in_loop(launch) || starter_shares(launch, group) ||
        add_is_conditional(launch, group))
        return;
    bool misses = !has_open_coded_defers(launch) && can_miss_done(launch, group);
    if (!misses && !adds_too_many(launch, group))
        return;
    launch_report(launch, RULE_WAITGROUP_STUCK,
                  is_done_at_one_place(launch) ? GRADE_LIKELY : GRADE_POSSIBLE, 0,
                  wait->made.return_pc,
                  sentence("Wait can't come back: the WaitGroup does not reach zero"),
                  misses ? sentence("the goroutine has a way to its end that does not call Done")
                         : sentence("more is added than the one goroutine is done"),
                  fix);
}

void find_waitgroup(struct launch *launch)
{
    const struct summary *code = launch->start.code;
    for (size_t i = 0; i < code->calls.length; i++) {
        const struct summary_call *call = &code->calls.at[i];
        struct value done;
        if (!is_done(launch->scanner, call, &done))
            continue;
        struct value group = binding_value(&launch->start.binding, &done);
        if (group.kind == VALUE_RESULT || group.kind == VALUE_ENTRY) {
            judge(launch, &group);
            return;
        }
    }
}
