/* What the parts of the memory consist of, on spans and pages made by hand; weighing slots against counting byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/shares.h"
#include "runtime/memoryparts.h"
#include "runtime/memorysplit.h"
#include "runtime/slots.h"
#include "wordworld.h"

enum {
    HEAP = 0xc000000,
    PAGE = 4096,
    PAGES = 256,
    KIB = 1024,
    ROUNDS = 20000
};

/* Which pages from HEAP on are resident; everything else is. */
static uint8_t resident_pages[PAGES];

static bool is_resident(address at)
{
    return at < HEAP || at >= HEAP + PAGES * PAGE || resident_pages[(at - HEAP) / PAGE];
}

static struct error *resident(struct target *target, address start, uint64_t size,
                              uint64_t *resident_ret)
{
    (void)target;
    *resident_ret = 0;
    for (address at = start; at < start + size;) {
        address end = (at / PAGE + 1) * PAGE;
        end = end < start + size ? end : start + size;
        *resident_ret += is_resident(at) ? end - at : 0;
        at = end;
    }
    return NULL;
}

static void by_pages(struct target *target)
{
    static struct target_operations operations;
    operations = *target->operations;
    operations.resident = resident;
    target->operations = &operations;
}

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 11) % limit;
}

/* ---- weighing */

static struct span_use weigh_naively(const struct span *span, const uint8_t *bits)
{
    struct span_use use = {0};
    for (uint32_t i = 0; i < span->objects; i++)
        use.wanted += bits[i / 8] >> i % 8 & 1;
    for (uint64_t at = 0; at < span->pages * SPAN_PAGE_BYTES; at++) {
        uint64_t slot = at / span->element_size;
        if (!is_resident(span->start + at))
            continue;
        use.resident_bytes++;
        if (slot < span->objects && bits[slot / 8] >> slot % 8 & 1)
            use.wanted_bytes++;
        else if (slot < span->objects)
            use.other_bytes++;
    }
    return use;
}

static struct span random_span(void)
{
    static const uint32_t sizes[] = {8, 16, 24, 48, 112, 480, 1152, 3072, 4096, 6784, 27264};
    uint64_t pages = 1 + random_below(8);
    uint64_t size = sizes[random_below(LENGTH_OF(sizes))];
    if (size > pages * SPAN_PAGE_BYTES || !random_below(8))
        size = pages * SPAN_PAGE_BYTES;
    uint64_t objects = pages * SPAN_PAGE_BYTES / size;
    objects = objects > SLOTS_MAX ? SLOTS_MAX : objects;
    if (objects > 8 && !random_below(2)) /* bits at the end of the span */
        objects -= 3;
    return (struct span){.start = HEAP,
                         .pages = pages,
                         .element_size = size,
                         .objects = (uint32_t)objects,
                         .state = SPAN_IN_USE};
}

static void test_weighing(void **state)
{
    (void)state;
    struct wordworld world;
    wordworld_init(&world);
    by_pages(world.target);
    for (unsigned round = 0; round < ROUNDS / 20; round++) {
        struct span span = random_span();
        uint8_t bits[SLOT_BITS_BYTES];
        unsigned dense = random_below(4);
        for (unsigned i = 0; i < PAGES; i++)
            resident_pages[i] = dense == 3 || (dense && random_below(3));
        for (unsigned i = 0; i < sizeof(bits); i++)
            bits[i] = (uint8_t)random_below(256);
        struct span_use use = slots_weigh(world.target, &span, bits);
        struct span_use naive = weigh_naively(&span, bits);
        assert_int_equal(use.wanted, naive.wanted);
        assert_int_equal(use.resident_bytes, naive.resident_bytes);
        assert_int_equal(use.wanted_bytes, naive.wanted_bytes);
        assert_int_equal(use.other_bytes, naive.other_bytes);
    }
    wordworld_deinit(&world);
}

/* A span such as no Go makes is not walked page by page, and is not more than it has. */
static void test_weighing_senseless(void **state)
{
    (void)state;
    struct wordworld world;
    wordworld_init(&world);
    by_pages(world.target);
    memset(resident_pages, 0, sizeof(resident_pages));
    resident_pages[0] = 1;
    uint8_t bits[SLOT_BITS_BYTES];
    memset(bits, 0xff, sizeof(bits));
    struct span span = {.start = HEAP,
                        .pages = 1 << 18,
                        .element_size = 1 << 20,
                        .objects = 1024,
                        .state = SPAN_IN_USE};
    struct span_use use = slots_weigh(world.target, &span, bits);
    assert_true(use.wanted_bytes + use.other_bytes <= use.resident_bytes);
    use = slots_weigh(world.target, &span, NULL);
    assert_int_equal(use.wanted_bytes, use.resident_bytes);
    wordworld_deinit(&world);
}

