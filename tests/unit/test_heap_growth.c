/* Lines of two views side by side: who is the same one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "find/heap_growth.h"
#include "heapviews.h"

/* A line of goroutines that a go statement on that line of main.go started, with sessions that they hold; 0: the main goroutine. */
static uint32_t add_goroutines(struct heap_view *view, const char *name, uint64_t count,
                               int32_t started_line, uint64_t sessions)
{
    uint32_t at = view_add(view, HEAP_LINE_GOROUTINES, 0, name, count);
    struct heap_line *line = &view->lines.at[at];
    line->of_main = !started_line;
    if (started_line)
        line->started_at = (struct place){
            .function = xstrdup("main.main"), .file = xstrdup("main.go"), .line = started_line};
    view_add(view, HEAP_LINE_OBJECTS, at, "main.session", sessions);
    return at;
}

/* How many more members the line has that `name` is the path of; INT64_MIN: its old line was not found. */
static int64_t growth_of(const struct heap_view *before, const struct heap_view *after,
                         const char *name)
{
    struct heap_growths growths;
    int64_t found = INT64_MIN;
    heap_growths_find(before, after, &growths);
    for (size_t i = 0; i < growths.length; i++) {
        struct text path = {0};
        if (growths.at[i].after == HEAP_LINE_NONE)
            continue;
        heap_line_path(after, growths.at[i].after, &path);
        if (!strcmp(path.bytes, name) && growths.at[i].before != HEAP_LINE_NONE)
            found = growths.at[i].members;
        text_deinit(&path);
    }
    VECTOR_DEINIT(&growths);
    return found;
}

/* What one goroutine holds is found again when it waits at another line, and when there are two of them. */
static void test_goroutines_that_move(void **state)
{
    struct heap_view before = view_of_nothing(), after = view_of_nothing();
    (void)state;
    add_goroutines(&before, "goroutine at main.stepA main.go:10", 1, 30, 100);
    add_goroutines(&before, "goroutine at main.serve main.go:50", 1, 31, 500);
    add_goroutines(&before, "goroutine at main.main main.go:5", 1, 0, 7);
    add_goroutines(&after, "goroutine at main.main main.go:6", 1, 0, 9);
    add_goroutines(&after, "goroutines at main.serve main.go:50", 2, 31, 550);
    add_goroutines(&after, "goroutine at main.stepB main.go:15", 1, 30, 130);
    const char *moved = "goroutine at main.stepB main.go:15 → main.session";
    assert_int_equal(growth_of(&before, &after, moved), 30);
    const char *more = "goroutines at main.serve main.go:50 → main.session";
    assert_int_equal(growth_of(&before, &after, more), 50);
    const char *of_main = "goroutine at main.main main.go:6 → main.session";
    assert_int_equal(growth_of(&before, &after, of_main), 2);
    heap_view_deinit(&before);
    heap_view_deinit(&after);
}

/* Where several lines have one go statement, only the name tells; and one name with two go statements is two lines. */
static void test_goroutines_of_one_start(void **state)
{
    struct heap_view before = view_of_nothing(), after = view_of_nothing();
    (void)state;
    add_goroutines(&before, "goroutines at main.work main.go:10", 3, 30, 100);
    add_goroutines(&before, "goroutine at main.work main.go:11", 1, 30, 10);
    add_goroutines(&before, "goroutine at main.work main.go:11", 1, 40, 5);
    add_goroutines(&after, "goroutines at main.work main.go:10", 3, 30, 120);
    add_goroutines(&after, "goroutine at main.work main.go:12", 1, 30, 11);
    add_goroutines(&after, "goroutine at main.work main.go:11", 1, 40, 8);
    assert_int_equal(
        growth_of(&before, &after, "goroutines at main.work main.go:10 → main.session"), 20);
    assert_int_equal(growth_of(&before, &after, "goroutine at main.work main.go:12 → main.session"),
                     INT64_MIN);
    assert_int_equal(growth_of(&before, &after, "goroutine at main.work main.go:11 → main.session"),
                     3);
    heap_view_deinit(&before);
    heap_view_deinit(&after);
}

/* What hangs on objects without a type is found again when these have other sizes, or one more between. */
static void test_what_has_no_type(void **state)
{
    struct heap_view before = view_of_nothing(), after = view_of_nothing();
    (void)state;
    uint32_t holder = view_add(&before, HEAP_LINE_VARIABLE, 0, "main.cache", 1);
    uint32_t tables = view_add(&before, HEAP_LINE_OBJECTS, holder, "32 B with pointers", 5);
    view_add(&before, HEAP_LINE_OBJECTS, tables, "main.session", 100);
    holder = view_add(&after, HEAP_LINE_VARIABLE, 0, "main.cache", 1);
    uint32_t directory = view_add(&after, HEAP_LINE_OBJECTS, holder, "64 B with pointers", 1);
    tables = view_add(&after, HEAP_LINE_OBJECTS, directory, "32 B with pointers", 8);
    view_add(&after, HEAP_LINE_OBJECTS, tables, "main.session", 130);
    const char *path = "main.cache → 64 B with pointers → 32 B with pointers → main.session";
    assert_int_equal(growth_of(&before, &after, path), 30);
    heap_view_deinit(&before);
    heap_view_deinit(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goroutines_that_move),
        cmocka_unit_test(test_goroutines_of_one_start),
        cmocka_unit_test(test_what_has_no_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
