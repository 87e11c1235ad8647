/* The heap's graph over made-up memory: objects and their numbers, bit maps of all formats against naive versions, random graphs against a naive walk, and
 * heaps that make no sense. That the graph is the one that Go's collector sees is for tests/cli/test_heap.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap/arena_bits.h"
#include "heap/pool.h"
#include "heap/roots.h"
#include "heap/span_queue.h"
#include "madeheap.h"
#include "memorytarget.h"

enum {
    PAGE = SPAN_PAGE_BYTES,
    MEMORY = 32 << 20,
    SPANS_AT = 0x1000, /* offsets in memory: the list of spans, */
    MSPANS_AT = 0x10000,
    BITS_AT = 0x40000, /* allocation bits, */
    TYPES_AT = 0x80000,
    MASKS_AT = 0xa0000,
    PLAIN_AT = 0x100000, /* what stands outside the heap, */
    HEAP_AT = 0x200000,  /* and the heap */
    MSPAN = 160,
    CLASS_SCAN = 10,
    CLASS_NOSCAN = 11,
};

static const address base = UINT64_C(0xc000000000);

struct world {
    uint8_t *bytes;
    struct target *target;
    struct program program;
    struct runtime runtime;
    uint64_t span_count, next_page;
    struct heap *heap;
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

static void put32(struct world *world, uint64_t at, uint32_t value)
{
    memcpy(world->bytes + at, &value, 4);
}

static void world_init(struct world *world, int minor)
{
    *world = (struct world){.bytes = xcalloc(1, MEMORY)};
    world->target = memory_target_create(base, world->bytes, MEMORY);
    world->program.info.go_minor = minor;
    world->program.module.noptrdata = base + PLAIN_AT;
    world->program.module.noptrbss_end = base + PLAIN_AT + 0x1000;
    world->runtime = (struct runtime){.target = world->target, .program = &world->program};
    world->runtime.globals.allspans = base + SPANS_AT;
    struct offsets *offsets = &world->runtime.offsets;
    *offsets = made_heap_offsets(MSPAN);
    offsets->mspan_large_type = minor >= 22 ? offsets->mspan_large_type : ABSENT;
    offsets->g_defer = 0;
    offsets->g_panic = 8;
    offsets->g_context = 16;
    offsets->g_wide_registers = ABSENT;
    offsets->defer_fn = 8;
    offsets->defer_link = 16;
    offsets->defer_head = ABSENT;
    world->next_page = HEAP_AT / PAGE;
}

static void world_deinit(struct world *world)
{
    heap_close(world->heap);
    target_close(world->target);
    VECTOR_DEINIT(&world->runtime.pc_facts);
    u64map_deinit(&world->runtime.pc_index);
    free(world->bytes);
}

/* A descriptor as it is given, where the heap goes on or at `start`. Returns its offset. */
static uint64_t add_span(struct world *world, address start, uint64_t pages, uint64_t size,
                         uint64_t objects, uint8_t class, address type)
{
    uint64_t at = MSPANS_AT + world->span_count * MSPAN;
    put(world, at, start ? start : base + world->next_page * PAGE);
    put(world, at + 8, pages);
    put(world, at + 16, size);
    world->bytes[at + 24] = SPAN_IN_USE;
    world->bytes[at + 25] = class;
    put(world, at + 32, objects);
    put(world, at + 40, 0);
    put(world, at + 48, base + BITS_AT + world->span_count * 256);
    put(world, at + 72, type);
    put(world, SPANS_AT + 32 + world->span_count * 8, base + at);
    world->span_count++;
    world->next_page += start ? 0 : pages;
    put(world, SPANS_AT, base + SPANS_AT + 32);
    put(world, SPANS_AT + 8, world->span_count);
    target_forget(world->target);
    return at;
}

static struct error *open_heap(struct world *world)
{
    target_forget(world->target);
    return heap_open(&world->runtime, &world->heap);
}

static void fails(struct error *error, enum error_code code)
{
    assert_non_null(error);
    assert_int_equal(error_code(error), code);
    error_destroy(error);
}

/* ---- objects */

static void check_address(const struct objects *objects, const struct span *span, uint32_t index,
                          uint64_t into)
{
    struct object object;
    uint64_t expected = into / span->element_size;
    bool found = objects_at(objects, span->start + into, &object);
    assert_int_equal(found, expected < span->objects);
    if (!found)
        return;
    assert_int_equal(object.span, index);
    assert_int_equal(object.index, expected);
    assert_int_equal(object_address(objects, object), span->start + expected * span->element_size);
    assert_int_equal(object_size(objects, object), span->element_size);
}

/* Each size that Go could choose, in spans of up to ten pages: first and last byte of each object, and what is left behind the last. */
static void test_every_address_has_its_object(void **state)
{
    (void)state;
    struct spans spans = {0};
    address next = base;
    for (uint64_t size = 8; size <= 32768; size += size < 1024 ? 8 : 136) {
        uint64_t pages = 1 + size / PAGE + draw(5);
        struct span span = {.start = next,
                            .pages = pages,
                            .element_size = size,
                            .objects = (uint32_t)(pages * PAGE / size),
                            .state = SPAN_IN_USE};
        next += (pages + draw(3)) * PAGE;
        VECTOR_PUSH(&spans.list, span);
        if (draw(4) == 0) {
            span.start = next;
            span.state = SPAN_MANUAL;
            next += pages * PAGE;
            VECTOR_PUSH(&spans.list, span);
        }
    }
    struct objects objects;
    assert_null(objects_open(&spans, &objects));
    uint32_t number = 0;
    for (uint32_t i = 0; i < spans.list.length; i++) {
        const struct span *span = &spans.list.at[i];
        assert_int_equal(span->state, SPAN_IN_USE);
        for (uint32_t object = 0; object < span->objects; object++) {
            check_address(&objects, span, i, object * span->element_size);
            check_address(&objects, span, i, (object + 1) * span->element_size - 1);
            assert_int_equal(object_number(&objects, (struct object){i, object}), number++);
        }
        check_address(&objects, span, i, span->pages * PAGE - 1);
    }
    assert_int_equal(objects.count, number);
    struct object object;
    assert_false(objects_at(&objects, 0, &object));
    assert_false(objects_at(&objects, base - 1, &object));
    assert_false(objects_at(&objects, next, &object));
    assert_false(objects_at(&objects, UINT64_MAX, &object));
    assert_false(objects_at(&objects, UINT64_C(1) << 48, &object));
    objects_close(&objects);
    spans_deinit(&spans);
}

/* One that crosses the border of an arena, and one that fills several. */
static void test_large_objects(void **state)
{
    (void)state;
    struct spans spans = {0};
    address border = base + (UINT64_C(1) << ARENA_BITS);
    const struct span crossing = {.start = border - 3 * PAGE,
                                  .pages = 9,
                                  .element_size = 9 * PAGE,
                                  .objects = 1,
                                  .state = SPAN_IN_USE};
    const struct span vast = {.start = border + (UINT64_C(1) << ARENA_BITS),
                              .pages = 3 * ARENA_PAGES + 1,
                              .element_size = (3 * ARENA_PAGES + 1) * (uint64_t)PAGE,
                              .objects = 1,
                              .state = SPAN_IN_USE};
    VECTOR_PUSH(&spans.list, crossing);
    VECTOR_PUSH(&spans.list, vast);
    struct objects objects;
    struct object object = {0};
    assert_null(objects_open(&spans, &objects));
    assert_int_equal(objects.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const struct span *span = &spans.list.at[i];
        for (uint64_t into = 0; into < span->element_size; into += PAGE / 2) {
            assert_true(objects_at(&objects, span->start + into, &object));
            assert_int_equal(object_number(&objects, object), i);
        }
        assert_false(objects_at(&objects, span->start - 1, &object));
        assert_false(objects_at(&objects, span->start + span->pages * PAGE, &object));
        assert_int_equal(object_size(&objects, (struct object){i, 0}), span->element_size);
    }
    objects_close(&objects);
    spans_deinit(&spans);
}

/* ---- the order of spans */

/* Adds and takes at random: what is taken is what waits, once for each time that it was added, and nothing stays behind. */
static void shuffle_queue(uint32_t spans, unsigned steps)
{
    struct span_queue queue;
    AUTO_FREE bool *waits = xcalloc(spans, sizeof(*waits));
    size_t length = 0;
    uint32_t span;
    span_queue_open(&queue, spans);
    for (unsigned i = 0; i < steps; i++) {
        uint32_t added = (uint32_t)draw(spans);
        bool fills = i < steps / 2;
        if (!waits[added] && (fills || draw(3) == 0)) {
            span_queue_add(&queue, added);
            waits[added] = true;
            length++;
        }
        if (draw(fills ? 3 : 1) == 0 && span_queue_take(&queue, &span)) {
            assert_true(span < spans && waits[span]);
            waits[span] = false;
            length--;
        }
    }
    for (; span_queue_take(&queue, &span); length--) {
        assert_true(span < spans && waits[span]);
        waits[span] = false;
    }
    assert_int_equal(length, 0);
    span_queue_close(&queue);
}

/* Sizes around those at which another word or level begins. */
static void test_spans_are_taken_once_each(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1,    2,    63,   64,     65,     127,    128,
                                     4095, 4096, 4097, 262143, 262144, 262145, 300000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        shuffle_queue(sizes[i], 20000);
}

/* What was added before any was taken comes by its number. */
static void test_spans_are_taken_in_order(void **state)
{
    (void)state;
    static const uint32_t added[] = {262144, 5, 64, 0, 4096, 63, 299999, 4095};
    static const uint32_t order[] = {0, 5, 63, 64, 4095, 4096, 262144, 299999};
    struct span_queue queue;
    uint32_t span;
    span_queue_open(&queue, 300000);
    for (size_t i = 0; i < 8; i++)
        span_queue_add(&queue, added[i]);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(span_queue_take(&queue, &span));
        assert_int_equal(span, order[i]);
    }
    assert_false(span_queue_take(&queue, &span));
    span_queue_add(&queue, 7); /* before the place: it comes round */
    assert_true(span_queue_take(&queue, &span));
    assert_int_equal(span, 7);
    span_queue_close(&queue);
}

