/* Types of objects over made-up memory. That they are right is for tests/cli/test_types.py; here descriptors and objects make no sense: types that contain
 * themselves, counts beyond all measure, random words. Whatever they say, it ends, stays in its bounds, and what was made up to be right is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap/typing.h"
#include "madeheap.h"
#include "memorytarget.h"
#include "program/type_info.h"

enum {
    PAGE = SPAN_PAGE_BYTES,
    MEMORY = 4 << 20,
    SPANS_AT = 0x1000, /* offsets in memory: the list of spans, */
    MSPANS_AT = 0x10000,
    BITS_AT = 0x40000, /* allocation bits, */
    TYPES_AT = 0x80000,
    TYPE_ROOM = 256, /* for each descriptor with what follows it, */
    TYPES = 256,
    FIELDS_AT = 0xa0000,
    MASKS_AT = 0xc0000,
    NAMES_AT = TYPES_AT + TYPES * TYPE_ROOM,
    HEAP_AT = 0x200000, /* and the heap */
    MSPAN = 160,
    KINDS = 26,
    CLASS_BITS = 10, /* small objects with a bit map */
    CLASS_HEADERS = 60,
    CLASS_NOSCAN = 11,
    ROUNDS = 300,
};

static const address base = UINT64_C(0xc000000000);

struct world {
    uint8_t *bytes;
    struct target *target;
    struct program program;
    struct runtime runtime;
    struct observation observation;
    struct stack_table stacks;
    struct heap *heap;
    uint64_t span_count, next_page;
};

static uint64_t seed = 1;

static uint64_t draw(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return below ? u64_mix(seed) % below : 0;
}

static void put(struct world *world, uint64_t at, uint64_t value)
{
    memcpy(world->bytes + at, &value, 8);
}

static uint64_t type_at(unsigned index)
{
    return TYPES_AT + (uint64_t)index * TYPE_ROOM;
}

static address type_address(unsigned index)
{
    return base + type_at(index);
}

/* A descriptor as it is given. */
static void put_type(struct world *world, unsigned index, unsigned kind, uint64_t size,
                     uint64_t pointers)
{
    uint64_t at = type_at(index);
    put(world, at, size);
    put(world, at + 8, pointers);
    memset(world->bytes + at + 16, 0, 8);
    world->bytes[at + 21] = world->bytes[at + 22] = 8;
    world->bytes[at + 23] = (uint8_t)kind;
    put(world, at + 32, base + MASKS_AT + index * 8);
    uint32_t name = NAMES_AT - TYPES_AT + index * 8;
    memcpy(world->bytes + at + 40, &name, 4);
    memcpy(world->bytes + NAMES_AT + index * 8, "\0\4T", 3);
    world->bytes[NAMES_AT + index * 8 + 3] = (uint8_t)('a' + index % 26);
    world->bytes[NAMES_AT + index * 8 + 4] = (uint8_t)('a' + index / 26);
    world->bytes[NAMES_AT + index * 8 + 5] = '.';
}

static void put_field(struct world *world, unsigned slot, unsigned type, uint64_t offset)
{
    put(world, FIELDS_AT + slot * 24, base + NAMES_AT + type * 8);
    put(world, FIELDS_AT + slot * 24 + 8, type_address(type));
    put(world, FIELDS_AT + slot * 24 + 16, offset);
}

static void put_struct(struct world *world, unsigned index, uint64_t size, unsigned first,
                       uint64_t fields)
{
    put_type(world, index, KIND_STRUCT, size, size);
    put(world, type_at(index) + 56, base + FIELDS_AT + first * 24);
    put(world, type_at(index) + 64, fields);
}

static void put_pointer(struct world *world, unsigned index, unsigned to)
{
    put_type(world, index, KIND_POINTER, 8, 8);
    put(world, type_at(index) + 48, type_address(to));
}

