/* A table made by hand, in both forms (Go 1.18 and 1.20) and for both quanta, so that every byte
 * of it is known:
 *
 *   main.first            [0x000, 0x040)  lines 10, 11
 *   main.second           [0x040, 0x100)  inlined: main.middle 0x50 .. 0x90, main.inner in it 0x60 .. 0x80
 *   runtime.deferreturn   [0x100, 0x120)  its funcID is that of wrappers
 *   main.second.deferwrap1[0x120, 0x140)  a wrapper
 * */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "program/pclntab.h"

enum {
    TEXT = 0x401000,
    FUNC_DATA_AT = 0x500000,
    ROOM = 4096,
    WRAPPER = 22,
    FUNCTIONS = 4
};

struct form {
    bool is_new;
    unsigned quantum;
};
static const struct form forms[] = {{false, 1}, {true, 1}, {false, 4}, {true, 4}};

struct writer {
    uint8_t bytes[ROOM];
    size_t size;
};

/* One table, its parts in writers of their own until they are put together. */
struct maker {
    struct form form;
    struct writer names, units, files, pc_tables, functions, func_data;
    struct writer whole;
};

static void put(struct writer *writer, const void *bytes, size_t size)
{
    assert_true(writer->size + size <= ROOM);
    memcpy(writer->bytes + writer->size, bytes, size);
    writer->size += size;
}

static void put_u32(struct writer *writer, uint32_t value)
{
    put(writer, &value, sizeof(value));
}

static void put_u64(struct writer *writer, uint64_t value)
{
    put(writer, &value, sizeof(value));
}

static uint32_t put_text(struct writer *writer, const char *text)
{
    uint32_t at = (uint32_t)writer->size;
    put(writer, text, strlen(text) + 1);
    return at;
}

