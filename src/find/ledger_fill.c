/* What one look has, for comparing it with another. Goroutines count by where they wait and where they were started: the frames
 * between come and go with the compiler's inlining. */
#include <stdlib.h>
#include <string.h>

#include "find/heap_growth.h"
#include "find/ledger.h"
#include "find/places.h"

static void key_place(struct text *key, const struct place *place, bool by_line)
{
    text_puts(key, place->function ? place->function : "?");
    if (by_line && place->file)
        text_printf(key, " %s:%d", place->file, (int)place->line);
    text_puts(key, "|");
}

static bool is_among(const uint64_t *ids, size_t count, uint64_t id)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ids[low] == id;
}

static uint64_t only_here(const struct ledger_source *source, const struct goroutine_group *group)
{
    uint64_t count = 0;
    for (uint32_t i = group->first; source->others && i != UINT32_MAX; i = source->groups->next[i])
        count += !is_among(source->others, source->others_count, source->now->goroutines.at[i].id);
    return count;
}

/* Why it waits, else what it does. */
static const char *state_of(const struct observation *now, const struct goroutine *goroutine)
{
    bool waits = goroutine->state == GOROUTINE_WAITING || goroutine->state == GOROUTINE_LEAKED;
    if (waits && goroutine->wait_reason < now->wait_reasons.length)
        return now->wait_reasons.at[goroutine->wait_reason];
    return goroutine_state_name(goroutine->state);
}

static void add_group(struct ledger *ledger, const struct ledger_source *source, size_t index)
{
    const struct goroutine_group *group = &source->groups->groups.at[index];
    const struct goroutine *first = &source->now->goroutines.at[group->first];
    struct text key = {0};
    struct ledger_entry entry = {
        .kind = LEDGER_GOROUTINES,
        .name = xstrdup(state_of(source->now, first)),
        .at = place_of_stack(source->program, source->now, first),
        .started_at = place_of_start(source->program, first),
        .count = group->count,
        .bytes = source->heap ? source->heap->group_held[index] : group->stack_bytes,
        .only_here = only_here(source, group),
        .system = first->system,
    };
    text_printf(&key, "%s|", entry.name);
    key_place(&key, &entry.at, source->by_line);
    key_place(&key, &entry.started_at, source->by_line);
    entry.key = key.bytes;
    ledger_add(ledger, &entry);
}

/* The same by go statement alone: a goroutine that waits now and runs then is no growth. */
static void add_start(struct ledger *ledger, const struct ledger_source *source, size_t index)
{
    const struct goroutine_group *group = &source->groups->groups.at[index];
    const struct goroutine *first = &source->now->goroutines.at[group->first];
    struct text key = {0};
    struct ledger_entry entry = {
        .kind = LEDGER_STARTS,
        .started_at = place_of_start(source->program, first),
        .count = group->count,
        .bytes = group->stack_bytes,
        .only_here = only_here(source, group),
        .system = first->system,
    };
    entry.name = xstrdup(entry.started_at.function ? "goroutines"
                         : first->system           ? "the runtime's own"
                                                   : "main goroutine");
    text_printf(&key, "%s|", entry.name);
    key_place(&key, &entry.started_at, source->by_line);
    entry.key = key.bytes;
    ledger_add(ledger, &entry);
}

static void add_site(struct ledger *ledger, const struct ledger_source *source,
                     const struct defer_site *site)
{
    struct text key = {0};
    struct ledger_entry entry = {
        .kind = LEDGER_DEFERS,
        .name = xstrdup("deferred calls"),
        .at = place_of_defer(source->program, site),
        .count = site->count,
        .bytes = site->record_bytes,
    };
    key_place(&key, &entry.at, source->by_line);
    entry.key = key.bytes;
    ledger_add(ledger, &entry);
}

static void add_named(struct ledger *ledger, enum ledger_kind kind, const char *name,
                      uint64_t count, uint64_t bytes)
{
    struct ledger_entry entry = {
        .kind = kind, .key = xstrdup(name), .name = xstrdup(name), .count = count, .bytes = bytes};
    ledger_add(ledger, &entry);
}

