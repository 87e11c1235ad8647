#include "target/frozen.h"

#include <stdlib.h>
#include <string.h>

#include "target/registers.h"

struct frozen {
    struct target target; /* first: a struct target * is a struct frozen * */
    struct process *live;
    struct process *twin; /* NULL: memory is in the copy */
    struct guardian *guardian;
    struct copy copy;
    struct thread_registers *threads;
    size_t thread_count;
    int64_t instant_ns;
};

static void frozen_destroy(struct target *target)
{
    struct frozen *frozen = (struct frozen *)target;
    target->executable = NULL; /* the live target's */
    target_deinit(target);
    if (frozen->twin)
        target_close(&frozen->twin->target);
    guardian_end(frozen->guardian);
    copy_deinit(&frozen->copy);
    free(frozen->threads);
    free(frozen);
}

/* Reading. */

/* How far an address is alike: one piece of the copy, zeros, or what is read from the live process. */
static struct error *read_piece(struct frozen *frozen, address at, uint8_t *to, size_t size,
                                size_t *done_ret)
{
    uint64_t left = 0;
    const uint8_t *bytes = copy_at(&frozen->copy, at, &left);
    *done_ret = left < size ? left : size;
    if (bytes) {
        memcpy(to, bytes, *done_ret);
        return NULL;
    }
    const struct mapping *mapping = mappings_at(&frozen->target.mappings, at);
    if (!mapping)
        return target_fault(at, size);
    if (mapping->end - at < *done_ret)
        *done_ret = mapping->end - at;
    if (!copy_keeps(mapping))
        return process_read(&frozen->live->target, at, to, *done_ret);
    if (mapping->is_file) /* a page that could not be copied, or was not there */
        return target_fault(at, size);
    memset(to, 0, *done_ret);
    return NULL;
}

/* A twin that is there no more says why. */
static struct error *of_twin(const struct frozen *frozen, struct error *error)
{
    if (!error || error_code(error) != ERROR_GONE)
        return error;
    error_destroy(error);
    bool gone = guardian_facts(frozen->guardian)->twin_ended;
    return error_create(ERROR_GONE, "pid %d: its copy-on-write twin %s", (int)frozen->live->pid,
                        gone ? "was given up: the process ended, or memory became short"
                             : "was killed");
}

static struct error *frozen_read(struct target *target, address at, void *to, size_t size)
{
    struct frozen *frozen = (struct frozen *)target;
    if (frozen->twin)
        return of_twin(frozen, process_read(&frozen->twin->target, at, to, size));
    uint8_t *out = to;
    while (size) {
        size_t done = 0;
        TRY(read_piece(frozen, at, out, size, &done));
        at += done;
        out += done;
        size -= done;
    }
    return NULL;
}

static struct error *frozen_read_many(struct target *target, struct read_request *requests,
                                      size_t count)
{
    struct frozen *frozen = (struct frozen *)target;
    if (frozen->twin)
        return of_twin(frozen, process_read_many(&frozen->twin->target, requests, count));
    return requests_read_each(target, frozen_read, requests, count);
}

/* What is resident. */

/* Of what is not copied, and in a twin of what it has not got from its original: as the live process
 * has it now. */
static void take_from_live(struct frozen *frozen, const struct mappings *live)
{
    for (size_t i = 0; i < frozen->target.mappings.length; i++) {
        struct mapping *mapping = &frozen->target.mappings.at[i];
        const struct mapping *now = mappings_at(live, mapping->start);
        if (!copy_keeps(mapping) && now && now->start == mapping->start && now->end == mapping->end)
            mapping->rss_bytes = now->rss_bytes;
    }
}

static struct error *frozen_measure(struct target *target)
{
    struct frozen *frozen = (struct frozen *)target;
    if (frozen->twin)
        TRY(process_read_mappings(frozen->twin, "smaps", &target->mappings));
    for (size_t i = 0; i < target->mappings.length && !frozen->twin; i++) {
        struct mapping *mapping = &target->mappings.at[i];
        if (copy_keeps(mapping))
            mapping->rss_bytes = copy_measure(&frozen->copy, mapping->start, mapping->end);
    }
    struct mappings live = {0};
    TRY(process_read_mappings(frozen->live, "smaps", &live));
    take_from_live(frozen, &live);
    mappings_deinit(&live);
    return NULL;
}

