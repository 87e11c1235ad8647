/* A snapshot against what it was made of: every byte of a core file's memory; its mappings, threads and resident pages. And a process that
 * holds what this test wrote into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <elf.h>
#include <sys/mman.h>
#include <zstd.h>

#include "saved.h"
#include "target/readlog.h"
#include "target/snapshot.h"
#include "target/snapshot_format.h"

static void succeed(struct error *error)
{
    if (error)
        fail_msg("%s", error_message(error));
}

static struct target *open_core(const char *name)
{
    char from[512], paths[2][FILE_IN_MEMORY_PATH];
    int files[2];
    struct target *target = NULL;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(from, sizeof(from), "%s/%s%s.packed", TEST_DATA, name, i ? ".core" : "");
        struct unpacked file = packed_read(from);
        files[i] = file_in_memory(file.bytes, file.size, paths[i]);
        free(file.bytes);
    }
    succeed(target_open_core(paths[1], paths[0], &target));
    close(files[0]);
    close(files[1]);
    return target;
}

static void same_memory(struct target *core, struct target *snapshot)
{
    static uint8_t ours[4096], theirs[4096];
    size_t count = 0, compared = 0;
    const struct mapping *mappings = target_mappings(core, &count);
    for (size_t i = 0; i < count; i++) {
        for (address at = mappings[i].start; at < mappings[i].end; at += sizeof(ours)) {
            bool there = !error_ignore(target_read(core, at, theirs, sizeof(theirs)));
            assert_int_equal(!error_ignore(target_read(snapshot, at, ours, sizeof(ours))), there);
            if (there)
                assert_memory_equal(ours, theirs, sizeof(ours));
            compared += there;
        }
        uint64_t resident = 0, expected = 0;
        uint64_t size = mappings[i].end - mappings[i].start;
        succeed(target_resident(core, mappings[i].start, size, &expected));
        succeed(target_resident(snapshot, mappings[i].start, size, &resident));
        assert_int_equal(resident, expected);
    }
    assert_true(compared > 10);
}

static void same_lists(struct target *core, struct target *snapshot)
{
    size_t counts[2];
    const struct mapping *theirs = target_mappings(core, &counts[0]);
    const struct mapping *ours = target_mappings(snapshot, &counts[1]);
    assert_int_equal(counts[1], counts[0]);
    for (size_t i = 0; i < counts[0]; i++) {
        assert_int_equal(ours[i].start, theirs[i].start);
        assert_int_equal(ours[i].end, theirs[i].end);
        assert_int_equal(ours[i].writable, theirs[i].writable);
        assert_int_equal(ours[i].rss_bytes, theirs[i].rss_bytes);
        assert_string_equal(ours[i].path, theirs[i].path);
    }
    const struct thread_registers *left = target_threads(core, &counts[0]);
    const struct thread_registers *right = target_threads(snapshot, &counts[1]);
    assert_int_equal(counts[1], counts[0]);
    assert_memory_equal(right, left, counts[0] * sizeof(*left));
}

static void test_as_the_core(void **state)
{
    (void)state;
    static const char *const names[] = {"shop-amd64", "shop-arm64"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        struct target *core = open_core(names[i]), *snapshot = NULL;
        struct unpacked saved = saved_whole(core);
        succeed(target_open_snapshot_bytes(saved.bytes, saved.size, "saved", &snapshot));
        same_memory(core, snapshot);
        same_lists(core, snapshot);
        assert_int_equal(target_bias(snapshot), target_bias(core));
        assert_int_equal(target_now_ns(snapshot), 7);
        assert_true(target_stands_still(snapshot));
        assert_null(target_check(snapshot));
        target_close(snapshot);
        target_close(core);
        free(saved.bytes);
    }
}

/* A block that says more than it is: a kilobyte of zeros as a megabyte is packed into some dozen bytes, and the file has to be larger. */
static void test_ratio(void **state)
{
    (void)state;
    struct target *core = open_core("shop-amd64");
    struct unpacked saved = saved_whole(core);
    uint64_t place[3];
    memcpy(place, saved.bytes + saved.size - SNAPSHOT_TRAILER_BYTES, sizeof(place));
    assert_true(place[2] <= (place[1] + 1) * SNAPSHOT_DIRECTORY_RATIO);
    assert_true(saved.size > target_executable(core)->size / SNAPSHOT_BLOCK_RATIO);
    target_close(core);
    free(saved.bytes);
}

