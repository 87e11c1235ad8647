/* Build info, module data and type descriptors over a program made by hand: one read-only
 * segment with text, types and pclntab, and a writable one with build info and the module,
 * without sections, so that everything has to be found by content. SEEP_TEST_GO_PROGRAM=FILE
 * adds a test over a real program's file. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/text.h"
#include "elfmaker.h"
#include "program/data_symbols.h"
#include "program/program.h"
#include "target/internal.h"

/* A target whose memory is what its executable's file says. */

static struct error *file_read(struct target *target, address at, void *to, size_t size)
{
    size_t left = 0;
    const uint8_t *bytes = target_view(target, at, true, &left);
    if (!bytes || left < size)
        return target_fault(at, size);
    memcpy(to, bytes, size);
    return NULL;
}

static void file_destroy(struct target *target)
{
    target_deinit(target);
    free(target);
}

static struct target *file_target(struct elffile *file)
{
    static const struct target_operations operations = {.read = file_read, .destroy = file_destroy};
    struct target *target = xcalloc(1, sizeof(*target));
    target->operations = &operations;
    target_set_executable(target, file, 0);
    return target;
}

/* The program. */

enum {
    READ_ONLY = 0x400000,
    TEXT = 0x401000,
    TEXT_END = 0x402000,
    TYPES = 0x402000,
    PCLNTAB = 0x405000,
    FUNC_DATA = 0x406000,
    READ_ONLY_SIZE = 0x8000,
    WRITABLE = 0x600000,
    MODULE = 0x600200,
    DATA = 0x600800,
    WRITABLE_SIZE = 0x2000,

    KIND_UINTPTR = 12,
    KIND_STRUCT = 25,
    FLAG_UNCOMMON = 1,
    FLAG_EXTRA_STAR = 2,
    FLAG_NAMED = 4,
};

/* Where a release has what in its module. */
struct order {
    const char *release;
    uint32_t magic;
    unsigned types, etypes, gofunc, gcdatamask, gcbssmask, next;
};
static const struct order orders[] = {
    {"1.18", 0xfffffff0, 280, 288, 304, 496, 512, 544},
    {"1.20", 0xfffffff1, 296, 304, 320, 512, 528, 560},
    {"1.21", 0xfffffff1, 296, 304, 320, 536, 552, 584},
    {"1.23", 0xfffffff1, 296, 304, 320, 536, 552, 576},
    {"1.26", 0xfffffff1, 296, 304, 320, 544, 560, 584},
    {"1.27", 0xfffffff1, 296, 312, 344, 520, 536, 560},
};
static const struct order later = {"later", 0xfffffff2, 328, 376, 400, 640, 656, 720};

struct world {
    uint8_t read_only[READ_ONLY_SIZE], writable[WRITABLE_SIZE];
    size_t types_size;
    bool shifted; /* offsets of fields as Go 1.18 writes them */
    uint8_t *file_bytes;
    struct target *target;
};

static void set(uint8_t *bytes, size_t at, uint64_t value, size_t size)
{
    memcpy(bytes + at, &value, size);
}

static void set_module(struct world *world, size_t offset, uint64_t value)
{
    set(world->writable, MODULE - WRITABLE + offset, value, 8);
}

/* Types. */

static uint8_t *type_bytes(struct world *world)
{
    return world->read_only + (TYPES - READ_ONLY);
}

/* Room in the region of types, aligned; its offset from TYPES. */
static uint32_t take_room(struct world *world, size_t size)
{
    uint32_t at = (uint32_t)(world->types_size + 7) & ~7u;
    world->types_size = at + size;
    assert_true(TYPES + world->types_size <= PCLNTAB);
    return at;
}

static uint32_t put_name(struct world *world, const char *name)
{
    size_t size = strlen(name);
    uint32_t at = take_room(world, size + 2);
    type_bytes(world)[at + 1] = (uint8_t)size;
    memcpy(type_bytes(world) + at + 2, name, size);
    return at;
}

static uint32_t put_type(struct world *world, const char *name, unsigned kind, unsigned flags,
                         uint64_t size)
{
    uint32_t at = take_room(world, 96);
    uint8_t *type = type_bytes(world) + at;
    set(type, 0, size, 8);
    type[20] = (uint8_t)flags;
    type[21] = type[22] = 8;
    type[23] = (uint8_t)kind;
    set(type, 40, put_name(world, name), 4);
    return at;
}

