/* Verdicts on goroutines: what is called a leak and what is not, on observations made by hand (scene.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

/* Both looks see the same kind of wait, on one object. */
static void two_looks(struct scene *scene, enum wait_kind kind, enum wait_kind object_kind,
                      address at, uint64_t before[2], uint64_t after[2])
{
    uint32_t first = scene_object(&scene->first, object_kind, at),
             now = scene_object(&scene->world.now, object_kind, at);
    scene_add_many(scene, &scene->first, before[0], before[1], kind, first);
    scene_add_many(scene, &scene->world.now, after[0], after[1], kind, now);
}

static void test_nothing(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    assert_false(scene_wants_second(&scene));
    assert_int_equal(scene_judge(&scene, 1), 0);
    assert_int_equal(scene_judge(&scene, 2), 0);
    scene_deinit(&scene);
}

/* Nothing can wake who waits on a nil channel, or in a select without cases: one look proves it. */
static void test_for_ever(void **state)
{
    (void)state;
    const enum wait_kind kinds[] = {WAIT_NIL_CHAN, WAIT_NO_CASES};
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        struct scene scene;
        scene_init(&scene);
        scene_add_many(&scene, &scene.world.now, 10, 40, kinds[i],
                       scene_object(&scene.world.now, kinds[i], 0));
        assert_int_equal(scene_judge(&scene, 1), 1);
        const struct finding *finding = &scene.findings.at[0];
        assert_int_equal(finding->rule, RULE_BLOCKED_GOROUTINES);
        assert_int_equal(finding->grade, GRADE_CERTAIN);
        assert_int_equal(finding->count, 30);
        assert_string_equal(finding->at.function, "main.work");
        assert_int_equal(finding->at.line, 20);
        assert_string_equal(finding->started_at.function, "main.start");
        assert_true(finding->because.length > 0);
        scene_deinit(&scene);
    }
}

/* One goroutine that waits for ever is how many programs end their main; a few are no accumulation. */
static void test_few_are_silent(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene_add_many(&scene, &scene.world.now, 10, 13, WAIT_NIL_CHAN,
                   scene_object(&scene.world.now, WAIT_NIL_CHAN, 0));
    assert_int_equal(scene_judge(&scene, 1), 0);
    scene_deinit(&scene);
}

static void test_main_and_system_are_left_out(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    uint32_t nil = scene_object(&scene.world.now, WAIT_NIL_CHAN, 0);
    for (unsigned i = 0; i < 50; i++)
        scene_add(&scene, &scene.world.now, 100 + i, WAIT_NIL_CHAN, nil)->system = true;
    assert_int_equal(scene_judge(&scene, 1), 0);
    scene_add(&scene, &scene.world.now, 1, WAIT_NIL_CHAN, nil); /* main */
    scene_add_many(&scene, &scene.world.now, 10, 40, WAIT_NIL_CHAN, nil);
    assert_int_equal(scene_judge(&scene, 1), 1);
    assert_int_equal(scene.findings.at[0].count, 30);
    scene_deinit(&scene);
}

/* Workers that wait for jobs: many, and the same ones in both looks. */
static void test_pool_is_silent(void **state)
{
    (void)state;
    const enum wait_kind kinds[] = {WAIT_CHAN_RECEIVE, WAIT_SELECT, WAIT_MUTEX, WAIT_WAITGROUP,
                                    WAIT_COND};
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        struct scene scene;
        scene_init(&scene);
        enum wait_kind on = i < 2 ? WAIT_CHAN_SEND : kinds[i]; /* that is any channel */
        two_looks(&scene, kinds[i], on, CHANNEL, (uint64_t[]){10, 3010}, (uint64_t[]){10, 3010});
        assert_true(scene_wants_second(&scene));
        assert_int_equal(scene_judge(&scene, 1), 0);
        assert_int_equal(scene_judge(&scene, 2), 0);
        scene_deinit(&scene);
    }
}

/* Receivers of which more come and none goes: said only with a second look, and never as certain. */
static void test_growth_needs_two_looks(void **state)
{
    (void)state;
    const enum wait_kind kinds[] = {WAIT_CHAN_RECEIVE, WAIT_SELECT,    WAIT_MUTEX,
                                    WAIT_RWMUTEX,      WAIT_WAITGROUP, WAIT_COND};
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        struct scene scene;
        scene_init(&scene);
        enum wait_kind on = i < 2 ? WAIT_CHAN_SEND : kinds[i];
        two_looks(&scene, kinds[i], on, CHANNEL, (uint64_t[]){10, 1010}, (uint64_t[]){10, 1060});
        assert_true(scene_wants_second(&scene));
        assert_int_equal(scene_judge(&scene, 1), 0);
        assert_int_equal(scene_judge(&scene, 2), 1);
        assert_int_not_equal(scene.findings.at[0].grade, GRADE_CERTAIN);
        assert_int_equal(scene.findings.at[0].count, 1050);
        assert_int_equal(scene.findings.at[0].came, 50);
        assert_int_equal(scene.findings.at[0].went, 0);
        assert_true(scene.findings.at[0].has_progress);
        scene_deinit(&scene);
    }
}

