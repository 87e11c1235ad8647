/* Brings the function's bytes and what the program's tables know to trace.c, where the thinking is
 * done. */
#include "code/flow.h"

#include "code/body.h"
#include "code/trace.h"

enum {
    RESYNC_MAX = 32
}; /* bytes to look ahead; an instruction has at most 15 */

struct surroundings {
    struct target *target;
    const struct program *program;
    const struct func *func;
};

static enum call_effect effect_of(void *context, address callee)
{
    const struct surroundings *around = context;
    struct func func;
    if (!pclntab_func(&around->program->pclntab, callee, &func) || func.entry != callee)
        return CALL_RETURNS;
    return call_effect_named(func_name(&around->program->pclntab, &func));
}

static bool read_word(void *context, address at, uint64_t *value_ret)
{
    const struct surroundings *around = context;
    return !error_ignore(target_u64(around->target, at, value_ret));
}

/* The tables change their value at instructions only, so a change marks the start of one. */
static address next_known(void *context, address pc)
{
    const struct surroundings *around = context;
    const struct pclntab *table = &around->program->pclntab;
    int32_t line_here, delta_here = 0;
    func_line(table, around->func, pc, &(const char *){NULL}, &line_here);
    func_sp_delta(table, around->func, pc, &delta_here);
    for (address at = pc + 1; at < around->func->end && at <= pc + RESYNC_MAX; at++) {
        int32_t line, delta = 0;
        func_line(table, around->func, at, &(const char *){NULL}, &line);
        func_sp_delta(table, around->func, at, &delta);
        if (line != line_here || delta != delta_here)
            return at;
    }
    return 0;
}

static struct code code_of(struct surroundings *around, const struct body *body)
{
    return (struct code){
        .arch = around->program->arch,
        .bytes = body->bytes,
        .size = body->size,
        .entry = around->func->entry,
        .call_effect = effect_of,
        .read_word = read_word,
        .next_known = next_known,
        .context = around,
    };
}

struct error *flow_defer_loop(struct target *target, const struct program *program,
                              const struct func *func, address return_pc,
                              struct loop_facts *facts_ret)
{
    AUTO_BODY struct body body = {0};
    TRY(body_read(target, func, &body));
    struct surroundings around = {.target = target, .program = program, .func = func};
    struct code code = code_of(&around, &body);
    return trace_loop(&code, return_pc, facts_ret);
}

struct error *flow_function(struct target *target, const struct program *program,
                            const struct func *func, struct decoder *decoder,
                            struct traced *traced_ret)
{
    AUTO_BODY struct body body = {0};
    TRY(body_read(target, func, &body));
    struct surroundings around = {.target = target, .program = program, .func = func};
    struct code code = code_of(&around, &body);
    code.decoder = decoder;
    return trace_function(&code, traced_ret);
}
