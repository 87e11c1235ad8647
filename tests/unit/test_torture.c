/* Read torture: the same inspection with the 1st, 2nd, ... n-th read of the target failing, alone and with all
 * later ones. It ends each time with a result or an error; leaks and wild accesses are the sanitizers' to see.
 * SEEP_TORTURE_READS says how many of the first reads fail one by one, before samples are taken.
 *
 * The targets are cores of synthetic programs (data/make.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <elf.h>

#include "packed.h"
#include "pipeline.h"
#include "saved.h"
#include "target/snapshot.h"

enum {
    EVERY_ONE_UP_TO = 700,
    ALARM_S = 280, /* a hang ends the test */
};

struct subject {
    int exe, core; /* descriptors */
    char exe_path[FILE_IN_MEMORY_PATH], core_path[FILE_IN_MEMORY_PATH];
    FILE *sink;
    struct unpacked saved; /* looked at instead of the core if there is one */
};

static int unpack(const char *name, char path[FILE_IN_MEMORY_PATH])
{
    char from[512];
    snprintf(from, sizeof(from), "%s/%s.packed", TEST_DATA, name);
    struct unpacked file = packed_read(from);
    int descriptor = file_in_memory(file.bytes, file.size, path);
    free(file.bytes);
    return descriptor;
}

static void subject_open(struct subject *subject, const char *exe, const char *core)
{
    subject->saved = (struct unpacked){0};
    subject->exe = unpack(exe, subject->exe_path);
    subject->core = unpack(core, subject->core_path);
    subject->sink = fopen("/dev/null", "we");
    assert_non_null(subject->sink);
}

static void subject_close(struct subject *subject)
{
    free(subject->saved.bytes);
    close(subject->exe);
    close(subject->core);
    fclose(subject->sink);
}

/* One inspection with the nth read failing; 0: none. How many reads there were, and what came of it. */
static uint64_t inspect(const struct subject *subject, uint64_t nth, bool all_after,
                        size_t *findings_ret, struct error **error_ret)
{
    struct target *target = NULL;
    *findings_ret = 0;
    struct error *error = subject->saved.bytes
                              ? target_open_snapshot_bytes(subject->saved.bytes,
                                                           subject->saved.size, "saved", &target)
                              : target_open_core(subject->core_path, subject->exe_path, &target);
    assert_null(error);
    uint64_t before = target_read_count(target);
    target_fail_read(target, nth, all_after);
    *error_ret = pipeline_run(target, subject->sink, findings_ret);
    uint64_t count = target_read_count(target) - before;
    target_close(target);
    return count;
}

/* A result or an error with a message; returns whether the failure was noticed at all. */
static bool torture_one(const struct subject *subject, uint64_t nth, bool all_after, size_t healthy)
{
    size_t findings = 0;
    struct error *error = NULL;
    inspect(subject, nth, all_after, &findings, &error);
    if (error)
        assert_true(error_message(error)[0] != 0);
    bool noticed = error || findings != healthy;
    error_destroy(error);
    return noticed;
}

static void save_core(struct subject *subject)
{
    struct target *target = NULL;
    assert_null(target_open_core(subject->core_path, subject->exe_path, &target));
    subject->saved = saved_whole(target);
    target_close(target);
}

static void torture(const char *exe, const char *core, bool as_snapshot)
{
    struct subject subject;
    struct error *error = NULL;
    size_t healthy = 0;
    unsigned noticed = 0;
    subject_open(&subject, exe, core);
    if (as_snapshot)
        save_core(&subject);
    uint64_t reads = inspect(&subject, 0, false, &healthy, &error);
    assert_null(error);
    assert_int_equal(
        healthy,
        3); /* nil channels, select {}, senders; what must grow to be a leak stands still */
    assert_true(reads > 100);
    const char *wish = getenv("SEEP_TORTURE_READS");
    uint64_t each = wish ? strtoull(wish, NULL, 10) : EVERY_ONE_UP_TO;
    uint64_t stride = reads > each ? (reads - each) * 2 / (each + 1) + 1 : 1;
    for (uint64_t nth = 1; nth <= reads; nth += nth < each ? 1 : stride) {
        torture_one(&subject, nth, false, healthy);
        noticed += torture_one(&subject, nth, true, healthy);
    }
    assert_true(noticed > 0); /* the hook works: without any memory there is no inspection */
    subject_close(&subject);
}

