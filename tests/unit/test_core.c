/* Core files, made here: what they hold, what the executable's file gives, what is a fault, how the
 * executable is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/u64map.h"
#include "elfmaker.h"
#include "target/target.h"

enum {
    PAGE = 4096,
    LINKED_TEXT = 0x1000, /* as linked; the entry point is 16 bytes in */
    LINKED_DATA = 0x3000,
    LINKED_UNTOUCHED = 0x5000,
    HEAP = 0x10000000,
    NEVER_DUMPED = 0x20000000,
    STACK = 0x30000000,
};

static const uint64_t bias = 0x555500000000;
static char folder[] = "/tmp/seep-core-XXXXXX";
static char exe_path[64];
static char core_path[64];

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void fill_page(uint8_t page[PAGE], uint8_t seed)
{
    for (int i = 0; i < PAGE; i++)
        page[i] = (uint8_t)(seed + i);
}

/* A program with three segments: text, data that was written, data that was not. */
static void write_executable(const char *path, uint16_t machine, uint8_t seed)
{
    struct elfmaker maker;
    uint8_t page[PAGE];
    elfmaker_init(&maker, ET_DYN, machine);
    maker.header.e_entry = LINKED_TEXT + 16;
    fill_page(page, seed);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_X, LINKED_TEXT, PAGE, page, PAGE);
    fill_page(page, (uint8_t)(seed + 1));
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, LINKED_DATA, PAGE, page, PAGE);
    fill_page(page, (uint8_t)(seed + 2));
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, LINKED_UNTOUCHED, PAGE, page, PAGE);
    size_t size = 0;
    AUTO_FREE uint8_t *file = elfmaker_file(&maker, &size);
    write_file(path, file, size);
    elfmaker_deinit(&maker);
}

static void add_thread(struct elfmaker *maker, uint32_t tid)
{
    uint8_t status[112 + 34 * 8] = {0};
    memcpy(status + 32, &tid, sizeof(tid));
    for (uint64_t i = 0; i < 34; i++)
        memcpy(status + 112 + 8 * i, &(uint64_t){tid * 1000 + i}, 8);
    elfmaker_note(maker, "CORE", NT_PRSTATUS, status, sizeof(status));
    if (tid == 101)
        return; /* its vector registers are not known */
    uint8_t vectors[1024] = {0};
    for (uint64_t i = 0; i < sizeof(vectors) / 8; i++)
        memcpy(vectors + 8 * i, &(uint64_t){tid * 10000 + i}, 8);
    elfmaker_note(maker, "CORE", NT_PRFPREG, vectors, 528);
    if (maker->header.e_machine == EM_X86_64)
        elfmaker_note(maker, "LINUX", NT_X86_XSTATE, vectors, sizeof(vectors));
}

static void add_notes(struct elfmaker *maker, const char *path)
{
    add_thread(maker, 102);
    add_thread(maker, 101);
    elfmaker_note(maker, "CORE", NT_PRSTATUS, "short", 5);
    uint8_t process[136] = {0};
    memcpy(process + 24, &(uint32_t){101}, 4);
    memcpy(process + 40, "agent", 5);
    elfmaker_note(maker, "CORE", NT_PRPSINFO, process, sizeof(process));
    uint64_t auxv[] = {AT_ENTRY, bias + LINKED_TEXT + 16, AT_EXECFN, STACK + 8, AT_NULL, 0};
    elfmaker_note(maker, "CORE", NT_AUXV, auxv, sizeof(auxv));
    if (!path)
        return;
    uint64_t table[] = {2,
                        PAGE,
                        bias + LINKED_TEXT,
                        bias + LINKED_TEXT + PAGE,
                        1,
                        bias + LINKED_DATA,
                        bias + LINKED_DATA + PAGE,
                        2};
    struct text files = {0};
    text_add(&files, (const char *)table, sizeof(table));
    text_add(&files, path, strlen(path) + 1);
    text_add(&files, path, strlen(path) + 1);
    elfmaker_note(maker, "CORE", NT_FILE, files.bytes, files.length);
    text_deinit(&files);
}

/* Text is not in the core at all, as gcore may do; untouched data is there without bytes, as the
 * kernel does. */
static uint8_t *make_core(uint16_t machine, const char *path, size_t *size_ret)
{
    struct elfmaker maker;
    uint8_t page[PAGE];
    elfmaker_init(&maker, ET_CORE, machine);
    add_notes(&maker, path);
    fill_page(page, 200);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, bias + LINKED_DATA, PAGE, page, PAGE);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, bias + LINKED_UNTOUCHED, PAGE, "", 0);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, NEVER_DUMPED, PAGE, "", 0);
    fill_page(page, 0);
    snprintf((char *)page + 8, 64, "%s", exe_path);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, STACK, PAGE, page, PAGE);
    uint8_t heap[2 * PAGE];
    fill_page(heap, 50);
    fill_page(heap + PAGE, 51);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, HEAP, sizeof(heap), heap, sizeof(heap));
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, HEAP + 2 * PAGE, PAGE, page, PAGE);
    uint8_t *core = elfmaker_file(&maker, size_ret);
    elfmaker_deinit(&maker);
    return core;
}