/* ---- heaps that make no sense */

static void test_a_span_of_terabytes(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 26);
    add_span(&world, base, UINT64_C(1) << 33, UINT64_C(1) << 46, 1, CLASS_SCAN, 0);
    fails(open_heap(&world), ERROR_LIMIT);
    world_deinit(&world);
}

static void test_spans_of_very_many_objects(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 26);
    for (unsigned i = 0; i < 300; i++)
        add_span(&world, base + (i + 1) * (UINT64_C(1) << 27), UINT64_C(1) << 14, 8, 1 << 24,
                 CLASS_NOSCAN, 0);
    struct error *error = open_heap(&world); /* refused, or these spans are no spans */
    if (error)
        fails(error, ERROR_LIMIT);
    world_deinit(&world);
}

static void test_senseless_spans(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct world world;
        world_init(&world, 18 + (int)draw(10));
        world.runtime.offsets.mspan_large_type = 72; /* without arenas */
        for (unsigned i = 0; i < 20; i++) {
            static const uint64_t odd[] = {0,
                                           1,
                                           7,
                                           8,
                                           9,
                                           24,
                                           4096,
                                           8191,
                                           8192,
                                           1 << 20,
                                           UINT32_MAX,
                                           UINT64_C(1) << 36,
                                           UINT64_C(1) << 63,
                                           UINT64_MAX};
            address start = draw(3) ? base + HEAP_AT + draw(64) * PAGE : odd[draw(14)];
            uint64_t at = add_span(&world, start, draw(2) ? 1 + draw(8) : odd[draw(12)],
                                   draw(2) ? 8 * draw(4096) : odd[draw(14)],
                                   draw(2) ? draw(1024) : odd[draw(14)], (uint8_t)draw(256),
                                   draw(2) ? base + draw(MEMORY) : odd[draw(14)]);
            put(&world, at + 48, draw(2) ? base + BITS_AT : odd[draw(14)]);
            put(&world, at + 40, odd[draw(14)]);
        }
        for (unsigned i = 0; i < 2000; i++)
            put(&world, HEAP_AT + draw(64 * 1024) * 8, base + draw(MEMORY));
        struct error *error = open_heap(&world);
        if (!error) {
            struct marker marker;
            marker_open(world.heap, &marker);
            for (unsigned i = 0; i < 2000; i++) {
                marker_reach(&marker, base + HEAP_AT + draw(64 * PAGE));
                marker_reach_perhaps(&marker, base + HEAP_AT + draw(64 * PAGE));
            }
            marker_drain(&marker);
            assert_true(marker.objects <= world.heap->objects.count);
            marker_close(&marker);
        }
        error_destroy(error);
        world_deinit(&world);
    }
}

