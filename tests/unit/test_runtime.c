/* What is running: stacks kept once, walks over deep stacks, chains of deferred calls in good and bad shape, groups.
 * Memory is made by hand, word by word; a whole core only where the parts of a sum are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "memorytarget.h"
#include "packed.h"
#include "runtime/defers.h"
#include "runtime/groups.h"
#include "runtime/unwind.h"

enum {
    BASE = 0x10000,
    WORDS = 1 << 14,
    CODE = 0x400000, /* functions, one every 16 bytes */
    GRAIN = 16,
};

/* A target of WORDS words at BASE, and a runtime that knows the layouts below. */
struct world {
    uint64_t *words;
    struct target *target;
    struct program program;
    struct runtime runtime;
    struct observation observation;
};

enum { /* runtime._defer as these tests lay it out */
    D_HEAP = 0,
    D_RANGEFUNC = 1,
    D_SP = 8,
    D_PC = 16,
    D_FN = 24,
    D_LINK = 32,
    D_HEAD = 40,
    D_SIZE = 48,
};

static void world_init(struct world *world)
{
    *world = (struct world){.words = xcalloc(WORDS, 8)};
    world->target = memory_target_create(BASE, world->words, WORDS * sizeof(uint64_t));
    world->runtime.target = world->target;
    world->runtime.program = &world->program;
    world->runtime.offsets = (struct offsets){.defer_heap = D_HEAP,
                                              .defer_rangefunc = D_RANGEFUNC,
                                              .defer_open_coded = ABSENT,
                                              .defer_sp = D_SP,
                                              .defer_pc = D_PC,
                                              .defer_fn = D_FN,
                                              .defer_link = D_LINK,
                                              .defer_head = D_HEAD,
                                              .defer_size = D_SIZE};
}

static void world_deinit(struct world *world)
{
    VECTOR_DEINIT(&world->runtime.pc_facts);
    u64map_deinit(&world->runtime.pc_index);
    observation_deinit(&world->observation);
    target_close(world->target);
    free(world->words);
}

static void put(struct world *world, address at, uint64_t value)
{
    world->words[(at - BASE) / 8] = value;
}

/* Stacks, each kept once. */

static uint32_t intern(struct stack_table *table, const address *pcs, uint16_t kept, uint32_t depth, bool complete)
{
    struct stack walked = {.kept = kept, .depth = depth, .complete = complete};
    return stack_table_intern(table, pcs, &walked);
}

static void test_same_stacks_share(void **state)
{
    (void)state;
    struct stack_table table = {0};
    const address one[] = {1, 2, 3}, other[] = {1, 2, 4};
    uint32_t first = intern(&table, one, 3, 3, true);
    assert_int_equal(intern(&table, one, 3, 3, true), first);
    assert_int_not_equal(intern(&table, other, 3, 3, true), first);
    assert_int_not_equal(intern(&table, one, 2, 2, true), first);
    assert_int_not_equal(intern(&table, one, 3, 3, false), first); /* not walked to its end: it may go on otherwise */
    assert_int_not_equal(intern(&table, one, 3, 300, true), first);
    assert_int_equal(table.stacks.length, 5);
    stack_table_deinit(&table);
}

static void test_stacks_with_one_hash(void **state)
{
    (void)state;
    struct stack_table alone = {0}, table = {0};
    const address one[] = {1, 2, 3}, other[] = {4, 5, 6};
    intern(&alone, other, 3, 3, true);
    uint64_t hash = alone.stacks.at[0].hash;
    uint32_t first = intern(&table, one, 3, 3, true);
    u64map_set(&table.by_hash, hash, first); /* now both have it */
    uint32_t second = intern(&table, other, 3, 3, true);
    assert_int_not_equal(second, first);
    assert_int_equal(intern(&table, other, 3, 3, true), second);
    assert_int_equal(intern(&table, one, 3, 3, true), first);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(stack_pc(&table, &table.stacks.at[second], i), other[i]);
    stack_table_deinit(&alone);
    stack_table_deinit(&table);
}

/* Walks over stacks. Frames have 16 bytes on amd64: one word of locals, then the return address. */

static void know(struct world *world, address pc, struct pc_facts facts)
{
    u64map_set(&world->runtime.pc_index, pc, (uint32_t)world->runtime.pc_facts.length);
    VECTOR_PUSH(&world->runtime.pc_facts, facts);
}