static void write_core(uint16_t machine, const char *path)
{
    size_t size = 0;
    AUTO_FREE uint8_t *core = make_core(machine, path, &size);
    write_file(core_path, core, size);
}

static int start(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(exe_path, sizeof(exe_path), "%s/agent", folder);
    snprintf(core_path, sizeof(core_path), "%s/core", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(exe_path);
    unlink(core_path);
    return rmdir(folder);
}

static struct target *open_core(const char *exe)
{
    struct target *target = NULL;
    struct error *error = target_open_core(core_path, exe, &target);
    if (error)
        fail_msg("%s", error_message(error));
    return target;
}

static enum error_code code_of(struct error *error)
{
    assert_non_null(error);
    enum error_code code = error_code(error);
    error_destroy(error);
    return code;
}

static uint8_t byte_at(struct target *target, address at)
{
    uint8_t byte = 0;
    struct error *error = target_read(target, at, &byte, 1);
    if (error)
        fail_msg("%s", error_message(error));
    return byte;
}

static void test_facts(void **state)
{
    (void)state;
    write_executable(exe_path, EM_X86_64, 10);
    write_core(EM_X86_64, exe_path);
    struct target *target = open_core(NULL);
    const struct target_facts *facts = target_facts(target);
    assert_int_equal(facts->kind, TARGET_CORE);
    assert_int_equal(facts->pid, 101);
    assert_string_equal(facts->name, "agent");
    assert_string_equal(facts->exe_path, exe_path);
    assert_true(facts->uptime_s < 0 && facts->started_unix < 0);
    assert_true(target_bias(target) == bias);
    assert_int_equal(target_now_ns(target), 0);
    assert_null(target_check(target));
    assert_null(target_measure(target));
    target_close(target);
}

/* Each 8 bytes of what the notes say have their own number. There are more of those at the end than there is room for. */
static void expect_vectors(struct target *target, bool is_amd64)
{
    enum {
        LOWER = 160 / 8, /* in words */
        UPPER = 576 / 8,
        FIRST = 102 * 10000
    };
    struct thread_registers registers;
    assert_true(target_registers(target, 101, &registers));
    assert_false(registers.vector_known);
    assert_true(target_registers(target, 102, &registers));
    assert_int_equal(registers.vector_known, !is_amd64);
    assert_int_equal(registers.other_count, is_amd64 ? VECTOR_OTHERS : 0);
    for (unsigned i = 0; i < VECTOR_WORDS; i++) {
        unsigned at = is_amd64 ? (i % 4 < 2 ? LOWER : UPPER) + i / 4 * 2 + i % 2 : i;
        assert_int_equal(registers.vector[i], FIRST + at);
    }
}

static void test_registers(void **state)
{
    (void)state;
    static const struct {
        uint16_t machine;
        unsigned pc, sp, lr, general;
    } cases[] = {{EM_X86_64, 16, 19, 0, 15}, {EM_AARCH64, 32, 31, 30, 31}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        write_executable(exe_path, cases[i].machine, 10);
        write_core(cases[i].machine, exe_path);
        struct target *target = open_core(NULL);
        struct thread_registers registers = {0};
        for (pid_t tid = 101; tid <= 102; tid++) {
            assert_true(target_registers(target, tid, &registers));
            assert_int_equal(registers.tid, tid);
            assert_int_equal(registers.pc, (unsigned)tid * 1000 + cases[i].pc);
            assert_int_equal(registers.sp, (unsigned)tid * 1000 + cases[i].sp);
            assert_int_equal(registers.lr, cases[i].lr ? (unsigned)tid * 1000 + cases[i].lr : 0);
            assert_int_equal(registers.general_count, cases[i].general);
            for (unsigned j = 0; j < registers.general_count; j++)
                assert_int_equal(registers.general[j], (unsigned)tid * 1000 + j);
        }
        expect_vectors(target, cases[i].machine == EM_X86_64);
        assert_false(target_registers(target, 100, &registers));
        assert_false(target_registers(target, 103, &registers));
        size_t count = 0;
        const struct thread_registers *threads = target_threads(target, &count);
        assert_int_equal(count, 2);
        assert_int_equal(threads[0].tid, 101);
        assert_int_equal(threads[1].tid, 102);
        target_close(target);
    }
}

static void test_where_bytes_come_from(void **state)
{
    (void)state;
    write_executable(exe_path, EM_X86_64, 10);
    write_core(EM_X86_64, exe_path);
    struct target *target = open_core(NULL);
    assert_int_equal(byte_at(target, bias + LINKED_TEXT), 10); /* only the file has it */
    assert_int_equal(byte_at(target, bias + LINKED_DATA),
                     200); /* the core, though the file has it too */
    assert_int_equal(byte_at(target, bias + LINKED_UNTOUCHED),
                     12); /* never written: as in the file */
    assert_int_equal(byte_at(target, HEAP + PAGE), 51);
    uint8_t bytes[PAGE];
    assert_int_equal(code_of(target_read(target, NEVER_DUMPED, bytes, 1)), ERROR_FAULT);
    assert_int_equal(code_of(target_read(target, 0x77, bytes, 1)), ERROR_FAULT);
    assert_int_equal(code_of(target_read(target, UINT64_MAX - 2, bytes, 8)), ERROR_FAULT);

    /* Over the border of two mappings. */
    assert_null(target_read(target, HEAP + 2 * PAGE - 4, bytes, 8));
    assert_int_equal(bytes[3], (uint8_t)(51 + PAGE - 1));
    assert_int_equal(bytes[4], 0);
    uint64_t value = 0;
    assert_null(target_u64(target, HEAP, &value));
    assert_int_equal(value & 0xff, 50);
    assert_int_equal(code_of(target_u64(target, HEAP + 3 * PAGE - 4, &value)), ERROR_FAULT);

    size_t left = 0;
    assert_null(target_view(target, bias + LINKED_DATA, false, &left));
    const uint8_t *view = target_view(target, bias + LINKED_DATA, true, &left);
    assert_int_equal(view[0], 11); /* as linked */
    target_close(target);
}

static void test_read_many(void **state)
{
    (void)state;
    write_executable(exe_path, EM_X86_64, 10);
    write_core(EM_X86_64, exe_path);
    struct target *target = open_core(NULL);
    uint8_t bytes[4] = {9, 9, 9, 9};
    struct read_request requests[] = {
        {.at = HEAP, .size = 1, .to = &bytes[0]},
        {.at = NEVER_DUMPED, .size = 1, .to = &bytes[1]},
        {.at = bias + LINKED_TEXT, .size = 1, .to = &bytes[2], .failed = true},
        {.at = UINT64_MAX, .size = 1, .to = &bytes[3]},
    };
    assert_null(target_read_many(target, requests, LENGTH_OF(requests)));
    assert_int_equal(bytes[0], 50);
    assert_int_equal(bytes[1], 0);
    assert_int_equal(bytes[2], 10);
    assert_int_equal(bytes[3], 0);
    for (size_t i = 0; i < LENGTH_OF(requests); i++)
        assert_int_equal(requests[i].failed,
                         requests[i].at == NEVER_DUMPED || requests[i].at == UINT64_MAX);
    target_close(target);
}

static void test_mappings(void **state)
{
    (void)state;
    write_executable(exe_path, EM_X86_64, 10);
    write_core(EM_X86_64, exe_path);
    struct target *target = open_core(NULL);
    size_t count = 0;
    const struct mapping *mappings = target_mappings(target, &count);
    assert_int_equal(count, 7); /* six in the core, and the text that only NT_FILE names */
    for (size_t i = 1; i < count; i++)
        assert_true(mappings[i - 1].end <= mappings[i].start);
    const struct mapping *data = target_mapping_at(target, bias + LINKED_DATA + 5);
    assert_string_equal(data->path, exe_path);
    assert_true(data->is_file && data->writable && data->file_offset == 2 * PAGE &&
                data->rss_bytes == PAGE);
    const struct mapping *text = target_mapping_at(target, bias + LINKED_TEXT);
    assert_true(text && text->is_file && text->rss_bytes == 0);
    assert_int_equal(target_mapping_at(target, NEVER_DUMPED)->rss_bytes, 0);
    uint64_t resident = 0;
    assert_null(target_resident(target, HEAP + PAGE, 100 * PAGE, &resident));
    assert_int_equal(resident, 2 * PAGE);
    assert_null(target_resident(target, 0, UINT64_MAX, &resident));
    assert_int_equal(resident, 5 * PAGE);
    target_close(target);
}

static void test_finding_the_executable(void **state)
{
    (void)state;
    struct target *target = NULL;
    write_executable(exe_path, EM_X86_64, 10);
    write_core(EM_X86_64, "/nowhere/tool");
    target = open_core(NULL); /* by AT_EXECFN */
    assert_string_equal(target_facts(target)->exe_path, exe_path);
    target_close(target);

    write_core(EM_X86_64, "/nowhere/agent");
    target = open_core(NULL); /* or beside the core */
    target_close(target);
    target = open_core(exe_path);
    target_close(target);

    unlink(exe_path);
    struct error *error = target_open_core(core_path, NULL, &target);
    assert_non_null(error);
    assert_int_equal(error_code(error), ERROR_NOT_FOUND);
    assert_non_null(strstr(error_message(error), "--exe FILE"));
    assert_non_null(strstr(error_message(error), "/nowhere/agent"));
    error_destroy(error);
    assert_int_equal(code_of(target_open_core(core_path, "/nonexistent", &target)),
                     ERROR_NOT_FOUND);
    /* Another program: its entry point does not fit; another machine. */
    assert_int_equal(code_of(target_open_core(core_path, "/bin/sleep", &target)), ERROR_BAD_DATA);
    write_executable(exe_path, EM_AARCH64, 10);
    assert_int_equal(code_of(target_open_core(core_path, exe_path, &target)), ERROR_BAD_DATA);
    assert_int_equal(code_of(target_open_core(exe_path, NULL, &target)),
                     ERROR_BAD_DATA); /* no core */
}

static void test_cut_core(void **state)
{
    (void)state;
    write_executable(exe_path, EM_X86_64, 10);
    size_t size = 0;
    AUTO_FREE uint8_t *core = make_core(EM_X86_64, exe_path, &size);
    /* The notes come last in this core, the heap before. Without notes the program is not known. */
    write_file(core_path, core, ELFMAKER_DATA + 2 * PAGE + PAGE + 100);
    struct target *target = NULL;
    assert_int_equal(code_of(target_open_core(core_path, NULL, &target)), ERROR_NOT_FOUND);
    assert_int_equal(code_of(target_open_core(core_path, exe_path, &target)), ERROR_BAD_DATA);

    /* With the notes in front, what is missing at the end is a fault. */
    Elf64_Phdr *segments = (Elf64_Phdr *)(core + sizeof(Elf64_Ehdr));
    Elf64_Phdr *notes = &segments[6];
    AUTO_FREE uint8_t *moved = calloc(size + PAGE, 1);
    memcpy(moved + ELFMAKER_DATA + PAGE, core + ELFMAKER_DATA, size - ELFMAKER_DATA);
    memcpy(moved + ELFMAKER_DATA, core + notes->p_offset, notes->p_filesz);
    for (int i = 0; i < 6; i++)
        segments[i].p_offset += PAGE;
    notes->p_offset = ELFMAKER_DATA;
    memcpy(moved, core, ELFMAKER_DATA);
    write_file(core_path, moved, segments[4].p_offset + PAGE + 100);
    target = open_core(NULL);
    uint8_t bytes[PAGE];
    assert_null(target_read(target, HEAP, bytes, PAGE));
    assert_null(target_read(target, HEAP + PAGE, bytes, 100));
    assert_int_equal(code_of(target_read(target, HEAP + PAGE, bytes, 101)), ERROR_FAULT);
    assert_int_equal(code_of(target_read(target, HEAP + 2 * PAGE, bytes, 1)), ERROR_FAULT);
    uint64_t value = 0;
    assert_null(
        target_u64(target, HEAP + PAGE + 92, &value)); /* the page is not whole, these bytes are */
    target_close(target);
}

static void test_random_damage(void **state)
{
    (void)state;
    write_executable(exe_path, EM_X86_64, 10);
    size_t size = 0;
    AUTO_FREE uint8_t *good = make_core(EM_X86_64, exe_path, &size);
    AUTO_FREE uint8_t *bytes = xmalloc(size);
    size_t notes_at = ((Elf64_Phdr *)(good + sizeof(Elf64_Ehdr)))[6].p_offset;
    uint64_t seed = 3;
    for (int round = 0; round < 1500; round++) {
        memcpy(bytes, good, size);
        for (int change = 0; change < 3; change++) {
            seed = u64_mix(seed + 0x9e3779b97f4a7c15ULL);
            size_t at = change % 2 ? 16 + seed % 500 : notes_at + seed % (size - notes_at);
            bytes[at] = (uint8_t)(seed >> 40);
        }
        write_file(core_path, bytes, round % 5 ? size : size - seed % 1000);
        struct target *target = NULL;
        if (error_ignore(target_open_core(core_path, exe_path, &target)))
            continue;
        size_t count = 0;
        const struct mapping *mappings = target_mappings(target, &count);
        for (size_t i = 0; i < count; i++) {
            uint64_t value = 0;
            error_ignore(target_u64(target, mappings[i].start, &value));
            error_ignore(target_read(target, mappings[i].end - 8, &value, 8));
        }
        struct thread_registers registers;
        target_registers(target, 101, &registers);
        target_close(target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_registers),
        cmocka_unit_test(test_where_bytes_come_from),
        cmocka_unit_test(test_read_many),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_finding_the_executable),
        cmocka_unit_test(test_cut_core),
        cmocka_unit_test(test_random_damage),
    };
    return cmocka_run_group_tests(tests, start, end);
}
