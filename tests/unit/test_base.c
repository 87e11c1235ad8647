/* base/: the checked cursor, escaping, numbers for people, and the map against a naive oracle on
 * random input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "base/notice.h"
#include "base/text.h"
#include "base/u64map.h"

static void assert_fails(struct error *error, enum error_code code)
{
    assert_non_null(error);
    assert_int_equal(error_code(error), code);
    error_destroy(error);
}

static void test_cursor_reads_little_endian(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1,    2,    3,    4, 5, 6, 7, 8, 9, 10, 11, 0xff,
                                    0xff, 0xff, 0xff, 8, 7, 6, 5, 4, 3, 2,  1};
    struct cursor cursor = cursor_over(bytes, sizeof(bytes), "test");
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    int32_t i32 = 0;
    uint64_t u64 = 0;
    assert_null(cursor_u8(&cursor, &u8));
    assert_null(cursor_u16(&cursor, &u16));
    assert_null(cursor_u32(&cursor, &u32));
    assert_null(cursor_skip(&cursor, 4));
    assert_null(cursor_i32(&cursor, &i32));
    assert_null(cursor_u64(&cursor, &u64));
    assert_int_equal(u8, 1);
    assert_int_equal(u16, 0x0302);
    assert_int_equal(u32, 0x07060504);
    assert_int_equal(i32, -1);
    assert_true(u64 == 0x0102030405060708);
    assert_int_equal(cursor.at, sizeof(bytes));
}

static void test_cursor_stays_when_it_fails(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3};
    struct cursor cursor = cursor_over(bytes, sizeof(bytes), "test");
    uint32_t u32 = 77;
    uint64_t u64 = 77;
    const uint8_t *part = NULL;
    const char *text = NULL;
    assert_null(cursor_skip(&cursor, 1));
    assert_fails(cursor_u32(&cursor, &u32), ERROR_BAD_DATA);
    assert_fails(cursor_u64(&cursor, &u64), ERROR_BAD_DATA);
    assert_fails(cursor_bytes(&cursor, UINT64_MAX, &part), ERROR_BAD_DATA);
    assert_fails(cursor_skip(&cursor, UINT64_MAX), ERROR_BAD_DATA);
    assert_fails(cursor_seek(&cursor, 4), ERROR_BAD_DATA);
    assert_fails(cursor_cstring(&cursor, &text), ERROR_BAD_DATA);
    assert_int_equal(cursor.at, 1);
    assert_int_equal(u32, 77);
    assert_null(cursor_seek(&cursor, 3));
    assert_null(cursor_bytes(&cursor, 0, &part));
}

static void test_cursor_error_names_source_and_offset(void **state)
{
    (void)state;
    struct cursor cursor = cursor_over("abc", 3, "pclntab of agent");
    uint64_t u64 = 0;
    assert_null(cursor_skip(&cursor, 2));
    struct error *error = cursor_u64(&cursor, &u64);
    assert_non_null(strstr(error_message(error), "pclntab of agent"));
    assert_non_null(strstr(error_message(error), "offset 2"));
    error_destroy(error);
}

static void test_cursor_text(void **state)
{
    (void)state;
    struct cursor cursor = cursor_over("one\0two", 7, "test");
    const char *text = NULL;
    assert_null(cursor_cstring(&cursor, &text));
    assert_string_equal(text, "one");
    assert_int_equal(cursor.at, 4);
    assert_fails(cursor_cstring(&cursor, &text), ERROR_BAD_DATA); /* no NUL at the end */
}

static void test_cursor_varint(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        uint64_t value;
        bool fails;
    } cases[] = {
        {"\x00", 1, 0, false},
        {"\x7f", 1, 127, false},
        {"\x80\x01", 2, 128, false},
        {"\xe5\x8e\x26", 3, 624485, false},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, false},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 0, true},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, 0, true},
        {"\x80", 1, 0, true},
        {"", 0, 0, true},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct cursor cursor = cursor_over(cases[i].bytes, cases[i].size, "test");
        uint64_t value = 0;
        struct error *error = cursor_uvarint(&cursor, &value);
        assert_int_equal(error != NULL, cases[i].fails);
        error_destroy(error);
        if (!cases[i].fails)
            assert_true(value == cases[i].value);
        assert_int_equal(cursor.at, cases[i].fails ? 0 : cases[i].size);
    }
}