/* Bytes of a span that can't be read are a hole: what hangs on it is not reached, and that is counted. */
static void test_a_hole_in_the_heap(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 26);
    add_span(&world, base + MEMORY, 4, 64, 400, CLASS_SCAN, 0);
    assert_null(open_heap(&world));
    struct marker marker;
    marker_open(world.heap, &marker);
    marker_reach(&marker, base + MEMORY + 640);
    marker_reach(&marker, base + MEMORY + 6400);
    marker_drain(&marker);
    assert_int_equal(marker.objects, 2);
    assert_int_equal(world.heap->unreadable_bytes, 4 * PAGE);
    struct object object;
    assert_true(objects_at(&world.heap->objects, base + MEMORY, &object));
    uint64_t at = MSPANS_AT;
    (void)at;
    assert_false(heap_is_allocated(world.heap, object));
    world.heap->spans.list.at[0].alloc_bits = 8; /* nowhere: then it may be */
    assert_true(heap_is_allocated(world.heap, object));
    marker_close(&marker);
    world_deinit(&world);
}

static void test_specials_in_a_loop(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 26);
    uint64_t at = add_span(&world, 0, 1, 64, 100, CLASS_SCAN, 0);
    put(&world, at + 64, base + PLAIN_AT);
    for (unsigned i = 0; i < 5; i++) {
        put(&world, PLAIN_AT + i * 64, base + PLAIN_AT + (i + 1) % 5 * 64);
        put(&world, PLAIN_AT + i * 64 + 8, i == 3 ? UINT64_MAX : i * 640);
        world.bytes[PLAIN_AT + i * 64 + 16] = 2;
    }
    assert_null(open_heap(&world));
    struct marker marker;
    marker_open(world.heap, &marker);
    fails(finalizer_roots(&marker, true), ERROR_FAULT);
    put(&world, PLAIN_AT, 1); /* and one that leads nowhere */
    target_forget(world.target);
    fails(finalizer_roots(&marker, true), ERROR_FAULT);
    marker_close(&marker);
    world_deinit(&world);
}

/* ---- masks of types */

enum {
    ON_DEMAND = 16,
    PROGRAM = 64,
};

static address add_type(struct world *world, unsigned which, uint64_t size, uint64_t used,
                        address mask, uint8_t flags, uint8_t kind)
{
    uint64_t at = TYPES_AT + which * 64;
    put(world, at, size);
    put(world, at + 8, used);
    world->bytes[at + 20] = flags;
    world->bytes[at + 23] = kind;
    put(world, at + 32, mask);
    return base + at;
}

static struct type_masks masks_of(struct world *world)
{
    return (struct type_masks){.target = world->target,
                               .go_minor = world->program.info.go_minor,
                               .data_low = base + PLAIN_AT,
                               .data_high = base + PLAIN_AT + 0x1000};
}

static void test_masks(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 26);
    struct type_masks masks = masks_of(&world);
    memset(world.bytes + MASKS_AT, 0xff, 64);
    address plain = add_type(&world, 0, 800, 568, base + MASKS_AT, 0, 0);
    address none = add_type(&world, 1, 16, 0, 0, 0, 0);
    address made = add_type(&world, 2, 80, 80, base + MASKS_AT + 128, ON_DEMAND, 0);
    address unmade = add_type(&world, 3, 80, 80, base + MASKS_AT + 136, ON_DEMAND, 0);
    address making = add_type(&world, 4, 80, 80, base + MASKS_AT + 144, ON_DEMAND, 0);
    put(&world, MASKS_AT + 128, base + MASKS_AT);
    put(&world, MASKS_AT + 144, base + PLAIN_AT + 8); /* the address of inProgress */
    struct type_mask mask = *type_mask_of(&masks, plain);
    assert_true(mask.known);
    assert_int_equal(mask.words, 100);
    assert_int_equal(mask.used, 71);
    assert_int_equal(mask.bits[0], UINT64_MAX);
    assert_int_equal(mask.bits[1], 0x7f); /* what stands behind is not of this type */
    assert_ptr_equal(type_mask_of(&masks, plain)->bits, mask.bits);
    assert_true(type_mask_of(&masks, none)->known);
    assert_int_equal(type_mask_of(&masks, none)->used, 0);
    assert_true(type_mask_of(&masks, made)->known);
    assert_int_equal(type_mask_of(&masks, made)->bits[0], 0x3ff);
    assert_false(type_mask_of(&masks, unmade)->known);
    assert_false(type_mask_of(&masks, making)->known);
    type_masks_close(&masks);
    world_deinit(&world);
}

/* Up to 1.23 a flag says that the mask is made by a program; the types that stand in for those since 1.22 have ready ones. */
static void test_masks_by_program(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 23);
    struct type_masks masks = masks_of(&world);
    world.bytes[MASKS_AT] = 5;
    address program = add_type(&world, 0, 80, 80, base + MASKS_AT, 0, PROGRAM | 17);
    address ready = add_type(&world, 1, 80, 80, base + MASKS_AT, ON_DEMAND, PROGRAM | 17);
    address usual = add_type(&world, 2, 80, 80, base + MASKS_AT, 0, 17);
    assert_false(type_mask_of(&masks, program)->known);
    assert_true(type_mask_of(&masks, ready)->known);
    assert_int_equal(type_mask_of(&masks, usual)->bits[0], 5);
    type_masks_close(&masks);
    world_deinit(&world);
}

static void test_senseless_types(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 26);
    struct type_masks masks = masks_of(&world);
    const address types[] = {
        0,
        1,
        UINT64_MAX,
        base + 4,
        base + MEMORY,
        add_type(&world, 1, 16, 24, base + MASKS_AT, 0, 0),
        add_type(&world, 2, 12, 8, base + MASKS_AT, 0, 0),
        add_type(&world, 3, UINT64_MAX & ~UINT64_C(7), UINT64_MAX & ~UINT64_C(7), base + MASKS_AT,
                 0, 0),
        add_type(&world, 4, UINT64_C(1) << 40, UINT64_C(1) << 40, base + MASKS_AT, 0, 0),
        add_type(&world, 5, 16, 16, 0, 0, 0),
        add_type(&world, 6, 16, 16, base + MEMORY, 0, 0),
        add_type(&world, 7, 16, 16, 1, ON_DEMAND, 0),
    };
    for (size_t i = 0; i < LENGTH_OF(types); i++)
        assert_false(type_mask_of(&masks, types[i])->known);
    type_masks_close(&masks);
    world_deinit(&world);
}

/* ---- random graphs against a naive walk */

struct model { /* which words of the heap are pointers, and what is reached */
    bool pointer[MEMORY / 8];
    bool guess[MEMORY / 8];
    bool fixed[MEMORY / 8]; /* headers and bit maps */
    uint8_t reached[MEMORY / PAGE * 1024];
};

