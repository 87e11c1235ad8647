/* report/: Go's dump, the report as text and as JSON, from an observation that is made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "output.h"
#include "reportworld.h"

static const int64_t ns_per_s = 1000000000;

/* main waits for a signal; two workers wait to send; one runs. */
static void populate(struct world *world)
{
    world_init(world);
    address park = world_func(world, "runtime.gopark", "/go/src/runtime/proc.go", 462, false, NULL);
    address send =
        world_func(world, "runtime.chansend1", "/go/src/runtime/chan.go", 161, false, NULL);
    address work =
        world_func(world, "main.work[go.shape.int]", "/src/agent/pool.go", 31, false, "main.push");
    address wrap = world_func(world, "main.main.gowrap1", "/src/agent/main.go", 17, true, NULL);
    address exit =
        world_func(world, "runtime.goexit", "/go/src/runtime/asm_amd64.s", 1771, false, NULL);
    address main = world_func(world, "main.main", "/src/agent/\x1b[31mmain.go", 20, false, NULL);
    world_link(world);

    for (size_t i = 0; i < 2; i++)
        VECTOR_PUSH(&world->now.wait_reasons, xstrdup(i ? "chan send" : ""));
    uint32_t main_stack = world_stack(world, (address[]){park, main, exit}, 3, 3);
    uint32_t work_stack = world_stack(world, (address[]){park, send, work, wrap, exit}, 5, 5);
    world->now.taken_ns = 10000 * ns_per_s;
    const struct goroutine common = {
        .go_pc = main, .stack_low = 0x1000, .stack_high = 0x3000, .parent_id = 1};
    struct goroutine g = common;
    g.id = 1;
    g.state = GOROUTINE_SYSCALL;
    g.stack = main_stack;
    g.locked_to_thread = true;
    VECTOR_PUSH(&world->now.goroutines, g);
    for (uint64_t id = 7; id < 9; id++) {
        g = common;
        g.id = id;
        g.state = GOROUTINE_WAITING;
        g.wait_reason = 1;
        g.wait_kind = WAIT_CHAN_SEND;
        g.stack = work_stack;
        g.wait_since_ns = id == 7 ? 10000 * ns_per_s - 150 * ns_per_s : 0;
        g.first_wait = (uint32_t)world->now.waits.length;
        g.wait_count = 1;
        VECTOR_PUSH(&world->now.waits,
                    (struct wait){.goroutine = (uint32_t)id - 6, .direction = DIRECTION_SEND});
        VECTOR_PUSH(&world->now.goroutines, g);
    }
    g = common;
    g.id = 9;
    g.state = GOROUTINE_RUNNING;
    g.stack = STACK_NONE;
    VECTOR_PUSH(&world->now.goroutines, g);
    g.id = 2;
    g.system = true;
    VECTOR_PUSH(&world->now.goroutines, g);
    VECTOR_PUSH(&world->now.objects,
                (struct wait_object){
                    .at = 0xc000123, .kind = WAIT_CHAN_SEND, .readable = true, .senders = 2});
    VECTOR_PUSH(&world->now.defers, (struct defer_site){.count = 5,
                                                        .frames = 1,
                                                        .goroutine = 0,
                                                        .sp = 0xc000400,
                                                        .pc = main,
                                                        .function = work - 0x10,
                                                        .record_bytes = 500});
    world->now.user = 4;
    world->now.system = 1;
    world->now.unread.stacks = world->now.unread.running = 1;
    world->now.memory = (struct memory_split){.known = true,
                                              .total = 10 << 20,
                                              .heap_in_use = 3500000,
                                              .heap_idle = 1234567,
                                              .stacks = 1500000,
                                              .runtime = 2000000,
                                              .mapped_files = 2000000,
                                              .outside_go = 251193};
}

static void test_go_dump(void **state)
{
    (void)state;
    struct world world;
    populate(&world);
    struct report report = world_report(&world);
    struct output output;
    report_goroutines(&report, output_open(&output));
    char *text = output_close(&output);
    static const char worker[] = "main.push(...)\n"
                                 "\t/src/agent/pool.go:31\n"
                                 "main.work[...](...)\n"
                                 "\t/src/agent/pool.go:31 +0x10\n"
                                 "created by main.main in goroutine 1\n"
                                 "\t/src/agent/\\x1b[31mmain.go:20 +0x10\n";
    char expected[2048];
    snprintf(expected, sizeof(expected),
             "goroutine 1 [syscall, locked to thread]:\n"
             "main.main(...)\n"
             "\t/src/agent/\\x1b[31mmain.go:20 +0x10\n"
             "\n"
             "goroutine 7 [chan send, 2 minutes]:\n%s"
             "\n"
             "goroutine 8 [chan send]:\n%s"
             "\n"
             "goroutine 9 [running]:\n"
             "\tgoroutine running on other thread; stack unavailable\n"
             "created by main.main in goroutine 1\n"
             "\t/src/agent/\\x1b[31mmain.go:20 +0x10\n",
             worker, worker);
    assert_string_equal(text, expected);
    free(text);
    world_deinit(&world);
}