struct field {
    const char *name;
    uint32_t type;
    uint64_t offset;
};

/* A named struct of a package; fields up to one without a name. */
static uint32_t put_struct(struct world *world, const char *name, const char *path, uint64_t size,
                           const struct field *fields)
{
    char starred[64] = "*";
    strncat(starred, name, sizeof(starred) - 2);
    uint32_t at =
        put_type(world, starred, KIND_STRUCT, FLAG_UNCOMMON | FLAG_EXTRA_STAR | FLAG_NAMED, size);
    uint64_t count = 0;
    while (fields[count].name)
        count++;
    uint32_t array = take_room(world, count * 24);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t offset = world->shifted ? fields[i].offset << 1 : fields[i].offset;
        set(type_bytes(world), array + i * 24, TYPES + put_name(world, fields[i].name), 8);
        set(type_bytes(world), array + i * 24 + 8, TYPES + fields[i].type, 8);
        set(type_bytes(world), array + i * 24 + 16, offset, 8);
    }
    set(type_bytes(world), at + 56, TYPES + array, 8);
    set(type_bytes(world), at + 64, count, 8);
    set(type_bytes(world), at + 80, put_name(world, path), 4);
    return at;
}

static void put_module_type(struct world *world, uint32_t word, const struct order *order)
{
    uint32_t mask = put_struct(world, "runtime.bitvector", "runtime", 16,
                               (struct field[]){{"n", word, 0}, {"bytedata", word, 8}, {0}});
    const struct field fields[] = {
        {"pcHeader", word, 0},
        {"text", word, 176},
        {"etext", word, 184},
        {"noptrdata", word, 192},
        {"enoptrdata", word, 200},
        {"data", word, 208},
        {"edata", word, 216},
        {"bss", word, 224},
        {"ebss", word, 232},
        {"noptrbss", word, 240},
        {"enoptrbss", word, 248},
        {"types", word, order->types},
        {"etypes", word, order->etypes},
        {"gofunc", word, order->gofunc},
        {"gcdatamask", mask, order->gcdatamask},
        {"gcbssmask", mask, order->gcbssmask},
        {"next", word, order->next},
        {0},
    };
    put_struct(world, "runtime.moduledata", "runtime", order->next + 8, fields);
}

/* A goroutine as far as these tests need one, and a struct of the same name in a package that
 * has the same last name. */
static void put_runtime_types(struct world *world, uint32_t word)
{
    put_struct(world, "runtime.g", "example.com/runtime", 8,
               (struct field[]){{"decoy", word, 0}, {0}});
    uint32_t inner = put_struct(world, "atomic.Uint32", "internal/runtime/atomic", 8,
                                (struct field[]){{"_", word, 0}, {"value", word, 0}, {0}});
    uint32_t buffer =
        put_struct(world, "runtime.gobuf", "runtime", 24,
                   (struct field[]){{"sp", word, 0}, {"pc", word, 8}, {"state", inner, 16}, {0}});
    put_struct(world, "runtime.g", "runtime", 48,
               (struct field[]){{"stack", word, 0}, {"sched", buffer, 8}, {"goid", word, 40}, {0}});
}

/* pclntab: main.main and runtime.deferreturn. */

static void put_pclntab(struct world *world, uint32_t magic)
{
    static const char names[] = "\0main.main\0runtime.deferreturn";
    uint8_t *table = world->read_only + (PCLNTAB - READ_ONLY);
    size_t record_size = magic == 0xfffffff0 ? 40 : 44;
    set(table, 0, magic | 0x0801ULL << 48, 8);
    set(table, 8, 2, 8);
    for (size_t i = 0; i < 4; i++)
        set(table, 32 + 8 * i, i ? 72 + sizeof(names) + 1 : 72, 8);
    set(table, 64, 104, 8);
    memcpy(table + 72, names, sizeof(names));
    uint8_t *functions = table + 104;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t record = 24 + i * (uint32_t)record_size;
        set(functions, 8 * i, i * 0x40, 4);
        set(functions, 8 * i + 4, record, 4);
        set(functions, record, i * 0x40, 4);
        set(functions, record + 4, i ? 11 : 1, 4);
        functions[record + record_size - 4] = i ? 23 : 0;
    }
    set(functions, 16, 0x80, 4);
}

