/* Observations made by hand for verdicts. Three functions: main.start starts goroutines, main.work is where they wait and
 * defer, and runtime.deferproc. */
#ifndef SEEP_TESTS_SCENE_H
#define SEEP_TESTS_SCENE_H

#include "find/finding.h"
#include "memorytarget.h"
#include "reportworld.h"
#include "runtime/internal.h"

enum {
    CODE_BYTES = WORLD_FUNC_MAX * WORLD_FUNC_SIZE,
    GS = WORLD_TEXT + CODE_BYTES, /* where runtime.g of each goroutine is, as far as it is read */
    G_BYTES = 24,                 /* goid, status, sched.sp */
    GS_MAX = 4096,
    MUTEX = 0x5000,
    CHANNEL = 0x6000,
};

static const int64_t second_ns = 1000000000;

struct scene {
    struct world world;
    uint8_t *memory; /* from WORLD_TEXT on */
    struct target *target;
    struct runtime runtime;
    struct observation first;
    address go_pc, work_pc; /* return addresses in main.start and main.work */
    address deferproc;
    uint32_t stack;
    struct findings findings;
    struct notes notes;
};

static inline void scene_init(struct scene *scene)
{
    *scene = (struct scene){.memory = xcalloc(1, CODE_BYTES + GS_MAX * G_BYTES)};
    struct world *world = &scene->world;
    world_init(world);
    scene->go_pc = world_func(world, "main.start", "/src/start.go", 7, false, NULL);
    scene->work_pc = world_func(world, "main.work", "/src/work.go", 20, false, NULL);
    scene->deferproc =
        world_func(world, "runtime.deferproc", "/go/panic.go", 9, false, NULL) - 0x10;
    world_link(world);
    memset(scene->memory, 0x90, CODE_BYTES);
    scene->target = memory_target_create(WORLD_TEXT, scene->memory, CODE_BYTES + GS_MAX * G_BYTES);
    scene->target->facts.kind = TARGET_PROCESS;
    scene->target->facts.uptime_s = 40;
    scene->runtime.target = scene->target;
    scene->runtime.program = &world->program;
    scene->runtime.offsets =
        (struct offsets){.g_goid = 0, .g_status = 8, .g_sched_sp = 16, .g_size = G_BYTES};
    scene->stack = world_stack(world, &scene->work_pc, 1, 1);
    scene->first.stacks = &world->stacks;
    scene->first.taken_ns = world->now.taken_ns = 10000 * second_ns;
}

static inline void scene_forget(struct scene *scene)
{
    findings_deinit(&scene->findings);
    for (size_t i = 0; i < scene->notes.length; i++)
        free(scene->notes.at[i]);
    VECTOR_DEINIT(&scene->notes);
}

static inline void scene_deinit(struct scene *scene)
{
    scene_forget(scene);
    observation_deinit(&scene->first);
    VECTOR_DEINIT(&scene->runtime.pc_facts);
    u64map_deinit(&scene->runtime.pc_index);
    target_close(scene->target);
    world_deinit(&scene->world);
    free(scene->memory);
}

static inline uint32_t scene_object(struct observation *look, enum wait_kind kind, address at)
{
    struct wait_object object = {.at = at, .kind = kind, .readable = true, .first_sender = 0x7000};
    VECTOR_PUSH(&look->objects, object);
    return (uint32_t)look->objects.length - 1;
}

/* A goroutine that waits on an object; goroutines of one id are the same in both looks. */
static inline struct goroutine *scene_add(struct scene *scene, struct observation *look,
                                          uint64_t id, enum wait_kind kind, uint32_t on)
{
    address at = GS + id * G_BYTES;
    uint64_t g[G_BYTES / 8] = {id, GOROUTINE_WAITING};
    assert_true(id < GS_MAX);
    memcpy(scene->memory + (at - WORLD_TEXT), g, sizeof(g));
    VECTOR_PUSH(&look->waits,
                (struct wait){.goroutine = (uint32_t)look->goroutines.length, .object = on});
    VECTOR_PUSH(&look->goroutines,
                (struct goroutine){.at = at,
                                   .id = id,
                                   .state = GOROUTINE_WAITING,
                                   .wait_kind = (uint8_t)kind,
                                   .go_pc = scene->go_pc,
                                   .stack = scene->stack,
                                   .first_wait = (uint32_t)look->waits.length - 1,
                                   .wait_count = 1});
    return &look->goroutines.at[look->goroutines.length - 1];
}

static inline void scene_add_many(struct scene *scene, struct observation *look, uint64_t from,
                                  uint64_t to, enum wait_kind kind, uint32_t on)
{
    for (uint64_t id = from; id < to; id++)
        scene_add(scene, look, id, kind, on);
}

static inline struct looks scene_looks(struct scene *scene, unsigned count)
{
    return (struct looks){.target = scene->target,
                          .program = &scene->world.program,
                          .runtime = &scene->runtime,
                          .first = count > 1 ? &scene->first : NULL,
                          .now = &scene->world.now,
                          .interval_s = 2};
}

/* How many findings there are; `looks`: 1 or 2. */
static inline size_t scene_judge(struct scene *scene, unsigned count)
{
    struct looks looks = scene_looks(scene, count);
    scene_forget(scene);
    find_leaks(&looks, &scene->findings, &scene->notes);
    return scene->findings.length;
}

static inline bool scene_wants_second(struct scene *scene)
{
    struct looks looks = scene_looks(scene, 1);
    return find_wants_second_look(&looks);
}

#endif
