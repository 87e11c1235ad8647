/* Each part of the split is handed out piece by piece, and a piece takes at most what is left: pages come and go while they are counted, but the sums
 * hold. What nothing was found for has a name of its own.
 *
 *   heap in use  objects (of these, descriptors of goroutines that ended), free slots, ends of spans (slots.h)
 *   heap idle    by the runtime's own counter of what it has not given back (gcController.heapFree, Go 1.19+). What is resident beyond it was given
 *                back, but lies in huge pages: the kernel fills these up again (khugepaged)
 *   stacks       those of living goroutines, and the rest of the spans of stacks: free, kept by goroutines that ended (runtime/proc.go, gfput), or of
 *                the runtime's threads (g0, gsignal)
 *   mapped files those that code is run from, and others */
#include "runtime/memoryparts.h"

#include <string.h>

#include "runtime/slots.h"

enum {
    NEIGHBOURS = 8 /* mappings of one library follow each other */
};

static uint64_t take(uint64_t *left, uint64_t wanted)
{
    uint64_t taken = wanted < *left ? wanted : *left;
    *left -= taken;
    return taken;
}

/* ---- mappings */

/* Cuts between letters. */
static void put_name(char *to, size_t room, const char *name)
{
    size_t length = strlen(name);
    if (length >= room) {
        length = room - 1;
        while (length && ((unsigned char)name[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(to, name, length);
    to[length] = 0;
}

static void note_large(struct large_mapping *list, const struct mapping *mapping, const char *name)
{
    unsigned place = MAPPINGS_NAMED;
    while (place && list[place - 1].rss_bytes < mapping->rss_bytes)
        place--;
    if (place == MAPPINGS_NAMED)
        return;
    memmove(&list[place + 1], &list[place], (MAPPINGS_NAMED - 1 - place) * sizeof(*list));
    list[place] = (struct large_mapping){.start = mapping->start, .rss_bytes = mapping->rss_bytes};
    put_name(list[place].name, sizeof(list[place].name), name);
}

static bool holds_code(const struct mapping *mappings, size_t count, size_t index)
{
    size_t first = index > NEIGHBOURS ? index - NEIGHBOURS : 0;
    for (size_t i = first; i < count && i <= index + NEIGHBOURS; i++) {
        if (mappings[i].executable && !strcmp(mappings[i].path, mappings[index].path))
            return true;
    }
    return false;
}

void memory_parts_add_file(struct memory_parts *parts, const struct mapping *mappings, size_t count,
                           size_t index)
{
    const struct mapping *mapping = &mappings[index];
    const char *slash = strrchr(mapping->path, '/');
    if (holds_code(mappings, count, index)) {
        parts->program_files += mapping->rss_bytes;
        return;
    }
    parts->other_files += mapping->rss_bytes;
    note_large(parts->files_named, mapping, slash ? slash + 1 : mapping->path);
}

void memory_parts_add_outside(struct memory_parts *parts, const struct mapping *mapping)
{
    if (!strcmp(mapping->path, "[heap]")) {
        parts->c_heap += mapping->rss_bytes;
        return;
    }
    parts->outside += mapping->rss_bytes;
    note_large(parts->outside_named, mapping, mapping->path);
}

/* ---- the heap in use */

struct slot_sums {
    struct runtime *runtime;
    struct memory_parts *parts;
    uint64_t objects, free_slots, span_ends;
};

static void add_span(void *context, const struct span *span, const uint8_t *allocated)
{
    struct slot_sums *sums = context;
    struct span_use use = slots_weigh(sums->runtime->target, span, allocated);
    sums->objects += use.wanted_bytes;
    sums->free_slots += use.other_bytes;
    sums->span_ends += use.resident_bytes - use.wanted_bytes - use.other_bytes;
    if (span->objects < 2)
        return;
    struct slot_class *class = &sums->parts->classes[span->class >> 1];
    class->size_bytes = span->element_size;
    class->spans++;
    class->slots += span->objects;
    class->free_slots += span->objects - use.wanted;
    class->free_bytes += use.other_bytes;
}

static uint64_t dead_descriptors(const struct observation *observation, const struct spans *spans)
{
    const struct span *span = observation->dead ? spans_at(spans, observation->dead_at) : NULL;
    uint64_t most = observation->memory.heap_in_use;
    if (!span || !span->objects || observation->dead > most / span->element_size)
        return 0;
    return observation->dead * span->element_size;
}

static struct error *find_objects(struct runtime *runtime, struct observation *observation,
                                  const struct spans *spans)
{
    struct memory_parts *parts = &observation->memory.parts;
    struct slot_sums sums = {.runtime = runtime, .parts = parts};
    TRY(slots_each(runtime->target, spans, add_span, &sums));
    uint64_t left = observation->memory.heap_in_use;
    uint64_t objects = take(&left, sums.objects);
    parts->free_slots = take(&left, sums.free_slots);
    parts->span_ends = take(&left, sums.span_ends);
    parts->untold = left;
    parts->dead_descriptors = take(&objects, dead_descriptors(observation, spans));
    parts->objects = objects;
    return NULL;
}

/* ---- stacks */

struct range {
    address start, end;
};

static int by_start(const void *left, const void *right)
{
    const struct range *a = left, *b = right;
    return a->start < b->start ? -1 : a->start > b->start;
}

/* Resident bytes of ranges, which are sorted for it; what overlaps counts once. */
static uint64_t weigh_ranges(struct target *target, struct range *ranges, size_t count)
{
    uint64_t bytes = 0;
    address done = 0;
    qsort(ranges, count, sizeof(*ranges), by_start);
    for (size_t i = 0; i < count; i++) {
        address from = ranges[i].start > done ? ranges[i].start : done;
        address to = ranges[i].end;
        while (i + 1 < count && ranges[i + 1].start <= to) {
            i++;
            to = ranges[i].end > to ? ranges[i].end : to;
        }
        uint64_t resident = 0;
        if (from >= to)
            continue;
        struct error *error = target_resident(target, from, to - from, &resident);
        bytes += error_ignore(error) ? 0 : resident;
        done = to;
    }
    return bytes;
}

/* Stacks that lie in the heap: that of a thread which C made does not. */
static void find_stacks(struct runtime *runtime, struct observation *observation,
                        const struct spans *spans)
{
    struct memory_parts *parts = &observation->memory.parts;
    size_t count = 0;
    AUTO_FREE struct range *ranges = xmalloc(observation->goroutines.length * sizeof(*ranges) + 1);
    uint64_t frames = 0, left = observation->memory.stacks;
    for (size_t i = 0; i < observation->goroutines.length; i++) {
        const struct goroutine *goroutine = &observation->goroutines.at[i];
        const struct span *span = spans_at(spans, goroutine->stack_low);
        if (!span || goroutine->stack_high <= goroutine->stack_low ||
            goroutine->stack_high > span->start + span->pages * SPAN_PAGE_BYTES)
            continue;
        ranges[count++] =
            (struct range){.start = goroutine->stack_low, .end = goroutine->stack_high};
        frames += goroutine->sp ? goroutine->stack_high - goroutine->sp : 0;
    }
    parts->stacks_used = take(&left, weigh_ranges(runtime->target, ranges, count));
    parts->stacks_kept = left;
    parts->frames = frames < parts->stacks_used ? frames : parts->stacks_used;
    parts->dead_stacks =
        observation->dead_stack_bytes < left ? observation->dead_stack_bytes : left;
}

/* ---- idle pages */

static void find_idle(struct observation *observation)
{
    struct memory_parts *parts = &observation->memory.parts;
    const struct counters *counters = &observation->counters;
    uint64_t idle = observation->memory.heap_idle;
    uint64_t beyond = counters->heap_known && idle > counters->idle ? idle - counters->idle : 0;
    parts->idle_again = beyond < parts->heap_huge ? beyond : parts->heap_huge;
    parts->idle = idle - parts->idle_again;
}

struct error *memory_parts_find(struct runtime *runtime, struct observation *observation,
                                const struct spans *spans)
{
    struct memory_split *memory = &observation->memory;
    TRY(find_objects(runtime, observation, spans));
    find_stacks(runtime, observation, spans);
    find_idle(observation);
    memory->parts.tables = memory->runtime - memory->parts.buffers;
    memory->parts.known = true;
    return NULL;
}