/* Lays a type's mask over an object's words. */
static void lay_type(struct world *world, struct model *model, address type, uint64_t from,
                     uint64_t words, bool known)
{
    uint64_t at = type - base, size = load_u64(world->bytes + at) / 8;
    uint64_t used = load_u64(world->bytes + at + 8) / 8,
             mask = load_u64(world->bytes + at + 32) - base;
    if (world->bytes[at + 20] & ON_DEMAND)
        mask = load_u64(world->bytes + mask) - base;
    for (uint64_t i = 0; i < words; i++) {
        uint64_t word = i % size;
        if (!known)
            model->guess[from + i] = true;
        else
            model->pointer[from + i] = word < used && world->bytes[mask + word / 8] >> word % 8 & 1;
    }
}

enum {
    TYPES = 40
};

/* Every fifth has no mask yet. */
static void make_types(struct world *world, address *types, bool *known)
{
    for (unsigned i = 0; i < TYPES; i++) {
        uint64_t words = 1 + draw(i % 3 ? 20 : 600), used = draw(words + 1);
        uint64_t mask = MASKS_AT + i * 512;
        for (unsigned j = 0; j < 256; j++)
            world->bytes[mask + j] = (uint8_t)draw(256);
        put(world, mask + 256, i % 5 == 4 ? 0 : base + mask);
        bool demanded = i % 5 > 2;
        types[i] = add_type(world, i, words * 8, used * 8, base + (demanded ? mask + 256 : mask),
                            demanded ? ON_DEMAND : 0, 0);
        known[i] = i % 5 != 4 || !used;
    }
}

static void make_spans(struct world *world, struct model *model, const address *types,
                       const bool *known)
{
    for (unsigned i = 0; i < 60; i++) {
        uint64_t from = world->next_page * (PAGE / 8), size = 8 * (1 + draw(64)), at = 0;
        uint64_t pages = 1 + draw(3), room = pages * PAGE, header = 520 + 8 * draw(500);
        unsigned type = (unsigned)draw(TYPES);
        switch (draw(4)) {
        case 0:
            at = add_span(world, 0, pages, size, room / size, CLASS_NOSCAN, 0);
            break;
        case 1: /* bits at the end */
            memset(model->fixed + from + (room - room / 64) / 8, true, room / 64 / 8);
            room -= room / 64;
            at = add_span(world, 0, pages, size, room / size, CLASS_SCAN, 0);
            for (uint64_t word = 0; word < room / size * (size / 8); word++) {
                bool bit = draw(4) == 0;
                model->pointer[from + word] = bit;
                world->bytes[from * 8 + room + word / 8] |= (uint8_t)(bit << word % 8);
            }
            break;
        case 2:
            at = add_span(world, 0, pages, header, room / header, CLASS_SCAN, 0);
            for (uint64_t object = 0; object < room / header; object++) {
                type = (unsigned)draw(TYPES);
                put(world, from * 8 + object * header, types[type]);
                model->fixed[from + object * (header / 8)] = true;
                lay_type(world, model, types[type], from + object * (header / 8) + 1,
                         header / 8 - 1, known[type]);
            }
            break;
        default:
            at = add_span(world, 0, pages, room, 1, 0, types[type]);
            lay_type(world, model, types[type], from, room / 8, known[type]);
        }
        for (unsigned byte = 0; byte < 256; byte++)
            world->bytes[load_u64(world->bytes + at + 48) - base + byte] = (uint8_t)draw(256);
        put(world, at + 40, draw(5));
    }
}

/* Any word, headers and bit maps aside: a pointer to somewhere in the heap, or something else. */
static void make_words(struct world *world, const struct model *model)
{
    for (uint64_t word = HEAP_AT / 8; word < world->next_page * (PAGE / 8); word++) {
        if (model->fixed[word])
            continue;
        uint64_t heap = world->next_page * PAGE - HEAP_AT;
        put(world, word * 8, draw(3) ? draw(1000) : base + HEAP_AT - PAGE + draw(heap + 2 * PAGE));
    }
}

/* The same by the descriptors and the model alone, without any of the code that is tested. */
static bool naive_at(const struct world *world, address at, uint64_t *span_ret, uint64_t *index_ret)
{
    for (uint64_t i = 0; i < world->span_count; i++) {
        const uint8_t *span = world->bytes + MSPANS_AT + i * MSPAN;
        address start = load_u64(span);
        uint64_t index = (at - start) / load_u64(span + 16);
        if (at < start || at >= start + load_u64(span + 8) * PAGE)
            continue;
        *span_ret = i;
        *index_ret = index;
        return index < load_u64(span + 32);
    }
    return false;
}

static void naive_reach(const struct world *world, struct model *model, address at, bool perhaps)
{
    struct todo VECTOR_OF(address) todo = {0};
    struct todo_perhaps VECTOR_OF(bool) todo_perhaps = {0};
    VECTOR_PUSH(&todo, at);
    VECTOR_PUSH(&todo_perhaps, perhaps);
    while (todo.length) {
        uint64_t span = 0, index = 0;
        at = todo.at[--todo.length];
        perhaps = todo_perhaps.at[--todo_perhaps.length];
        if (!naive_at(world, at, &span, &index))
            continue;
        const uint8_t *descriptor = world->bytes + MSPANS_AT + span * MSPAN;
        const uint8_t *bits = world->bytes + (load_u64(descriptor + 48) - base);
        bool allocated = index < load_u64(descriptor + 40) || bits[index / 8] >> index % 8 & 1;
        uint64_t size = load_u64(descriptor + 16);
        uint64_t first = (load_u64(descriptor) + index * size - base) / 8;
        if ((perhaps && !allocated) || model->reached[first])
            continue;
        model->reached[first] = 1;
        for (uint64_t word = first; word < first + size / 8; word++) {
            if (!model->pointer[word] && !model->guess[word])
                continue;
            VECTOR_PUSH(&todo, load_u64(world->bytes + word * 8));
            VECTOR_PUSH(&todo_perhaps, !model->pointer[word]);
        }
    }
    VECTOR_DEINIT(&todo);
    VECTOR_DEINIT(&todo_perhaps);
}

static void check_reached(const struct world *world, const struct model *model,
                          const struct marker *marker)
{
    uint64_t objects = 0, bytes = 0;
    const struct objects *all = &world->heap->objects;
    for (uint32_t span = 0; span < all->span_count; span++) {
        for (uint32_t i = 0; i < all->spans[span].count; i++) {
            struct object object = {span, i};
            bool reached = model->reached[(object_address(all, object) - base) / 8];
            assert_int_equal(marker_has(marker, object_number(all, object)), reached);
            objects += reached;
            bytes += reached ? object_size(all, object) : 0;
        }
    }
    assert_int_equal(marker->objects, objects);
    assert_int_equal(marker->bytes, bytes);
}