static void test_every_cut(void **state)
{
    (void)state;
    struct target *core = open_core("shop-amd64"), *snapshot = NULL;
    struct unpacked saved = saved_whole(core);
    target_close(core);
    for (size_t size = 0; size < saved.size;
         size += size < 100 || size > saved.size - 100 ? 1 : 997)
        assert_true(error_ignore(target_open_snapshot_bytes(saved.bytes, size, "cut", &snapshot)));
    free(saved.bytes);
}

/* A damaged block is no hole in memory: the target says so for ever after. */
static void test_damaged_block(void **state)
{
    (void)state;
    struct target *core = open_core("shop-amd64"), *snapshot = NULL;
    struct unpacked saved = saved_whole(core);
    size_t count = 0;
    uint64_t directory = 0;
    uint8_t byte = 0;
    memcpy(&directory, saved.bytes + saved.size - SNAPSHOT_TRAILER_BYTES, sizeof(directory));
    target_close(core);
    saved.bytes[directory - 1] ^= 1; /* the checksum of the last block, or its padding */
    struct error *error = target_open_snapshot_bytes(saved.bytes, saved.size, "x", &snapshot);
    if (!error) {
        const struct mapping *mappings = target_mappings(snapshot, &count);
        for (size_t i = 0; i < count; i++)
            error_ignore(target_read(snapshot, mappings[i].end - 1, &byte, 1));
        error = target_check(snapshot);
        target_close(snapshot);
    }
    assert_non_null(error);
    assert_non_null(strstr(error_message(error), "damaged"));
    error_destroy(error);
    free(saved.bytes);
}

static void test_extents(void **state)
{
    (void)state;
    struct extents list = {0};
    address end = 0;
    extents_add(&list, 50, 60);
    extents_add(&list, 10, 20);
    extents_add(&list, 15, 30);
    extents_add(&list, 30, 40);
    extents_add(&list, 70, 70);
    extents_order(&list);
    assert_int_equal(list.length, 2);
    assert_true(extents_hold(&list, 10, &end) && end == 40);
    assert_false(extents_hold(&list, 40, &end));
    assert_int_equal(end, 50);
    assert_false(extents_hold(&list, 60, &end));
    assert_true(end == UINT64_MAX);
    assert_int_equal(extents_measure(&list, 0, 100), 40);
    assert_int_equal(extents_measure(&list, 35, 55), 10);
    VECTOR_DEINIT(&list);
}

/* Against a byte for each address. */
static void test_readlog(void **state)
{
    (void)state;
    enum {
        ROOM = 1 << 16,
        BASE = 1 << 20
    };
    static bool read[ROOM];
    struct readlog log = {.bits = {0}};
    struct extents list = {0};
    uint64_t random = 88172645463325252U;
    for (unsigned i = 0; i < 200; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        uint64_t at = random % (ROOM - 9000), size = (random >> 32) % (i % 10 ? 100 : 9000);
        readlog_note(&log, BASE + at, size);
        for (uint64_t j = at; j < at + size; j++)
            read[j] = true;
    }
    readlog_note(&log, UINT64_MAX, 8);
    readlog_add_to(&log, &list);
    extents_order(&list);
    for (uint64_t unit = 0; unit < ROOM; unit += READLOG_UNIT) {
        bool any = false;
        address end = 0;
        for (uint64_t j = unit; j < unit + READLOG_UNIT; j++)
            any |= read[j];
        assert_int_equal(extents_hold(&list, BASE + unit, &end), any);
    }
    VECTOR_DEINIT(&list);
    readlog_deinit(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_core), cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_every_cut),   cmocka_unit_test(test_damaged_block),
        cmocka_unit_test(test_extents),     cmocka_unit_test(test_readlog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