static void add_span(struct world *world, uint64_t pages, uint64_t size, uint8_t class)
{
    uint64_t at = MSPANS_AT + world->span_count * MSPAN;
    put(world, at, base + world->next_page * PAGE);
    put(world, at + 8, pages);
    put(world, at + 16, size);
    world->bytes[at + 24] = SPAN_IN_USE;
    world->bytes[at + 25] = class;
    uint64_t room = pages * PAGE - (size <= 512 && !(class & 1) ? pages * PAGE / 64 : 0);
    put(world, at + 32, room / size);
    put(world, at + 40, room / size);
    put(world, at + 48, base + BITS_AT + world->span_count * 256);
    put(world, SPANS_AT + 32 + world->span_count * 8, base + at);
    world->span_count++;
    world->next_page += pages;
    put(world, SPANS_AT, base + SPANS_AT + 32);
    put(world, SPANS_AT + 8, world->span_count);
}

static void world_init(struct world *world)
{
    *world = (struct world){.bytes = xcalloc(1, MEMORY), .next_page = HEAP_AT / PAGE};
    world->target = memory_target_create(base, world->bytes, MEMORY);
    world->program.info.go_minor = 24;
    world->program.module.types = base + TYPES_AT;
    world->program.module.types_end = base + NAMES_AT + TYPES * 8;
    assert_null(types_open(world->target, &world->program.module, 24, NULL, &world->program.types));
    world->observation.stacks = &world->stacks;
    world->runtime = (struct runtime){.target = world->target, .program = &world->program};
    world->runtime.globals.allspans = base + SPANS_AT;
    world->runtime.offsets = made_heap_offsets(MSPAN);
}

static void world_deinit(struct world *world)
{
    heap_close(world->heap);
    types_close(world->program.types);
    target_close(world->target);
    free(world->bytes);
}

/* All that can be asked of all objects. */
static void ask(struct typing *typing, const struct heap *heap)
{
    struct typing_facts facts;
    for (uint32_t i = 0; i < heap->objects.span_count; i++) {
        for (uint32_t k = 0; k < heap->objects.spans[i].count; k++) {
            struct object object = {.span = i, .index = k};
            uint32_t number = object_number(&heap->objects, object);
            struct text text = {0};
            assert_true(typing_form(typing, number) < typing_forms(typing));
            assert_int_equal(typing_form(typing, number) == 0,
                             typing_way(typing, number) == TYPED_NOT);
            typing_name(typing, object, &text);
            assert_true(text.length > 0);
            (void)typing_field(typing, object, draw(600), &text);
            assert_true(typing_count(typing, object) <= object_size(&heap->objects, object));
            text_deinit(&text);
        }
    }
    typing_facts(typing, NULL, &facts);
    assert_int_equal(facts.objects + facts.by_way[TYPED_NOT], heap->objects.count);
}

static struct typing *open_typing(struct world *world)
{
    struct typing *typing = NULL;
    target_forget(world->target);
    assert_null(heap_open(&world->runtime, &world->heap));
    assert_null(typing_open(world->heap, &world->observation, NULL, &typing));
    ask(typing, world->heap);
    return typing;
}

static const char *name_of(struct typing *typing, uint32_t number)
{
    return typing_form_name(typing, typing_form(typing, number));
}

/* ---- what is right is found */