static void put_module(struct world *world, const struct order *order)
{
    static const struct {
        unsigned offset;
        uint64_t value;
    } front[] = {
        {0, PCLNTAB},
        {104, PCLNTAB + 104},
        {112, 24 + 88},
        {128, PCLNTAB + 104},
        {136, 3},
        {160, TEXT},
        {168, TEXT_END},
        {176, TEXT},
        {184, TEXT_END},
        {208, DATA},
        {216, DATA + 0x400},
        {224, DATA + 0x400},
        {232, DATA + 0x800},
    };
    for (size_t i = 0; i < LENGTH_OF(front); i++)
        set_module(world, front[i].offset, front[i].value);
    set_module(world, order->types, TYPES);
    set_module(world, order->etypes, TYPES + world->types_size);
    set_module(world, order->gofunc, FUNC_DATA);
    set_module(world, order->gcdatamask, 0x80);
    set_module(world, order->gcdatamask + 8, 0x700000);
}

static void put_build_info(struct world *world)
{
    memcpy(world->writable, "\xff Go buildinf:\x08\x02", 16);
    memcpy(world->writable + 32, "\x08go1.26.8\0", 10);
}

static void world_init(struct world *world, const struct order *order, bool with_module_type)
{
    *world = (struct world){.types_size = 8, .shifted = !strcmp(order->release, "1.18")};
    uint32_t word = put_type(world, "uintptr", KIND_UINTPTR, FLAG_NAMED, 8);
    put_runtime_types(world, word);
    if (with_module_type)
        put_module_type(world, word, order);
    put_pclntab(world, order->magic);
    put_module(world, order);
    put_build_info(world);
}

/* Makes the target from what the segments hold by now. */
static struct target *world_open(struct world *world)
{
    struct elfmaker maker;
    struct elffile *file = NULL;
    size_t size = 0;
    elfmaker_init(&maker, ET_EXEC, EM_X86_64);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_X, READ_ONLY, READ_ONLY_SIZE, world->read_only,
                     READ_ONLY_SIZE);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, WRITABLE, WRITABLE_SIZE, world->writable,
                     WRITABLE_SIZE);
    world->file_bytes = elfmaker_file(&maker, &size);
    elfmaker_deinit(&maker);
    struct error *error = elffile_open_bytes(world->file_bytes, size, "program", &file);
    assert_null(error);
    world->target = file_target(file);
    return world->target;
}

static void world_deinit(struct world *world)
{
    target_close(world->target);
    free(world->file_bytes);
}

static const char *const wanted[] = {"runtime.g", "runtime.missing", NULL};

static struct program *open_program(struct world *world)
{
    struct program *program = NULL;
    struct error *error = program_open(world_open(world), wanted, &program);
    if (error)
        print_error("%s\n", error_message(error));
    assert_null(error);
    return program;
}

/* Build info. */

static size_t put_info(uint8_t *blob, uint8_t flags, const char *version, const char *text)
{
    char framed[1024];
    memset(blob, 0, 32);
    memcpy(blob, "\xff Go buildinf:\x08", 15);
    blob[15] = flags;
    size_t at = 32;
    int framed_size = snprintf(framed, sizeof(framed), "0123456789abcdef%sfedcba9876543210", text);
    blob[at++] = (uint8_t)strlen(version);
    memcpy(blob + at, version, strlen(version));
    at += strlen(version);
    blob[at++] = (uint8_t)(framed_size | 0x80);
    blob[at++] = (uint8_t)(framed_size >> 7);
    memcpy(blob + at, framed, (size_t)framed_size);
    return at + (size_t)framed_size;
}

static const char text_of_build[] = "path\texample.com/agent/cmd\n"
                                    "mod\texample.com/agent\tv1.2.3\th1:abc=\n"
                                    "dep\texample.com/other\tv9.9.9\n"
                                    "=>\t../other\t(devel)\n"
                                    "build\t-ldflags=\"-s -w\"\n"
                                    "build\tvcs.revision=\"7f3c2e1d5a6b7c8d9e0f\"\n"
                                    "build\tvcs.modified=true\n";