static void test_random_graphs(void **state)
{
    (void)state;
    struct model *model = xmalloc(sizeof(*model));
    for (unsigned round = 0; round < 60; round++) {
        struct world world;
        struct marker marker;
        address types[TYPES];
        bool known[TYPES];
        seed = round + 1;
        memset(model, 0, sizeof(*model));
        world_init(&world, 26);
        make_types(&world, types, known);
        make_spans(&world, model, types, known);
        make_words(&world, model);
        assert_null(open_heap(&world));
        marker_open(world.heap, &marker);
        for (unsigned i = 0; i < 6; i++) {
            address at = base + HEAP_AT + draw((world.next_page - HEAP_AT / PAGE) * PAGE);
            bool perhaps = draw(2);
            if (perhaps)
                marker_reach_perhaps(&marker, at);
            else
                marker_reach(&marker, at);
            marker_drain(&marker);
            naive_reach(&world, model, at, perhaps);
            check_reached(&world, model, &marker);
        }
        marker_close(&marker);
        world_deinit(&world);
    }
    free(model);
}

/* ---- more than the marker's stack has room for */

enum {
    PAIR = 16,                                 /* bytes of each object: a pointer, and a number */
    PAIRS_IN_SPAN = (PAGE - PAGE / 64) / PAIR, /* bits at the end */
    PAIRS = 3 * MARK_STACK_ROOM / PAIRS_IN_SPAN * PAIRS_IN_SPAN,
    LEFT_OUT = 7 /* one of so many is in no slice */
};

/* Spans of pairs. Returns the offset of the first. */
static uint64_t add_pairs(struct world *world)
{
    uint64_t from = world->next_page * PAGE;
    for (uint64_t i = 0; i < PAIRS / PAIRS_IN_SPAN; i++) {
        uint64_t span = world->next_page * PAGE;
        add_span(world, 0, 1, PAIR, PAIRS_IN_SPAN, CLASS_SCAN, 0);
        memset(world->bytes + span + PAGE - PAGE / 64, 0x55, PAGE / 64); /* each first word */
    }
    return from;
}

static uint64_t pair_at(uint64_t from, uint64_t i)
{
    return from + i / PAIRS_IN_SPAN * PAGE + i % PAIRS_IN_SPAN * PAIR;
}

/* A slice of pointers to most of many pairs, in no order, each of which leads to another pair: the slice is followed at once. */
static void test_more_than_the_stack_holds(void **state)
{
    (void)state;
    struct world world;
    struct marker marker;
    world_init(&world, 26);
    world.bytes[MASKS_AT] = 1;
    address pointer = add_type(&world, 0, 8, 8, base + MASKS_AT, 0, 0);
    uint64_t slice = world.next_page * PAGE, pages = (uint64_t)PAIRS * 8 / PAGE + 1;
    add_span(&world, 0, pages, pages * PAGE, 1, 0, pointer);
    uint64_t first = add_pairs(&world), second = add_pairs(&world);
    for (uint64_t i = 0; i < PAIRS; i++) {
        uint64_t item = i * 40507 % PAIRS; /* each once: the two have no common divisor */
        put(&world, slice + i * 8, item % LEFT_OUT ? base + pair_at(first, item) : 0);
        put(&world, pair_at(first, item), base + pair_at(second, PAIRS - 1 - item));
    }
    assert_null(open_heap(&world));
    marker_open(world.heap, &marker);
    marker_reach(&marker, base + slice);
    marker_drain(&marker);
    uint64_t reached = 0;
    for (uint64_t i = 0; i < PAIRS; i++) {
        struct object item = {0}, leaf = {0};
        assert_true(objects_at(&world.heap->objects, base + pair_at(first, i), &item));
        assert_true(objects_at(&world.heap->objects, base + pair_at(second, PAIRS - 1 - i), &leaf));
        bool expected = i % LEFT_OUT;
        assert_int_equal(marker_has(&marker, object_number(&world.heap->objects, item)), expected);
        assert_int_equal(marker_has(&marker, object_number(&world.heap->objects, leaf)), expected);
        reached += expected ? 2 : 0;
    }
    assert_int_equal(marker.objects, 1 + reached);
    marker_close(&marker);
    world_deinit(&world);
}

/* ---- watched and hidden objects */

static void test_watched_objects(void **state)
{
    (void)state;
    struct world world;
    struct marker marker;
    world_init(&world, 26);
    uint64_t from = HEAP_AT;
    add_span(&world, 0, 1, 16, 500, CLASS_SCAN, 0);
    world.bytes[from + PAGE - 128] = 0x15; /* first words of the objects 0, 1 and 2 */
    put(&world, from, base + from + 16);
    put(&world, from + 16, base + from + 32);
    put(&world, from + 32, base + from);
    memset(world.bytes + BITS_AT, 0xff, 64);
    assert_null(open_heap(&world));
    marker_open(world.heap, &marker);
    marker_watch(&marker, (struct object){0, 2});
    marker_hide(&marker, 1);
    marker_reach(&marker, base + from);
    marker_drain(&marker);
    assert_int_equal(marker.objects, 1); /* what hangs on the hidden one is not reached */
    assert_int_equal(marker.woken.length, 0);
    marker_unhide(&marker, (struct object){0, 1});
    marker_drain(&marker);
    assert_int_equal(marker.objects, 3);
    assert_int_equal(marker.woken.length, 1);
    assert_int_equal(marker.woken.at[0], 2);
    marker_reach(&marker, base + from + 40); /* once more: no news */
    assert_int_equal(marker.woken.length, 1);
    marker_reach_guess(&marker, base + from + 40);
    assert_int_equal(marker.woken.length, 1);
    marker_reach_perhaps(&marker, base + from + 40); /* but in a register of the runtime it is */
    assert_int_equal(marker.woken.length, 2);
    marker_close(&marker);
    world_deinit(&world);
}

/* ---- bits of the arena, up to 1.21 */

enum {
    ARENAS_AT = 0x1000,   /* in a memory of their own: the variable, */
    LIST_AT = 0x2000,     /* the list of arenas, */
    ARENA_AT = 0x1010000, /* and two of them */
    ARENA_ROOM = 0x400000,
    ARENA_MEMORY = 0x2000000,
};

struct arena_world {
    uint8_t *bytes;
    struct program program;
    struct runtime runtime;
    address heap; /* where the span is: not in memory */
};