static void test_torture_amd64(void **state)
{
    (void)state;
    torture("shop-amd64", "shop-amd64.core", false);
}

static void test_torture_arm64(void **state)
{
    (void)state;
    torture("shop-arm64", "shop-arm64.core", false);
}

static void test_torture_snapshot(void **state)
{
    (void)state;
    torture("shop-amd64", "shop-amd64.core", true);
}

/* The first read that fails for good leaves nothing to tell: an error, not an empty report. */
static void test_no_memory_at_all(void **state)
{
    (void)state;
    struct subject subject;
    struct error *error = NULL;
    size_t findings = 0;
    subject_open(&subject, "shop-amd64", "shop-amd64.core");
    inspect(&subject, 1, true, &findings, &error);
    assert_non_null(error);
    assert_int_equal(findings, 0);
    error_destroy(error);
    subject_close(&subject);
}

enum {
    COPIES = 1000,
};

/* The core with one of its segments shown COPIES times more, at addresses of their own: a small file that claims to hold
 * gigabytes. */
static struct unpacked multiply_segment(const struct unpacked *core)
{
    Elf64_Ehdr header;
    memcpy(&header, core->bytes, sizeof(header));
    size_t table_size = header.e_phnum * sizeof(Elf64_Phdr);
    struct unpacked out = {.size = core->size + table_size + COPIES * sizeof(Elf64_Phdr)};
    out.bytes = calloc(1, out.size);
    memcpy(out.bytes, core->bytes, core->size);
    memcpy(out.bytes + core->size, core->bytes + header.e_phoff, table_size);
    Elf64_Phdr largest = {0}, segment;
    for (unsigned i = 0; i < header.e_phnum; i++) {
        memcpy(&segment, core->bytes + header.e_phoff + i * sizeof(segment), sizeof(segment));
        if (segment.p_type == PT_LOAD && segment.p_filesz > largest.p_filesz)
            largest = segment;
    }
    for (unsigned i = 0; i < COPIES; i++) {
        segment = largest;
        segment.p_vaddr = UINT64_C(0x500000000000) + i * segment.p_memsz;
        memcpy(out.bytes + core->size + table_size + i * sizeof(segment), &segment,
               sizeof(segment));
    }
    header.e_phoff = core->size;
    header.e_phnum = (uint16_t)(header.e_phnum + COPIES);
    memcpy(out.bytes, &header, sizeof(header));
    return out;
}

static void test_segments_that_share_bytes(void **state)
{
    (void)state;
    struct subject subject;
    struct target *target = NULL;
    char path[FILE_IN_MEMORY_PATH];
    subject_open(&subject, "shop-amd64", "shop-amd64.core");
    struct unpacked core = packed_read(TEST_DATA "/shop-amd64.core.packed");
    struct unpacked many = multiply_segment(&core);
    int file = file_in_memory(many.bytes, many.size, path);
    struct error *error = target_open_core(path, subject.exe_path, &target);
    assert_non_null(error);
    assert_int_equal(error_code(error), ERROR_BAD_DATA);
    error_destroy(error);
    close(file);
    free(core.bytes);
    free(many.bytes);
    subject_close(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torture_amd64),
        cmocka_unit_test(test_torture_arm64),
        cmocka_unit_test(test_torture_snapshot),
        cmocka_unit_test(test_no_memory_at_all),
        cmocka_unit_test(test_segments_that_share_bytes),
    };
    alarm(ALARM_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