static void add_memory(struct ledger *ledger, const struct memory_split *memory)
{
    if (memory->total)
        add_named(ledger, LEDGER_MEMORY, "total", 0, memory->total);
    if (!memory->known)
        return;
    add_named(ledger, LEDGER_MEMORY, "heap in use", 0, memory->heap_in_use);
    add_named(ledger, LEDGER_MEMORY, "heap idle", 0, memory->heap_idle);
    add_named(ledger, LEDGER_MEMORY, "stacks", 0, memory->stacks);
    add_named(ledger, LEDGER_MEMORY, "runtime", 0, memory->runtime);
    add_named(ledger, LEDGER_MEMORY, "mapped files", 0, memory->mapped_files);
    add_named(ledger, LEDGER_MEMORY, "outside Go", 0, memory->outside_go);
}

/* Goroutines by their go statement, wherever they wait: "goroutines started at main.run main.go:30". */
static void put_holder(struct text *way, const struct heap_line *line, bool by_line)
{
    const struct place *start = &line->started_at;
    if (line->of_main)
        text_puts(way, "main goroutine");
    else if (!start->function)
        heap_line_put(line, way);
    if (!start->function)
        return;
    const char *slash = start->file ? strrchr(start->file, '/') : NULL;
    text_printf(way, "goroutines started at %s", start->function);
    if (by_line && start->file)
        text_printf(way, " %s:%d", slash ? slash + 1 : start->file, (int)start->line);
}

static void put_way(struct text *way, const struct heap_view *heap, uint32_t line, bool by_line)
{
    const struct heap_line *at = &heap->lines.at[line];
    if (at->depth > 1) {
        put_way(way, heap, at->parent, by_line);
        text_puts(way, " → ");
    }
    put_holder(way, at, by_line);
}

static void add_way(struct ledger *ledger, const struct heap_view *heap, uint32_t line,
                    bool by_line)
{
    struct text way = {0};
    put_way(&way, heap, line, by_line);
    add_named(ledger, LEDGER_WAYS, way.bytes, heap->lines.at[line].members,
              heap->lines.at[line].held_bytes);
    text_deinit(&way);
}

static void add_heap(struct ledger *ledger, const struct heap_view *heap, bool by_line)
{
    add_named(ledger, LEDGER_HEAP, "reached", heap->objects, heap->bytes);
    for (size_t i = 0; i < heap->types.length; i++)
        add_named(ledger, LEDGER_TYPES, heap->types.at[i].name, heap->types.at[i].objects,
                  heap->types.at[i].bytes);
    for (size_t i = 0; i < heap->lines.length; i++) {
        const struct heap_line *line = &heap->lines.at[i];
        if (line->kind == HEAP_LINE_VARIABLE && line->depth == 1)
            add_named(ledger, LEDGER_HOLDERS, line->name, line->held_objects, line->held_bytes);
        if (line->kind == HEAP_LINE_OBJECTS && line->depth > 1)
            add_way(ledger, heap, (uint32_t)i, by_line);
    }
}

void ledger_fill(struct ledger *ledger, const struct ledger_source *source)
{
    for (size_t i = 0; i < source->groups->groups.length; i++)
        add_group(ledger, source, i);
    for (size_t i = 0; i < source->groups->groups.length; i++)
        add_start(ledger, source, i);
    for (size_t i = 0; i < source->now->defers.length; i++)
        add_site(ledger, source, &source->now->defers.at[i]);
    add_memory(ledger, &source->now->memory);
    if (source->heap)
        add_heap(ledger, source->heap, source->by_line);
}

static int by_id(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

uint64_t *ledger_ids(const struct observation *observation)
{
    size_t count = observation->goroutines.length;
    uint64_t *ids = xcalloc(count + 1, sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = observation->goroutines.at[i].id;
    qsort(ids, count, sizeof(*ids), by_id);
    return ids;
}
