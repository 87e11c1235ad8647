/* elf/: what an honest file says, what a lying file cannot do, and random damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/u64map.h"
#include "elf/elffile.h"
#include "elfmaker.h"

enum {
    TEXT_AT = 0x400000,
    DATA_AT = 0x600000
};

static uint8_t *honest_file(size_t *size_ret)
{
    struct elfmaker maker;
    elfmaker_init(&maker, ET_EXEC, EM_X86_64);
    maker.header.e_entry = TEXT_AT + 1;
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_X, TEXT_AT, 4, "code", 4);
    elfmaker_segment(&maker, PT_LOAD, PF_R | PF_W, DATA_AT, 100, "data", 4);
    elfmaker_note(&maker, "GNU", NT_GNU_BUILD_ID, "\x01\xab\xff", 3);
    elfmaker_note(&maker, "Go", 4, "go\nid", 5);
    uint8_t *file = elfmaker_file(&maker, size_ret);
    elfmaker_deinit(&maker);
    return file;
}

static enum error_code code_of(struct error *error)
{
    assert_non_null(error);
    enum error_code code = error_code(error);
    error_destroy(error);
    return code;
}

static enum error_code open_code(const uint8_t *bytes, size_t size)
{
    struct elffile *file = NULL;
    return code_of(elffile_open_bytes(bytes, size, "test", &file));
}

static void test_honest(void **state)
{
    (void)state;
    size_t size = 0;
    AUTO_FREE uint8_t *bytes = honest_file(&size);
    struct elffile *file = NULL;
    assert_null(elffile_open_bytes(bytes, size, "a\nb", &file));
    assert_string_equal(file->path, "a\\x0ab");
    assert_int_equal(file->type, ET_EXEC);
    assert_int_equal(file->machine, EM_X86_64);
    assert_int_equal(file->segment_count, 3);
    assert_int_equal(file->section_count, 0);
    assert_false(file->has_interpreter);
    assert_false(elffile_has_symbols(file));

    size_t left = 0;
    bool writable = true;
    const uint8_t *at = elffile_at(file, TEXT_AT + 1, &left, &writable);
    assert_memory_equal(at, "ode", 3);
    assert_int_equal(left, 3);
    assert_false(writable);
    assert_non_null(elffile_at(file, DATA_AT, NULL, &writable));
    assert_true(writable);
    assert_null(elffile_at(file, DATA_AT + 4, &left, NULL)); /* in memory, not in the file */
    assert_null(elffile_at(file, TEXT_AT - 1, &left, NULL));

    AUTO_FREE char *id = elffile_build_id(file);
    assert_string_equal(id, "01abff");
    elffile_close(file);
    elffile_close(NULL);
}

static void test_go_build_id(void **state)
{
    (void)state;
    struct elfmaker maker;
    elfmaker_init(&maker, ET_EXEC, EM_AARCH64);
    elfmaker_note(&maker, "Go", 4, "go\nid", 5);
    size_t size = 0;
    AUTO_FREE uint8_t *bytes = elfmaker_file(&maker, &size);
    elfmaker_deinit(&maker);
    struct elffile *file = NULL;
    assert_null(elffile_open_bytes(bytes, size, "test", &file));
    AUTO_FREE char *id = elffile_build_id(file);
    assert_string_equal(id, "go\\x0aid");
    elffile_close(file);
}

static void test_wrong_kinds(void **state)
{
    (void)state;
    size_t size = 0;
    AUTO_FREE uint8_t *bytes = honest_file(&size);
    assert_int_equal(open_code(bytes, 0), ERROR_BAD_DATA);
    assert_int_equal(open_code((const uint8_t *)"#!/bin/sh\n        ", 18), ERROR_BAD_DATA);
    assert_int_equal(open_code(bytes, sizeof(Elf64_Ehdr) - 1), ERROR_BAD_DATA);
    assert_int_equal(open_code(bytes, sizeof(Elf64_Ehdr) + 10), ERROR_BAD_DATA);
    bytes[EI_CLASS] = ELFCLASS32;
    assert_int_equal(open_code(bytes, size), ERROR_UNSUPPORTED);
    bytes[EI_CLASS] = ELFCLASS64;
    bytes[EI_DATA] = ELFDATA2MSB;
    assert_int_equal(open_code(bytes, size), ERROR_UNSUPPORTED);
    bytes[EI_DATA] = ELFDATA2LSB;
    bytes[offsetof(Elf64_Ehdr, e_machine)] = EM_386;
    assert_int_equal(open_code(bytes, size), ERROR_UNSUPPORTED);
}

