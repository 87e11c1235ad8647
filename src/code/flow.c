/* Brings the function's bytes and what the program's tables know to trace.c, where the thinking is
 * done. */
#include "code/flow.h"

enum {
    RESYNC_MAX = 32
}; /* bytes to look ahead; an instruction has at most 15 */

static enum call_effect effect_of(void *context, address callee)
{
    const struct function_code *around = context;
    struct func func;
    if (!pclntab_func(&around->program->pclntab, callee, &func) || func.entry != callee)
        return CALL_RETURNS;
    return call_effect_named(func_name(&around->program->pclntab, &func));
}

static bool read_word(void *context, address at, uint64_t *value_ret)
{
    const struct function_code *around = context;
    return !error_ignore(target_u64(around->target, at, value_ret));
}

/* The tables change their value at instructions only, so a change marks the start of one. */
static address next_known(void *context, address pc)
{
    const struct function_code *around = context;
    const struct pclntab *table = &around->program->pclntab;
    int32_t line_here, delta_here = 0;
    func_line(table, &around->func, pc, &(const char *){NULL}, &line_here);
    func_sp_delta(table, &around->func, pc, &delta_here);
    for (address at = pc + 1; at < around->func.end && at <= pc + RESYNC_MAX; at++) {
        int32_t line, delta = 0;
        func_line(table, &around->func, at, &(const char *){NULL}, &line);
        func_sp_delta(table, &around->func, at, &delta);
        if (line != line_here || delta != delta_here)
            return at;
    }
    return 0;
}

struct error *flow_open(struct target *target, const struct program *program,
                        const struct func *func, struct decoder *decoder,
                        struct function_code *function_ret)
{
    struct function_code *function = function_ret;
    *function = (struct function_code){.target = target, .program = program, .func = *func};
    TRY(body_read(target, func, &function->body));
    function->code = (struct code){
        .arch = program->arch,
        .bytes = function->body.bytes,
        .size = function->body.size,
        .entry = func->entry,
        .call_effect = effect_of,
        .read_word = read_word,
        .next_known = next_known,
        .context = function,
        .decoder = decoder,
    };
    return NULL;
}

void flow_close(struct function_code *function)
{
    body_deinit(&function->body);
}

struct error *flow_defer_loop(struct target *target, const struct program *program,
                              const struct func *func, address return_pc,
                              struct loop_facts *facts_ret)
{
    __attribute__((cleanup(flow_close))) struct function_code function = {0};
    TRY(flow_open(target, program, func, NULL, &function));
    return trace_loop(&function.code, return_pc, facts_ret);
}
