/* lost-cancel: the cancel function of context.WithCancel is thrown away, so that whoever waits for
 * the context's end waits for that of its parent. Since Go 1.21 WithCancel is inlined: there is a
 * call of context.withCancel, and a closure of context.WithCancel.func1 only where the cancel
 * function is kept. */
#include <string.h>

#include "scan/goroutines.h"

static const char fix[] = "ctx, cancel := context.WithCancel(parent); defer cancel()";

enum {
    CANCEL_RESULT = 2 /* func WithCancel(parent Context) (ctx Context, cancel CancelFunc) */
};

/* "context.WithCancel.func1", and what a copy of it is called where it was inlined:
 * "main.main.WithCancel.func1". */
static bool is_cancel_closure(const struct scanner *scanner, address entry)
{
    const struct pclntab *table = &scanner->program->pclntab;
    struct func func;
    return pclntab_func(table, entry, &func) && func.entry == entry &&
           strstr(func_name(table, &func), "WithCancel.func") != NULL;
}

static bool keeps_closure(const struct scanner *scanner, const struct summary *summary)
{
    uint32_t value;
    for (size_t i = 0; i < scanner->cancel_closures.length; i++) {
        if (u64map_get(&summary->numbers, scanner->cancel_closures.at[i].entry, &value))
            return true;
    }
    for (size_t i = 0; i < summary->stores.length; i++) {
        const struct value *stored = &summary->stores.at[i].stored;
        if (stored->kind == VALUE_NUMBER && is_cancel_closure(scanner, (address)stored->number))
            return true;
    }
    for (size_t i = 0; i < summary->closures.length; i++) {
        if (is_cancel_closure(scanner, summary->closures.at[i].entry))
            return true;
    }
    return false;
}

/* context.Background() and TODO() are constants: nothing ends them. */
static bool parent_is_endless(const struct summary_call *call)
{
    return call->arguments[0].kind == VALUE_NUMBER && call->arguments[1].kind == VALUE_NUMBER;
}

static void report(struct scanner *scanner, const struct summary_call *call)
{
    bool endless = parent_is_endless(call);
    struct finding finding = {
        .rule = RULE_LOST_CANCEL,
        .grade = endless ? GRADE_LIKELY : GRADE_POSSIBLE,
        .title = sentence("the cancel function of a context is thrown away"),
        .at = place_of(scanner->program, call->made.return_pc),
        .fix = fix,
    };
    VECTOR_PUSH(&finding.because,
                endless ? sentence("its parent never ends, so neither does the context: who waits "
                                   "for it waits for ever")
                        : sentence("the context, and who waits for it, lasts as long as its "
                                   "parent"));
    scanner_report(scanner, &finding, call->made.return_pc, "");
}

static void judge(struct scanner *scanner, const struct summary *summary,
                  const struct summary_call *call)
{
    bool inlined = scanner_callee(scanner, call) == CALLEE_WITH_CANCEL_INLINED;
    struct value cancel = {VALUE_RESULT, call->made.node, CANCEL_RESULT};
    const char *name = func_name(&scanner->program->pclntab, &summary->func);
    if (summary->incomplete || !strncmp(name, "context.", strlen("context.")))
        return;
    if (inlined ? keeps_closure(scanner, summary) : summary_uses(summary, &cancel))
        return;
    report(scanner, call);
}

void find_lost_cancels(struct scanner *scanner)
{
    static const enum callee wanted[] = {CALLEE_WITH_CANCEL, CALLEE_WITH_CANCEL_INLINED};
    struct func func;
    for (size_t i = 0; scanner_next(scanner, wanted, LENGTH_OF(wanted), &i, &func);) {
        struct summary *summary = scanner_summary(scanner, &func);
        for (size_t k = 0; summary && k < summary->calls.length; k++) {
            enum callee callee = scanner_callee(scanner, &summary->calls.at[k]);
            if (callee == CALLEE_WITH_CANCEL || callee == CALLEE_WITH_CANCEL_INLINED)
                judge(scanner, summary, &summary->calls.at[k]);
        }
        scanner_release(summary);
    }
}