static void test_segments_that_lie(void **state)
{
    (void)state;
    struct elfmaker maker;
    elfmaker_init(&maker, ET_CORE, EM_X86_64);
    elfmaker_segment(&maker, PT_LOAD, PF_R, 0x1000, 0x1000, "abcd", 4)->p_filesz = UINT64_MAX;
    elfmaker_segment(&maker, PT_LOAD, PF_R, 0x3000, 2, "efgh", 4);
    elfmaker_segment(&maker, PT_LOAD, PF_R, UINT64_MAX - 10, UINT64_MAX, "ijkl", 4);
    elfmaker_segment(&maker, PT_LOAD, PF_R, 0x5000, 4, "mnop", 4)->p_offset = UINT64_MAX - 1;
    elfmaker_segment(&maker, PT_NOTE, PF_R, 0, 0, "note", 4)->p_filesz = UINT64_MAX;
    size_t size = 0;
    AUTO_FREE uint8_t *bytes = elfmaker_file(&maker, &size);
    elfmaker_deinit(&maker);
    struct elffile *file = NULL;
    assert_null(elffile_open_bytes(bytes, size, "test", &file));
    assert_int_equal(file->segments[0].present_size, 4 * 4 + 4);
    assert_int_equal(file->segments[1].present_size, 2); /* no more than in memory */
    assert_int_equal(file->segments[2].memory_size, 10);
    assert_int_equal(file->segments[3].present_size, 0);
    assert_int_equal(file->segments[4].present_size, 4);
    size_t left = 0;
    assert_non_null(elffile_at(file, 0x1000, &left, NULL));
    assert_int_equal(left, 20);
    assert_null(elffile_at(file, 0x5000, &left, NULL));
    elffile_close(file);
}

static void test_counts_that_lie(void **state)
{
    (void)state;
    size_t size = 0;
    AUTO_FREE uint8_t *bytes = honest_file(&size);
    Elf64_Ehdr *header = (Elf64_Ehdr *)bytes;
    header->e_phnum = 5000;
    assert_int_equal(open_code(bytes, size), ERROR_BAD_DATA);
    header->e_phnum = PN_XNUM; /* and no section that tells the true count */
    assert_int_equal(open_code(bytes, size), ERROR_BAD_DATA);
    header->e_phnum = 1;
    header->e_phoff = UINT64_MAX - 8;
    assert_int_equal(open_code(bytes, size), ERROR_BAD_DATA);
    header->e_phoff = sizeof(*header);
    header->e_phentsize = 7;
    assert_int_equal(open_code(bytes, size), ERROR_BAD_DATA);
}

static bool count_note(const struct elf_note *note, void *context)
{
    (void)note;
    ++*(int *)context;
    return true;
}

static void test_notes_that_lie(void **state)
{
    (void)state;
    static const uint32_t broken[][3] = {
        {0xffffffff, 4, 1}, {4, 0xffffffff, 1}, {0xfffffffd, 0xfffffffd, 1}, {4, 9, 1}};
    for (size_t i = 0; i < LENGTH_OF(broken); i++) {
        struct elfmaker maker;
        elfmaker_init(&maker, ET_CORE, EM_X86_64);
        elfmaker_note(&maker, "CORE", 1, "fine", 4);
        text_add(&maker.notes, (const char *)broken[i], sizeof(broken[i]));
        text_add(&maker.notes, "NAM\0desc", 8);
        size_t size = 0;
        AUTO_FREE uint8_t *bytes = elfmaker_file(&maker, &size);
        elfmaker_deinit(&maker);
        struct elffile *file = NULL;
        assert_null(elffile_open_bytes(bytes, size, "test", &file));
        int count = 0;
        assert_int_equal(code_of(elffile_notes(file, count_note, &count)), ERROR_BAD_DATA);
        assert_int_equal(count, 1);
        elffile_close(file);
    }
}

