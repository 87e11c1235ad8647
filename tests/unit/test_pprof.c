/* report/profile_table, report_pprof: a made heap with hostile names, read back by protobuf-c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>
#include <profile.pb-c.h>

#include "reportworld.h"

enum {
    ROOM = 1 << 20,
    GZIP = 16,
    BYTES = 1
};

static Pprof__Profile *read_back(const struct text *packed)
{
    AUTO_FREE uint8_t *plain = xmalloc(ROOM);
    z_stream stream = {.next_in = (Bytef *)packed->bytes,
                       .avail_in = (uInt)packed->length,
                       .next_out = plain,
                       .avail_out = ROOM};
    assert_int_equal(inflateInit2(&stream, GZIP + MAX_WBITS), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    Pprof__Profile *profile = pprof__profile__unpack(NULL, stream.total_out, plain);
    inflateEnd(&stream);
    assert_non_null(profile);
    return profile;
}

static void add_line(struct heap_view *view, uint32_t parent, const char *name, uint64_t held)
{
    unsigned depth = view->lines.length ? view->lines.at[parent].depth + 1 : 0;
    VECTOR_PUSH(&view->lines, (struct heap_line){.kind = HEAP_LINE_OBJECTS,
                                                 .parent = parent,
                                                 .depth = depth,
                                                 .name = xstrdup(name),
                                                 .held_objects = held / 10,
                                                 .held_bytes = held});
}

static const char *name_of(const Pprof__Profile *profile, uint64_t location)
{
    const Pprof__Line *line = profile->location[location - 1]->line[0];
    return profile->string_table[profile->function[line->function_id - 1]->name];
}

/* The sum over samples that have the name on their stack. */
static int64_t cum(const Pprof__Profile *profile, const char *name)
{
    int64_t sum = 0;
    for (size_t i = 0; i < profile->n_sample; i++) {
        const Pprof__Sample *sample = profile->sample[i];
        bool on_stack = false;
        for (size_t k = 0; k < sample->n_location_id; k++)
            on_stack = on_stack || !strcmp(name_of(profile, sample->location_id[k]), name);
        sum += on_stack ? sample->value[BYTES] : 0;
    }
    return sum;
}

static void check_references(const Pprof__Profile *profile)
{
    for (size_t i = 0; i < profile->n_location; i++) {
        assert_int_equal(profile->location[i]->id, i + 1);
        assert_in_range(profile->location[i]->line[0]->function_id, 1, profile->n_function);
    }
    for (size_t i = 0; i < profile->n_function; i++) {
        assert_int_equal(profile->function[i]->id, i + 1);
        assert_in_range(profile->function[i]->name, 1, profile->n_string_table - 1);
        for (size_t k = 0; k < i; k++)
            assert_true(profile->function[i]->name != profile->function[k]->name ||
                        profile->function[i]->filename != profile->function[k]->filename);
    }
    assert_string_equal(profile->string_table[0], "");
    for (size_t i = 0; i < profile->n_string_table; i++) {
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(profile->string_table[i], profile->string_table[k]);
    }
}

static void test_heap(void **state)
{
    (void)state;
    static const char hostile[] = "<script>\n\xff\x1b[31m";
    struct world world;
    world_init(&world);
    world_func(&world, "main.main", "/main.go", 1, false, NULL);
    world_link(&world);
    struct report report = world_report(&world);
    struct heap_view view = {0};
    struct text packed = {0};
    add_line(&view, 0, "all", 1000);
    add_line(&view, 0, hostile, 700);
    add_line(&view, 1, "[]uint8", 600);
    add_line(&view, 2, hostile, 50); /* below itself: counted once */
    add_line(&view, 0, "[]uint8", 200);
    add_line(&view, 0, "", 60);
    add_line(&view, 5, "more than its parent", 90);
    report.heap = &view;
    assert_null(report_pprof(&report, 12345, &packed));
    Pprof__Profile *profile = read_back(&packed);
    check_references(profile);
    assert_int_equal(profile->time_nanos, 12345);
    assert_string_equal(profile->string_table[profile->default_sample_type], "inuse_space");
    assert_int_equal(cum(profile, "<script>\\x0a\\xff\\x1b[31m"), 700);
    assert_int_equal(cum(profile, "[]uint8"), 800);
    assert_int_equal(cum(profile, "more than its parent"), 90);
    assert_int_equal(cum(profile, "held by nothing that has a name"), 40);
    pprof__profile__free_unpacked(profile, NULL);
    text_deinit(&packed);
    heap_view_deinit(&view);
    world_deinit(&world);
}

static void test_no_heap(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    address pc = world_func(&world, "main.work[go.shape.int]", "/main.go", 7, false, NULL);
    world_link(&world);
    struct goroutine goroutine = {
        .id = 5, .state = GOROUTINE_RUNNABLE, .stack = world_stack(&world, &pc, 1, 1)};
    VECTOR_PUSH(&world.now.goroutines, goroutine);
    goroutine = (struct goroutine){.id = 6, .state = GOROUTINE_RUNNING, .stack = STACK_NONE};
    VECTOR_PUSH(&world.now.goroutines, goroutine);
    goroutine.system = true;
    VECTOR_PUSH(&world.now.goroutines, goroutine);
    struct report report = world_report(&world);
    struct text packed = {0};
    assert_null(report_pprof(&report, 1, &packed));
    Pprof__Profile *profile = read_back(&packed);
    check_references(profile);
    assert_int_equal(profile->n_sample, 2);
    assert_string_equal(profile->string_table[profile->default_sample_type], "goroutines");
    bool seen[2] = {false, false};
    for (size_t i = 0; i < 2; i++) {
        const char *name = name_of(profile, profile->sample[i]->location_id[0]);
        seen[0] = seen[0] || !strcmp(name, "main.work[...]");
        seen[1] = seen[1] || !strcmp(name, "stack not read");
    }
    assert_true(seen[0] && seen[1]);
    pprof__profile__free_unpacked(profile, NULL);
    text_deinit(&packed);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap),
        cmocka_unit_test(test_no_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
