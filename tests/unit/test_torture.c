/* Read torture: the same inspection with the 1st, 2nd, ... n-th read of the target failing, alone and with all
 * later ones. It ends each time with a result or an error; leaks and wild accesses are the sanitizers' to see.
 *
 * The targets are cores of synthetic programs (data/make.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "packed.h"
#include "pipeline.h"

enum {
    EVERY_ONE_UP_TO = 1000,
    SAMPLES_BEYOND = 400,
    ALARM_S = 240, /* a hang ends the test */
};

struct subject {
    int exe, core; /* descriptors */
    char exe_path[FILE_IN_MEMORY_PATH], core_path[FILE_IN_MEMORY_PATH];
    FILE *sink;
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
    subject->exe = unpack(exe, subject->exe_path);
    subject->core = unpack(core, subject->core_path);
    subject->sink = fopen("/dev/null", "we");
    assert_non_null(subject->sink);
}

static void subject_close(struct subject *subject)
{
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
    struct error *error = target_open_core(subject->core_path, subject->exe_path, &target);
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

static void torture(const char *exe, const char *core)
{
    struct subject subject;
    struct error *error = NULL;
    size_t healthy = 0;
    unsigned noticed = 0;
    subject_open(&subject, exe, core);
    uint64_t reads = inspect(&subject, 0, false, &healthy, &error);
    assert_null(error);
    assert_int_equal(
        healthy,
        3); /* nil channels, select {}, senders; what must grow to be a leak stands still */
    assert_true(reads > 100);
    uint64_t stride = reads > EVERY_ONE_UP_TO ? (reads - EVERY_ONE_UP_TO) / SAMPLES_BEYOND + 1 : 1;
    for (uint64_t nth = 1; nth <= reads; nth += nth < EVERY_ONE_UP_TO ? 1 : stride) {
        torture_one(&subject, nth, false, healthy);
        noticed += torture_one(&subject, nth, true, healthy);
    }
    assert_true(noticed > 0); /* the hook works: without any memory there is no inspection */
    subject_close(&subject);
}

static void test_torture_amd64(void **state)
{
    (void)state;
    torture("shop-amd64", "shop-amd64.core");
}

static void test_torture_arm64(void **state)
{
    (void)state;
    torture("shop-arm64", "shop-arm64.core");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torture_amd64),
        cmocka_unit_test(test_torture_arm64),
        cmocka_unit_test(test_no_memory_at_all),
    };
    alarm(ALARM_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