/* The honest file with a table of four sections behind it: none, .text, .symtab, .shstrtab. */
static uint8_t *file_with_sections(size_t *size_ret, Elf64_Shdr **table_ret)
{
    static const char names[] = "\0.text\0.symtab\0.shstrtab";
    size_t before = 0;
    AUTO_FREE uint8_t *honest = honest_file(&before);
    size_t symbols_at = (before + 7) & ~(size_t)7;
    size_t names_at = symbols_at + 2 * sizeof(Elf64_Sym);
    size_t table_at = (names_at + sizeof(names) + 7) & ~(size_t)7;
    *size_ret = table_at + 4 * sizeof(Elf64_Shdr);
    uint8_t *file = calloc(*size_ret, 1);
    memcpy(file, honest, before);
    memcpy(file + names_at, names, sizeof(names));
    Elf64_Sym *symbols = (Elf64_Sym *)(file + symbols_at);
    symbols[1] = (Elf64_Sym){.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC)};
    Elf64_Shdr *table = (Elf64_Shdr *)(file + table_at);
    table[1] = (Elf64_Shdr){.sh_name = 1,
                            .sh_type = SHT_PROGBITS,
                            .sh_addr = TEXT_AT,
                            .sh_offset = ELFMAKER_DATA,
                            .sh_size = 4};
    table[2] = (Elf64_Shdr){.sh_name = 7,
                            .sh_type = SHT_SYMTAB,
                            .sh_offset = symbols_at,
                            .sh_size = 2 * sizeof(Elf64_Sym)};
    table[3] = (Elf64_Shdr){
        .sh_name = 15, .sh_type = SHT_STRTAB, .sh_offset = names_at, .sh_size = sizeof(names)};
    Elf64_Ehdr *header = (Elf64_Ehdr *)file;
    header->e_shoff = table_at;
    header->e_shnum = 4;
    header->e_shstrndx = 3;
    *table_ret = table;
    return file;
}

static void test_sections(void **state)
{
    (void)state;
    size_t size = 0;
    Elf64_Shdr *table = NULL;
    AUTO_FREE uint8_t *bytes = file_with_sections(&size, &table);
    struct elffile *file = NULL;
    assert_null(elffile_open_bytes(bytes, size, "test", &file));
    assert_int_equal(file->section_count, 4);
    const struct elf_section *text = elffile_section(file, ".text");
    assert_non_null(text);
    assert_memory_equal(text->bytes, "code", 4);
    assert_true(elffile_has_symbols(file));
    assert_null(elffile_section(file, ".nothere"));
    elffile_close(file);

    /* The count in section 0, as in files with very many. */
    ((Elf64_Ehdr *)bytes)->e_shnum = 0;
    table[0].sh_size = 4;
    assert_null(elffile_open_bytes(bytes, size, "test", &file));
    assert_int_equal(file->section_count, 4);
    elffile_close(file);

    table[0].sh_size = UINT64_MAX / 64; /* a lie: no sections */
    assert_null(elffile_open_bytes(bytes, size, "test", &file));
    assert_int_equal(file->section_count, 0);
    assert_int_equal(file->segment_count, 3);
    elffile_close(file);
}

static void test_sections_that_lie(void **state)
{
    (void)state;
    size_t size = 0;
    Elf64_Shdr *table = NULL;
    AUTO_FREE uint8_t *bytes = file_with_sections(&size, &table);
    table[1].sh_name = UINT32_MAX;
    table[1].sh_size = UINT64_MAX;
    table[2].sh_offset = UINT64_MAX;
    table[3].sh_size -= 1; /* the last name has no end */
    struct elffile *file = NULL;
    assert_null(elffile_open_bytes(bytes, size, "test", &file));
    assert_string_equal(file->sections[1].name, "");
    assert_null(file->sections[1].bytes);
    assert_null(file->sections[2].bytes);
    assert_string_equal(file->sections[3].name, "");
    assert_false(elffile_has_symbols(file));
    elffile_close(file);
    /* A table that is cut off is the same as none. */
    assert_null(elffile_open_bytes(bytes, size - 1, "test", &file));
    assert_int_equal(file->section_count, 0);
    elffile_close(file);
}