static void build_info_is_read(void **state)
{
    (void)state;
    uint8_t blob[2048];
    struct buildinfo info;
    const char *source = NULL;
    struct error *error =
        buildinfo_parse(blob, put_info(blob, 2, "go1.26.8 X:nogreenteagc", text_of_build), &info);
    assert_null(error);
    assert_string_equal(info.go_version, "go1.26.8 X:nogreenteagc");
    assert_int_equal(info.go_minor, 26);
    assert_string_equal(info.main_path, "example.com/agent/cmd");
    assert_string_equal(info.main_module, "example.com/agent");
    assert_string_equal(info.main_version, "v1.2.3");
    assert_string_equal(info.vcs_revision, "7f3c2e1d5a6b7c8d9e0f");
    assert_true(info.vcs_modified);
    assert_string_equal(buildinfo_release(&info, &source), "v1.2.3");
    assert_string_equal(source, "module");

    free(info.main_version);
    info.main_version = strdup("(devel)");
    assert_string_equal(buildinfo_release(&info, &source), "7f3c2e1d5a6b+dirty");
    assert_string_equal(source, "vcs");
    free(info.vcs_revision);
    info.vcs_revision = NULL;
    assert_null(buildinfo_release(&info, &source));
    buildinfo_deinit(&info);
}

static void minor_of_version(void **state)
{
    (void)state;
    static const struct {
        const char *version;
        int minor;
    } cases[] = {
        {"go1.18", 18},
        {"go1.26rc1", 26},
        {"go1.26-custom X:fieldtrack", 26},
        {"devel go1.27-abcdef Mon", 27},
        {"go1.127.1", 127},
        {"devel +abc", -1},
        {"go2.1", -1},
        {"go1.", -1},
        {"", -1},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        uint8_t blob[2048];
        struct buildinfo info;
        struct error *error = buildinfo_parse(blob, put_info(blob, 2, cases[i].version, ""), &info);
        assert_null(error);
        assert_int_equal(info.go_minor, cases[i].minor);
        assert_null(info.main_path);
        buildinfo_deinit(&info);
    }
}

static void broken_build_info_is_an_error(void **state)
{
    (void)state;
    uint8_t blob[2048];
    struct buildinfo info;
    size_t size = put_info(blob, 2, "go1.26.8", text_of_build);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *copy = xmalloc(cut ? cut : 1);
        memcpy(copy, blob, cut);
        assert_true(error_ignore(buildinfo_parse(copy, cut, &info)));
        free(copy);
    }
    struct error *error = buildinfo_parse(blob, put_info(blob, 0, "go1.17", ""), &info);
    assert_int_equal(error_code(error), ERROR_UNSUPPORTED);
    error_destroy(error);
}

static void build_info_is_escaped(void **state)
{
    (void)state;
    uint8_t blob[2048];
    struct buildinfo info;
    struct error *error =
        buildinfo_parse(blob, put_info(blob, 2, "go1.26\x1b[2J", "path\ta\rb\n"), &info);
    assert_null(error);
    assert_string_equal(info.go_version, "go1.26\\x1b[2J");
    assert_string_equal(info.main_path, "a\\x0db");
    buildinfo_deinit(&info);
}

/* The module. */

static void check_module(const struct program *program, const struct order *order)
{
    const struct moduledata *module = &program->module;
    assert_int_equal(module->at, MODULE);
    assert_int_equal(module->pc_header, PCLNTAB);
    assert_int_equal(module->text, TEXT);
    assert_int_equal(module->text_end, TEXT_END);
    assert_int_equal(module->types, TYPES);
    assert_int_equal(module->gofunc, FUNC_DATA);
    assert_int_equal(module->data, DATA);
    assert_int_equal(module->bss_end, DATA + 0x800);
    assert_int_equal(module->gcdatamask_bits, 0x80);
    assert_int_equal(module->gcdatamask_bytes, 0x700000);
    assert_int_equal(module->gcbssmask_bits, 0);
    assert_int_equal(program->pclntab.has_start_line, order->magic != 0xfffffff0);
    assert_int_equal(program->pclntab.wrapper_id, 23);
    struct func func;
    assert_true(pclntab_func_named(&program->pclntab, "main.main", &func));
    assert_int_equal(func.entry, TEXT);
}