static void put_varint(struct writer *writer, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        put(writer, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    put(writer, &(uint8_t){(uint8_t)value}, 1);
}

struct step {
    int32_t value;
    uint32_t until; /* offset from the function's entry */
};

/* A pc table of steps up to one with until 0. */
static uint32_t put_pc_table(struct maker *maker, const struct step *steps)
{
    uint32_t at = (uint32_t)maker->pc_tables.size;
    int32_t value = -1;
    uint32_t pc = 0;
    for (; steps->until; steps++) {
        int32_t change = steps->value - value;
        put_varint(&maker->pc_tables, ((uint32_t)change << 1) ^ (uint32_t)(change >> 31));
        put_varint(&maker->pc_tables, (steps->until - pc) / maker->form.quantum);
        value = steps->value;
        pc = steps->until;
    }
    put_varint(&maker->pc_tables, 0);
    return at;
}

struct record {
    uint32_t name, entry, pcsp, pcfile, pcln, inline_index, inline_tree;
    uint8_t func_id, flags;
};

/* Two words of pcdata behind the index of the inline tree's, and the inline tree as FUNCDATA 3. */
static uint32_t put_record(struct maker *maker, const struct record *record)
{
    struct writer *functions = &maker->functions;
    uint32_t at = (uint32_t)functions->size;
    const uint32_t front[] = {record->entry,  record->name, 0, 0, record->pcsp,
                              record->pcfile, record->pcln, 3, 0};
    put(functions, front, sizeof(front));
    if (maker->form.is_new)
        put_u32(functions, 7);
    put(functions, (uint8_t[]){record->func_id, record->flags, 0, 4}, 4);
    put(functions, (uint32_t[]){0, 0, record->inline_index}, 12);
    put(functions, (uint32_t[]){UINT32_MAX, UINT32_MAX, UINT32_MAX, record->inline_tree}, 16);
    return at;
}

static void put_inlined(struct maker *maker, uint32_t name, uint32_t parent_pc)
{
    struct writer *data = &maker->func_data;
    if (maker->form.is_new)
        put(data, (uint32_t[]){0, name, parent_pc, 1}, 16);
    else
        put(data, (uint32_t[]){0, 0, 99, name, parent_pc}, 20);
}

static void join(struct maker *maker)
{
    struct writer *const parts[] = {&maker->names, &maker->units, &maker->files, &maker->pc_tables,
                                    &maker->functions};
    struct writer *whole = &maker->whole;
    put_u32(whole, maker->form.is_new ? 0xfffffff1 : 0xfffffff0);
    put(whole, (uint8_t[]){0, 0, (uint8_t)maker->form.quantum, 8}, 4);
    put_u64(whole, FUNCTIONS);
    put_u64(whole, 1);
    put_u64(whole, TEXT);
    uint64_t at = 72;
    for (size_t i = 0; i < LENGTH_OF(parts); i++) {
        put_u64(whole, at);
        at += parts[i]->size;
    }
    for (size_t i = 0; i < LENGTH_OF(parts); i++)
        put(whole, parts[i]->bytes, parts[i]->size);
}

static void make(struct maker *maker, struct form form)
{
    static const uint32_t entries[FUNCTIONS + 1] = {0, 0x40, 0x100, 0x120, 0x140};
    *maker = (struct maker){.form = form};
    put_text(&maker->names, "");
    put_text(&maker->files, "");
    put_u32(&maker->units, 1);
    put_u32(&maker->units, put_text(&maker->files, "/src/poll.go"));
    put_varint(&maker->pc_tables, 0);

    uint32_t inner = put_text(&maker->names, "main.inner");
    uint32_t middle = put_text(&maker->names, "main.middle");
    put_inlined(maker, middle, 0x44);
    put_inlined(maker, inner, 0x54);
    uint32_t file = put_pc_table(maker, (struct step[]){{1, 0x140}, {0}});
    struct record records[FUNCTIONS] = {
        {
            .name = put_text(&maker->names, "main.first"),
            .pcsp = put_pc_table(maker, (struct step[]){{0, 0x8}, {24, 0x38}, {0, 0x40}, {0}}),
            .pcln = put_pc_table(maker, (struct step[]){{10, 0x20}, {11, 0x40}, {0}}),
            .flags = FUNC_TOP_FRAME,
        },
        {
            .name = put_text(&maker->names, "main.second"),
            .pcln = put_pc_table(
                maker,
                (struct step[]){{20, 0x50}, {30, 0x60}, {40, 0x80}, {31, 0x90}, {22, 0xc0}, {0}}),
            .inline_index = put_pc_table(
                maker,
                (struct step[]){{-1, 0x50}, {0, 0x60}, {1, 0x80}, {0, 0x90}, {-1, 0xc0}, {0}}),
        },
        {.name = put_text(&maker->names, "runtime.deferreturn"), .func_id = WRAPPER},
        {.name = put_text(&maker->names, "main.second.deferwrap1"), .func_id = WRAPPER},
    };
    size_t ftab_size = FUNCTIONS * 8 + 4;
    maker->functions.size = ftab_size;
    uint32_t ftab[FUNCTIONS * 2 + 1];
    for (size_t i = 0; i < FUNCTIONS; i++) {
        records[i].entry = entries[i];
        records[i].pcfile = file;
        records[i].inline_tree = records[i].inline_index ? 0 : UINT32_MAX;
        ftab[2 * i] = entries[i];
        ftab[2 * i + 1] = put_record(maker, &records[i]);
    }
    ftab[FUNCTIONS * 2] = entries[FUNCTIONS];
    memcpy(maker->functions.bytes, ftab, ftab_size);
    join(maker);
}

static void add_surroundings(struct pclntab *table, const struct maker *maker)
{
    table->text = TEXT;
    table->text_end = TEXT + 0x140;
    table->go_func = FUNC_DATA_AT;
    table->func_data = (struct bytes){maker->func_data.bytes, maker->func_data.size};
    pclntab_find_wrapper_id(table);
}

static void open_table(struct pclntab *table, struct maker *maker, struct form form)
{
    make(maker, form);
    struct error *error = pclntab_parse(maker->whole.bytes, maker->whole.size, table);
    assert_null(error);
    add_surroundings(table, maker);
}

/* Each test runs over all forms. */
#define EACH_FORM(table, maker)                                              \
    for (size_t form_index = 0; form_index < LENGTH_OF(forms); form_index++) \
        for (bool once = (open_table(table, maker, forms[form_index]), true); once; once = false)

static void header_is_read(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    EACH_FORM(&table, &maker)
    {
        assert_int_equal(table.function_count, FUNCTIONS);
        assert_int_equal(table.quantum, maker.form.quantum);
        assert_int_equal(table.has_start_line, maker.form.is_new);
        assert_int_equal(table.names.size, maker.names.size);
        assert_int_equal(table.functions.size, maker.functions.size);
    }
}

static void broken_headers_are_errors(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t byte;
        enum error_code code;
    } cases[] = {
        {0, 0xfb, ERROR_UNSUPPORTED}, /* Go 1.2 */
        {0, 0xfa, ERROR_UNSUPPORTED}, /* Go 1.16 */
        {0, 0x11, ERROR_BAD_DATA},    {6, 3, ERROR_BAD_DATA},  {7, 4, ERROR_BAD_DATA},
        {15, 1, ERROR_BAD_DATA},      {10, 1, ERROR_BAD_DATA}, {39, 1, ERROR_BAD_DATA},
        {64, 8, ERROR_BAD_DATA},      {67, 1, ERROR_BAD_DATA},
    };
    struct maker maker;
    struct pclntab table;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        make(&maker, forms[1]);
        maker.whole.bytes[cases[i].at] = cases[i].byte;
        struct error *error = pclntab_parse(maker.whole.bytes, maker.whole.size, &table);
        assert_non_null(error);
        assert_int_equal(error_code(error), cases[i].code);
        error_destroy(error);
    }
}

