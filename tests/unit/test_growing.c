/* What grows between two views that are made by hand: what is called, what is told in a note, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "find/finding.h"
#include "find/heap_view.h"
#include "heapviews.h"

enum {
    SAMPLES = 20
};

static const double interval_s = 10;

struct scene {
    struct heap_view before, after;
    struct observation first, now;
    struct findings findings;
    struct notes notes;
};

/* A line in both views. The last one that is made is what the samples are of. */
static uint32_t both(struct scene *scene, enum heap_line_kind kind, uint32_t parent,
                     const char *name, uint64_t old, uint64_t new)
{
    view_add(&scene->before, kind, parent, name, old);
    return view_add(&scene->after, kind, parent, name, new);
}

static void set_up(struct scene *scene)
{
    *scene = (struct scene){.before = view_of_nothing(), .after = view_of_nothing()};
}

/* Judges, with samples of the line of which so many are still there. */
static void judge(struct scene *scene, uint32_t line, unsigned samples, unsigned stayed,
                  double uptime_s)
{
    struct looks looks = {.first = &scene->first,
                          .now = &scene->now,
                          .interval_s = interval_s,
                          .uptime_s = uptime_s,
                          .heap_first = &scene->before,
                          .heap_now = &scene->after};
    scene->after.then_now = xcalloc(samples + 1, sizeof(*scene->after.then_now));
    for (unsigned i = 0; i < samples; i++) {
        VECTOR_PUSH(&scene->before.samples, (struct heap_sample){.line = line});
        scene->after.then_now[i] = i < stayed ? line : HEAP_LINE_NONE;
    }
    find_growing(&looks, &scene->findings, &scene->notes);
}

static void tear_down(struct scene *scene)
{
    for (size_t i = 0; i < scene->notes.length; i++)
        free(scene->notes.at[i]);
    VECTOR_DEINIT(&scene->notes);
    findings_deinit(&scene->findings);
    heap_view_deinit(&scene->before);
    heap_view_deinit(&scene->after);
}

/* What hangs on something that several share: of which there are `tops` now, once one. */
static void judge_shared(struct scene *scene, const char *top, uint64_t tops, size_t goroutines)
{
    set_up(scene);
    scene->now.goroutines.length = goroutines;
    uint32_t at = both(scene, HEAP_LINE_OBJECTS, 0, top, 1, tops);
    at = both(scene, HEAP_LINE_OBJECTS, at, "map[string]*main.session", 1, 1);
    at = both(scene, HEAP_LINE_OBJECTS, at, "main.session", 900, 1200);
    judge(scene, at, SAMPLES, SAMPLES, 30);
}

