/* What goroutines' stacks tell: the receiver of a method, which is its first argument and whose type the method's name has; and interfaces. The rest of a
 * stack has no types. */
#include "heap/stack_roots.h"
#include "heap/typing_internal.h"

static void take_pointer(void *context, uint64_t before, uint64_t word)
{
    typing_claim_pair(context, before, word, 0);
}

static void take_argument(void *context, address entry, uint64_t word)
{
    struct typing *typing = context;
    const struct pclntab *table = &typing->heap->runtime->program->pclntab;
    struct func func;
    address type = typing->forms.code && pclntab_func(table, entry, &func)
                       ? type_of_receiver(&typing->code.names, func_name(table, &func))
                       : 0;
    uint32_t form = type ? form_of(&typing->forms, FORM_VALUE, type) : 0;
    if (form)
        typing_claim(typing, word, form, form_at(&typing->forms, form)->size, TYPED_CODE);
}

void typing_seed_stacks(struct typing *typing)
{
    const struct observation *observation = typing->observation;
    const struct stack_watcher watcher = {
        .pointer = take_pointer, .argument = take_argument, .context = typing};
    struct numbers reached = {0}; /* by nobody: only what the watcher sees counts */
    struct marker marker;
    struct stack_scanner scanner;
    marker_open(typing->heap, &marker);
    stack_scanner_open(&marker, &scanner);
    marker.collected = &reached;
    scanner.watcher = &watcher;
    for (size_t i = 0; i < observation->goroutines.length; i++) {
        stack_roots(&scanner, &observation->goroutines.at[i], observation->stacks);
        marker_drain(&marker);
        reached.length = 0;
    }
    VECTOR_DEINIT(&reached);
    stack_scanner_close(&scanner);
    marker_close(&marker);
}
