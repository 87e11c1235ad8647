#include "code/wrapper.h"

#include <string.h>

#include "base/memory.h"
#include "code/body.h"
#include "code/calls.h"

enum {
    WRAPPER_BYTES_MAX = 1024
};

bool wrapper_is_one(const struct program *program, address entry)
{
    struct source_frame frame;
    if (!pclntab_frames(&program->pclntab, entry, &frame, 1))
        return false;
    return frame.wrapper || strstr(frame.function, ".deferwrap") ||
           strstr(frame.function, "\302\267dwrap");
}

/* The runtime's own helpers that every function may call. */
static bool is_helper(const char *name)
{
    static const char *const helpers[] = {"runtime.morestack", "runtime.gcWriteBarrier",
                                          "runtime.panic", "runtime.racefunc", "runtime.duff"};
    for (size_t i = 0; i < LENGTH_OF(helpers); i++) {
        if (!strncmp(name, helpers[i], strlen(helpers[i])))
            return true;
    }
    return false;
}

/* The outermost call that was inlined into the wrapper. */
static struct wrapped inlined_callee(const struct program *program, const struct func *func)
{
    for (address pc = func->entry; pc < func->end && pc < func->entry + WRAPPER_BYTES_MAX;
         pc += program->pclntab.quantum) {
        struct source_frame frames[PCLNTAB_INLINE_MAX];
        size_t count = pclntab_frames(&program->pclntab, pc, frames, LENGTH_OF(frames));
        if (count > 1)
            return (struct wrapped){.function = frames[count - 2].function};
    }
    return (struct wrapped){0};
}

static struct wrapped called_function(const struct program *program, const struct func *func,
                                      const struct body *body)
{
    size_t at = 0;
    address callee = 0;
    while (calls_next(program->arch, body->bytes, body->size, func->entry, &at, &callee)) {
        struct func called;
        if (!pclntab_func(&program->pclntab, callee, &called) || called.entry != callee)
            continue;
        const char *name = func_name(&program->pclntab, &called);
        if (!is_helper(name))
            return (struct wrapped){.function = name, .entry = called.entry};
    }
    return (struct wrapped){0};
}

struct wrapped wrapper_callee(struct target *target, const struct program *program, address entry)
{
    struct func func;
    if (!entry || !pclntab_func(&program->pclntab, entry, &func) || func.entry != entry ||
        func.end - func.entry > WRAPPER_BYTES_MAX || !wrapper_is_one(program, entry))
        return (struct wrapped){0};
    struct wrapped wrapped = inlined_callee(program, &func);
    AUTO_BODY struct body body = {0};
    struct error *error = wrapped.function ? NULL : body_read(target, &func, &body);
    if (!error_ignore(error) && !wrapped.function && body.bytes)
        wrapped = called_function(program, &func, &body);
    return wrapped;
}