static void test_under_what_several_share(void **state)
{
    static const struct {
        const char *top;
        uint64_t tops;
        size_t goroutines;
        size_t findings;
    } cases[] = {
        {"main.server", 1, 0, 1},   {"main.server", 1, 100, 1},
        {"main.server", 2, 0, 0},   /* there are more of them */
        {"main.server", 1, 150, 0}, /* an entry for every other goroutine that came */
        {"runtime.p", 1, 0, 0},     {"[]*runtime.p", 1, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct scene scene;
        judge_shared(&scene, cases[i].top, cases[i].tops, cases[i].goroutines);
        assert_int_equal(scene.findings.length, cases[i].findings);
        if (scene.findings.length)
            assert_string_equal(
                scene.findings.at[0].holder,
                "several holders of main.server → map[string]*main.session → main.session");
        scene.now.goroutines.length = 0;
        tear_down(&scene);
    }
}

/* What several lead to itself: a note if none goes. */
static void test_what_several_lead_to(void **state)
{
    (void)state;
    for (unsigned stayed = SAMPLES - 1; stayed <= SAMPLES; stayed++) {
        struct scene scene;
        set_up(&scene);
        uint32_t at = both(&scene, HEAP_LINE_OBJECTS, 0, "main.node", 900, 1200);
        judge(&scene, at, SAMPLES, stayed, 30);
        assert_int_equal(scene.findings.length, 0);
        assert_int_equal(scene.notes.length, stayed == SAMPLES);
        if (scene.notes.length)
            assert_string_equal(scene.notes.at[0],
                                "several holders of main.node: 300 more in 10.0 s, and none goes; "
                                "but they are held by several, so this is not called a leak");
        tear_down(&scene);
    }
}

/* A slice that one goroutine holds, or two by now: which of them brought what came is not known. */
static void test_more_goroutines(void **state)
{
    (void)state;
    for (unsigned now = 1; now <= 3; now++) {
        struct scene scene;
        set_up(&scene);
        view_add(&scene.before, HEAP_LINE_GOROUTINES, 0, "goroutine at main.keep main.go:9", 1);
        view_add(&scene.after, HEAP_LINE_GOROUTINES, 0,
                 now > 1 ? "goroutines at main.keep main.go:9" : "goroutine at main.keep main.go:9",
                 now);
        uint32_t at = both(&scene, HEAP_LINE_OBJECTS, 1, "main.session", 100, 135);
        both(&scene, HEAP_LINE_OBJECTS, at, "[]uint8", 100, 135);
        judge(&scene, at, SAMPLES, SAMPLES, 30);
        assert_int_equal(scene.findings.length, now == 1);
        assert_int_equal(scene.notes.length, now == 2); /* two that came may have brought 35 */
        if (scene.notes.length)
            assert_string_equal(scene.notes.at[0],
                                "goroutines at main.keep main.go:9 → main.session: 35 more in "
                                "10.0 s, and none goes; but there are more of those goroutines "
                                "than before, so this is not called a leak");
        tear_down(&scene);
    }
}

/* The same map of sessions, held by a variable: 100 came to `old`. */
static void check_note(uint64_t old, unsigned samples, unsigned stayed, double uptime_s,
                       const char *why)
{
    struct scene scene;
    set_up(&scene);
    uint32_t at = both(&scene, HEAP_LINE_VARIABLE, 0, "main.sessions", 1, 1);
    at = both(&scene, HEAP_LINE_OBJECTS, at, "main.session", old, old + 100);
    judge(&scene, at, samples, stayed, uptime_s);
    assert_int_equal(scene.findings.length, !why);
    assert_int_equal(scene.notes.length, !!why);
    char expected[300];
    snprintf(expected, sizeof(expected),
             "main.sessions → main.session: 100 more in 10.0 s%s, so this is not called a leak",
             why ? why : "");
    if (why)
        assert_string_equal(scene.notes.at[0], expected);
    tear_down(&scene);
}

static void test_why_not_called(void **state)
{
    (void)state;
    check_note(300, SAMPLES, SAMPLES, 30, NULL);
    check_note(300, SAMPLES, SAMPLES - 1, 30, ", and others went");
    check_note(300, SAMPLES, SAMPLES - 1, 5, ", and others went");
    check_note(5, 5, 5, 30, ", and before there were too few to tell whether any goes");
    check_note(300, SAMPLES, SAMPLES, 29,
               ", and the process is too young to tell: before looks so far apart it has to run "
               "for 30 s");
    check_note(300, SAMPLES, SAMPLES, 300,
               ", at another pace than over its life, as in a cache that fills");
}

/* What a finding says of a type that grows under a container with 5,000 bytes, of which the members hold 4,000. */
static void check_title(enum heap_line_kind above_kind, const char *above, const char *type,
                        enum rule rule, uint64_t held_bytes, const char *title)
{
    struct scene scene;
    set_up(&scene);
    uint32_t parent = both(&scene, HEAP_LINE_VARIABLE, 0, "main.sessions", 1, 1);
    parent = both(&scene, above_kind, above_kind == HEAP_LINE_VARIABLE ? 0 : parent, above, 1, 1);
    scene.after.lines.at[parent].held_bytes = 5000;
    uint32_t at = both(&scene, HEAP_LINE_OBJECTS, parent, type, 300, 400);
    scene.after.lines.at[at].held_bytes = 4000;
    judge(&scene, at, SAMPLES, SAMPLES, 30);
    assert_int_equal(scene.findings.length, 1);
    assert_int_equal(scene.findings.at[0].rule, rule);
    assert_int_equal(scene.findings.at[0].held_bytes, held_bytes);
    assert_string_equal(scene.findings.at[0].title, title);
    tear_down(&scene);
}

static void test_title_and_held_bytes(void **state)
{
    (void)state;
    check_title(HEAP_LINE_OBJECTS, "map[int]*main.session", "main.session", RULE_GROWING_MAP, 5000,
                "400 main.session under one holder, and none goes");
    check_title(HEAP_LINE_OBJECTS, "[]string", "string bytes", RULE_GROWING_SLICE, 5000,
                "400 objects (string bytes) under one holder, and none goes");
    check_title(HEAP_LINE_OBJECTS, "[]*main.session", "48 B with pointers", RULE_GROWING_SLICE,
                5000, "400 objects (48 B with pointers) under one holder, and none goes");
    check_title(HEAP_LINE_OBJECTS, "main.list", "map[string]int", RULE_GROWING_TYPE, 4000,
                "400 map[string]int under one holder, and none goes");
    check_title(HEAP_LINE_VARIABLE, "mapper.first", "closure of main.run.func1", RULE_GROWING_TYPE,
                4000, "400 objects (closure of main.run.func1) under one holder, and none goes");
}

/* A buffer in a variable: one object, whose elements became more. */
static void check_buffer(double uptime_s, const char *note)
{
    struct scene scene;
    set_up(&scene);
    both(&scene, HEAP_LINE_VARIABLE, 0, "main.logged", 1, 1);
    uint32_t at = both(&scene, HEAP_LINE_OBJECTS, 1, "[]uint8", 1, 1);
    scene.before.lines.at[at].elements = (struct elements){.count = 300000, .since = 1};
    scene.after.lines.at[at].elements = (struct elements){.count = 400000, .since = 1};
    scene.after.lines.at[at].bytes = 1 << 20;
    judge(&scene, at, 0, 0, uptime_s);
    assert_int_equal(scene.findings.length, !note);
    assert_int_equal(scene.notes.length, !!note);
    if (note)
        assert_string_equal(scene.notes.at[0], note);
    tear_down(&scene);
}

static void test_why_a_buffer_is_not_called(void **state)
{
    (void)state;
    check_buffer(30, NULL);
    check_buffer(20,
                 "main.logged → []uint8: 100,000 more elements in 10.0 s, and the process is too "
                 "young to tell: before looks so far apart it has to run for 30 s, so this is not "
                 "called a leak");
    check_buffer(60, "main.logged → []uint8: 100,000 more elements in 10.0 s, at another pace than "
                     "over its life, as in a cache that fills, so this is not called a leak");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_under_what_several_share),
        cmocka_unit_test(test_what_several_lead_to),
        cmocka_unit_test(test_more_goroutines),
        cmocka_unit_test(test_title_and_held_bytes),
        cmocka_unit_test(test_why_not_called),
        cmocka_unit_test(test_why_a_buffer_is_not_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
