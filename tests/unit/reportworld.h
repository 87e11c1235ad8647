/* A small program and one look at it, made by hand: functions with names, files and lines in a pclntab of Go 1.20's form,
 * and goroutines on their stacks. No process is needed. */
#ifndef REPORTWORLD_H
#define REPORTWORLD_H

#include <string.h>

#include "base/text.h"
#include "program/program.h"
#include "report/report.h"

enum {
    WORLD_TEXT = 0x400000,
    WORLD_FUNC_SIZE = 0x100,
    WORLD_FUNC_MAX = 16,
    WORLD_WRAPPER_ID = 23,
    WORLD_RECORD = 44 + 3 * 4 + 4 * 4, /* with three pcdata and four funcdata */
};

struct world {
    struct text names, files, pc_tables, functions, func_data;
    uint32_t cu[WORLD_FUNC_MAX];
    uint32_t ftab[2 * WORLD_FUNC_MAX + 1];
    unsigned count;
    struct program program;
    struct stack_table stacks;
    struct observation now;
    struct target_facts facts;
    struct findings findings;
    struct notes notes;
    struct group_table groups;
};

static inline void world_varint(struct text *text, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        text_add(text, &(char){(char)(value | 0x80)}, 1);
    text_add(text, &(char){(char)value}, 1);
}

/* A table with one value for the whole function; its offset. */
static inline uint32_t world_pc_table(struct world *world, uint32_t value)
{
    uint32_t at = (uint32_t)world->pc_tables.length;
    world_varint(&world->pc_tables, (value + 1) << 1);
    world_varint(&world->pc_tables, WORLD_FUNC_SIZE);
    world_varint(&world->pc_tables, 0);
    return at;
}

/* The inlined call is everywhere but at the start, where its parent is. */
static inline uint32_t world_inline_table(struct world *world)
{
    enum {
        PARENT_ONLY = 0xc
    };
    uint32_t at = (uint32_t)world->pc_tables.length;
    const uint32_t numbers[] = {0, PARENT_ONLY, 2, WORLD_FUNC_SIZE - PARENT_ONLY, 0};
    for (size_t i = 0; i < LENGTH_OF(numbers); i++)
        world_varint(&world->pc_tables, numbers[i]);
    return at;
}

static inline void world_put(struct text *text, size_t at, uint32_t value)
{
    memcpy(text->bytes + at, &value, sizeof(value));
}

static inline uint32_t world_name(struct text *names, const char *name)
{
    uint32_t at = (uint32_t)names->length;
    text_add(names, name, strlen(name) + 1);
    return at;
}

/* A function; all of it is at one line. `inlined` (or NULL): what the compiler put in its place throughout. Returns a return address in it:
 * entry + 0x10. */
static inline address world_func(struct world *world, const char *name, const char *file,
                                 uint32_t line, bool wrapper, const char *inlined)
{
    static const char zeros[WORLD_RECORD];
    unsigned index = world->count++;
    size_t at = world->functions.length;
    text_add(&world->functions, zeros, sizeof(zeros));
    struct text *records = &world->functions;
    world_put(records, at, index * WORLD_FUNC_SIZE);
    world_put(records, at + 4, world_name(&world->names, name));
    world->cu[index] = world_name(&world->files, file);
    world_put(records, at + 20, world_pc_table(world, index)); /* the file's number in the unit */
    world_put(records, at + 24, world_pc_table(world, line));
    world_put(records, at + 28, 3);
    records->bytes[at + 40] = wrapper ? WORLD_WRAPPER_ID : 0;
    records->bytes[at + 43] = 4;
    for (unsigned i = 0; i < 4; i++)
        world_put(records, at + 44 + 12 + 4 * i, UINT32_MAX);
    if (inlined) {
        uint32_t call[4] = {0, world_name(&world->names, inlined), 0x8, 0};
        world_put(records, at + 44 + 8, world_inline_table(world));
        world_put(records, at + 44 + 12 + 12, (uint32_t)world->func_data.length);
        text_add(&world->func_data, (const char *)call, sizeof(call));
    }
    world->ftab[2 * index] = index * WORLD_FUNC_SIZE;
    world->ftab[2 * index + 1] = (uint32_t)at;
    return WORLD_TEXT + index * WORLD_FUNC_SIZE + 0x10;
}

/* Called once all functions are there. */
static inline void world_link(struct world *world)
{
    world->ftab[2 * world->count] = world->count * WORLD_FUNC_SIZE;
    struct pclntab *table = &world->program.pclntab;
    *table = (struct pclntab){
        .magic = 0xfffffff1,
        .quantum = 1,
        .function_count = world->count,
        .has_start_line = true,
        .names = {(const uint8_t *)world->names.bytes, world->names.length},
        .cu_table = {(const uint8_t *)world->cu, sizeof(world->cu)},
        .files = {(const uint8_t *)world->files.bytes, world->files.length},
        .pc_tables = {(const uint8_t *)world->pc_tables.bytes, world->pc_tables.length},
        .functions = {(const uint8_t *)world->functions.bytes, world->functions.length},
        .ftab = {(const uint8_t *)world->ftab, (2 * world->count + 1) * 4},
        .func_data = {(const uint8_t *)world->func_data.bytes, world->func_data.length},
        .text = WORLD_TEXT,
        .text_end = WORLD_TEXT + world->count * WORLD_FUNC_SIZE,
        .go_func = 0x900000,
        .wrapper_id = WORLD_WRAPPER_ID,
    };
    world->now.stacks = &world->stacks;
}

static inline void world_init(struct world *world)
{
    *world = (struct world){
        .program = {.info = {.go_version = (char *)(uintptr_t) "go1.26.8", .go_minor = 26},
                    .stripped = true},
        .facts = {.kind = TARGET_PROCESS,
                  .pid = 4711,
                  .name = (char *)(uintptr_t) "agent",
                  .exe_path = (char *)(uintptr_t) "/srv/agent",
                  .uptime_s = 273600,
                  .started_unix = -1},
    };
    text_add(&world->pc_tables, "", 1); /* offset 0 is "no table" */
}

static inline uint32_t world_stack(struct world *world, const address *pcs, uint16_t kept,
                                   uint32_t depth)
{
    struct stack walked = {.kept = kept, .depth = depth, .complete = true};
    return stack_table_intern(&world->stacks, pcs, &walked);
}

static inline struct report world_report(struct world *world)
{
    groups_build(&world->now, &world->groups);
    return (struct report){.facts = &world->facts,
                           .program = &world->program,
                           .now = &world->now,
                           .groups = &world->groups,
                           .findings = &world->findings,
                           .notes = &world->notes,
                           .looks = 1,
                           .read_s = 0.42};
}

static inline void world_deinit(struct world *world)
{
    struct text *const texts[] = {&world->names, &world->files, &world->pc_tables,
                                  &world->functions, &world->func_data};
    for (size_t i = 0; i < LENGTH_OF(texts); i++)
        text_deinit(texts[i]);
    groups_deinit(&world->groups);
    findings_deinit(&world->findings);
    for (size_t i = 0; i < world->notes.length; i++)
        free(world->notes.at[i]);
    VECTOR_DEINIT(&world->notes);
    observation_deinit(&world->now);
    stack_table_deinit(&world->stacks);
}

#endif
