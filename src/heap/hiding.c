#include "heap/hiding.h"

#include "base/cycle.h"

enum {
    SUDOGS_MAX = 1 << 16,
    SUDOG_SEARCH_WORDS = 128, /* of the goroutine's stack, from sp up */
    DEFERS_MAX = 1 << 28,
};

static const struct offsets *offsets_of(const struct hiding *hiding)
{
    return &hiding->marker->heap->runtime->offsets;
}

static bool word_at(const struct hiding *hiding, address at, int32_t offset, uint64_t *word_ret)
{
    struct error *error = target_u64(hiding->marker->heap->target, at + (uint64_t)offset, word_ret);
    return !error_ignore(error);
}

static void hide(struct hiding *hiding, address at)
{
    const struct objects *objects = &hiding->marker->heap->objects;
    struct object object;
    if (!objects_at(objects, at, &object) ||
        marker_has(hiding->marker, object_number(objects, object)))
        return;
    marker_hide(hiding->marker, object_number(objects, object));
    VECTOR_PUSH(&hiding->objects, object);
}

/* Up to Go 1.25 the sudog of who waits for a semaphore stands on its own stack only. */
static address sudog_on_stack(const struct hiding *hiding, const struct goroutine *goroutine)
{
    for (unsigned i = 0; goroutine->sp && i < SUDOG_SEARCH_WORDS; i++) {
        uint64_t word = 0, owner = 0;
        address at = goroutine->sp + i * UINT64_C(8);
        if (at + 8 > goroutine->stack_high || !word_at(hiding, at, 0, &word))
            return 0;
        bool inner = word >= goroutine->stack_low && word < goroutine->stack_high;
        if (word % 8 == 0 && is_user_address(word) && !inner &&
            word_at(hiding, word, offsets_of(hiding)->sudog_g, &owner) && owner == goroutine->at)
            return word;
    }
    return 0;
}

/* A select's sudogs are chained by waitlink; a semaphore's waitlink leads to other waiters. */
static void hide_sudogs(struct hiding *hiding, const struct goroutine *goroutine)
{
    const struct offsets *offsets = offsets_of(hiding);
    bool on_channels = goroutine->wait_kind == WAIT_CHAN_SEND ||
                       goroutine->wait_kind == WAIT_CHAN_RECEIVE ||
                       goroutine->wait_kind == WAIT_SELECT;
    struct cycle cycle = {0};
    uint64_t sudog = 0;
    if (!word_at(hiding, goroutine->at, offsets->g_waiting, &sudog))
        return;
    if (!sudog && !on_channels)
        sudog = sudog_on_stack(hiding, goroutine);
    for (unsigned i = 0; sudog && i < SUDOGS_MAX && !cycle_closes(&cycle, sudog); i++) {
        uint64_t owner = 0, next = 0;
        if (!word_at(hiding, sudog, offsets->sudog_g, &owner) || owner != goroutine->at ||
            !word_at(hiding, sudog, offsets->sudog_waitlink, &next))
            return;
        hide(hiding, sudog);
        sudog = on_channels ? next : 0;
    }
}

static struct hidden_range range_since(const struct hiding *hiding, size_t first)
{
    return (struct hidden_range){.first = (uint32_t)first,
                                 .count = (uint32_t)(hiding->objects.length - first)};
}

struct hidden_range hide_goroutine(struct hiding *hiding, const struct goroutine *goroutine)
{
    size_t first = hiding->objects.length;
    hide(hiding, goroutine->at);
    hide_sudogs(hiding, goroutine);
    return range_since(hiding, first);
}

/* The calls of a range-over-func body hang on a list of their own. */
static void hide_list(struct hiding *hiding, address record)
{
    const struct offsets *offsets = offsets_of(hiding);
    struct cycle cycle = {0};
    for (unsigned i = 0; record > 1 && i < DEFERS_MAX && !cycle_closes(&cycle, record); i++) {
        hide(hiding, record);
        if (!word_at(hiding, record, offsets->defer_link, &record))
            return;
    }
}

struct made_record {
    address pc, at;
    uint32_t order;
};

struct made_records VECTOR_OF(struct made_record);

/* The records of a goroutine's deferred calls, as they are chained; pc 0: of all places. */
static void find_records(const struct hiding *hiding, const struct goroutine *goroutine, address pc,
                         struct made_records *records)
{
    const struct offsets *offsets = offsets_of(hiding);
    struct cycle cycle = {0};
    uint64_t record = 0;
    if (!word_at(hiding, goroutine->at, offsets->g_defer, &record))
        return;
    for (unsigned i = 0; record && i < DEFERS_MAX && !cycle_closes(&cycle, record); i++) {
        uint64_t made_at = 0;
        if (!word_at(hiding, record, offsets->defer_pc, &made_at))
            break;
        if (!pc || made_at == pc)
            VECTOR_PUSH(records, (struct made_record){.pc = made_at, .at = record, .order = i});
        if (!word_at(hiding, record, offsets->defer_link, &record))
            break;
    }
}

static void hide_record(struct hiding *hiding, address record)
{
    const struct offsets *offsets = offsets_of(hiding);
    uint64_t head = 0, list = 0;
    hide(hiding, record);
    if (offsets->defer_head != ABSENT && word_at(hiding, record, offsets->defer_head, &head) &&
        head && word_at(hiding, head, 0, &list))
        hide_list(hiding, list);
}

struct hidden_range hide_defers(struct hiding *hiding, const struct goroutine *goroutine,
                                address pc)
{
    size_t first = hiding->objects.length;
    struct made_records records = {0};
    find_records(hiding, goroutine, pc, &records);
    for (size_t i = 0; i < records.length; i++)
        hide_record(hiding, records.at[i].at);
    VECTOR_DEINIT(&records);
    return range_since(hiding, first);
}

static int by_pc(const void *left, const void *right)
{
    const struct made_record *a = left, *b = right;
    if (a->pc != b->pc)
        return a->pc < b->pc ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

void hide_all_defers(struct hiding *hiding, const struct goroutine *goroutine,
                     struct hidden_defers_list *list)
{
    struct made_records records = {0};
    find_records(hiding, goroutine, 0, &records);
    if (records.length)
        qsort(records.at, records.length, sizeof(*records.at), by_pc);
    for (size_t i = 0; i < records.length;) {
        struct hidden_defers defers = {.pc = records.at[i].pc};
        size_t first = hiding->objects.length;
        for (; i < records.length && records.at[i].pc == defers.pc; i++)
            hide_record(hiding, records.at[i].at);
        defers.records = range_since(hiding, first);
        if (defers.records.count)
            VECTOR_PUSH(list, defers);
    }
    VECTOR_DEINIT(&records);
}

void unhide(struct hiding *hiding, struct hidden_range range)
{
    for (uint32_t i = 0; i < range.count; i++)
        marker_unhide(hiding->marker, hiding->objects.at[range.first + i]);
}

void unhide_uncounted(struct hiding *hiding, struct hidden_range range)
{
    for (uint32_t i = 0; i < range.count; i++)
        marker_scan(hiding->marker, hiding->objects.at[range.first + i]);
}

void hiding_deinit(struct hiding *hiding)
{
    VECTOR_DEINIT(&hiding->objects);
}