static void test_escape(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        size_t size;
        const char *escaped;
    } cases[] = {
        {"main.poll", 9, "main.poll"},
        {"", 0, ""},
        {"a\nb\tc", 5, "a\\x0ab\\x09c"},
        {"\x1b[31m", 5, "\\x1b[31m"},
        {"a\0b", 3, "a\\x00b"},
        {"\x7f", 1, "\\x7f"},
        {"\xc2\x85", 2, "\\x85"}, /* C1: next line */
        {"Gr\xc3\xbc\xc3\x9f"
         "e",
         7,
         "Gr\xc3\xbc\xc3\x9f"
         "e"},
        {"\xe2\x80\xae", 3, "\\u{202e}"}, /* right-to-left override */
        {"\xe2\x80\xa8", 3, "\\u{2028}"}, /* line separator */
        {"\xe2\x81\xa6", 3, "\\u{2066}"}, /* isolate */
        {"\xff\xfe", 2, "\\xff\\xfe"},
        {"\xc0\xaf", 2, "\\xc0\\xaf"},          /* overlong */
        {"\xed\xa0\x80", 3, "\\xed\\xa0\\x80"}, /* surrogate */
        {"\xe4\xb8", 2, "\\xe4\\xb8"},          /* cut off */
        {"\xf0\x9f\x99\x82", 4, "\xf0\x9f\x99\x82"},
        {"\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80"}, /* over U+10FFFF */
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        AUTO_FREE char *escaped = text_escaped(cases[i].raw, cases[i].size);
        assert_string_equal(escaped, cases[i].escaped);
    }
}

static void test_text_grows(void **state)
{
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 1000; i++)
        text_printf(&text, "%d,", i % 10);
    assert_int_equal(text.length, 2000);
    text_printf(&text, "%500s", "x"); /* longer than the small buffer within */
    assert_int_equal(text.length, 2500);
    assert_int_equal(strlen(text.bytes), 2500);
    text_clear(&text);
    assert_string_equal(text.bytes, "");
    text_puts(&text, "end");
    assert_string_equal(text.bytes, "end");
    text_deinit(&text);
}

static void test_numbers_for_people(void **state)
{
    (void)state;
    char buffer[TEXT_SIZE_ROOM];
    assert_string_equal(text_size(buffer, 0), "0 B");
    assert_string_equal(text_size(buffer, 1023), "1023 B");
    assert_string_equal(text_size(buffer, 8192), "8.0 KiB");
    assert_string_equal(text_size(buffer, 432537600), "412.5 MiB");
    assert_string_equal(text_size(buffer, (1 << 20) - 1), "1.0 MiB");
    assert_string_equal(text_size(buffer, UINT64_MAX), "16.0 EiB");
    assert_string_equal(text_duration(buffer, 0.340), "340 ms");
    assert_string_equal(text_duration(buffer, 2.1), "2.1 s");
    assert_string_equal(text_duration(buffer, 59.9), "59 s");
    assert_string_equal(text_duration(buffer, 303), "5m 3s");
    assert_string_equal(text_duration(buffer, 7800), "2h 10m");
    assert_string_equal(text_duration(buffer, 3 * 86400 + 4 * 3600 + 59), "3d 4h");
    assert_string_equal(text_duration(buffer, -1), "0 ms");
    assert_true(strlen(text_duration(buffer, 1e300)) < TEXT_SIZE_ROOM);
    assert_string_equal(text_count(buffer, 0), "0");
    assert_string_equal(text_count(buffer, 999), "999");
    assert_string_equal(text_count(buffer, 41233), "41,233");
    assert_string_equal(text_count(buffer, UINT64_MAX), "18,446,744,073,709,551,615");
}

static uint64_t random_word(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return u64_mix(*seed);
}

struct pair {
    uint64_t key;
    uint32_t value;
};

