/* The pc-line table with every look-up that there is. The input: u32 bytes of text, u32 where funcdata begins in what
 * follows, then the table from its header on. */
#include "fuzz.h"
#include "program/pclntab.h"
#include "program/pclntab_internal.h"

enum {
    TEXT = 0x401000,
    PCS_MAX = 64,       /* places asked for, over the whole text */
    FUNCTIONS_MAX = 64, /* functions asked for by number */
};

static size_t sum; /* so that what is read is used */

static void look_at_function(const struct pclntab *table, const struct func *func, address pc)
{
    const char *file = NULL;
    int32_t delta = 0, line = 0;
    sum += strlen(func_name(table, func));
    func_sp_delta(table, func, pc, &delta);
    func_line(table, func, pc, &file, &line);
    sum += file ? strlen(file) : 0;
    for (unsigned which = 0; which < 10; which++) {
        struct bytes blob = func_funcdata_bytes(table, func, which);
        sum += (size_t)func_pcdata(table, func, which, pc) + func_funcdata(table, func, which);
        for (size_t i = 0; i < blob.size && i < 8; i++)
            sum += blob.at[i];
    }
}

static void look_at_pc(const struct pclntab *table, address pc)
{
    struct source_frame frames[PCLNTAB_INLINE_MAX];
    struct func func;
    if (pclntab_func(table, pc, &func))
        look_at_function(table, &func, pc);
    size_t count = pclntab_frames(table, pc, frames, PCLNTAB_INLINE_MAX);
    for (size_t i = 0; i < count; i++)
        sum += strlen(frames[i].function) + (frames[i].file ? strlen(frames[i].file) : 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint64_t text_size = fuzz_number(&input, 4), func_data_at = fuzz_number(&input, 4);
    struct pclntab table;
    struct func func;
    struct error *error = pclntab_parse(input.at, input.left, &table);
    if (error_ignore(error))
        return 0;
    func_data_at = func_data_at < input.left ? func_data_at : input.left;
    table.text = TEXT;
    table.text_end = TEXT + text_size;
    table.go_func = TEXT + UINT32_MAX;
    table.func_data = (struct bytes){input.at + func_data_at, input.left - func_data_at};
    pclntab_find_wrapper_id(&table);
    pclntab_is_plausible(&table);
    pclntab_func_named(&table, "runtime.deferreturn", &func);
    for (uint64_t i = 0; i < FUNCTIONS_MAX && pclntab_func_at(&table, i, &func); i++) {
        look_at_pc(&table, func.entry);
        look_at_pc(&table, func.entry + (func.end - func.entry) / 2);
        look_at_function(&table, &func, func.end - 1);
    }
    for (uint64_t i = 0; i <= PCS_MAX; i++)
        look_at_pc(&table, TEXT + text_size * i / PCS_MAX - 1);
    pclntab_deinit(&table);
    return 0;
}