/* One deep stack: what is left out, and the runtime's own frames where there are no others. */
static char *dump_of_depth(int go_minor, uint16_t kept, uint32_t depth, const char *function)
{
    struct world world;
    world_init(&world);
    world.program.info.go_minor = go_minor;
    address pcs[STACK_INNER_MAX + STACK_OUTER_MAX];
    address pc = world_func(&world, function, "/f.go", 1, false, NULL);
    world_link(&world);
    for (size_t i = 0; i < kept; i++)
        pcs[i] = pc + i;
    struct goroutine goroutine = {
        .id = 5, .state = GOROUTINE_RUNNABLE, .stack = world_stack(&world, pcs, kept, depth)};
    VECTOR_PUSH(&world.now.goroutines, goroutine);
    struct report report = world_report(&world);
    struct output output;
    report_goroutines(&report, output_open(&output));
    world_deinit(&world);
    return output_close(&output);
}

static void assert_dump(int go_minor, uint16_t kept, uint32_t depth, unsigned frames,
                        const char *elided)
{
    char *text = dump_of_depth(go_minor, kept, depth, "main.f");
    unsigned count = 0;
    for (const char *at = strstr(text, "main.f("); at; at = strstr(at + 1, "main.f("))
        count++;
    assert_int_equal(count, frames);
    const char *line = strstr(text, "...");
    while (line && line[3] == ')') /* of "(...)" */
        line = strstr(line + 1, "...");
    if (elided)
        assert_memory_equal(line, elided, strlen(elided));
    else
        assert_null(line);
    free(text);
}

static void test_go_dump_of_deep_stacks(void **state)
{
    (void)state;
    assert_dump(26, 49, 49, 49, NULL);
    assert_dump(26, 100, 100, 100, NULL);
    assert_dump(26, 101, 101, 100, "...1 frames elided...\n");
    assert_dump(26, 200, 1000, 100, "...900 frames elided...\n");
    assert_dump(19, 99, 99, 99, NULL);
    assert_dump(19, 100, 100, 100, "...additional frames elided...\n");
    assert_dump(19, 200, 1000, 100, "...additional frames elided...\n");
    char *text = dump_of_depth(26, 1, 1, "runtime.gcBgMarkWorker");
    assert_non_null(strstr(text, "runtime.gcBgMarkWorker(...)\n\t/f.go:1 +0x10\n"));
    free(text);
}

static void test_groups(void **state)
{
    (void)state;
    struct world world;
    populate(&world);
    struct report report = world_report(&world);
    assert_int_equal(report.groups->groups.length, 4);
    const struct goroutine_group *group = &report.groups->groups.at[0];
    assert_int_equal(group->count, 2);
    assert_int_equal(group->wait_unknown, 1);
    assert_true(group->wait_min_s > 149 && group->wait_max_s < 151);
    assert_int_equal(group->parent_id, 1);
    assert_int_equal(group->stack_bytes, 0x4000);
    assert_int_equal(report.groups->next[group->first], group->last);
    assert_int_equal(report.groups->next[group->last], UINT32_MAX);
    assert_true(world.now.goroutines.at[report.groups->groups.at[3].first].system);
    struct group_waits waits;
    group_waits_of(report.now, report.groups, group, &waits);
    assert_int_equal(waits.length, 1);
    assert_int_equal(waits.at[0].goroutines, 2);
    assert_int_equal(waits.at[0].direction, DIRECTION_SEND);
    VECTOR_DEINIT(&waits);
    world_deinit(&world);
}

static void add_finding(struct world *world)
{
    struct finding finding = {
        .rule = RULE_BLOCKED_GOROUTINES,
        .grade = GRADE_LIKELY,
        .count = 2,
        .held_bytes = 4096,
        .title = xstrdup("2 goroutines wait to send, and nobody receives"),
        .at = {xstrdup("main.push"), xstrdup("/src/agent/pool.go"), 31},
        .started_at = {xstrdup("main.main"), xstrdup("/src/agent/main.go"), 20},
        .started_in_loop = "in a loop",
        .oldest_s = 150,
        .newest_s = -1,
        .since = xstrdup("the oldest at least 2m 30s"),
        .fix = "close it"};
    VECTOR_PUSH(&finding.because, xstrdup("nobody receives"));
    VECTOR_PUSH(&finding.because, xstrdup("they only ever come"));
    VECTOR_PUSH(&world->findings, finding);
    VECTOR_PUSH(&world->notes, xstrdup("a pool of workers was seen"));
}

