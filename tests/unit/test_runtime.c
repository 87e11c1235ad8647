/* What is running: stacks kept once, walks over deep and broken stacks, groups.
 * Memory is made by hand, word by word; a whole core only where the parts of a sum are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "packed.h"
#include "runtime/groups.h"
#include "runtime/memorysplit.h"
#include "wordworld.h"

/* Stacks, each kept once. */

static uint32_t intern(struct stack_table *table, const address *pcs, uint16_t kept, uint32_t depth,
                       bool complete)
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
    assert_int_not_equal(intern(&table, one, 3, 3, false),
                         first); /* not walked to its end: it may go on otherwise */
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

static void walk(struct wordworld *world, unsigned depth, struct unwound *unwound)
{
    for (unsigned i = 0; i < depth; i++) {
        address pc = CODE + i * GRAIN + 4;
        know(world, pc,
             (struct pc_facts){
                 .known = true, .sp_delta = 8, .entry = pc - 4, .ends = i == depth - 1});
        put(world, BASE + i * GRAIN + 8, pc + GRAIN);
    }
    struct unwind_start start = {
        .pc = CODE + 4, .sp = BASE, .low = BASE, .high = BASE + depth * GRAIN};
    struct stack_piece piece = {.start = BASE, .size = 64, .bytes = (const uint8_t *)world->words};
    unwind(&world->runtime, &start, &piece, unwound);
}

/* A deep stack keeps the inner and the outer frames, both in order. */
static void test_deep_stacks(void **state)
{
    (void)state;
    const unsigned both = STACK_INNER_MAX + STACK_OUTER_MAX;
    const unsigned depths[] = {1,        2,         both - 1, both,
                               both + 1, both + 37, 2 * both, 2 * both + STACK_OUTER_MAX / 2};
    for (size_t i = 0; i < LENGTH_OF(depths); i++) {
        struct wordworld world;
        struct unwound unwound = {0};
        unsigned depth = depths[i], kept = depth < both ? depth : both;
        wordworld_init(&world);
        walk(&world, depth, &unwound);
        assert_true(unwound.stack.complete);
        assert_int_equal(unwound.stack.depth, depth);
        assert_int_equal(unwound.stack.kept, kept);
        for (unsigned k = 0; k < kept; k++) {
            unsigned frame = k < STACK_INNER_MAX ? k : depth - kept + k;
            assert_int_equal(unwound.pcs[k] & ~STACK_PC_EXACT, CODE + frame * GRAIN + 4);
        }
        unwound_deinit(&unwound);
        wordworld_deinit(&world);
    }
}

/* Frames that leave the stack, unknown code and unreadable words end the walk, and it says so. */
static void test_broken_stacks(void **state)
{
    (void)state;
    struct unwound unwound = {0};
    struct wordworld world;
    wordworld_init(&world);
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
    start = (struct unwind_start){
        .pc = pc, .sp = BASE + WORDS * 8, .low = BASE, .high = BASE + WORDS * 16};
    unwind(&world.runtime, &start, &piece, &unwound); /* not in memory */
    assert_false(unwound.stack.complete);
    assert_int_equal(unwound.stack.depth, 1);
    world.runtime.pc_facts.at[0].sp_delta = INT32_MAX;
    start.sp = UINT64_MAX - 15; /* the frame's end wraps around */
    start.high = UINT64_MAX;
    unwind(&world.runtime, &start, &piece, &unwound);
    assert_int_equal(unwound.stack.depth, 0);
    unwound_deinit(&unwound);
    wordworld_deinit(&world);
}

/* Groups. */

static void add(struct observation *observation, uint64_t id, uint32_t stack, uint8_t state,
                int64_t since_ns)
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

/* Where the memory is. */

enum {
    HEAP = 0xc000000,
    KIB = 1024
};

static void map(struct wordworld *world, address start, uint64_t size_kib, uint64_t rss_kib,
                const char *path)
{
    VECTOR_PUSH(&world->target->mappings, (struct mapping){.start = start,
                                                           .end = start + size_kib * KIB,
                                                           .readable = true,
                                                           .writable = true,
                                                           .path = xstrdup(path),
                                                           .rss_bytes = rss_kib * KIB,
                                                           .is_file = path[0] == '/'});
}