static void functions_are_found_by_address(void **state)
{
    (void)state;
    static const struct {
        address pc;
        const char *name; /* NULL: none */
    } cases[] = {
        {TEXT, "main.first"},
        {TEXT + 0x3f, "main.first"},
        {TEXT + 0x40, "main.second"},
        {TEXT + 0xff, "main.second"},
        {TEXT + 0x100, "runtime.deferreturn"},
        {TEXT + 0x13f, "main.second.deferwrap1"},
        {TEXT + 0x140, NULL},
        {TEXT - 1, NULL},
        {0, NULL},
        {UINT64_MAX, NULL},
    };
    struct maker maker;
    struct pclntab table;
    EACH_FORM(&table, &maker)
    {
        for (size_t i = 0; i < LENGTH_OF(cases); i++) {
            struct func func;
            assert_int_equal(pclntab_func(&table, cases[i].pc, &func), cases[i].name != NULL);
            if (!cases[i].name)
                continue;
            assert_string_equal(func_name(&table, &func), cases[i].name);
            assert_true(func.entry <= cases[i].pc && cases[i].pc < func.end);
        }
        struct func func;
        assert_true(pclntab_func(&table, TEXT, &func));
        assert_int_equal(func.flags, FUNC_TOP_FRAME);
        assert_int_equal(func.start_line, maker.form.is_new ? 7 : 0);
        assert_false(pclntab_func_at(&table, FUNCTIONS, &func));
    }
}

static void functions_are_found_by_name(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    EACH_FORM(&table, &maker)
    {
        struct func func;
        assert_true(pclntab_func_named(&table, "main.second", &func));
        assert_int_equal(func.entry, TEXT + 0x40);
        assert_false(pclntab_func_named(&table, "main.sec", &func));
        assert_false(pclntab_func_named(&table, "second", &func));
        assert_false(pclntab_func_named(&table, "main.inner", &func)); /* only inlined */
    }
}