/* A list: the first one has a header (it is large), the others are known by the pointer that leads to them. */
static void test_a_list(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    put_pointer(&world, 1, 2);
    put_field(&world, 0, 1, 0);
    put_type(&world, 3, 2, 8, 0);
    put_field(&world, 1, 3, 8);
    put_struct(&world, 2, 16, 0, 2); /* {next, number} */
    put(&world, type_at(2) + 8, 8);
    put(&world, MASKS_AT + 2 * 8, 1);
    put(&world, MASKS_AT + 1 * 8, 1);
    put_type(&world, 4, KIND_ARRAY, 640, 640); /* [80]*node */
    put(&world, type_at(4) + 48, type_address(1));
    put(&world, type_at(4) + 64, 80);
    put(&world, MASKS_AT + 4 * 8, UINT64_MAX);
    add_span(&world, 1, 704, CLASS_HEADERS);
    add_span(&world, 1, 16, CLASS_BITS);
    uint64_t first = HEAP_AT, nodes = HEAP_AT + PAGE;
    put(&world, first, type_address(4));
    put(&world, first + 8, base + nodes);
    for (unsigned i = 0; i < 10; i++) {
        put(&world, nodes + i * 16, i < 9 ? base + nodes + (i + 1) * 16 : 0);
        world.bytes[nodes + PAGE - PAGE / 64 + i / 4] |= (uint8_t)(1 << i % 4 * 2);
    }
    struct typing *typing = open_typing(&world);
    uint32_t node = world.heap->objects.spans[1].first;
    assert_int_equal(typing_way(typing, 0), TYPED_HEADER);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(typing_form(typing, node + i), typing_form(typing, node));
        assert_int_equal(typing_way(typing, node + i), TYPED_PARENT);
    }
    assert_string_equal(name_of(typing, node), "Tca.");
    assert_int_equal(typing_form(typing, node + 10), 0);
    typing_close(typing);
    world_deinit(&world);
}

/* The same, but the object's own map says that another word is the pointer. */
static void test_the_map_refutes(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    put_pointer(&world, 1, 2);
    put(&world, MASKS_AT + 1 * 8, 1);
    put_struct(&world, 2, 16, 0, 1);
    put_field(&world, 0, 1, 0);
    put(&world, type_at(2) + 8, 8);
    put(&world, MASKS_AT + 2 * 8, 1);
    put_type(&world, 4, KIND_ARRAY, 640, 640);
    put(&world, type_at(4) + 48, type_address(1));
    put(&world, type_at(4) + 64, 80);
    put(&world, MASKS_AT + 4 * 8, 1);
    add_span(&world, 1, 704, CLASS_HEADERS);
    add_span(&world, 1, 16, CLASS_BITS);
    put(&world, HEAP_AT, type_address(4));
    put(&world, HEAP_AT + 8, base + HEAP_AT + PAGE);
    world.bytes[HEAP_AT + PAGE + PAGE - PAGE / 64] = 2;
    struct typing *typing = open_typing(&world);
    struct typing_facts facts;
    typing_facts(typing, NULL, &facts);
    assert_int_equal(typing_form(typing, world.heap->objects.spans[1].first), 0);
    assert_int_equal(facts.misfits, 1);
    typing_close(typing);
    world_deinit(&world);
}

/* ---- what is wrong does no harm */

/* Each with one object that has it as its header, and points to itself throughout. */
static void run_with_header(struct world *world, unsigned type)
{
    add_span(world, 1, 1024, CLASS_HEADERS);
    for (unsigned i = 0; i < PAGE; i += 8)
        put(world, HEAP_AT + i, base + HEAP_AT + 8);
    for (unsigned i = 0; i < 8; i++)
        put(world, HEAP_AT + i * UINT64_C(1024), type_address(type));
    typing_close(open_typing(world));
    world_deinit(world);
}

static void test_a_struct_that_contains_itself(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    put_struct(&world, 1, 512, 0, 3);
    for (unsigned i = 0; i < 3; i++)
        put_field(&world, i, 1, 0);
    run_with_header(&world, 1);
}

/* Four thousand fields, each of which is the same struct again. */
static void test_a_struct_that_branches(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    put_struct(&world, 1, 512, 0, UINT64_MAX);
    for (unsigned i = 0; i < 5000; i++)
        put_field(&world, i, 1, i % 64 * 8);
    run_with_header(&world, 1);
}

