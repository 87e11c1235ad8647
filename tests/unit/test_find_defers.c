/* Verdicts on deferred calls: what is called a leak and what is not, on observations made by hand (scene.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <unistd.h>

#include "scene.h"

/* The defer's call ends at work_pc; behind it Go's test for recovery, then the loop's end. */
static void put_loop(struct scene *scene, bool has_way_out)
{
    const uint8_t endless[] = {0x85, 0xc0, 0x75, 0x02, 0xeb, 0xf5, 0xc3};
    uint8_t *at = scene->memory + (scene->work_pc - WORLD_TEXT);
    int32_t distance = (int32_t)(scene->deferproc - scene->work_pc);
    at[-5] = 0xe8;
    memcpy(at - 4, &distance, sizeof(distance));
    memcpy(at, endless, sizeof(endless));
    if (has_way_out)
        at[4] = 0x7c; /* jl: goes on to the return when the loop is done */
}

static void add_defers(struct scene *scene, struct observation *look, uint64_t count)
{
    scene_add(scene, look, 30, WAIT_OTHER, scene_object(look, WAIT_OTHER, 0));
    VECTOR_PUSH(&look->defers, (struct defer_site){.count = count,
                                                   .frames = 1,
                                                   .goroutine = 0,
                                                   .sp = 0xc000100,
                                                   .pc = scene->work_pc,
                                                   .frame_entry = scene->work_pc - 0x10,
                                                   .oldest = 77,
                                                   .kind = DEFER_LINKED});
}

/* A loop without a way out never runs what it deferred: however few, in one look. */
static void test_defers_without_way_out(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    put_loop(&scene, false);
    add_defers(&scene, &scene.world.now, 20);
    assert_int_equal(scene_judge(&scene, 1), 1);
    const struct finding *finding = &scene.findings.at[0];
    assert_int_equal(finding->rule, RULE_DEFER_IN_LOOP);
    assert_int_equal(finding->grade, GRADE_CERTAIN);
    assert_int_equal(finding->count, 20);
    assert_int_equal(finding->goroutine, 30);
    assert_string_equal(finding->at.function, "main.work");
    scene_deinit(&scene);
}

/* A function that deferred 5,000 times and then works: its loop has a way out, and they do not grow. */
static void test_batch_of_defers_is_silent(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    put_loop(&scene, true);
    add_defers(&scene, &scene.first, 5000);
    add_defers(&scene, &scene.world.now, 5000);
    assert_true(scene_wants_second(&scene));
    assert_int_equal(scene_judge(&scene, 1), 0);
    assert_int_equal(scene_judge(&scene, 2), 0);
    assert_true(scene.notes.length > 0); /* but named */
    scene_deinit(&scene);
}

/* They grow in the same frame, and have for most of the process's life: a leak, short of a proof. */
static void test_growing_defers(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    put_loop(&scene, true);
    add_defers(&scene, &scene.first, 1900);
    add_defers(&scene, &scene.world.now, 2000);
    assert_int_equal(scene_judge(&scene, 1), 0);
    assert_int_equal(scene_judge(&scene, 2), 1);
    assert_int_not_equal(scene.findings.at[0].grade, GRADE_CERTAIN);
    assert_int_equal(scene.findings.at[0].came, 100);
    scene.world.now.defers.at[0]
        .oldest++; /* another call of the function, in a frame at the same place */
    assert_int_equal(scene_judge(&scene, 2), 0);
    scene_deinit(&scene);
}

/* A young batch in an old process: it has grown for a moment only. */
static void test_young_batch_is_silent(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.target->facts.uptime_s = 86400;
    put_loop(&scene, true);
    add_defers(&scene, &scene.first, 1000);
    add_defers(&scene, &scene.world.now, 2000);
    assert_int_equal(scene_judge(&scene, 2), 0);
    scene_deinit(&scene);
}

/* The loop ends, but the function never does: what was deferred stays, however young. Still, only growth shows that. */
static void test_function_that_never_returns(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene.target->facts.uptime_s = 86400;
    put_loop(&scene, true);
    const uint8_t forever[] = {0xeb, 0xfe};
    memcpy(scene.memory + (scene.work_pc - WORLD_TEXT) + 6, forever, sizeof(forever));
    add_defers(&scene, &scene.first, 2000);
    add_defers(&scene, &scene.world.now, 2000);
    assert_int_equal(scene_judge(&scene, 2), 0);
    scene.first.defers.at[0].count = 1000;
    assert_int_equal(scene_judge(&scene, 2), 1);
    assert_int_equal(scene.findings.at[0].grade, GRADE_LIKELY);
    scene_deinit(&scene);
}

enum {
    FRAMES = 200000,
    LINES = 1000,
    ALARM_S = 60,
};

static void add_frames(struct scene *scene, struct observation *look, uint64_t count)
{
    add_defers(scene, look, count);
    struct defer_site site = look->defers.at[0];
    for (uint64_t i = 1; i < FRAMES; i++) {
        site.sp += 4096;
        VECTOR_PUSH(&look->defers, site);
    }
}

/* A server with a frame of the same statement in each of many goroutines: the frames of both looks find each other,
 * in no more time than it takes to walk them (the alarm ends the test if each is compared with each). */
static void test_many_frames(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    put_loop(&scene, true);
    add_frames(&scene, &scene.first, 1900);
    add_frames(&scene, &scene.world.now, 2000);
    alarm(ALARM_S);
    assert_int_equal(scene_judge(&scene, 2), 1);
    alarm(0);
    assert_int_equal(scene.findings.at[0].count, UINT64_C(2000) * FRAMES);
    assert_int_equal(scene.findings.at[0].came, UINT64_C(100) * FRAMES);
    scene_deinit(&scene);
}

/* No program has so many lines with pending calls: a broken chain. Not all are judged, and that is said. */
static void test_too_many_lines(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    add_defers(&scene, &scene.world.now, 4);
    struct defer_site site = scene.world.now.defers.at[0];
    for (unsigned i = 0; i < LINES; i++) {
        site.pc++;
        VECTOR_PUSH(&scene.world.now.defers, site);
    }
    assert_int_equal(scene_judge(&scene, 1), 0);
    assert_int_equal(scene.notes.length, 1);
    scene_deinit(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defers_without_way_out),
        cmocka_unit_test(test_batch_of_defers_is_silent),
        cmocka_unit_test(test_growing_defers),
        cmocka_unit_test(test_young_batch_is_silent),
        cmocka_unit_test(test_function_that_never_returns),
        cmocka_unit_test(test_many_frames),
        cmocka_unit_test(test_too_many_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