static void walk(struct world *world, unsigned depth, struct unwound *unwound)
{
    for (unsigned i = 0; i < depth; i++) {
        address pc = CODE + i * GRAIN + 4;
        know(world, pc, (struct pc_facts){.known = true, .sp_delta = 8, .entry = pc - 4, .ends = i == depth - 1});
        put(world, BASE + i * GRAIN + 8, pc + GRAIN);
    }
    struct unwind_start start = {.pc = CODE + 4, .sp = BASE, .low = BASE, .high = BASE + depth * GRAIN};
    struct stack_piece piece = {.start = BASE, .size = 64, .bytes = (const uint8_t *)world->words};
    unwind(&world->runtime, &start, &piece, unwound);
}

/* A deep stack keeps the inner and the outer frames, both in order. */
static void test_deep_stacks(void **state)
{
    (void)state;
    const unsigned both = STACK_INNER_MAX + STACK_OUTER_MAX;
    const unsigned depths[] = {1, 2, both - 1, both, both + 1, both + 37, 2 * both, 2 * both + STACK_OUTER_MAX / 2};
    for (size_t i = 0; i < LENGTH_OF(depths); i++) {
        struct world world;
        struct unwound unwound = {0};
        unsigned depth = depths[i], kept = depth < both ? depth : both;
        world_init(&world);
        walk(&world, depth, &unwound);
        assert_true(unwound.stack.complete);
        assert_int_equal(unwound.stack.depth, depth);
        assert_int_equal(unwound.stack.kept, kept);
        for (unsigned k = 0; k < kept; k++) {
            unsigned frame = k < STACK_INNER_MAX ? k : depth - kept + k;
            assert_int_equal(unwound.pcs[k] & ~STACK_PC_EXACT, CODE + frame * GRAIN + 4);
        }
        unwound_deinit(&unwound);
        world_deinit(&world);
    }
}

/* Frames that leave the stack, unknown code and unreadable words end the walk, and it says so. */
static void test_broken_stacks(void **state)
{
    (void)state;
    struct unwound unwound = {0};
    struct world world;
    world_init(&world);
    address pc = CODE + 4;
    know(&world, pc, (struct pc_facts){.known = true, .sp_delta = 8, .entry = CODE});
    struct unwind_start start = {.pc = pc, .sp = BASE, .low = BASE, .high = BASE + 64};
    struct stack_piece piece = {0};
    for (unsigned i = 0; i < 8; i++)
        put(&world, BASE + i * 8, pc); /* returns to itself for ever: ends at the stack's end */
    unwind(&world.runtime, &start, &piece, &unwound);
    assert_false(unwound.stack.complete);
    assert_int_equal(unwound.stack.depth, 4);
    start.sp = BASE - 16; /* below the stack */
    unwind(&world.runtime, &start, &piece, &unwound);
    assert_int_equal(unwound.stack.depth, 0);
    start = (struct unwind_start){.pc = pc, .sp = BASE + WORDS * 8, .low = BASE, .high = BASE + WORDS * 16};
    unwind(&world.runtime, &start, &piece, &unwound); /* not in memory */
    assert_false(unwound.stack.complete);
    assert_int_equal(unwound.stack.depth, 1);
    world.runtime.pc_facts.at[0].sp_delta = INT32_MAX;
    start.sp = UINT64_MAX - 15; /* the frame's end wraps around */
    start.high = UINT64_MAX;
    unwind(&world.runtime, &start, &piece, &unwound);
    assert_int_equal(unwound.stack.depth, 0);
    unwound_deinit(&unwound);
    world_deinit(&world);
}

/* Chains of deferred calls. */

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

static void put_record(struct world *world, unsigned i, address sp, address pc, address link)
{
    put(world, record_at(i) + D_SP, sp);
    put(world, record_at(i) + D_PC, pc);
    put(world, record_at(i) + D_LINK, link);
}

/* A chain of `count` records of one statement; the last one leads to `end`. */
static void put_chain(struct world *world, unsigned count, address end)
{
    know(world, CODE + 4, (struct pc_facts){.known = true, .entry = CODE});
    put(world, G, record_at(0));
    for (unsigned i = 0; i < count; i++)
        put_record(world, i, STACK_LOW + 64, CODE + 4, i + 1 < count ? record_at(i + 1) : end);
}