/* Looks at all that a file has. */
static void touch_all(const struct elffile *file)
{
    volatile uint64_t sum = 0;
    for (size_t i = 0; i < file->section_count; i++) {
        sum += strlen(file->sections[i].name);
        if (file->sections[i].bytes && file->sections[i].size)
            sum += file->sections[i].bytes[file->sections[i].size - 1];
    }
    for (size_t i = 0; i < file->segment_count; i++) {
        size_t left = 0;
        const uint8_t *at = elffile_at(file, file->segments[i].address, &left, NULL);
        if (at)
            sum += at[left - 1];
    }
    int count = 0;
    error_ignore(elffile_notes(file, count_note, &count));
    sum += elffile_has_symbols(file);
    (void)sum;
    free(elffile_build_id(file));
}

static void test_random_damage(void **state)
{
    (void)state;
    size_t size = 0;
    Elf64_Shdr *table = NULL;
    AUTO_FREE uint8_t *good = file_with_sections(&size, &table);
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        /* A block of its own size, so that a sanitizer sees one byte too far. */
        size_t cut = round % 4 ? size : size - u64_mix(seed + 1) % size;
        uint8_t *bytes = xmalloc(cut);
        memcpy(bytes, good, cut);
        for (int change = 0; change < 4; change++) {
            seed = u64_mix(seed + 0x9e3779b97f4a7c15ULL);
            size_t at = change % 2 ? size - 1 - seed % 400 : seed % 600;
            if (at < cut && at >= EI_NIDENT)
                bytes[at] = (uint8_t)(seed >> 40);
        }
        struct elffile *file = NULL;
        struct error *error = elffile_open_bytes(bytes, cut, "test", &file);
        if (!error)
            touch_all(file);
        error_destroy(error);
        elffile_close(file);
        free(bytes);
    }
}

static void test_open_errors(void **state)
{
    (void)state;
    struct elffile *file = NULL;
    assert_int_equal(code_of(elffile_open("/nonexistent/file", NULL, &file)), ERROR_NOT_FOUND);
    assert_int_equal(code_of(elffile_open("/", NULL, &file)), ERROR_BAD_DATA);
    assert_int_equal(code_of(elffile_open("/proc/self/status", NULL, &file)), ERROR_BAD_DATA);
    assert_null(elffile_open("/proc/self/exe", "the test", &file));
    assert_string_equal(file->path, "the test");
    assert_true(elffile_section(file, ".text") != NULL);
    touch_all(file);
    elffile_close(file);
}

/* A file that is cut while it is mapped: one line and exit status 2. */
static void test_cut_while_read(void **state)
{
    (void)state;
    char path[] = "/tmp/seep-test-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    size_t size = 0;
    AUTO_FREE uint8_t *bytes = honest_file(&size);
    assert_int_equal(write(descriptor, bytes, size), size);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        struct elffile *file = NULL;
        struct error *error = elffile_open(path, "agent", &file);
        if (error || ftruncate(descriptor, 0) < 0)
            _exit(9);
        volatile uint8_t byte = file->bytes[ELFMAKER_DATA];
        _exit(byte ? 8 : 7);
    }
    close(ends[1]);
    char said[200] = {0};
    assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
    for (ssize_t more = 1; more > 0;)
        more = read(ends[0], said + strlen(said), sizeof(said) - 1 - strlen(said));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 2);
    assert_string_equal(said, "seep: agent: the file was cut while it was read\n");
    close(ends[0]);
    close(descriptor);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, since cmocka sets a SIGBUS handler of its own for each test. */
        cmocka_unit_test(test_cut_while_read),    cmocka_unit_test(test_honest),
        cmocka_unit_test(test_go_build_id),       cmocka_unit_test(test_wrong_kinds),
        cmocka_unit_test(test_segments_that_lie), cmocka_unit_test(test_counts_that_lie),
        cmocka_unit_test(test_notes_that_lie),    cmocka_unit_test(test_sections),
        cmocka_unit_test(test_sections_that_lie), cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_open_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
