/* What pclntab tells of a pc within a function: frame size, file, line, inlined calls, pc data,
 * function data.
 *
 * A pc table is a run of pairs of varints, each a change of the value and how far it reaches
 * (runtime/symtab.go step and pcvalue, the same in Go 1.18 to 1.27). An inline tree is an array;
 * PCDATA_INL_TREE_INDEX says which of its calls a pc belongs to, and each call says at which pc
 * of the function its parent called it, until a pc belongs to none (runtime/symtabinl.go). Up to
 * Go 1.19 a call had 20 bytes and its own parent index, file and line (runtime/symtab.go), but
 * the way over the parent's pc gives the same, so both forms are walked alike. */
#include "program/pclntab.h"

#include "base/cursor.h"
#include "program/pclntab_internal.h"

enum {
    STEPS_MAX = 1 << 20, /* of one pc table: no real function comes near */
    VARINT_SIZE_MAX = 5,
    RECORD_SIZE_1_18 = 40,
    RECORD_SIZE_1_20 = 44,
    WORD = 8,
};

static const uint32_t no_offset = UINT32_MAX;

/* One inlined call: size of the record, and where its parts are. */
struct call_shape {
    uint8_t size, func_id, name, parent_pc;
};
static const struct call_shape shape_1_18 = {.size = 20, .func_id = 2, .name = 12, .parent_pc = 16};
static const struct call_shape shape_1_20 = {.size = 16, .func_id = 0, .name = 4, .parent_pc = 8};

struct inlined_call {
    uint8_t func_id;
    uint32_t name_offset;
    int32_t parent_pc;
};

static bool next_varint(const uint8_t **at, const uint8_t *end, uint32_t *value_ret)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < VARINT_SIZE_MAX && *at < end; i++) {
        uint8_t byte = *(*at)++;
        value |= (uint32_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *value_ret = value;
            return true;
        }
    }
    return false;
}

/* The value at pc of the table that starts at `offset` of pctab; offset 0 means that there is no
 * table. */
static bool value_at(const struct pclntab *table, const struct func *func, uint32_t offset,
                     address pc, int32_t *value_ret)
{
    if (!offset || offset >= table->pc_tables.size || pc < func->entry)
        return false;
    const uint8_t *at = table->pc_tables.at + offset;
    const uint8_t *end = table->pc_tables.at + table->pc_tables.size;
    uint64_t target = pc - func->entry;
    uint64_t reached = 0;
    uint32_t value = UINT32_MAX; /* -1 */
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        uint32_t change = 0;
        uint32_t distance = 0;
        if (!next_varint(&at, end, &change) || (!change && step) ||
            !next_varint(&at, end, &distance))
            return false;
        value += -(change & 1) ^ (change >> 1);
        reached += (uint64_t)distance * table->quantum;
        if (target < reached) {
            *value_ret = (int32_t)value;
            return true;
        }
    }
    return false;
}

/* A word of the arrays behind the record: pcdata[], then funcdata[]. */
static bool trailing_word(const struct pclntab *table, const struct func *func, uint64_t index,
                          uint32_t *word_ret)
{
    uint64_t at =
        (table->has_start_line ? RECORD_SIZE_1_20 : RECORD_SIZE_1_18) + index * sizeof(uint32_t);
    return bytes_u32(func->record, func->record_room, at, word_ret);
}

bool func_sp_delta(const struct pclntab *table, const struct func *func, address pc,
                   int32_t *delta_ret)
{
    int32_t delta = 0;
    if (!value_at(table, func, func->pcsp, pc, &delta) || delta < 0 || delta % WORD != 0)
        return false;
    *delta_ret = delta;
    return true;
}

int32_t func_pcdata(const struct pclntab *table, const struct func *func, unsigned which,
                    address pc)
{
    uint32_t offset = 0;
    int32_t value = -1;
    if (which < func->pcdata_count && trailing_word(table, func, which, &offset))
        (void)value_at(table, func, offset, pc, &value);
    return value;
}