static void arena_world_init(struct arena_world *world, int minor, enum architecture arch,
                             struct span *span)
{
    const address start = 0x10000000;
    static const address middle = UINT64_C(0x7c000000) - 3 * PAGE; /* of a span over two arenas */
    *world = (struct arena_world){.bytes = xcalloc(1, ARENA_MEMORY)};
    world->program.arch = arch;
    world->program.info.go_minor = minor;
    world->program.module.bss = start + ARENAS_AT;
    world->program.module.bss_end = start + ARENAS_AT + 64;
    world->runtime =
        (struct runtime){.target = memory_target_create(start, world->bytes, ARENA_MEMORY),
                         .program = &world->program};
    world->runtime.globals.allspans = start;
    world->runtime.offsets = (struct offsets){.mspan_pages = 8,
                                              .mspan_element_size = 16,
                                              .mspan_state = 24,
                                              .mspan_class = 25,
                                              .mspan_objects = 32,
                                              .mspan_free_index = 40,
                                              .mspan_alloc_bits = 48,
                                              .mspan_mark_bits = 56,
                                              .mspan_specials = 64,
                                              .mspan_large_type = ABSENT,
                                              .mspan_user_arena = ABSENT,
                                              .mspan_sweepgen = ABSENT,
                                              .mspan_size = 96,
                                              .has_objects = true};
    span->start = middle;
    uint64_t *words = (uint64_t *)(void *)world->bytes;
    words[0] = start + 0x100;
    words[1] = 1;
    words[0x100 / 8] = start + 0x200;
    memcpy(world->bytes + 0x200,
           &(uint64_t[]){middle, span->pages, span->element_size, SPAN_IN_USE, span->objects}, 40);
    words[ARENAS_AT / 8 + 2] = start + LIST_AT;
    uint64_t first = (middle >> 26) + (arch == ARCH_AMD64 ? UINT64_C(1) << 21 : 0);
    words[LIST_AT / 8 + first] = start + ARENA_AT;
    words[LIST_AT / 8 + first + 1] = start + ARENA_AT + ARENA_ROOM;
    uint64_t spans = minor >= 20 ? 0x104000 : 0x200000;
    words[(ARENA_AT + spans) / 8 + middle / PAGE % 8192] = start + 0x200;
}

static bool naive_bit(const struct arena_world *world, const struct span *span, uint64_t word,
                      bool one_bit)
{
    uint64_t each = span->element_size / 8, first = word / each * each;
    for (uint64_t at = first; at <= word; at++) {
        uint64_t place = (span->start + at * 8) >> 3;
        const uint8_t *arena =
            world->bytes + ARENA_AT + ((place >> 23) - (span->start >> 26)) * ARENA_ROOM;
        uint64_t in = place % (1 << 23);
        if (one_bit) {
            bool ends = in % 64 == 63 && arena[0x100000 + in / 64 / 8] >> in / 64 % 8 & 1;
            if (at == word)
                return arena[in / 8] >> in % 8 & 1;
            if (ends)
                return false;
        } else {
            uint8_t byte = (uint8_t)(arena[in / 4] >> in % 4);
            if (!(byte & 0x10))
                return false;
            if (at == word)
                return byte & 1;
        }
    }
    return false;
}

static void test_bits_of_arenas(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {8, 24, 48, 512, 520, 1024, 6528, 9 * PAGE};
    for (unsigned i = 0; i < LENGTH_OF(sizes) * 4; i++) {
        struct arena_world world;
        struct span span = {.pages = 9, .element_size = sizes[i / 4]};
        bool one_bit = i & 1;
        span.objects = (uint32_t)(9 * PAGE / span.element_size);
        arena_world_init(&world, one_bit ? 20 + (int)draw(2) : 18 + (int)draw(2),
                         i & 2 ? ARCH_AMD64 : ARCH_ARM64, &span);
        for (unsigned arena = 0; arena < 2; arena++) {
            uint8_t *bits = world.bytes + ARENA_AT + arena * ARENA_ROOM;
            uint64_t keep = one_bit ? 0x100000 : 0x200000;
            for (uint64_t at = 0; at < 0x10000; at++) {
                bits[at] = bits[keep - 1 - at] = (uint8_t)(draw(256) | (draw(3) ? 0xf0 : 0));
                if (one_bit && at < 2048)
                    bits[keep + at] = bits[keep + 16383 - at] = (uint8_t)(draw(256) & draw(256));
            }
        }
        struct spans spans = {0};
        struct arena_bits *bits = NULL;
        struct pool *pool = pool_create(1 << 30);
        VECTOR_PUSH(&spans.list, span);
        assert_null(arena_bits_open(&world.runtime, &spans, &bits));
        const uint64_t *map = arena_bits_of(bits, pool, &span);
        assert_non_null(map);
        for (uint64_t word = 0; word < span.objects * (span.element_size / 8); word++)
            assert_int_equal(map[word / 64] >> word % 64 & 1,
                             naive_bit(&world, &span, word, one_bit));
        span.pages = UINT64_C(1) << 36;
        assert_null(arena_bits_of(bits, pool, &span)); /* more than there is */
        arena_bits_close(bits);
        world.program.module.bss_end = world.program.module.bss + 16; /* before the variable */
        fails(arena_bits_open(&world.runtime, &spans, &bits), ERROR_UNSUPPORTED);
        pool_destroy(pool);
        spans_deinit(&spans);
        target_close(world.runtime.target);
        free(world.bytes);
    }
}

/* ---- stacks */

enum {
    STACK_AT = PLAIN_AT + 0x10000,
    STACK_WORDS = 64,
    G_AT = PLAIN_AT + 0x8000,
    PC = 0x400000,
};

struct stack_world {
    struct world world;
    struct marker marker;
    struct stack_scanner scanner;
    struct stack_table stacks;
    struct goroutine goroutine;
};

/* A heap of 100 objects without pointers, and a goroutine whose stack has three frames of 8 words: locals, saved frame pointer, return address. */
static void stack_world_init(struct stack_world *stack)
{
    *stack = (struct stack_world){0};
    struct world *world = &stack->world;
    world_init(world, 26);
    add_span(world, 0, 1, 64, 100, CLASS_NOSCAN, 0);
    memset(world->bytes + BITS_AT, 0xff, 64);
    assert_null(open_heap(world));
    marker_open(world->heap, &stack->marker);
    stack_scanner_open(&stack->marker, &stack->scanner);
    for (unsigned i = 0; i < 4; i++) {
        const struct pc_facts facts = {
            .known = true, .sp_delta = 56, .entry = PC + i * 256, .ends = i == 3};
        u64map_set(&world->runtime.pc_index, PC + i * 256 + 16, (uint32_t)i);
        VECTOR_PUSH(&world->runtime.pc_facts, facts);
        u64map_set(&stack->scanner.maps.by_pc, PC + i * 256 + 15, (uint32_t)i);
        VECTOR_PUSH(&stack->scanner.maps.list, (struct frame_map){.known = true});
        put(world, STACK_AT + i * 64 + 56, PC + (i + 1) * 256 + 16);
    }
    const address pc = PC + 16;
    struct stack walked = {.kept = 1, .depth = 4, .complete = true};
    stack->goroutine = (struct goroutine){.at = base + G_AT,
                                          .stack_low = base + STACK_AT,
                                          .stack_high = base + STACK_AT + STACK_WORDS * 8,
                                          .sp = base + STACK_AT,
                                          .state = GOROUTINE_WAITING};
    stack->goroutine.stack = stack_table_intern(&stack->stacks, &pc, &walked);
}

