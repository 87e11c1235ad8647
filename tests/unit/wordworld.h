/* A target that is a few words of memory, and a runtime that reads it: for tests that make every word by hand. */
#ifndef SEEP_TESTS_WORDWORLD_H
#define SEEP_TESTS_WORDWORLD_H

#include "memorytarget.h"
#include "runtime/defers.h"
#include "runtime/unwind.h"

enum {
    BASE = 0x10000,
    WORDS = 1 << 14,
    CODE = 0x400000, /* functions, one every 16 bytes */
    GRAIN = 16,
};

/* A target of WORDS words at BASE, and a runtime that knows the layouts below. */
struct wordworld {
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

static inline void wordworld_init(struct wordworld *world)
{
    *world = (struct wordworld){.words = xcalloc(WORDS, 8)};
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

static inline void wordworld_deinit(struct wordworld *world)
{
    VECTOR_DEINIT(&world->runtime.pc_facts);
    u64map_deinit(&world->runtime.pc_index);
    observation_deinit(&world->observation);
    target_close(world->target);
    free(world->words);
}

static inline void put(struct wordworld *world, address at, uint64_t value)
{
    world->words[(at - BASE) / 8] = value;
}

/* What is known of a code address; no pclntab is asked then. */
static inline void know(struct wordworld *world, address pc, struct pc_facts facts)
{
    u64map_set(&world->runtime.pc_index, pc, (uint32_t)world->runtime.pc_facts.length);
    VECTOR_PUSH(&world->runtime.pc_facts, facts);
}

#endif