static void each_order_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(orders); i++) {
        struct world world;
        world_init(&world, &orders[i], true);
        struct program *program = open_program(&world);
        check_module(program, &orders[i]);
        assert_true(program->module.confirmed);
        program_close(program);
        world_deinit(&world);
    }
}

static void an_unknown_order_is_found(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &later, true);
    struct program *program = open_program(&world);
    check_module(program, &later);
    assert_true(program->module.confirmed);
    assert_non_null(types_layout(program->types, "runtime.g"));
    program_close(program);
    world_deinit(&world);
}

static void without_descriptor_the_order_is_unconfirmed(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(orders); i++) {
        struct world world;
        world_init(&world, &orders[i], false);
        struct program *program = open_program(&world);
        check_module(program, &orders[i]);
        assert_false(program->module.confirmed);
        program_close(program);
        world_deinit(&world);
    }
}

static void expect_no_module(struct world *world, enum error_code code)
{
    struct program *program = NULL;
    struct error *error = program_open(world_open(world), wanted, &program);
    assert_non_null(error);
    assert_int_equal(error_code(error), code);
    error_destroy(error);
    world_deinit(world);
}

static void what_is_no_module_is_an_error(void **state)
{
    (void)state;
    const struct order *order = &orders[4];
    struct world world = {0};
    expect_no_module(&world, ERROR_NOT_FOUND);

    world_init(&world, order, true);
    world.read_only[PCLNTAB - READ_ONLY] = 0xfa; /* Go 1.16 */
    expect_no_module(&world, ERROR_UNSUPPORTED);

    world_init(&world, order, true);
    set_module(&world, 0, PCLNTAB + 8);
    expect_no_module(&world, ERROR_BAD_DATA);

    world_init(&world, order, true);
    set_module(&world, 136, 4); /* length of ftab */
    expect_no_module(&world, ERROR_BAD_DATA);

    world_init(&world, order, true);
    set_module(&world, order->types, 0);
    expect_no_module(&world, ERROR_UNSUPPORTED);
}

/* Types. */

static void check_field(const struct layout *layout, const char *name, uint64_t offset,
                        uint64_t size)
{
    struct layout_field field = {0};
    assert_true(layout_field(layout, name, &field));
    assert_int_equal(field.offset, offset);
    assert_int_equal(field.size, size);
}

static void check_layout_of_g(const struct types *types)
{
    struct layout_field field;
    const struct layout *layout = types_layout(types, "runtime.g");
    assert_non_null(layout);
    assert_int_equal(layout->size, 48);
    assert_int_equal(layout->field_count, 7);
    check_field(layout, "stack", 0, 8);
    check_field(layout, "sched", 8, 24);
    check_field(layout, "sched.sp", 8, 8);
    check_field(layout, "sched.pc", 16, 8);
    check_field(layout, "sched.state", 24, 8);
    check_field(layout, "sched.state.value", 24, 8);
    check_field(layout, "goid", 40, 8);
    assert_false(layout_field(layout, "decoy", &field));
    assert_false(layout_field(layout, "sched.state._", &field));
    assert_null(types_layout(types, "runtime.missing"));
}

static void layouts_are_flat(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &orders[4], true);
    struct program *program = open_program(&world);
    check_layout_of_g(program->types);
    program_close(program);
    world_deinit(&world);
}

/* As the build info says, and without it. */
static void shifted_offsets_of_1_18(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world world;
        world_init(&world, &orders[0], true);
        memcpy(world.writable + 32, "\x08go1.18.0\0", 10);
        if (i)
            world.writable[0] = 0;
        struct program *program = open_program(&world);
        assert_int_equal(program->info.go_minor, i ? -1 : 18);
        assert_int_equal(program->info_missing, i);
        check_layout_of_g(program->types);
        program_close(program);
        world_deinit(&world);
    }
}