static void stack_world_deinit(struct stack_world *stack)
{
    stack_table_deinit(&stack->stacks);
    stack_scanner_close(&stack->scanner);
    marker_close(&stack->marker);
    world_deinit(&stack->world);
}

static address object_at(uint32_t number)
{
    return base + HEAP_AT + number * UINT64_C(64);
}

/* Scans, and says which of the first 64 objects were reached. */
static uint64_t scan(struct stack_world *stack)
{
    target_forget(stack->world.target);
    stack_roots(&stack->scanner, &stack->goroutine, &stack->stacks);
    marker_drain(&stack->marker);
    return stack->marker.marked[0];
}

/* Each word of the stack leads to another object; those that the maps name are reached. */
static void fill_stack(struct stack_world *stack)
{
    for (uint32_t i = 0; i < STACK_WORDS; i++) {
        if (i % 8 != 7)
            put(&stack->world, STACK_AT + i * 8, object_at(i));
    }
}

static void test_live_slots(void **state)
{
    (void)state;
    static const uint8_t two = 0x2, five = 0x5;
    struct stack_world stack;
    stack_world_init(&stack);
    fill_stack(&stack);
    stack.scanner.maps.list.at[0].locals = (struct slot_map){&two, 3};     /* words 3 to 5 */
    stack.scanner.maps.list.at[1].arguments = (struct slot_map){&five, 3}; /* words 16 to 18 */
    assert_int_equal(scan(&stack), UINT64_C(1) << 4 | UINT64_C(5) << 16);
    stack.scanner.maps.list.at[2].known = false;
    stack.scanner.maps.list.at[2].guessed_arguments = 2;
    assert_int_equal(scan(&stack), UINT64_C(1) << 4 | UINT64_C(5) << 16 | UINT64_C(0x33f) << 16 |
                                       UINT64_C(3) << 24);
    stack_world_deinit(&stack);
}

/* A frame that a signal interrupted has no map, one that faulted only what its deferred calls need. */
static void test_interrupted_frames(void **state)
{
    (void)state;
    static const uint8_t all = 0x3f, one = 1;
    struct stack_world stack;
    stack_world_init(&stack);
    fill_stack(&stack);
    struct pc_facts *facts = stack.world.runtime.pc_facts.at;
    facts[0].injected = facts[0].faults = true;
    for (unsigned i = 0; i < 3; i++)
        stack.scanner.maps.list.at[i].locals = (struct slot_map){&all, 6};
    assert_int_equal(scan(&stack), UINT64_C(0x3f) | UINT64_C(0x3f) << 16);
    facts[1].deferreturn = 100;
    u64map_set(&stack.scanner.maps.by_pc, facts[1].entry + 100, 4);
    VECTOR_PUSH(&stack.scanner.maps.list, (struct frame_map){.known = true, .locals = {&one, 6}});
    assert_int_equal(scan(&stack), UINT64_C(0x3f) | UINT64_C(1) << 8 | UINT64_C(0x3f) << 16);
    facts[0].faults = false;
    u64map_set(&stack.scanner.maps.by_pc, facts[1].entry + 16, 5);
    VECTOR_PUSH(&stack.scanner.maps.list, (struct frame_map){.known = true, .argument_words = 3});
    assert_int_equal(scan(&stack), UINT64_C(0x3f) | UINT64_C(0x3f) << 8 | UINT64_C(0x3f) << 16);
    stack_world_deinit(&stack);
}

/* Variables count only if something leads to them, perhaps through each other; also in a ring. */
static void test_variables_on_the_stack(void **state)
{
    (void)state;
    static const uint8_t slot = 0x1;
    uint8_t records[3 * 16 + 16] = {0};
    struct stack_world stack;
    stack_world_init(&stack);
    struct world *world = &stack.world;
    for (unsigned i = 0; i < 3; i++) { /* two words each, both pointers */
        int32_t offset = -48 + (int32_t)i * 16;
        memcpy(records + i * 16, &(int32_t[]){offset, 16, 16, TYPES_AT}, 16);
    }
    world->bytes[TYPES_AT] = 3;
    world->program.module.rodata = base;
    stack.scanner.maps.list.at[0].arguments = (struct slot_map){&slot, 1}; /* word 8 */
    stack.scanner.maps.list.at[1] =
        (struct frame_map){.known = true, .objects = records, .object_count = 3};
    for (uint32_t i = 0; i < 3; i++)
        put(world, STACK_AT + 64 + i * 16 + 8, object_at(i));
    put(world, STACK_AT + 64 + 16, base + STACK_AT + 64 + 32 + 4); /* 1 -> 2 -> 1 */
    put(world, STACK_AT + 64 + 32, base + STACK_AT + 64 + 16);
    assert_int_equal(scan(&stack), 0);
    stack.scanner.maps.list.at[0].arguments = (struct slot_map){&slot, 1};
    put(world, STACK_AT + 64,
        base + STACK_AT + 64 + 16); /* where the argument is, and variable 0 */
    assert_int_equal(scan(&stack), 6);
    put32(world, G_AT + 16, 0);
    put(world, G_AT + 16, base + STACK_AT + 64 + 1); /* a closure about to be called */
    assert_int_equal(scan(&stack), 7);
    stack_world_deinit(&stack);
}

/* Puts the goroutine where it runs on its own stack: at the very instruction of frame 0. */
static void make_running(struct stack_world *stack, struct thread_registers *thread)
{
    const address pc = (PC + 16) | STACK_PC_EXACT;
    struct stack walked = {.kept = 1, .depth = 4, .complete = true};
    struct world *world = &stack->world;
    world->runtime.offsets.g_m = 24;
    world->runtime.offsets.m_procid = 0;
    put(world, G_AT + 24, base + PLAIN_AT);
    put(world, PLAIN_AT, 7);
    *thread = (struct thread_registers){.tid = 7, .pc = PC + 16, .sp = base + STACK_AT};
    memory_target_set_thread(world->target, thread);
    stack->goroutine.state = GOROUTINE_RUNNING;
    stack->goroutine.stack = stack_table_intern(&stack->stacks, &pc, &walked);
    u64map_set(&stack->scanner.maps.by_pc, PC + 16, 0);
}