static void test_an_array_of_itself(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    put_type(&world, 1, KIND_ARRAY, 512, 512);
    put(&world, type_at(1) + 48, type_address(2));
    put(&world, type_at(1) + 64, 2);
    put_struct(&world, 2, 256, 0, 2);
    put_field(&world, 0, 1, 0);
    put_pointer(&world, 3, 1);
    put_field(&world, 1, 3, 0);
    run_with_header(&world, 1);
}

static void test_absurd_lengths(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {
        0, 1, 8, 7, UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 32, UINT64_C(1) << 63};
    for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
        for (size_t k = 0; k < LENGTH_OF(sizes); k++) {
            struct world world;
            world_init(&world);
            put_type(&world, 1, KIND_ARRAY, sizes[k], sizes[k]);
            put(&world, type_at(1) + 48, type_address(2));
            put(&world, type_at(1) + 64, sizes[i]);
            put_type(&world, 2, KIND_SLICE, 24, 8);
            put(&world, type_at(2) + 48, type_address(1));
            run_with_header(&world, 1 + (unsigned)(i % 2));
        }
    }
}

static void put_random_type(struct world *world, unsigned index)
{
    static const uint64_t sizes[] = {8, 16, 24, 32, 48, 64, 512, 1024, 0};
    uint64_t size = draw(8) ? sizes[draw(LENGTH_OF(sizes))] : draw(UINT64_MAX);
    put_type(world, index, 1 + (unsigned)draw(KINDS + 1), size,
             draw(2) ? size : draw(size + 1) & ~UINT64_C(7));
    uint64_t at = type_at(index);
    world->bytes[at + 20] = (uint8_t)draw(64);
    world->bytes[at + 23] |= (uint8_t)(draw(4) << 5);
    for (unsigned i = 48; i < 112; i += 8)
        put(world, at + i,
            draw(3)   ? type_address((unsigned)draw(TYPES))
            : draw(2) ? draw(200)
                      : draw(UINT64_MAX));
    if (world->bytes[at + 23] % 32 == KIND_STRUCT) {
        put(world, at + 56, base + FIELDS_AT + draw(1000) * 24);
        put(world, at + 64, draw(50));
    }
}

static uint64_t random_word(void)
{
    switch (draw(5)) {
    case 0:
        return type_address((unsigned)draw(TYPES));
    case 1:
        return draw(300);
    case 2:
        return 0;
    default:
        return base + HEAP_AT + draw(16 * PAGE / 8) * 8;
    }
}

static void test_random_types(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct world world;
        world_init(&world);
        for (unsigned i = 0; i < TYPES; i++)
            put_random_type(&world, i);
        for (unsigned i = 0; i < 1000; i++)
            put_field(&world, i, (unsigned)draw(TYPES), draw(16) ? draw(8) * 8 : draw(UINT64_MAX));
        for (unsigned i = 0; i < TYPES * 8; i += 8)
            put(&world, MASKS_AT + i, draw(2) ? UINT64_MAX : draw(UINT64_MAX));
        add_span(&world, 4, 1024, CLASS_HEADERS);
        add_span(&world, 2, 16, CLASS_BITS);
        add_span(&world, 2, 64, CLASS_BITS + 8);
        add_span(&world, 2, 512, CLASS_BITS + 20);
        add_span(&world, 2, 16, CLASS_NOSCAN);
        for (uint64_t at = HEAP_AT; at < HEAP_AT + 12 * PAGE; at += 8)
            put(&world, at, random_word());
        for (unsigned i = 0; i < 32; i++)
            put(&world, HEAP_AT + i * UINT64_C(1024), type_address((unsigned)draw(TYPES)));
        typing_close(open_typing(&world));
        world_deinit(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_list),
        cmocka_unit_test(test_the_map_refutes),
        cmocka_unit_test(test_a_struct_that_contains_itself),
        cmocka_unit_test(test_a_struct_that_branches),
        cmocka_unit_test(test_an_array_of_itself),
        cmocka_unit_test(test_absurd_lengths),
        cmocka_unit_test(test_random_types),
    };
    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