/* ---- the bits of spans */

struct seen {
    size_t count, without;
    uint64_t allocated;
};

static void count_span(void *context, const struct span *span, const uint8_t *allocated)
{
    struct seen *seen = context;
    seen->count++;
    seen->without += !allocated;
    for (uint32_t i = 0; allocated && i < span->objects; i++)
        seen->allocated += allocated[i / 8] >> i % 8 & 1;
}

static void put_spans(struct spans *spans, size_t count, address bits)
{
    for (size_t i = 0; i < count; i++)
        VECTOR_PUSH(&spans->list, (struct span){.start = HEAP + i * SPAN_PAGE_BYTES,
                                                .pages = 1,
                                                .element_size = 128,
                                                .objects = 64,
                                                .free_index = (uint32_t)i % 3,
                                                .alloc_bits = bits,
                                                .state = SPAN_IN_USE});
}

static void test_bits(void **state)
{
    (void)state;
    struct wordworld world;
    struct spans spans = {0};
    struct seen seen = {0};
    enum {
        COUNT = 3000
    };
    wordworld_init(&world);
    world.words[1] = UINT64_C(0xff00000000000001);
    put_spans(&spans, COUNT, BASE + 8);
    assert_null(slots_each(world.target, &spans, count_span, &seen));
    assert_int_equal(seen.count, COUNT);
    assert_int_equal(seen.without, 0);
    assert_int_equal(seen.allocated,
                     COUNT * 9 + COUNT / 3); /* a third has one more below freeindex */
    /* Stacks are none; what can't be read is allocated; more slots than Go has are not told apart. */
    seen = (struct seen){0};
    spans.list.at[0].state = SPAN_MANUAL;
    spans.list.at[1].alloc_bits = 0x10;
    spans.list.at[2].objects = SLOTS_MAX + 1;
    spans.list.length = 3;
    assert_null(slots_each(world.target, &spans, count_span, &seen));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.without, 1);
    assert_int_equal(seen.allocated, 64);
    spans_deinit(&spans);
    wordworld_deinit(&world);
}

/* ---- all of it */

static void map(struct wordworld *world, address start, uint64_t size_kib, uint64_t rss_kib,
                uint64_t huge_kib, const char *path)
{
    VECTOR_PUSH(&world->target->mappings,
                (struct mapping){.start = start,
                                 .end = start + size_kib * KIB,
                                 .readable = true,
                                 .writable = true,
                                 .executable = strstr(path, "bin") != NULL,
                                 .path = xstrdup(path),
                                 .rss_bytes = rss_kib * KIB,
                                 .huge_bytes = huge_kib * KIB,
                                 .is_file = path[0] == '/'});
}

static void put_goroutine(struct observation *seen, address low, address high, address sp)
{
    VECTOR_PUSH(&seen->goroutines,
                (struct goroutine){.stack_low = low, .stack_high = high, .sp = sp});
}