enum {
    ALL_WORDS = 0x3f, /* of a frame */
    STACK_OF_FRAMES = 0x7f,
};

static uint64_t in_frame(unsigned frame, uint64_t words)
{
    return words << frame * 8;
}

/* Of a running goroutine the innermost frame counts word by word and its callers by their maps, but for the runtime's and those that called it. */
static void test_running(void **state)
{
    (void)state;
    static const uint8_t two = 0x2;
    struct stack_world stack;
    struct thread_registers thread;
    stack_world_init(&stack);
    make_running(&stack, &thread);
    fill_stack(&stack);
    struct frame_map *maps = stack.scanner.maps.list.at;
    for (unsigned i = 0; i < 4; i++) {
        maps[i].plain = true;
        maps[i].locals = (struct slot_map){&two, 6};
    }
    const uint64_t expected = in_frame(0, ALL_WORDS) | in_frame(1, 2) | in_frame(2, 2);
    assert_int_equal(scan(&stack), expected);
    maps[1].plain = false;
    assert_int_equal(scan(&stack), expected | in_frame(1, ALL_WORDS) | in_frame(2, ALL_WORDS));
    stack_world_deinit(&stack);
}

static void test_running_where_no_map_holds(void **state)
{
    (void)state;
    uint64_t all = in_frame(0, STACK_OF_FRAMES) | in_frame(1, STACK_OF_FRAMES) |
                   in_frame(2, STACK_OF_FRAMES) | in_frame(3, STACK_OF_FRAMES);
    for (unsigned i = 0; i < 4; i++) {
        struct stack_world stack;
        struct thread_registers thread;
        stack_world_init(&stack);
        make_running(&stack, &thread);
        fill_stack(&stack);
        for (unsigned k = 0; k < 4; k++)
            stack.scanner.maps.list.at[k].plain = true;
        stack.scanner.maps.list.at[0].assembly = i == 0;
        stack.scanner.maps.list.at[0].known = i != 1;
        thread.sp += i == 2 ? 8 : 0; /* on the system stack, which may lead here */
        if (i == 3)
            memory_target_set_thread(stack.world.target, NULL);
        assert_int_equal(scan(&stack) & all, all);
        stack_world_deinit(&stack);
    }
}

/* A caller's variable that only a register leads to. */
static void test_running_with_a_variable_in_a_register(void **state)
{
    (void)state;
    uint8_t record[32] = {0};
    struct stack_world stack;
    struct thread_registers thread;
    stack_world_init(&stack);
    make_running(&stack, &thread);
    memcpy(record, &(int32_t[]){-48, 16, 16, TYPES_AT}, 16);
    stack.world.bytes[TYPES_AT] = 3;
    stack.world.program.module.rodata = base;
    for (unsigned i = 0; i < 4; i++)
        stack.scanner.maps.list.at[i].plain = true;
    stack.scanner.maps.list.at[1].objects = record;
    stack.scanner.maps.list.at[1].object_count = 1;
    put(&stack.world, STACK_AT + 64, object_at(5));
    assert_int_equal(scan(&stack), 0);
    thread.general[thread.general_count++] = base + STACK_AT + 64 + 8;
    assert_int_equal(scan(&stack), 1 << 5);
    stack_world_deinit(&stack);
}

static void test_defers_in_a_loop(void **state)
{
    (void)state;
    struct stack_world stack;
    stack_world_init(&stack);
    struct world *world = &stack.world;
    put(world, G_AT, base + PLAIN_AT);
    for (uint32_t i = 0; i < 7; i++) {
        put(world, PLAIN_AT + i * 64 + 8, object_at(i));
        put(world, PLAIN_AT + i * 64 + 16, base + PLAIN_AT + (i == 6 ? 2 : i + 1) * 64);
    }
    assert_int_equal(scan(&stack), 0x7f);
    put(world, PLAIN_AT + 16, 12345); /* nowhere */
    assert_int_equal(scan(&stack), 0x7f);
    put(world, G_AT, UINT64_MAX);
    scan(&stack);
    stack_world_deinit(&stack);
}

/* Bounds that are turned round, out of memory, or far too large: such a stack is counted as not seen. */
static void test_senseless_stacks(void **state)
{
    (void)state;
    struct stack_world stack;
    stack_world_init(&stack);
    const address bounds[][2] = {{base + STACK_AT + 512, base + STACK_AT},
                                 {base + MEMORY, base + MEMORY + 4096},
                                 {base, base + (UINT64_C(1) << 40)},
                                 {8, UINT64_MAX}};
    for (size_t i = 0; i < LENGTH_OF(bounds); i++) {
        stack.goroutine.stack_low = bounds[i][0];
        stack.goroutine.stack_high = bounds[i][1];
        stack.goroutine.state = i % 2 ? GOROUTINE_RUNNING : GOROUTINE_WAITING;
        stack.goroutine.sp = i % 2 ? 0 : bounds[i][0];
        scan(&stack);
        assert_int_equal(stack.scanner.unreadable, i + 1);
    }
    stack_world_deinit(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_address_has_its_object),
        cmocka_unit_test(test_large_objects),
        cmocka_unit_test(test_spans_are_taken_once_each),
        cmocka_unit_test(test_spans_are_taken_in_order),
        cmocka_unit_test(test_a_span_of_terabytes),
        cmocka_unit_test(test_spans_of_very_many_objects),
        cmocka_unit_test(test_senseless_spans),
        cmocka_unit_test(test_a_hole_in_the_heap),
        cmocka_unit_test(test_specials_in_a_loop),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_masks_by_program),
        cmocka_unit_test(test_senseless_types),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_more_than_the_stack_holds),
        cmocka_unit_test(test_watched_objects),
        cmocka_unit_test(test_bits_of_arenas),
        cmocka_unit_test(test_live_slots),
        cmocka_unit_test(test_interrupted_frames),
        cmocka_unit_test(test_variables_on_the_stack),
        cmocka_unit_test(test_running),
        cmocka_unit_test(test_running_where_no_map_holds),
        cmocka_unit_test(test_running_with_a_variable_in_a_register),
        cmocka_unit_test(test_defers_in_a_loop),
        cmocka_unit_test(test_senseless_stacks),
    };
    alarm(240);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