static bool funcdata_offset(const struct pclntab *table, const struct func *func, unsigned which,
                            uint32_t *offset_ret)
{
    return table->go_func && which < func->funcdata_count &&
           trailing_word(table, func, (uint64_t)func->pcdata_count + which, offset_ret) &&
           *offset_ret != no_offset;
}

address func_funcdata(const struct pclntab *table, const struct func *func, unsigned which)
{
    uint32_t offset = 0;
    return funcdata_offset(table, func, which, &offset) ? table->go_func + offset : 0;
}

struct bytes func_funcdata_bytes(const struct pclntab *table, const struct func *func,
                                 unsigned which)
{
    uint32_t offset = 0;
    if (!funcdata_offset(table, func, which, &offset) || offset >= table->func_data.size)
        return (struct bytes){0};
    return (struct bytes){table->func_data.at + offset, table->func_data.size - offset};
}

void func_line(const struct pclntab *table, const struct func *func, address pc,
               const char **file_ret, int32_t *line_ret)
{
    int32_t number = 0;
    int32_t line = 0;
    uint32_t offset = 0;
    *file_ret = NULL;
    *line_ret = 0;
    if (!value_at(table, func, func->pcfile, pc, &number) || number < 0 ||
        !value_at(table, func, func->pcln, pc, &line) || line < 0)
        return;
    uint64_t at = ((uint64_t)func->cu_offset + (uint32_t)number) * sizeof(uint32_t);
    if (bytes_u32(table->cu_table.at, table->cu_table.size, at, &offset) && offset != no_offset)
        *file_ret = pclntab_text(&table->files, offset);
    *line_ret = line;
}

/* Inlined calls. */

static bool inlined_call_at(const struct pclntab *table, const struct func *func, address pc,
                            struct inlined_call *call_ret)
{
    const struct call_shape *shape = table->has_start_line ? &shape_1_20 : &shape_1_18;
    int32_t index = func_pcdata(table, func, PCDATA_INL_TREE_INDEX, pc);
    if (index < 0)
        return false;
    struct bytes tree = func_funcdata_bytes(table, func, FUNCDATA_INL_TREE);
    uint64_t at = (uint64_t)index * shape->size;
    if (tree.size < shape->size || at > tree.size - shape->size)
        return false;
    uint32_t parent_pc = 0;
    call_ret->func_id = tree.at[at + shape->func_id];
    (void)bytes_u32(tree.at, tree.size, at + shape->name, &call_ret->name_offset);
    (void)bytes_u32(tree.at, tree.size, at + shape->parent_pc, &parent_pc);
    call_ret->parent_pc = (int32_t)parent_pc;
    return true;
}

static struct source_frame frame_at(const struct pclntab *table, const struct func *func,
                                    address pc, const char *name, uint8_t func_id)
{
    struct source_frame frame = {
        .function = name ? name : "?",
        .wrapper = table->wrapper_id >= 0 && func_id == table->wrapper_id,
        .entry = func->entry,
    };
    func_line(table, func, pc, &frame.file, &frame.line);
    return frame;
}

size_t pclntab_frames(const struct pclntab *table, address pc, struct source_frame *frames,
                      size_t max)
{
    struct func func;
    size_t count = 0;
    if (!max || !pclntab_func(table, pc, &func))
        return 0;
    struct inlined_call call = {0};
    while (count < max && count + 1 < PCLNTAB_INLINE_MAX &&
           inlined_call_at(table, &func, pc, &call)) {
        frames[count] =
            frame_at(table, &func, pc, pclntab_text(&table->names, call.name_offset), call.func_id);
        frames[count++].inlined = true;
        if (call.parent_pc < 0 || (uint64_t)call.parent_pc >= func.end - func.entry)
            break;
        pc = func.entry + (uint32_t)call.parent_pc;
    }
    if (count < max)
        frames[count++] = frame_at(table, &func, pc, func_name(table, &func), func.func_id);
    return count;
}