/* 16 KiB of objects of 128 bytes, half of which are free; 32 KiB of stacks of 8 KiB; 52 KiB idle. */
static void make_world(struct wordworld *world, struct spans *spans)
{
    wordworld_init(world);
    map(world, 0x400000, 100, 50, 0, "/usr/bin/agent");
    map(world, 0x500000, 100, 20, 0, "/usr/bin/agent");
    map(world, 0x600000, 100, 7, 0, "/data/index");
    map(world, 0x800000, 64, 5, 0, "[heap]");
    map(world, HEAP, 1024, 100, 40, "");
    map(world, 0x7f0000000000, 64, 30, 10, "");
    map(world, 0x7f0000100000, 64, 31, 0, "[anon:pool]");
    for (unsigned i = 0; i < PAGES; i++)
        resident_pages[i] = 1;
    by_pages(world->target);
    world->words[1] = UINT64_C(0xffffffff00000000);
    for (unsigned i = 0; i < 2; i++)
        VECTOR_PUSH(&spans->list, (struct span){.start = HEAP + i * SPAN_PAGE_BYTES,
                                                .pages = 1,
                                                .element_size = 120,
                                                .objects = 64,
                                                .alloc_bits = BASE + 8,
                                                .class = 20,
                                                .state = SPAN_IN_USE});
    VECTOR_PUSH(&spans->list, (struct span){.start = HEAP + 0x8000,
                                            .pages = 4,
                                            .element_size = 8192,
                                            .state = SPAN_MANUAL});
    struct observation *seen = &world->observation;
    put_goroutine(seen, HEAP + 0x8000, HEAP + 0xa000, HEAP + 0x9c00);
    put_goroutine(seen, HEAP + 0xa000, HEAP + 0xc000, HEAP + 0xbff0);
    put_goroutine(seen, HEAP + 0xb000, HEAP + 0xc000, 0);  /* senseless: it overlaps */
    put_goroutine(seen, HEAP + 0xa000, HEAP + 0xff000, 0); /* senseless: it leaves its span */
    put_goroutine(seen, 0x7fff0000, 0x7fff8000, 0);        /* a stack that C made */
    seen->dead = 10;
    seen->dead_at = HEAP + 130;
    seen->dead_stack_bytes = 4096;
    seen->counters.heap_known = true;
    seen->counters.idle = 32 * KIB;
}

static void assert_sums(const struct memory_split *memory)
{
    const struct memory_parts *parts = &memory->parts;
    assert_true(parts->known);
    assert_int_equal(parts->objects + parts->dead_descriptors + parts->free_slots +
                         parts->span_ends + parts->untold,
                     memory->heap_in_use);
    assert_int_equal(parts->idle + parts->idle_again, memory->heap_idle);
    assert_int_equal(parts->stacks_used + parts->stacks_kept, memory->stacks);
    assert_int_equal(parts->buffers + parts->tables, memory->runtime);
    assert_int_equal(parts->program_files + parts->other_files, memory->mapped_files);
    assert_int_equal(parts->c_heap + parts->outside, memory->outside_go);
}

static void split(struct wordworld *world, const struct spans *spans)
{
    world->observation.memory = (struct memory_split){0};
    assert_null(memory_split(&world->runtime, &world->observation, spans));
    assert_null(memory_parts_find(&world->runtime, &world->observation, spans));
    assert_sums(&world->observation.memory);
}

static void test_parts(void **state)
{
    (void)state;
    struct wordworld world;
    struct spans spans = {0};
    make_world(&world, &spans);
    split(&world, &spans);
    const struct memory_parts *parts = &world.observation.memory.parts;
    assert_int_equal(parts->dead_descriptors, 10 * 120);
    assert_int_equal(parts->objects, 64 * 120 - 10 * 120);
    assert_int_equal(parts->free_slots, 64 * 120);
    assert_int_equal(parts->span_ends, 2 * (8192 - 64 * 120));
    assert_int_equal(parts->untold, 0);
    assert_int_equal(parts->classes[10].free_slots, 64);
    assert_int_equal(parts->classes[10].slots, 128);
    assert_int_equal(parts->stacks_used, 16 * KIB);
    assert_int_equal(parts->stacks_kept, 16 * KIB);
    assert_int_equal(parts->frames, 0x400 + 0x10);
    assert_int_equal(parts->dead_stacks, 4096);
    assert_int_equal(parts->idle_again, 20 * KIB); /* 52 are resident, 32 are not given back */
    assert_int_equal(parts->huge, 50 * KIB);
    assert_int_equal(parts->program_files, 70 * KIB);
    assert_int_equal(parts->other_files, 7 * KIB);
    assert_string_equal(parts->files_named[0].name, "index");
    assert_int_equal(parts->c_heap, 5 * KIB);
    assert_string_equal(parts->outside_named[0].name, "[anon:pool]");
    assert_int_equal(parts->outside_named[1].rss_bytes, 30 * KIB);
    assert_int_equal(parts->outside_named[2].rss_bytes, 0);
    spans_deinit(&spans);
    wordworld_deinit(&world);
}