static void names_of_types(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &orders[4], true);
    world.types_size = world.types_size < 0x2000 ? 0x2000 : world.types_size;
    uint32_t plain = put_type(&world, "chan int", 18, 0, 8);
    uint32_t starred =
        put_type(&world, "*main.Job\x1b", KIND_STRUCT, FLAG_EXTRA_STAR | FLAG_NAMED, 8);
    uint32_t broken = put_type(&world, "x", 18, 0, 8);
    set(type_bytes(&world), broken + 40, 0x7fffffff, 4);
    put_module(&world, &orders[4]);
    struct program *program = open_program(&world);
    assert_string_equal(types_name(program->types, TYPES + plain), "chan int");
    assert_string_equal(types_name(program->types, TYPES + starred), "main.Job\\x1b");
    assert_ptr_equal(types_name(program->types, TYPES + plain),
                     types_name(program->types, TYPES + plain));
    assert_string_equal(types_name(program->types, TYPES + broken), "?");
    assert_string_equal(types_name(program->types, 0), "?");
    assert_string_equal(types_name(program->types, UINT64_MAX), "?");
    program_close(program);
    world_deinit(&world);
}

static struct error *open_types(struct world *world, const char *name, struct types **types_ret)
{
    const char *const names[] = {name, NULL};
    struct moduledata module = {.types = TYPES, .types_end = TYPES + world->types_size};
    return types_open(world_open(world), &module, 26, names, types_ret);
}

/* A struct that holds itself sixteen times would be endless. */
static void a_struct_within_itself_ends(void **state)
{
    (void)state;
    struct world world = {.types_size = 8};
    struct types *types = NULL;
    struct field fields[17] = {{0}};
    for (size_t i = 0; i + 1 < LENGTH_OF(fields); i++)
        fields[i].name = "self";
    uint32_t at = put_struct(&world, "runtime.g", "runtime", 8, fields);
    uint64_t array = 0;
    memcpy(&array, type_bytes(&world) + at + 56, sizeof(array));
    for (size_t i = 0; i + 1 < LENGTH_OF(fields); i++)
        set(type_bytes(&world), array - TYPES + 24 * i + 8, TYPES + at, 8);
    struct error *error = open_types(&world, "runtime.g", &types);
    assert_null(error);
    assert_int_equal(types_layout(types, "runtime.g")->field_count, 4096);
    types_close(types);
    world_deinit(&world);
}

static void too_many_fields_are_an_error(void **state)
{
    (void)state;
    struct world world = {.types_size = 8};
    struct types *types = NULL;
    uint32_t at = put_struct(&world, "runtime.g", "runtime", 8, (struct field[]){{0}});
    set(type_bytes(&world), at + 64, 513, 8);
    struct error *error = open_types(&world, "runtime.g", &types);
    assert_int_equal(error_code(error), ERROR_LIMIT);
    error_destroy(error);
    world_deinit(&world);
}

/* Faults. */

static void each_failing_read_ends_well(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &orders[4], true);
    struct target *target = world_open(&world);
    for (uint64_t nth = 1, reads = nth; nth <= reads; nth++) {
        struct program *program = NULL;
        uint64_t before = target_read_count(target);
        target_forget(target);
        target_fail_read(target, nth, nth % 2);
        struct error *error = program_open(target, wanted, &program);
        reads = target_read_count(target) - before;
        assert_true(!error == (program != NULL));
        error_destroy(error);
        program_close(program);
    }
    world_deinit(&world);
}

static void broken_programs_do_no_harm(void **state)
{
    (void)state;
    uint32_t random = 4711;
    for (size_t round = 0; round < 3000; round++) {
        struct world world;
        world_init(&world, &orders[round % LENGTH_OF(orders)], true);
        for (size_t i = 0; i < 1 + round % 16; i++) {
            random = random * 1664525 + 1013904223;
            size_t at = random >> 10;
            if (round % 3 == 0)
                world.writable[at % 0x600] = (uint8_t)(random >> 3);
            else
                type_bytes(&world)[at % (FUNC_DATA - TYPES)] = (uint8_t)(random >> 3);
        }
        struct program *program = NULL;
        struct error *error = program_open(world_open(&world), wanted, &program);
        for (address at = TYPES; !error && at < PCLNTAB; at += 64)
            assert_non_null(types_name(program->types, at));
        error_destroy(error);
        program_close(program);
        world_deinit(&world);
    }
}

/* Real programs. */