/* As many go as come: a busy server. */
static void test_turnover_is_silent(void **state)
{
    (void)state;
    const enum wait_kind kinds[] = {WAIT_CHAN_RECEIVE, WAIT_SELECT, WAIT_MUTEX};
    for (size_t i = 0; i < LENGTH_OF(kinds); i++) {
        struct scene scene;
        scene_init(&scene);
        enum wait_kind on = i < 2 ? WAIT_CHAN_SEND : kinds[i];
        two_looks(&scene, kinds[i], on, MUTEX, (uint64_t[]){10, 1010}, (uint64_t[]){510, 1510});
        assert_int_equal(scene_judge(&scene, 2), 0);
        scene_deinit(&scene);
    }
}

/* Those who wait for long are a likelier leak than those who came just now. */
static void test_grade_grows_with_age(void **state)
{
    (void)state;
    const int64_t since_s[] = {99999, 100000 - 86400}; /* a second and a day ago */
    const enum grade grades[] = {GRADE_POSSIBLE, GRADE_LIKELY};
    for (size_t i = 0; i < LENGTH_OF(since_s); i++) {
        struct scene scene;
        scene_init(&scene);
        scene.first.taken_ns = scene.world.now.taken_ns = 100000 * second_ns;
        two_looks(&scene, WAIT_MUTEX, WAIT_MUTEX, MUTEX, (uint64_t[]){10, 1010},
                  (uint64_t[]){10, 1060});
        for (size_t k = 0; k < 1000; k++)
            scene.first.goroutines.at[k].wait_since_ns =
                scene.world.now.goroutines.at[k].wait_since_ns = since_s[i] * second_ns;
        assert_int_equal(scene_judge(&scene, 2), 1);
        assert_int_equal(scene.findings.at[0].grade, grades[i]);
        scene_deinit(&scene);
    }
}

/* Senders whom nobody's stack could free: one look is enough. */
static void test_senders(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    two_looks(&scene, WAIT_CHAN_SEND, WAIT_CHAN_SEND, CHANNEL, (uint64_t[]){10, 60},
              (uint64_t[]){10, 60});
    assert_int_equal(scene_judge(&scene, 1), 1);
    assert_int_equal(scene.findings.at[0].grade, GRADE_LIKELY);
    assert_int_equal(scene.findings.at[0].count, 50);
    assert_int_equal(scene_judge(&scene, 2), 1);
    scene.world.now.objects.at[0].first_sender +=
        64; /* another one is first in the queue: somebody receives */
    assert_int_equal(scene_judge(&scene, 2), 0);
    scene_deinit(&scene);
}

/* Who got on while the others were looked at shows that values move on that channel: those who still wait there are
 * held back, not stuck. Those who wait on another channel are judged on their own. */
static void test_senders_that_moved(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene_add_many(&scene, &scene.world.now, 10, 60, WAIT_CHAN_SEND,
                   scene_object(&scene.world.now, WAIT_CHAN_SEND, CHANNEL));
    scene_add_many(&scene, &scene.world.now, 100, 140, WAIT_CHAN_SEND,
                   scene_object(&scene.world.now, WAIT_CHAN_SEND, CHANNEL + 0x400));
    assert_int_equal(scene_judge(&scene, 1), 1);
    assert_int_equal(scene.findings.at[0].count, 90);
    scene.memory[GS - WORLD_TEXT + 101 * G_BYTES + 8] = GOROUTINE_RUNNABLE;
    assert_int_equal(scene_judge(&scene, 1), 1);
    assert_int_equal(scene.findings.at[0].count, 50);
    scene.memory[GS - WORLD_TEXT + 11 * G_BYTES + 8] = GOROUTINE_RUNNABLE;
    assert_int_equal(scene_judge(&scene, 1), 0);
    scene_deinit(&scene);
}

static bool has_reason(const struct scene *scene, const char *text)
{
    const struct finding *finding = &scene->findings.at[0];
    for (size_t i = 0; i < finding->because.length; i++)
        if (strstr(finding->because.at[i], text))
            return true;
    return false;
}