static void frame_sizes(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    EACH_FORM(&table, &maker)
    {
        struct func func;
        int32_t delta = -2;
        assert_true(pclntab_func(&table, TEXT, &func));
        assert_true(func_sp_delta(&table, &func, TEXT, &delta));
        assert_int_equal(delta, 0);
        assert_true(func_sp_delta(&table, &func, TEXT + 0x8, &delta));
        assert_int_equal(delta, 24);
        assert_true(func_sp_delta(&table, &func, TEXT + 0x38, &delta));
        assert_int_equal(delta, 0);
        assert_false(
            func_sp_delta(&table, &func, TEXT + 0x40, &delta)); /* behind the table's end */
        assert_true(pclntab_func(&table, TEXT + 0x100, &func));
        assert_false(func_sp_delta(&table, &func, TEXT + 0x100, &delta)); /* has no table */
    }
}

static void pc_data_and_function_data(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    EACH_FORM(&table, &maker)
    {
        struct func func;
        assert_true(pclntab_func(&table, TEXT + 0x40, &func));
        assert_int_equal(func_pcdata(&table, &func, PCDATA_INL_TREE_INDEX, TEXT + 0xa0), 1);
        assert_int_equal(func_pcdata(&table, &func, PCDATA_INL_TREE_INDEX, TEXT + 0x40), -1);
        assert_int_equal(func_pcdata(&table, &func, PCDATA_STACK_MAP_INDEX, TEXT + 0x40), -1);
        assert_int_equal(func_pcdata(&table, &func, 1000, TEXT + 0x40), -1);
        assert_int_equal(func_funcdata(&table, &func, FUNCDATA_INL_TREE), FUNC_DATA_AT);
        assert_int_equal(func_funcdata(&table, &func, 0), 0);
        assert_int_equal(func_funcdata(&table, &func, FUNCDATA_WRAP_INFO), 0);
        assert_int_equal(func_funcdata_bytes(&table, &func, FUNCDATA_INL_TREE).size,
                         maker.func_data.size);
    }
}

static void check_frame(const struct source_frame *frame, const char *function, int32_t line,
                        bool inlined)
{
    assert_string_equal(frame->function, function);
    assert_string_equal(frame->file, "/src/poll.go");
    assert_int_equal(frame->line, line);
    assert_int_equal(frame->inlined, inlined);
}

static void frames_of_inlined_calls(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    struct source_frame frames[PCLNTAB_INLINE_MAX];
    EACH_FORM(&table, &maker)
    {
        assert_int_equal(pclntab_frames(&table, TEXT + 0x20, frames, LENGTH_OF(frames)), 1);
        check_frame(&frames[0], "main.first", 11, false);

        assert_int_equal(pclntab_frames(&table, TEXT + 0x40 + 0x64, frames, LENGTH_OF(frames)), 3);
        check_frame(&frames[0], "main.inner", 40, true);
        check_frame(&frames[1], "main.middle", 30, true);
        check_frame(&frames[2], "main.second", 20, false);
        assert_int_equal(frames[0].entry, TEXT + 0x40);

        assert_int_equal(pclntab_frames(&table, TEXT + 0x40 + 0x64, frames, 1), 1);
        check_frame(&frames[0], "main.inner", 40, true);
        assert_int_equal(pclntab_frames(&table, TEXT + 0x40 + 0x64, frames, 0), 0);
        assert_int_equal(pclntab_frames(&table, TEXT - 1, frames, 1), 0);
    }
}

static void wrappers_are_marked(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    struct source_frame frame;
    EACH_FORM(&table, &maker)
    {
        assert_int_equal(table.wrapper_id, WRAPPER);
        assert_int_equal(pclntab_frames(&table, TEXT + 0x124, &frame, 1), 1);
        assert_true(frame.wrapper);
        assert_int_equal(pclntab_frames(&table, TEXT, &frame, 1), 1);
        assert_false(frame.wrapper);
    }
}