/* How many pending calls there are; what could not be followed is in observation.unread. */
static uint64_t count_defers(struct world *world)
{
    struct defer_table table = {0};
    observation_deinit(&world->observation);
    world->observation = (struct observation){0};
    VECTOR_PUSH(&world->observation.goroutines,
                (struct goroutine){.at = G, .stack_low = STACK_LOW, .stack_high = STACK_HIGH});
    target_forget(world->target);
    uint64_t count = defers_add(&world->runtime, &world->observation, &table, 0, world->words[0], NULL);
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
    struct world world;
    world_init(&world);
    assert_int_equal(count_defers(&world), 0);
    put_chain(&world, 1000, 0);
    assert_int_equal(count_defers(&world), 1000);
    assert_int_equal(world.observation.unread.defers, 0);
    assert_int_equal(world.observation.defers.length, 1);
    assert_int_equal(world.observation.defers.at[0].frame_entry, CODE);
    assert_int_equal(world.observation.defers.at[0].pc, CODE + 4);
    world_deinit(&world);
}

/* A tail of any length that runs into a loop of any length: each record is counted once. */
static void test_looping_chains(void **state)
{
    (void)state;
    for (unsigned tail = 0; tail < 20; tail++) {
        for (unsigned loop = 1; loop < 40; loop++) {
            struct world world;
            world_init(&world);
            put_chain(&world, tail + loop, record_at(tail));
            assert_int_equal(count_defers(&world), tail + loop);
            assert_int_equal(world.observation.unread.defers, 1);
            world_deinit(&world);
        }
    }
}

static void test_chains_that_break(void **state)
{
    (void)state;
    const address ends[] = {8, 0xdeadbee8, BASE + WORDS * 8, UINT64_MAX - 7, record_at(3) + 4, UINT64_C(1) << 63};
    struct world world;
    world_init(&world);
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
    world_deinit(&world);
}

/* Two statements in two frames are told apart; a few calls of one in several frames are joined. */
static void test_statements_and_frames(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
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
    world_deinit(&world);
}

/* A range-over-func body hangs its records on one record's head; that list may loop as well. */
static void test_range_func_lists(void **state)
{
    (void)state;
    for (unsigned loop = 0; loop < 12; loop++) {
        struct world world;
        world_init(&world);
        put_chain(&world, 1, 0);
        put(&world, record_at(0) + D_HEAP, 1 | 1 << 8 * D_RANGEFUNC);
        put(&world, record_at(0) + D_HEAD, G + 8);
        put(&world, G + 8, record_at(1));
        for (unsigned i = 1; i <= 12; i++)
            put_record(&world, i, 0, 0, i < 12 ? record_at(i + 1) : loop ? record_at(loop) : 0);
        assert_int_equal(count_defers(&world), 12);
        assert_int_equal(world.observation.unread.defers, loop != 0);
        assert_int_equal(world.observation.defers.at[0].kind, DEFER_RANGE_FUNC);
        world_deinit(&world);
    }
}

/* Groups. */

static void add(struct observation *observation, uint64_t id, uint32_t stack, uint8_t state, int64_t since_ns)
{
    VECTOR_PUSH(&observation->goroutines, (struct goroutine){.id = id,
                                                             .parent_id = 1,
                                                             .stack = stack,
                                                             .state = state,
                                                             .wait_since_ns = since_ns,
                                                             .stack_low = 0x1000,
                                                             .stack_high = 0x1800,
                                                             .deferred = 2});
}

static void test_groups(void **state)
{
    (void)state;
    const int64_t s = 1000000000;
    struct observation seen = {.taken_ns = 100 * s};
    struct group_table table;
    groups_build(&seen, &table); /* none at all */
    assert_int_equal(table.groups.length, 0);
    groups_deinit(&table);
    add(&seen, 10, 0, GOROUTINE_WAITING, 90 * s);
    add(&seen, 11, 1, GOROUTINE_WAITING, 0);
    add(&seen, 12, 1, GOROUTINE_WAITING, 40 * s);
    add(&seen, 13, 1, GOROUTINE_RUNNABLE, 0); /* the same stack, but it does not wait */
    add(&seen, 14, 1, GOROUTINE_WAITING, 70 * s);
    add(&seen, 15, 2, GOROUTINE_WAITING, 0);
    for (uint64_t id = 20; id < 30; id++)
        add(&seen, id, 3, GOROUTINE_WAITING, 0);
    for (size_t i = 6; i < seen.goroutines.length; i++)
        seen.goroutines.at[i].system = true;
    seen.goroutines.at[4].parent_id = 7;
    groups_build(&seen, &table);
    assert_int_equal(table.groups.length, 5);
    const struct goroutine_group *most = &table.groups.at[0], *last = &table.groups.at[4];
    assert_int_equal(most->count, 3);
    assert_int_equal(most->stack_bytes, 3 * 0x800);
    assert_int_equal(most->deferred, 6);
    assert_int_equal(most->wait_unknown, 1);
    assert_true(most->wait_min_s == 30 && most->wait_max_s == 60);
    assert_int_equal(most->parent_id, 0); /* 12 and 14 have different ones */
    assert_int_equal(table.next[most->first], 2);
    assert_int_equal(table.next[2], 4);
    assert_int_equal(table.next[4], UINT32_MAX);
    assert_int_equal(last->count, 10); /* the runtime's own come last, however many */
    groups_deinit(&table);
    VECTOR_DEINIT(&seen.goroutines);
}

