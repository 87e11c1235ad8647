#include "runtime/recipe.h"

#include <string.h>

#include "runtime/internal.h"

static const char runtime_prefix[] = "runtime.";

/* Since 1.27 a closure amid the others is named without its package: "_.goready.func1". */
static bool is_runtime(const struct pclntab *table, uint64_t index, struct func *func_ret)
{
    if (!pclntab_func_at(table, index, func_ret))
        return false;
    const char *name = func_name(table, func_ret);
    return !strncmp(name, runtime_prefix, strlen(runtime_prefix)) || !strncmp(name, "_.", 2);
}

/* The linker lays a package out in one piece (cmd/link/internal/ld/lib.go, postorder): the functions around one of the runtime that names its own
 * kind of goroutine. */
static void find_system(struct runtime *runtime, struct recipe *recipe)
{
    const struct pclntab *table = &runtime->program->pclntab;
    struct func func;
    if (pclntab_func_named(table, "runtime.main", &func))
        recipe->main_entry = func.entry;
    if (pclntab_func_named(table, "runtime.corostart", &func))
        recipe->coro_entry = func.entry;
    if (!pclntab_func_named(table, "runtime.gcBgMarkWorker", &func))
        return;
    uint64_t first = func.index, last = func.index;
    struct func edge = func;
    recipe->system_low = func.entry;
    recipe->system_high = func.end;
    while (first > 0 && is_runtime(table, first - 1, &edge)) {
        recipe->system_low = edge.entry;
        first--;
    }
    while (is_runtime(table, last + 1, &edge)) {
        recipe->system_high = edge.end;
        last++;
    }
}

static uint16_t offset(int32_t value)
{
    return value >= 0 && value < RECIPE_OFFSET_MAX ? (uint16_t)value : 0;
}

struct error *recipe_make(struct runtime *runtime, struct recipe *recipe_ret,
                          const char **blind_ret)
{
    const struct offsets *offsets = &runtime->offsets;
    struct recipe recipe;
    memset(&recipe, 0, sizeof(recipe)); /* the holes, too: it is sent as it lies */
    recipe.form = RECIPE_FORM;
    recipe.go_minor = (uint32_t)runtime->program->info.go_minor;
    recipe.allgs = runtime->globals.allgs;
    recipe.g_from = (uint16_t)offsets->g_from;
    recipe.g_size = (uint16_t)offsets->g_size;
    recipe.g_status = offset(offsets->g_status);
    recipe.g_goid = offset(offsets->g_goid);
    recipe.g_gopc = offset(offsets->g_gopc);
    recipe.g_startpc = offset(offsets->g_startpc);
    recipe.g_waitreason = offset(offsets->g_waitreason);
    recipe.g_defer = offset(offsets->g_defer);
    recipe.g_stack_low = offset(offsets->g_stack_low);
    recipe.g_stack_high = offset(offsets->g_stack_high);
    recipe.defer_size = (uint16_t)offsets->defer_size;
    recipe.defer_link = offset(offsets->defer_link);
    recipe.defer_pc = offset(offsets->defer_pc);
    recipe.defer_sp = offset(offsets->defer_sp);
    recipe.defer_rangefunc = offset(offsets->defer_rangefunc);
    recipe.defer_head = recipe.defer_rangefunc ? offset(offsets->defer_head) : 0;
    for (size_t i = 0; i < RECIPE_REASONS && i < runtime->wait_reasons.length; i++)
        recipe.wait_kinds[i] = runtime->wait_kinds[i];
    find_system(runtime, &recipe);
    counters_find(runtime, &recipe.counters, blind_ret);
    if (!recipe_is_sane(&recipe))
        return error_create(ERROR_UNSUPPORTED,
                            "the goroutine list is of a form that cannot be sampled");
    *recipe_ret = recipe;
    return NULL;
}