static char *text_of(struct world *world, bool verbose)
{
    groups_deinit(&world->groups);
    struct report report = world_report(world);
    report.verbose = verbose;
    struct output output;
    struct term term = {.out = output_open(&output)};
    report_text(&report, &term);
    char *text = output_close(&output);
    assert_no_trailing_blanks(text);
    assert_null(strchr(text, '\033'));
    return text;
}

static void test_text(void **state)
{
    (void)state;
    struct world world;
    populate(&world);
    char *text = text_of(&world, false);
    assert_non_null(strstr(
        text, "agent   pid 4711 · go1.26.8 · stripped · up 3d 4h\n"
              "memory  rss 10.0 MiB = heap in use 3.3 + heap idle 1.2 + stacks 1.4 + runtime 1.9 + "
              "mapped files 1.9 + outside Go 0.3\n"));
    assert_non_null(strstr(text, "\nno leak found\n"));
    assert_non_null(strstr(text, "      2  chan send  main.push  agent/pool.go:31"));
    free(text);

    add_finding(&world);
    text = text_of(&world, false);
    assert_non_null(
        strstr(text, "\n\nLEAK likely    2 goroutines wait to send, and nobody receives"));
    assert_non_null(strstr(text, "4.0 KiB held\n"
                                 "  waits at     main.push   agent/pool.go:31\n"
                                 "  started at   main.main   agent/main.go:20   in a loop\n"
                                 "  since        the oldest at least 2m 30s\n"
                                 "  because      nobody receives\n"
                                 "               they only ever come\n"
                                 "  fix          close it\n"
                                 "\n"
                                 "note    a pool of workers was seen\n"
                                 "\n"
                                 "1 leak holds 4.0 KiB of 10.0 MiB."));
    free(text);
    text = text_of(&world, true);
    assert_non_null(strstr(
        text, "2 goroutines · chan send · for at least 2m 30s, 1 began after the last collection"));
    assert_non_null(strstr(
        text,
        "waits on  chan 0xc000123 to send · unbuffered · waiting: 2 to send, 0 to receive\n"));
    free(text);
    world_deinit(&world);
}

static json_t *first_of(json_t *object, const char *key)
{
    json_t *item = json_array_get(json_object_get(object, key), 0);
    assert_non_null(item);
    return item;
}

static void test_json(void **state)
{
    (void)state;
    struct world world;
    populate(&world);
    add_finding(&world);
    struct report report = world_report(&world);
    json_t *schema = load("inspect.schema.json");
    json_t *value = report_json(&report);
    assert_keys(schema, NULL, value);
    json_t *properties = json_object_get(schema, "properties");
    static const char *const objects[] = {"target", "memory", "goroutines", "unread"};
    for (size_t i = 0; i < LENGTH_OF(objects); i++)
        assert_keys(json_object_get(properties, objects[i]), NULL,
                    json_object_get(value, objects[i]));
    json_t *group = first_of(json_object_get(value, "goroutines"), "groups");
    assert_keys(schema, "group", group);
    assert_keys(schema, "frame", first_of(group, "frames"));
    assert_keys(schema, "wait", first_of(group, "waits_on"));
    assert_keys(schema, "place", json_object_get(group, "started_at"));
    assert_keys(schema, "defer", first_of(value, "defers"));
    json_t *finding = first_of(value, "findings");
    assert_keys(schema, "finding", finding);
    assert_true(json_is_null(json_object_get(finding, "newest_s")));
    assert_true(json_is_null(json_object_get(finding, "progress")));
    assert_string_equal(json_string_value(json_object_get(finding, "grade")), "likely");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(value, "unread"), "stacks")), 1);
    json_t *frame = json_array_get(json_object_get(group, "frames"), 2);
    assert_string_equal(json_string_value(json_object_get(frame, "function")), "main.push");
    assert_true(json_is_true(json_object_get(frame, "inlined")));
    json_decref(schema);

    struct output output;
    report_json_line(value, output_open(&output));
    char *text = output_close(&output);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strchr(text, '\033'));
    free(text);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_go_dump), cmocka_unit_test(test_go_dump_of_deep_stacks),
        cmocka_unit_test(test_groups),  cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