/* Linux cuts the heap where madvise differs: a piece without a span is a part of it all the same, but not what lies elsewhere. */
static void test_heap_in_pieces(void **state)
{
    (void)state;
    struct wordworld world;
    struct spans spans = {0};
    const uint64_t arena = UINT64_C(64) << 20;
    const address far = (address)0x40 * arena;
    make_world(&world, &spans);
    split(&world, &spans);
    uint64_t idle = world.observation.memory.heap_idle;
    uint64_t outside = world.observation.memory.outside_go;
    for (size_t i = 5; i < world.target->mappings.length; i++)
        free(world.target->mappings.at[i].path);
    world.target->mappings.length = 5;
    map(&world, HEAP + 0x200000, 64, 3, 0, "");          /* in its arena */
    map(&world, far, 64 * KIB, 5, 0, "");                /* an arena with a span */
    map(&world, far + arena, 64 * KIB, 7, 0, "");        /* goes on there */
    map(&world, far + 2 * arena, 64, 11, 0, "[anon:x]"); /* a mapping with another name */
    map(&world, far + 4 * arena, 64, 13, 0, "");         /* behind a hole */
    VECTOR_PUSH(&spans.list,
                (struct span){.start = far + 0x10000, .pages = 1, .state = SPAN_MANUAL});
    split(&world, &spans);
    const struct memory_split *memory = &world.observation.memory;
    outside -= (30 + 31) * KIB;
    assert_int_equal(memory->heap_idle, idle + (3 + 5 + 7) * KIB - SPAN_PAGE_BYTES);
    assert_int_equal(memory->outside_go, outside + (11 + 13) * KIB);
    spans_deinit(&spans);
    wordworld_deinit(&world);
}

/* Whatever the target says, and however it changes meanwhile: the sums hold. */
static void test_parts_always_add_up(void **state)
{
    (void)state;
    struct wordworld world;
    struct spans spans = {0};
    make_world(&world, &spans);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct observation *seen = &world.observation;
        world.target->mappings.at[4].rss_bytes = random_below(200) * KIB;
        world.target->mappings.at[4].huge_bytes = random_below(100) * KIB;
        seen->counters.idle = random_below(100) * KIB;
        seen->dead = random_below(2) ? random_below(1000) : UINT64_MAX / (1 + random_below(9));
        seen->dead_stack_bytes = random_below(1 << 20);
        for (size_t i = 0; i < spans.list.length; i++) {
            struct span *span = &spans.list.at[i];
            span->free_index = random_below(100);
            span->alloc_bits = random_below(4) ? BASE + 8 : 0x10;
            span->objects = random_below(65);
        }
        for (unsigned i = 0; i < PAGES; i++)
            resident_pages[i] = random_below(2) != 0;
        split(&world, &spans);
    }
    spans_deinit(&spans);
    wordworld_deinit(&world);
}

/* A long name is cut between letters. */
static void test_names(void **state)
{
    (void)state;
    struct memory_parts parts = {0};
    char path[100] = "x";
    for (unsigned i = 0; i < 40; i++)
        strcat(path, "é");
    for (unsigned i = 1; i <= 5; i++)
        memory_parts_add_outside(&parts, &(struct mapping){.path = path, .rss_bytes = i * 100});
    assert_int_equal(parts.outside, 1500);
    assert_int_equal(parts.outside_named[0].rss_bytes, 500);
    assert_int_equal(parts.outside_named[2].rss_bytes, 300);
    assert_int_equal(strlen(parts.outside_named[0].name), 63);
    memory_parts_add_outside(&parts, &(struct mapping){.path = path + 1, .rss_bytes = 600});
    assert_int_equal(strlen(parts.outside_named[0].name), 62);
}

static void test_shares(void **state)
{
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t parts[12], shown[12], total = 0, sum = 0;
        size_t count = 1 + random_below(12);
        for (size_t i = 0; i < count; i++)
            total += parts[i] = random_below(1u << random_below(30));
        uint64_t whole = (uint64_t)((double)total / 1000 + 0.5);
        shares_round(parts, count, 1000, whole, shown);
        for (size_t i = 0; i < count; i++) {
            sum += shown[i];
            assert_true(shown[i] >= parts[i] / 1000 && shown[i] <= parts[i] / 1000 + 1);
        }
        assert_int_equal(sum, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weighing),       cmocka_unit_test(test_weighing_senseless),
        cmocka_unit_test(test_bits),           cmocka_unit_test(test_parts),
        cmocka_unit_test(test_heap_in_pieces), cmocka_unit_test(test_parts_always_add_up),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