static uint64_t sum_of(const struct memory_split *memory)
{
    return memory->heap_in_use + memory->heap_idle + memory->stacks + memory->runtime +
           memory->mapped_files + memory->outside_go;
}

static void test_memory_by_hand(void **state)
{
    (void)state;
    struct wordworld world;
    struct spans spans = {0};
    wordworld_init(&world);
    map(&world, 0x400000, 100, 50, "/usr/bin/agent");
    map(&world, HEAP, 1024, 100, "");
    map(&world, 0x7f0000000000, 64, 30, "");
    map(&world, 0x7ffe00000000, 64, 8, "[stack]");
    VECTOR_PUSH(&spans.list,
                (struct span){.start = HEAP, .pages = 2, .element_size = 64, .state = SPAN_IN_USE});
    VECTOR_PUSH(&spans.list, (struct span){.start = HEAP + 0x8000,
                                           .pages = 4,
                                           .element_size = 2048,
                                           .state = SPAN_MANUAL});
    assert_null(memory_split(&world.runtime, &world.observation, &spans));
    const struct memory_split *memory = &world.observation.memory;
    assert_true(memory->known);
    assert_int_equal(memory->total, (50 + 100 + 30 + 8) * KIB);
    assert_int_equal(memory->heap_in_use, 16 * KIB);
    assert_int_equal(memory->stacks, 32 * KIB);
    assert_int_equal(memory->heap_idle, (100 - 16 - 32) * KIB);
    assert_int_equal(memory->mapped_files, 50 * KIB);
    assert_int_equal(sum_of(memory), memory->total);
    /* Less is resident than the spans would have: they moved meanwhile. It still adds up. */
    world.target->mappings.at[1].rss_bytes = 20 * KIB;
    world.observation.memory = (struct memory_split){0};
    assert_null(memory_split(&world.runtime, &world.observation, &spans));
    assert_int_equal(memory->heap_in_use + memory->stacks, 20 * KIB);
    assert_int_equal(memory->heap_idle, 0);
    assert_int_equal(sum_of(memory), memory->total);
    spans_deinit(&spans);
    wordworld_deinit(&world);
}

/* A core of tests/unit/data: its memory, and what its goroutines wait for, as data/make.py made them. */

static struct target *open_core(int files[2])
{
    char paths[2][FILE_IN_MEMORY_PATH];
    struct target *target = NULL;
    static const char *const names[] = {TEST_DATA "/shop-amd64.packed",
                                        TEST_DATA "/shop-amd64.core.packed"};
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
    assert_true(memory->known && memory->total > 0 && memory->heap_in_use > 0 &&
                memory->stacks > 0);
    assert_int_equal(sum_of(memory), memory->total);
    assert_int_equal(waiting(&seen, WAIT_CHAN_SEND),
                     10 + 4); /* the crowd, and goroutines 18 to 20 and 22 */
    assert_int_equal(waiting(&seen, WAIT_CHAN_RECEIVE), 10 + 4); /* 21, 25, 54, 56 */
    assert_int_equal(waiting(&seen, WAIT_NIL_CHAN), 10 + 2);     /* 26, 27 */
    assert_int_equal(waiting(&seen, WAIT_SELECT), 10 + 2);       /* 23, 24 */
    assert_int_equal(waiting(&seen, WAIT_NO_CASES), 10 + 1);     /* 28 */
    assert_int_equal(waiting(&seen, WAIT_MUTEX), 10 + 3);        /* 30 to 32 */
    assert_int_equal(waiting(&seen, WAIT_RWMUTEX), 2);           /* 33, 34 */
    assert_int_equal(waiting(&seen, WAIT_WAITGROUP), 10 + 2);    /* 35, 36 */
    assert_int_equal(waiting(&seen, WAIT_COND), 3);              /* 37 to 39 */
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
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_memory_by_hand),
        cmocka_unit_test(test_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