static struct error *frozen_resident(struct target *target, address start, uint64_t size,
                                     uint64_t *resident_ret)
{
    struct frozen *frozen = (struct frozen *)target;
    if (frozen->twin)
        return process_resident_of(frozen->twin, false, start, size, resident_ret);
    if (size > UINT64_MAX - start)
        return error_create(ERROR_LIMIT, "a range that ends behind all addresses");
    *resident_ret = copy_measure(&frozen->copy, start, start + size);
    return NULL;
}

static const struct thread_registers *frozen_threads(const struct target *target, size_t *count_ret)
{
    const struct frozen *frozen = (const struct frozen *)target;
    *count_ret = frozen->thread_count;
    return frozen->threads;
}

static int64_t frozen_now_ns(const struct target *target)
{
    return ((const struct frozen *)target)->instant_ns;
}

static struct error *frozen_touched(struct target *target, struct extents *touched_ret)
{
    struct frozen *frozen = (struct frozen *)target;
    if (frozen->twin)
        return copy_touched(frozen->twin, &target->mappings, touched_ret);
    for (size_t i = 0; i < frozen->copy.ranges.length; i++)
        extents_add(touched_ret, frozen->copy.ranges.at[i].start, frozen->copy.ranges.at[i].end);
    return NULL;
}

/* Of a copy, where a piece of it is aligned as in the target. */
static const uint8_t *frozen_in_place(const struct target *target, address at, uint64_t size)
{
    const struct frozen *frozen = (const struct frozen *)target;
    uint64_t left = 0;
    const uint8_t *bytes = frozen->twin ? NULL : copy_at(&frozen->copy, at, &left);
    return bytes && left >= size && (uintptr_t)bytes % 8 == 0 ? bytes : NULL;
}

static const struct target_operations operations = {
    .read = frozen_read,
    .read_many = frozen_read_many,
    .in_place = frozen_in_place,
    .measure = frozen_measure,
    .resident = frozen_resident,
    .threads = frozen_threads,
    .now_ns = frozen_now_ns,
    .touched = frozen_touched,
    .destroy = frozen_destroy,
};

/* Making one. */

static void take_facts(struct frozen *frozen)
{
    const struct target *live = &frozen->live->target;
    frozen->target.facts = live->facts;
    frozen->target.facts.kind = TARGET_FROZEN;
    frozen->target.facts.name = xstrdup(live->facts.name);
    frozen->target.facts.exe_path = live->facts.exe_path ? xstrdup(live->facts.exe_path) : NULL;
    target_set_executable(&frozen->target, live->executable, live->bias);
}

static void take_threads(struct frozen *frozen)
{
    const struct guardian_facts *facts = guardian_facts(frozen->guardian);
    frozen->instant_ns = facts->instant_ns + frozen->live->clock_offset_ns;
    frozen->thread_count = facts->thread_count;
    frozen->threads = xcalloc(facts->thread_count + 1, sizeof(*frozen->threads));
    memcpy(frozen->threads, facts->threads, facts->thread_count * sizeof(*frozen->threads));
    registers_sort(frozen->threads, frozen->thread_count);
}

static struct error *take_memory(struct frozen *frozen, struct copy *copy,
                                 struct mappings *mappings)
{
    frozen->copy = *copy;
    frozen->target.mappings = *mappings;
    *copy = (struct copy){0};
    *mappings = (struct mappings){0};
    pid_t pid = guardian_facts(frozen->guardian)->twin;
    if (!pid)
        return NULL;
    TRY(process_open_twin(frozen->live, pid, &frozen->twin));
    return process_read_mappings(frozen->twin, "maps", &frozen->target.mappings);
}

struct error *frozen_create(struct process *live, struct guardian *guardian, struct copy *copy,
                            struct mappings *mappings, struct target **frozen_ret)
{
    struct frozen *frozen = xcalloc(1, sizeof(*frozen));
    frozen->target.operations = &operations;
    frozen->live = live;
    frozen->guardian = guardian;
    take_facts(frozen);
    take_threads(frozen);
    struct error *error = take_memory(frozen, copy, mappings);
    if (error) {
        frozen_destroy(&frozen->target);
        return error;
    }
    *frozen_ret = &frozen->target;
    return NULL;
}
