/* Chains of deferred calls, in good and bad shape: each record is counted once, what can't be followed is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wordworld.h"

enum {
    G = BASE, /* its first word is g._defer */
    RECORDS = BASE + 64,
    STACK_LOW = 0x7000000,
    STACK_HIGH = 0x7001000,
};

static address record_at(unsigned i)
{
    return RECORDS + i * D_SIZE;
}

static void put_record(struct wordworld *world, unsigned i, address sp, address pc, address link)
{
    put(world, record_at(i) + D_SP, sp);
    put(world, record_at(i) + D_PC, pc);
    put(world, record_at(i) + D_LINK, link);
}

/* A chain of `count` records of one statement; the last one leads to `end`. */
static void put_chain(struct wordworld *world, unsigned count, address end)
{
    know(world, CODE + 4, (struct pc_facts){.known = true, .entry = CODE});
    put(world, G, record_at(0));
    for (unsigned i = 0; i < count; i++)
        put_record(world, i, STACK_LOW + 64, CODE + 4, i + 1 < count ? record_at(i + 1) : end);
}

/* How many pending calls there are; what could not be followed is in observation.unread. */
static uint64_t count_defers(struct wordworld *world)
{
    struct defer_table table = {0};
    observation_deinit(&world->observation);
    world->observation = (struct observation){0};
    VECTOR_PUSH(&world->observation.goroutines,
                (struct goroutine){.at = G, .stack_low = STACK_LOW, .stack_high = STACK_HIGH});
    target_forget(world->target);
    uint64_t count =
        defers_add(&world->runtime, &world->observation, &table, 0, world->words[0], NULL);
    defer_table_deinit(&table);
    uint64_t sum = 0;
    for (size_t i = 0; i < world->observation.defers.length; i++)
        sum += world->observation.defers.at[i].count;
    assert_int_equal(sum, count); /* all of them belong to a statement */
    return count;
}

static void test_whole_chain(void **state)
{
    (void)state;
    struct wordworld world;
    wordworld_init(&world);
    assert_int_equal(count_defers(&world), 0);
    put_chain(&world, 1000, 0);
    assert_int_equal(count_defers(&world), 1000);
    assert_int_equal(world.observation.unread.defers, 0);
    assert_int_equal(world.observation.defers.length, 1);
    assert_int_equal(world.observation.defers.at[0].frame_entry, CODE);
    assert_int_equal(world.observation.defers.at[0].pc, CODE + 4);
    wordworld_deinit(&world);
}

/* A tail of any length that runs into a loop of any length: each record is counted once. */
static void test_looping_chains(void **state)
{
    (void)state;
    for (unsigned tail = 0; tail < 20; tail++) {
        for (unsigned loop = 1; loop < 40; loop++) {
            struct wordworld world;
            wordworld_init(&world);
            put_chain(&world, tail + loop, record_at(tail));
            assert_int_equal(count_defers(&world), tail + loop);
            assert_int_equal(world.observation.unread.defers, 1);
            wordworld_deinit(&world);
        }
    }
}

static void test_chains_that_break(void **state)
{
    (void)state;
    const address ends[] = {
        8, 0xdeadbee8, BASE + WORDS * 8, UINT64_MAX - 7, record_at(3) + 4, UINT64_C(1) << 63};
    struct wordworld world;
    wordworld_init(&world);
    for (size_t i = 0; i < LENGTH_OF(ends); i++) {
        put_chain(&world, 10, ends[i]);
        assert_int_equal(count_defers(&world), 10); /* what comes before counts */
        assert_int_equal(world.observation.unread.defers, 1);
    }
    put_chain(&world, 10, 0);
    put(&world, record_at(4) + D_SP, STACK_HIGH + 8); /* a frame outside of the stack */
    assert_int_equal(count_defers(&world), 4);
    put_chain(&world, 10, 0);
    put(&world, record_at(4) + D_SP, STACK_LOW + 8); /* frames of a chain only go outwards */
    assert_int_equal(count_defers(&world), 4);
    put_chain(&world, 10, 0);
    put(&world, record_at(4) + D_HEAP, 2); /* no bool: something else lives there */
    assert_int_equal(count_defers(&world), 4);
    assert_int_equal(world.observation.unread.defers, 1);
    wordworld_deinit(&world);
}

/* Two statements in two frames are told apart; a few calls of one in several frames are joined. */
static void test_statements_and_frames(void **state)
{
    (void)state;
    struct wordworld world;
    wordworld_init(&world);
    know(&world, CODE + 20, (struct pc_facts){.known = true, .entry = CODE + 16});
    put_chain(&world, 20, 0);
    for (unsigned i = 8; i < 20; i++)
        put_record(&world, i, STACK_LOW + 128, CODE + 20, i < 19 ? record_at(i + 1) : 0);
    assert_int_equal(count_defers(&world), 20);
    assert_int_equal(world.observation.defers.length, 2);
    const struct defer_site *sites = world.observation.defers.at;
    assert_int_equal(sites[0].count, 8);
    assert_int_equal(sites[1].count, 12);
    assert_int_equal(sites[1].sp, STACK_LOW + 128);
    assert_int_equal(sites[1].frame_entry, CODE + 16);
    wordworld_deinit(&world);
}

/* A range-over-func body hangs its records on one record's head; that list may loop as well. */
static void test_range_func_lists(void **state)
{
    (void)state;
    for (unsigned loop = 0; loop < 12; loop++) {
        struct wordworld world;
        wordworld_init(&world);
        put_chain(&world, 1, 0);
        put(&world, record_at(0) + D_HEAP, 1 | 1 << 8 * D_RANGEFUNC);
        put(&world, record_at(0) + D_HEAD, G + 8);
        put(&world, G + 8, record_at(1));
        for (unsigned i = 1; i <= 12; i++)
            put_record(&world, i, 0, 0, i < 12 ? record_at(i + 1) : loop ? record_at(loop) : 0);
        assert_int_equal(count_defers(&world), 12);
        assert_int_equal(world.observation.unread.defers, loop != 0);
        assert_int_equal(world.observation.defers.at[0].kind, DEFER_RANGE_FUNC);
        wordworld_deinit(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_chain),       cmocka_unit_test(test_looping_chains),
        cmocka_unit_test(test_chains_that_break), cmocka_unit_test(test_statements_and_frames),
        cmocka_unit_test(test_range_func_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