static void a_loop_of_inlined_calls_ends(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    struct source_frame frames[PCLNTAB_INLINE_MAX + 1];
    EACH_FORM(&table, &maker)
    {
        size_t parent_pc = maker.form.is_new ? 8 : 16;
        maker.func_data.bytes[parent_pc] = 0x50; /* main.middle is called from within itself */
        size_t count = pclntab_frames(&table, TEXT + 0x40 + 0x50, frames, LENGTH_OF(frames));
        assert_int_equal(count, PCLNTAB_INLINE_MAX);
        assert_string_equal(frames[count - 1].function, "main.second");

        memset(&maker.func_data.bytes[parent_pc], 0xff, 4); /* at pc -1 */
        assert_int_equal(pclntab_frames(&table, TEXT + 0x40 + 0x50, frames, LENGTH_OF(frames)), 2);
    }
}

static void a_name_without_end_is_unknown(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    EACH_FORM(&table, &maker)
    {
        struct func func;
        assert_true(pclntab_func(&table, TEXT + 0x120, &func));
        table.names.size--; /* the last NUL */
        assert_string_equal(func_name(&table, &func), "?");
        func.name_offset = -1;
        assert_string_equal(func_name(&table, &func), "?");
        assert_string_equal(func_name(&table, &(struct func){0}), "?");
    }
}

static unsigned use_everything(const struct pclntab *table)
{
    unsigned sum = 0;
    for (address pc = TEXT; pc < TEXT + 0x140; pc += 4) {
        struct source_frame frames[PCLNTAB_INLINE_MAX];
        struct func func;
        int32_t delta = 0;
        size_t count = pclntab_frames(table, pc, frames, LENGTH_OF(frames));
        for (size_t i = 0; i < count; i++)
            sum += (unsigned)strlen(frames[i].function) +
                   (frames[i].file ? (unsigned)strlen(frames[i].file) : 0);
        if (!pclntab_func(table, pc, &func))
            continue;
        sum += func_sp_delta(table, &func, pc, &delta);
        for (unsigned i = 0; i < 8; i++) {
            struct bytes blob = func_funcdata_bytes(table, &func, i);
            sum += blob.size ? blob.at[blob.size - 1] : 0;
            sum += (unsigned)func_pcdata(table, &func, i, pc);
        }
    }
    return sum;
}

/* Over a block of just this size, so that a sanitizer sees each byte beyond it. */
static void use_copy(const struct maker *maker, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = xmalloc(size ? size : 1);
    struct pclntab table;
    memcpy(copy, bytes, size);
    if (!error_ignore(pclntab_parse(copy, size, &table))) {
        add_surroundings(&table, maker);
        (void)use_everything(&table);
    }
    free(copy);
}

static void cut_tables_do_no_harm(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    EACH_FORM(&table, &maker)
    for (size_t size = 0; size < maker.whole.size; size++)
        use_copy(&maker, maker.whole.bytes, size);
}

static void broken_tables_do_no_harm(void **state)
{
    (void)state;
    struct maker maker;
    struct pclntab table;
    uint32_t random = 12345;
    EACH_FORM(&table, &maker)
    {
        for (size_t round = 0; round < 5000; round++) {
            struct writer broken = maker.whole;
            for (size_t i = 0; i < 1 + round % 8; i++) {
                random = random * 1664525 + 1013904223;
                size_t at = 8 + (random >> 8) % (broken.size - 8);
                broken.bytes[at] = (uint8_t)(round % 2 ? 0xff : random >> 24);
            }
            use_copy(&maker, broken.bytes, broken.size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_is_read),
        cmocka_unit_test(broken_headers_are_errors),
        cmocka_unit_test(functions_are_found_by_address),
        cmocka_unit_test(functions_are_found_by_name),
        cmocka_unit_test(frame_sizes),
        cmocka_unit_test(pc_data_and_function_data),
        cmocka_unit_test(frames_of_inlined_calls),
        cmocka_unit_test(wrappers_are_marked),
        cmocka_unit_test(a_loop_of_inlined_calls_ends),
        cmocka_unit_test(a_name_without_end_is_unknown),
        cmocka_unit_test(cut_tables_do_no_harm),
        cmocka_unit_test(broken_tables_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
