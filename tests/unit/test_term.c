/* report/: cells, lines and columns; shorter names; the table of `seep ps`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output.h"
#include "report/places.h"
#include "report/report.h"
#include "report/table.h"

static void test_cells(void **state)
{
    (void)state;
    assert_int_equal(term_cells(""), 0);
    assert_int_equal(term_cells("main.poll"), 9);
    assert_int_equal(term_cells("größe"), 5);
    assert_int_equal(term_cells("漢字"), 4);
    assert_int_equal(term_cells("e\u0301"), 1); /* a combining accent */
    assert_int_equal(term_cells("a\xff"), 2);   /* not UTF-8 */
}

static void test_lines(void **state)
{
    (void)state;
    struct output output;
    struct term term = {.out = output_open(&output), .color = true, .width = 40};
    struct line line = {.term = &term};
    line_put(&line, STYLE_RED, "größe");
    line_to(&line, 8, 2);
    line_put(&line, STYLE_PLAIN, "x");
    line_put_right(&line, 14, 1, STYLE_PLAIN, "9");
    line_to(&line, 30, 0);
    line_end(&line);
    line_to(&line, 4, 0);
    line_wrap(&line, STYLE_PLAIN, "one two three four five six seven eight nine");
    line_end(&line);
    line_deinit(&line);
    char *text = output_close(&output);
    assert_string_equal(text, "\033[1;31mgröße\033[0m   x    9\n"
                              "    one two three four five six seven\n"
                              "    eight nine\n");
    free(text);
}

static void test_table(void **state)
{
    (void)state;
    static const char *const cells[] = {"n", "name",  "where", "7",     "größe",
                                        "",  "1,000", "a",     "x.go:1"};
    for (unsigned width = 0; width <= 12; width += 12) {
        struct output output;
        struct term term = {.out = output_open(&output), .width = width};
        struct table table = {.columns = 3, .right = 1, .keep = 1};
        for (size_t i = 0; i < LENGTH_OF(cells); i++)
            table_put(&table, STYLE_PLAIN, cells[i]);
        table_write(&table, &term, 2);
        char *text = output_close(&output);
        assert_string_equal(
            text, width ? "      n\n      7\n  1,000\n"
                        : "      n  name   where\n      7  größe\n  1,000  a      x.go:1\n");
        free(text);
    }
}

static void test_ps(void **state)
{
    (void)state;
    struct ps_rows rows = {0};
    VECTOR_PUSH(&rows, (struct ps_row){.pid = 7,
                                       .name = xstrdup("agent"),
                                       .go_version = xstrdup("go1.26.8"),
                                       .stripped = true,
                                       .uptime_s = 61,
                                       .rss_bytes = 1 << 20,
                                       .counted = true,
                                       .goroutines = 1000,
                                       .deferred = 2,
                                       .mark = PS_LEAK});
    VECTOR_PUSH(&rows, (struct ps_row){.pid = 4711,
                                       .name = xstrdup("db"),
                                       .release = xstrdup("v1.2.3"),
                                       .release_source = "module",
                                       .uptime_s = 5,
                                       .rss_bytes = 1 << 20,
                                       .no_permission = true,
                                       .problem = xstrdup("not allowed")});
    struct output output;
    struct term term = {.out = output_open(&output)};
    report_ps(&rows, 2, false, &term);
    char *text = output_close(&output);
    assert_no_trailing_blanks(text);
    assert_string_equal(
        text, "    PID  NAME   GO        RELEASE  STRIPPED  UPTIME      RSS  GOROUTINES  DEFERS\n"
              "!     7  agent  go1.26.8  -        yes        1m 1s  1.0 MiB       1,000       2\n"
              "   4711  db     -         v1.2.3   no         5.0 s  1.0 MiB           -       -\n"
              "! `seep inspect PID` names a leak\n"
              "3 processes belong to others: run as root to see them\n");
    free(text);
    json_t *schema = load("ps.schema.json");
    for (size_t i = 0; i < rows.length; i++) {
        json_t *value = report_ps_json(&rows.at[i]);
        assert_keys(schema, NULL, value);
        assert_int_equal(json_is_null(json_object_get(value, "goroutines")), i);
        json_decref(value);
    }
    json_decref(schema);
    ps_rows_deinit(&rows);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(short_file("/a/b/c/d.go", false), "c/d.go");
    assert_string_equal(short_file("/a/b/c/d.go", true), "/a/b/c/d.go");
    assert_string_equal(short_file("d.go", false), "d.go");
    assert_string_equal(short_function("github.com/someone/something/pool.(*Pool).run", false),
                        "pool.(*Pool).run");
    assert_string_equal(short_function("net/http.(*conn).serve", false), "net/http.(*conn).serve");
    struct program program = {.info = {.main_module = (char *)(uintptr_t) "agent"}};
    assert_true(is_standard_function(&program, "net/http.(*conn).serve"));
    assert_true(is_standard_function(&program, "vendor/golang.org/x/net/http2.f"));
    assert_false(is_standard_function(&program, "main.main"));
    assert_false(is_standard_function(&program, "agent/pool.Run"));
    assert_false(is_standard_function(&program, "example.com/x.F[net/http.T]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells), cmocka_unit_test(test_lines), cmocka_unit_test(test_table),
        cmocka_unit_test(test_ps),    cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