static void a_real_program(void **state)
{
    (void)state;
    const char *path = getenv("SEEP_TEST_GO_PROGRAM");
    if (!path)
        skip();
    struct elffile *file = NULL;
    struct program *program = NULL;
    struct error *error = elffile_open(path, NULL, &file);
    assert_null(error);
    struct target *target = file_target(file);
    error = program_open(
        target, (const char *const[]){"runtime.g", "runtime.m", "runtime.hchan", NULL}, &program);
    assert_null(error);
    assert_true(program->module.confirmed);
    assert_true(program->pclntab.wrapper_id > 0);
    struct func func;
    assert_true(pclntab_func_named(&program->pclntab, "main.main", &func));
    struct source_frame frame;
    assert_int_equal(pclntab_frames(&program->pclntab, func.entry, &frame, 1), 1);
    assert_string_equal(frame.function, "main.main");
    assert_true(frame.line > 0);
    struct layout_field field;
    const struct layout *layout = types_layout(program->types, "runtime.g");
    assert_non_null(layout);
    assert_true(layout_field(layout, "sched.pc", &field));
    assert_true(layout_field(layout, "atomicstatus", &field));
    assert_non_null(types_layout(program->types, "runtime.m"));
    assert_non_null(types_layout(program->types, "runtime.hchan"));
    program_close(program);
    target_close(target);
}

/* ---- objects of the data without names */

static void add_object(struct data_symbols *objects, address at, uint64_t size, address from)
{
    VECTOR_PUSH(objects, (struct data_symbol){.at = at, .size = size, .from = from});
}

static void check_owner(const struct data_symbols *symbols, address at, uint64_t size,
                        address owner)
{
    const struct data_symbol *symbol = data_symbol_at(symbols, at);
    assert_non_null(symbol);
    assert_true(symbol->at == at && symbol->size == size && symbol->owner == owner);
}

/* A variable leads to one object, which leads to another one; a word without a name leads to a third; two lead to each other; of a sixth nothing is known. */
static void objects_belong_to_variables(void **state)
{
    (void)state;
    struct data_symbols symbols = {0}, objects = {0};
    VECTOR_PUSH(&symbols, (struct data_symbol){
                              .at = 0x1000, .size = 16, .name = "main.reg", .owner = 0x1000});
    add_object(&objects, 0x3000, 8, 0x2010);
    add_object(&objects, 0x2000, 0x20, 0x1008);
    add_object(&objects, 0x2000, 8, 0x1008); /* its beginning */
    add_object(&objects, 0x2018, 0x20, 0);   /* over its end */
    add_object(&objects, 0xff8, 16, 0x1008); /* over the variable */
    add_object(&objects, 0x1008, 8, 0);      /* in it */
    add_object(&objects, 0x4000, 8, 0x5550);
    add_object(&objects, 0x6000, 8, 0x6100);
    add_object(&objects, 0x6100, 8, 0x6000);
    add_object(&objects, 0x7000, 8, 0);
    add_object(&objects, 0x8000, 0, 0);
    data_symbols_add(&symbols, &objects);
    assert_int_equal(symbols.length, 7);
    check_owner(&symbols, 0x1000, 16, 0x1000);
    check_owner(&symbols, 0x2000, 0x20, 0x1000);
    check_owner(&symbols, 0x3000, 8, 0x1000);
    check_owner(&symbols, 0x4000, 8, 0x5550);
    check_owner(&symbols, 0x6000, 8, 0x6000);
    check_owner(&symbols, 0x6100, 8, 0x6100);
    check_owner(&symbols, 0x7000, 8, 0x7000);
    VECTOR_DEINIT(&symbols);
    VECTOR_DEINIT(&objects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(build_info_is_read),
        cmocka_unit_test(minor_of_version),
        cmocka_unit_test(broken_build_info_is_an_error),
        cmocka_unit_test(build_info_is_escaped),
        cmocka_unit_test(each_order_is_found),
        cmocka_unit_test(an_unknown_order_is_found),
        cmocka_unit_test(without_descriptor_the_order_is_unconfirmed),
        cmocka_unit_test(what_is_no_module_is_an_error),
        cmocka_unit_test(layouts_are_flat),
        cmocka_unit_test(shifted_offsets_of_1_18),
        cmocka_unit_test(names_of_types),
        cmocka_unit_test(a_struct_within_itself_ends),
        cmocka_unit_test(too_many_fields_are_an_error),
        cmocka_unit_test(each_failing_read_ends_well),
        cmocka_unit_test(broken_programs_do_no_harm),
        cmocka_unit_test(a_real_program),
        cmocka_unit_test(objects_belong_to_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