static struct pair *find_pair(struct pair *pairs, size_t count, uint64_t key)
{
    for (size_t i = 0; i < count; i++)
        if (pairs[i].key == key)
            return &pairs[i];
    return NULL;
}

/* Small keys, so that there are many hits; every third a key of addresses. */
static uint64_t random_key(uint64_t *seed)
{
    uint64_t word = random_word(seed);
    return word % 3 ? word / 3 % 700 : 0xc000000000 + word % 700 * 64;
}

static void test_map_against_naive(void **state)
{
    (void)state;
    enum {
        STEPS = 20000,
        PAIRS_MAX = 1500
    };
    static struct pair pairs[PAIRS_MAX];
    size_t count = 0;
    struct u64map map = {0};
    uint64_t seed = 42;
    for (int step = 0; step < STEPS; step++) {
        uint64_t key = random_key(&seed);
        uint32_t value = (uint32_t)random_word(&seed) >> 1;
        struct pair *pair = find_pair(pairs, count, key);
        uint32_t found = 0;
        assert_int_equal(u64map_get(&map, key, &found), pair != NULL);
        if (pair)
            assert_int_equal(found, pair->value);
        bool is_new = false;
        if (random_word(&seed) % 2) {
            assert_int_equal(u64map_intern(&map, key, value, &is_new), pair ? pair->value : value);
            assert_int_equal(is_new, pair == NULL);
        } else {
            u64map_set(&map, key, value);
            if (pair)
                pair->value = value;
        }
        if (!pair)
            pairs[count++] = (struct pair){.key = key, .value = value};
        assert_int_equal(map.length, count);
    }
    u64map_deinit(&map);
    uint32_t found = 0;
    assert_false(u64map_get(&map, 0, &found));
}

static void test_error_chain(void **state)
{
    (void)state;
    struct error *error = error_context(error_os(13, "open %s", "x"), "agent");
    assert_int_equal(error_code(error), ERROR_PERMISSION);
    assert_string_equal(error_message(error), "agent: open x: Permission denied");
    error_destroy(error);
    error = error_context(error_create(ERROR_NO_MEMORY, "x"), "more");
    assert_string_equal(error_message(error), "out of memory");
    assert_true(error_ignore(error));
    assert_false(error_ignore(NULL));
}

static void test_memory_limit(void **state)
{
    (void)state;
    void *block = NULL;
    assert_fails(memory_try(SIZE_MAX, 16, &block), ERROR_LIMIT);
    assert_fails(memory_try((size_t)5 << 30, 1, &block), ERROR_LIMIT);
    assert_null(block);
    assert_null(memory_try(0, 8, &block));
    free(block);
}

static void test_notice_is_read_as_it_was_put(void **state)
{
    (void)state;
    struct notice notice;
    assert_null(notice_create(10, &notice));
    assert_true(notice.own >= 10 && notice.shown >= 10);
    assert_null(notice_read(notice.shown));
    static const char *const texts[] = {"one", "", "another that is longer", "two"};
    for (size_t i = 0; i < LENGTH_OF(texts); i++) {
        notice_put(&notice, texts[i]);
        AUTO_FREE char *text = notice_read(notice.shown);
        assert_string_equal(text, texts[i]);
    }
    AUTO_FREE char *large = xcalloc(1, NOTICE_MAX + 2);
    memset(large, 'x', NOTICE_MAX + 1);
    notice_put(&notice, large); /* too long: what was there stays */
    AUTO_FREE char *text = notice_read(notice.shown);
    assert_string_equal(text, "two");
    assert_int_equal(write(notice.shown, "x", 1), -1); /* who reads cannot change it */
    assert_int_equal(ftruncate(notice.shown, 0), -1);
    notice_close(&notice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor_reads_little_endian),
        cmocka_unit_test(test_cursor_stays_when_it_fails),
        cmocka_unit_test(test_cursor_error_names_source_and_offset),
        cmocka_unit_test(test_cursor_text),
        cmocka_unit_test(test_cursor_varint),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_text_grows),
        cmocka_unit_test(test_numbers_for_people),
        cmocka_unit_test(test_map_against_naive),
        cmocka_unit_test(test_error_chain),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_notice_is_read_as_it_was_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
