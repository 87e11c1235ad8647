/* A scan, from the file to all reports. The input is u8: 0 or 1, then changes to one of two programs (tests/unit/data); or
 * anything else, then an ELF file. A change is a record of 16 bytes: u8 what, u8 how wide, u16 shift, u32 place, u64 value.
 * Places within code count from the first function with room for it; calls go to functions by their number. */
#include <elf.h>
#include <stdio.h>

#include "fuzz.h"
#include "packed.h"
#include "report/report.h"
#include "report/report_sarif.h"

enum change {
    CHANGE_CODE,
    CHANGE_CALL,
    CHANGE_WORD,
    CHANGE_ANYWHERE,
    CHANGE_CUT,
    CHANGES
};

enum {
    CALL_SIZE_AMD64 = 5
};

/* A program as it is before the changes. */
struct origin_file {
    struct unpacked file;
    uint32_t *words; /* offsets of those that are not zero */
    size_t word_count;
    uint32_t text; /* offset of the code that is changed, and how much of it there is */
    uint32_t text_size;
    uint64_t text_address;
    struct entries VECTOR_OF(uint64_t) entries;
    bool arm;
};

static void take_functions(struct origin_file *origin, const struct program *program)
{
    const struct pclntab *table = &program->pclntab;
    uint64_t end = 0;
    struct func func;
    for (uint64_t i = 0; i < table->function_count; i++) {
        packed_demand(pclntab_func_at(table, i, &func), "functions");
        const char *name = func_name(table, &func);
        VECTOR_PUSH(&origin->entries, func.entry);
        bool has_room = !strncmp(name, "main.f", 6);
        if (has_room && !origin->text_address)
            origin->text_address = func.entry;
        end = has_room ? func.end : end;
    }
    packed_demand(end > origin->text_address && origin->text_address, "functions");
    origin->text_size = (uint32_t)(end - origin->text_address);
}

static void load(struct origin_file *origin, const char *path)
{
    struct target *target = NULL;
    struct program *program = NULL;
    static const char *const wanted[] = {"runtime._defer", NULL};
    *origin = (struct origin_file){.file = packed_read(path)};
    origin->words = calloc(origin->file.size / 8 + 1, sizeof(*origin->words));
    for (size_t at = 0; at + 8 <= origin->file.size; at += 8) {
        if (memcmp(origin->file.bytes + at, "\0\0\0\0\0\0\0", 8) != 0)
            origin->words[origin->word_count++] = (uint32_t)at;
    }
    struct error *error =
        target_open_executable_bytes(origin->file.bytes, origin->file.size, path, &target);
    if (!error)
        error = program_open(target, wanted, &program);
    packed_demand(!error, path);
    take_functions(origin, program);
    size_t left = 0;
    const uint8_t *code = elffile_at(target_executable(target), origin->text_address, &left, NULL);
    packed_demand(code && left >= origin->text_size, path);
    origin->text = (uint32_t)(code - origin->file.bytes);
    origin->arm = program->arch == ARCH_ARM64;
    program_close(program);
    target_close(target);
}

static void put(uint8_t *bytes, size_t size, size_t at, const void *from, size_t width)
{
    if (at < size && size - at >= width)
        memcpy(bytes + at, from, width);
}

static void put_call(const struct origin_file *origin, uint8_t *bytes, size_t size, uint32_t place,
                     uint64_t callee)
{
    uint32_t at = place % origin->text_size;
    uint64_t entry = origin->entries.at[callee % origin->entries.length];
    uint8_t code[CALL_SIZE_AMD64] = {0xe8};
    uint64_t from = origin->text_address + (origin->arm ? at & ~3u : at);
    int64_t distance = (int64_t)(entry - from);
    uint32_t word = origin->arm ? 0x94000000u | ((uint32_t)(distance / 4) & 0x3ffffffu)
                                : (uint32_t)(distance - CALL_SIZE_AMD64);
    memcpy(code + !origin->arm, &word, sizeof(word));
    put(bytes, size, origin->text + (from - origin->text_address), code,
        origin->arm ? sizeof(word) : sizeof(code));
}

static void apply(const struct origin_file *origin, uint8_t *bytes, size_t *size,
                  struct fuzz_input *input)
{
    enum change change = (enum change)(fuzz_number(input, 1) % CHANGES);
    size_t width = fuzz_number(input, 1) % 8 + 1, shift = fuzz_number(input, 2) % 8;
    uint32_t place = (uint32_t)fuzz_number(input, 4);
    uint64_t value = fuzz_number(input, 8);
    switch (change) {
    case CHANGE_CODE:
        put(bytes, *size, origin->text + place % origin->text_size, &value, width);
        break;
    case CHANGE_CALL:
        put_call(origin, bytes, *size, place, value);
        break;
    case CHANGE_WORD:
        put(bytes, *size, origin->words[place % origin->word_count] + shift, &value, width);
        break;
    case CHANGE_ANYWHERE:
        put(bytes, *size, place % origin->file.size, &value, width);
        break;
    default: /* only now and then: little is read of a file that is cut */
        *size = value == 1 ? place % origin->file.size : *size;
    }
}

static void report_all(struct target *target, struct program *program, struct scan *scan,
                       FILE *sink)
{
    struct suppressions suppressions = {0};
    struct baseline baseline = {0};
    AUTO_FREE struct known *known = known_find(&scan->findings, &suppressions, &baseline);
    struct scan_report report = {.facts = target_facts(target),
                                 .program = program,
                                 .scan = scan,
                                 .known = known,
                                 .in_full = true};
    struct term term = {.out = sink};
    report_scan(&report, &term);
    report_json_line(report_scan_json(&report), sink);
    json_t *runs = json_pack("[o]", report_sarif_run(&report));
    report_json_line(report_sarif_log(runs, &suppressions), sink);
    json_decref(runs);
}

static void scan_bytes(const uint8_t *bytes, size_t size, FILE *sink)
{
    static const char *const wanted[] = {"runtime._defer", NULL};
    struct target *target = NULL;
    struct program *program = NULL;
    struct scan scan = {0};
    struct error *error = target_open_executable_bytes(bytes, size, "input", &target);
    if (!error)
        error = program_open(target, wanted, &program);
    if (!error)
        error = scan_program(target, program, &scan);
    if (!error)
        report_all(target, program, &scan, sink);
    error_destroy(error);
    scan_deinit(&scan);
    program_close(program);
    target_close(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct origin_file origins[2];
    static FILE *sink;
    if (!sink) {
        load(&origins[0], TEST_DATA "/code-amd64.packed");
        load(&origins[1], TEST_DATA "/code-arm64.packed");
        sink = fopen("/dev/null", "we");
    }
    struct fuzz_input input = {data, size};
    uint64_t which = fuzz_number(&input, 1);
    if (which > 1) {
        scan_bytes(input.at, input.left, sink);
        return 0;
    }
    const struct origin_file *origin = &origins[which];
    size_t length = origin->file.size;
    uint8_t *bytes = malloc(length);
    memcpy(bytes, origin->file.bytes, length);
    while (input.left)
        apply(origin, bytes, &length, &input);
    scan_bytes(bytes, length, sink);
    free(bytes);
    return 0;
}