/* A core of tests/unit/data: its memory, and what its goroutines wait for, as data/make.py made them. */

static struct target *open_core(int files[2])
{
    char paths[2][FILE_IN_MEMORY_PATH];
    struct target *target = NULL;
    static const char *const names[] = {TEST_DATA "/shop-amd64.packed", TEST_DATA "/shop-amd64.core.packed"};
    for (unsigned i = 0; i < 2; i++) {
        struct unpacked file = packed_read(names[i]);
        files[i] = file_in_memory(file.bytes, file.size, paths[i]);
        free(file.bytes);
    }
    assert_null(target_open_core(paths[1], paths[0], &target));
    return target;
}

static unsigned waiting(const struct observation *seen, enum wait_kind kind)
{
    unsigned count = 0;
    for (size_t i = 0; i < seen->goroutines.length; i++)
        count += seen->goroutines.at[i].wait_kind == kind;
    return count;
}

static void test_core(void **state)
{
    (void)state;
    int files[2];
    struct target *target = open_core(files);
    struct program *program = NULL;
    struct runtime *runtime = NULL;
    struct stack_table stacks = {0};
    struct observation seen;
    assert_null(program_open(target, runtime_wanted_types, &program));
    assert_null(runtime_open(target, program, &runtime));
    assert_null(observe(runtime, OBSERVE_ALL, &stacks, &seen));
    const struct memory_split *memory = &seen.memory;
    assert_true(memory->known && memory->total > 0 && memory->heap_in_use > 0 && memory->stacks > 0);
    assert_int_equal(memory->heap_in_use + memory->heap_idle + memory->stacks + memory->runtime +
                         memory->mapped_files + memory->outside_go,
                     memory->total);
    assert_int_equal(waiting(&seen, WAIT_CHAN_SEND), 10 + 4);     /* the crowd, and goroutines 18 to 20 and 22 */
    assert_int_equal(waiting(&seen, WAIT_CHAN_RECEIVE), 10 + 4);  /* 21, 25, 54, 56 */
    assert_int_equal(waiting(&seen, WAIT_NIL_CHAN), 10 + 2);      /* 26, 27 */
    assert_int_equal(waiting(&seen, WAIT_SELECT), 10 + 2);        /* 23, 24 */
    assert_int_equal(waiting(&seen, WAIT_NO_CASES), 10 + 1);      /* 28 */
    assert_int_equal(waiting(&seen, WAIT_MUTEX), 10 + 3);         /* 30 to 32 */
    assert_int_equal(waiting(&seen, WAIT_RWMUTEX), 2);            /* 33, 34 */
    assert_int_equal(waiting(&seen, WAIT_WAITGROUP), 10 + 2);     /* 35, 36 */
    assert_int_equal(waiting(&seen, WAIT_COND), 3);               /* 37 to 39 */
    observation_deinit(&seen);
    stack_table_deinit(&stacks);
    runtime_close(runtime);
    program_close(program);
    target_close(target);
    close(files[0]);
    close(files[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_stacks_share),
        cmocka_unit_test(test_stacks_with_one_hash),
        cmocka_unit_test(test_deep_stacks),
        cmocka_unit_test(test_broken_stacks),
        cmocka_unit_test(test_whole_chain),
        cmocka_unit_test(test_looping_chains),
        cmocka_unit_test(test_chains_that_break),
        cmocka_unit_test(test_statements_and_frames),
        cmocka_unit_test(test_range_func_lists),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