/* Who got on and came back leaves no trace on a channel of his own: that he did not is no evidence there. */
static void test_what_can_not_be_seen_is_not_said(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    struct observation *looks[] = {&scene.first, &scene.world.now};
    two_looks(&scene, WAIT_CHAN_SEND, WAIT_CHAN_SEND, CHANNEL, (uint64_t[]){10, 60},
              (uint64_t[]){10, 60});
    assert_int_equal(scene_judge(&scene, 2), 1);
    assert_false(has_reason(&scene, "got on"));
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 50; k++)
            looks[i]->waits.at[k].direction = DIRECTION_SEND;
    scene.first.objects.at[0].senders = 7;
    assert_int_equal(scene_judge(&scene, 2), 1);
    assert_false(has_reason(&scene, "got on"));
    scene.first.objects.at[0].senders = 50; /* now the queue shows it */
    assert_int_equal(scene_judge(&scene, 2), 1);
    assert_true(has_reason(&scene, "none of them got on in 2.0 s"));
    scene_deinit(&scene);
}

/* The runtime notes a time for who waits at a collection, and takes it away when he runs. */
static void test_a_noted_time_shows_who_stayed(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    two_looks(&scene, WAIT_MUTEX, WAIT_MUTEX, MUTEX, (uint64_t[]){10, 1010},
              (uint64_t[]){10, 1060});
    assert_int_equal(scene_judge(&scene, 2), 1);
    assert_true(has_reason(&scene, "they only ever come: 50 in 2.0 s, and none went"));
    for (size_t k = 0; k < 1000; k++)
        scene.world.now.goroutines.at[k].wait_since_ns = 9999 * second_ns; /* only then */
    assert_int_equal(scene_judge(&scene, 2), 1);
    assert_true(has_reason(&scene, "and none went"));
    for (size_t k = 0; k < 1000; k++)
        scene.first.goroutines.at[k].wait_since_ns = 9999 * second_ns;
    assert_int_equal(scene_judge(&scene, 2), 1);
    assert_true(has_reason(&scene, "and none got on"));
    scene_deinit(&scene);
}

/* So that it does not seem to move while it is judged. */
static void put_sp(struct scene *scene, struct goroutine *goroutine, address sp)
{
    goroutine->sp = sp;
    memcpy(scene->memory + (goroutine->at - WORLD_TEXT) + scene->runtime.offsets.g_sched_sp, &sp,
           sizeof(sp));
}

/* The head of the queue of receivers is another one, or somebody's sudog or the depth of his stack: they got on. */
static void test_who_came_back_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct scene scene;
        scene_init(&scene);
        two_looks(&scene, WAIT_CHAN_SEND, WAIT_CHAN_SEND, CHANNEL, (uint64_t[]){10, 60},
                  (uint64_t[]){10, 60});
        for (size_t k = 0; k < 50; k++) {
            struct goroutine *both[] = {&scene.first.goroutines.at[k],
                                        &scene.world.now.goroutines.at[k]};
            for (size_t look = 0; look < 2; look++) {
                both[look]->stack_high = look ? 0x22000 : 0x12000; /* it was moved */
                both[look]->sp = both[look]->stack_high - 0x100;
            }
            put_sp(&scene, both[1], both[1]->sp);
            scene.first.waits.at[k].sudog = scene.world.now.waits.at[k].sudog = (uint32_t)k + 1;
        }
        scene.first.objects.at[0].first_receiver = scene.world.now.objects.at[0].first_receiver =
            0x7800;
        assert_int_equal(scene_judge(&scene, 2), 1);
        if (i == 0)
            scene.world.now.objects.at[0].first_receiver = 0x7900;
        if (i == 1)
            scene.world.now.waits.at[20].sudog = 99;
        if (i == 2)
            put_sp(&scene, &scene.world.now.goroutines.at[20],
                   scene.world.now.goroutines.at[20].sp - 16);
        assert_int_equal(scene_judge(&scene, 2), 0);
        scene_deinit(&scene);
    }
}

static void test_certain_comes_first(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene);
    scene_add_many(&scene, &scene.world.now, 100, 1000, WAIT_CHAN_SEND,
                   scene_object(&scene.world.now, WAIT_CHAN_SEND, CHANNEL));
    scene_add_many(&scene, &scene.world.now, 10, 40, WAIT_NIL_CHAN,
                   scene_object(&scene.world.now, WAIT_NIL_CHAN, 0));
    assert_int_equal(scene_judge(&scene, 1), 2);
    assert_int_equal(scene.findings.at[0].grade, GRADE_CERTAIN);
    assert_int_equal(scene.findings.at[0].count, 30);
    assert_int_equal(scene.findings.at[1].count, 900);
    scene_deinit(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_for_ever),
        cmocka_unit_test(test_few_are_silent),
        cmocka_unit_test(test_main_and_system_are_left_out),
        cmocka_unit_test(test_pool_is_silent),
        cmocka_unit_test(test_growth_needs_two_looks),
        cmocka_unit_test(test_turnover_is_silent),
        cmocka_unit_test(test_grade_grows_with_age),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_senders_that_moved),
        cmocka_unit_test(test_what_can_not_be_seen_is_not_said),
        cmocka_unit_test(test_a_noted_time_shows_who_stayed),
        cmocka_unit_test(test_who_came_back_is_seen),
        cmocka_unit_test(test_certain_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
