/* A target that is nothing but bytes at an address: for tests and fuzzing of what reads a target's memory. */
#ifndef SEEP_TESTS_MEMORYTARGET_H
#define SEEP_TESTS_MEMORYTARGET_H

#include <string.h>

#include "base/memory.h"
#include "target/internal.h"

struct memory_target {
    struct target target; /* first */
    address start;
    const uint8_t *bytes; /* borrowed */
    size_t size;
    const struct thread_registers *threads; /* sorted by tid; borrowed */
    size_t thread_count;
};

static inline struct error *memory_target_read(struct target *target, address at, void *to,
                                               size_t size)
{
    struct memory_target *memory = (struct memory_target *)(void *)target;
    if (at < memory->start || at - memory->start > memory->size ||
        memory->size - (at - memory->start) < size)
        return target_fault(at, size);
    memcpy(to, memory->bytes + (at - memory->start), size);
    return NULL;
}

static inline struct error *memory_target_read_many(struct target *target,
                                                    struct read_request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct read_request *request = &requests[i];
        struct error *error = memory_target_read(target, request->at, request->to, request->size);
        request->failed = error_ignore(error);
        if (request->failed)
            memset(request->to, 0, request->size);
    }
    return NULL;
}

static inline struct error *memory_target_measure(struct target *target)
{
    (void)target;
    return NULL;
}

static inline struct error *memory_target_resident(struct target *target, address start,
                                                   uint64_t size, uint64_t *resident_ret)
{
    (void)target;
    (void)start;
    *resident_ret = size;
    return NULL;
}

static inline const struct thread_registers *memory_target_threads(const struct target *target,
                                                                   size_t *count_ret)
{
    const struct memory_target *memory = (const struct memory_target *)(const void *)target;
    *count_ret = memory->thread_count;
    return memory->threads;
}

static inline void memory_target_destroy(struct target *target)
{
    target_deinit(target);
    free(target);
}

/* End it with target_close(). The bytes may change while it lives: then call target_forget(). */
static inline struct target *memory_target_create(address start, const void *bytes, size_t size)
{
    static const struct target_operations operations = {.read = memory_target_read,
                                                        .read_many = memory_target_read_many,
                                                        .measure = memory_target_measure,
                                                        .resident = memory_target_resident,
                                                        .threads = memory_target_threads,
                                                        .destroy = memory_target_destroy};
    struct memory_target *memory = xcalloc(1, sizeof(*memory));
    memory->target.operations = &operations;
    memory->target.facts.kind = TARGET_CORE;
    memory->target.facts.uptime_s = -1;
    memory->start = start;
    memory->bytes = bytes;
    memory->size = size;
    return &memory->target;
}

static inline void memory_target_set_thread(struct target *target,
                                            const struct thread_registers *thread)
{
    struct memory_target *memory = (struct memory_target *)(void *)target;
    memory->threads = thread;
    memory->thread_count = thread ? 1 : 0;
}

#endif
