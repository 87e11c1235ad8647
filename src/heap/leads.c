/* A step's pass only has to tell whether a word points to what the last step found. Nearly none does: a table of pages, by hash, answers for most words. */
#include "heap/leads.h"

#include <string.h>

enum {
    FILTER_BITS = 20,
    PAGE_BITS = 13,
    CHUNK_WORDS = 1 << 14,
};

struct pass {
    struct leads *leads;
    struct u64map goroutines; /* descriptors */
    size_t first, end;        /* leads that this step asks for */
    uint64_t *filter;
    size_t first_edge;
};

static uint64_t filter_place(uint64_t page)
{
    return page * UINT64_C(0x9e3779b97f4a7c15) >> (64 - FILTER_BITS);
}

static void fill_filter(struct pass *pass)
{
    memset(pass->filter, 0, (UINT64_C(1) << FILTER_BITS) / 8);
    for (size_t i = pass->first; i < pass->end; i++) {
        const struct lead *lead = &pass->leads->list.at[i];
        address low = lead->variable ? lead->at - LEADS_VARIABLE_BYTES : lead->at;
        for (uint64_t page = low >> PAGE_BITS; page <= (lead->at + lead->size - 1) >> PAGE_BITS;
             page++) {
            uint64_t place = filter_place(page);
            pass->filter[place / 64] |= UINT64_C(1) << place % 64;
        }
    }
}

static inline bool may_point(const struct pass *pass, uint64_t word)
{
    uint64_t place = filter_place(word >> PAGE_BITS);
    return pass->filter[place / 64] >> place % 64 & 1;
}

static bool is_data(const struct heap *heap, address at)
{
    const struct moduledata *module = &heap->runtime->program->module;
    return at >= module->noptrdata && at < module->noptrbss_end;
}

static size_t variables_behind(const struct leads *leads, address at,
                               uint32_t held_ret[LEADS_HELD_MAX])
{
    address first = at & ~UINT64_C(7);
    size_t count = 0;
    for (unsigned i = 0; i < LEADS_HELD_MAX; i++)
        count += u64map_get(&leads->index, first + 8 * i, &held_ret[count]);
    return count;
}

size_t leads_held(const struct leads *leads, uint64_t word, uint32_t held_ret[LEADS_HELD_MAX])
{
    const struct objects *objects = &leads->heap->objects;
    struct object object;
    if (is_data(leads->heap, word))
        return variables_behind(leads, word, held_ret);
    return objects_at(objects, word, &object) &&
           u64map_get(&leads->index, object_address(objects, object), &held_ret[0]);
}

static bool add(struct pass *pass, struct lead lead, uint32_t *lead_ret)
{
    struct leads *leads = pass->leads;
    bool is_new = false;
    if (leads->list.length >= LEADS_NODES_MAX && !u64map_get(&leads->index, lead.at, lead_ret)) {
        leads->complete = false;
        return false;
    }
    *lead_ret = u64map_intern(&leads->index, lead.at, (uint32_t)leads->list.length, &is_new);
    if (is_new)
        VECTOR_PUSH(&leads->list, lead);
    return true;
}

static void connect(struct pass *pass, struct lead holder, uint32_t to)
{
    struct leads *leads = pass->leads;
    uint32_t from = 0;
    if (!add(pass, holder, &from) || from == to)
        return;
    size_t count = leads->edges.length;
    if (count > pass->first_edge && leads->edges.at[count - 1].from == from &&
        leads->edges.at[count - 1].to == to)
        return;
    if (count >= LEADS_EDGES_MAX)
        leads->complete = false;
    else
        VECTOR_PUSH(&leads->edges, (struct lead_edge){.from = from, .to = to});
}

/* What the word leads to and this step asks for. */
static size_t asked_for(const struct pass *pass, uint64_t word, uint32_t to_ret[LEADS_HELD_MAX])
{
    size_t count = 0;
    size_t held = may_point(pass, word) ? leads_held(pass->leads, word, to_ret) : 0;
    for (size_t i = 0; i < held; i++) {
        if (to_ret[i] >= pass->first && to_ret[i] < pass->end)
            to_ret[count++] = to_ret[i];
    }
    return count;
}

/* A descriptor or a sudog. */
static bool is_book(const struct pass *pass, address at, const uint8_t *bytes, uint64_t size)
{
    const struct offsets *offsets = &pass->leads->heap->runtime->offsets;
    uint32_t known = 0;
    uint64_t owner = 0;
    if (u64map_get(&pass->goroutines, at, &known))
        return true;
    if (offsets->sudog_g == ABSENT || (uint64_t)offsets->sudog_g + 8 > size)
        return false;
    memcpy(&owner, bytes + offsets->sudog_g, 8);
    return owner && u64map_get(&pass->goroutines, owner, &known);
}

static void search_span(struct pass *pass, uint32_t index)
{
    struct heap *heap = pass->leads->heap;
    const struct object_span *span = heap_contents(heap, index);
    if (!span || span->format == POINTERS_NONE)
        return;
    uint64_t size = object_size(&heap->objects, (struct object){.span = index});
    const uint64_t *words = (const uint64_t *)(const void *)span->bytes;
    uint64_t count = span->count * size / 8;
    pass->leads->read_bytes += count * 8;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t to[LEADS_HELD_MAX];
        size_t held = asked_for(pass, words[i], to);
        if (!held)
            continue;
        uint64_t offset = i * 8 / size * size;
        address at = span->start + offset;
        if (is_book(pass, at, span->bytes + offset, size))
            continue;
        for (size_t k = 0; k < held; k++)
            connect(pass, (struct lead){.at = at, .size = (uint32_t)size}, to[k]);
    }
}

static struct lead variable_at(const struct pass *pass, address at, uint64_t word, uint32_t to)
{
    const struct lead *lead = &pass->leads->list.at[to];
    bool near = lead->variable && (lead->near || word != lead->at);
    return (struct lead){.at = at, .size = 8, .variable = true, .near = near};
}

static struct error *search_variables(struct pass *pass, address start, address end)
{
    uint64_t words = end > start ? (end - start) / 8 : 0;
    AUTO_FREE uint64_t *chunk = xmalloc(CHUNK_WORDS * sizeof(*chunk));
    for (uint64_t done = 0; done < words; done += CHUNK_WORDS) {
        uint64_t count = words - done < CHUNK_WORDS ? words - done : CHUNK_WORDS;
        TRY(target_read(pass->leads->heap->target, start + done * 8, chunk, count * 8));
        for (uint64_t i = 0; i < count; i++) {
            uint32_t to[LEADS_HELD_MAX];
            size_t held = asked_for(pass, chunk[i], to);
            for (size_t k = 0; k < held; k++)
                connect(pass, variable_at(pass, start + (done + i) * 8, chunk[i], to[k]), to[k]);
        }
    }
    return NULL;
}

static struct error *step(struct pass *pass)
{
    const struct moduledata *module = &pass->leads->heap->runtime->program->module;
    fill_filter(pass);
    pass->first_edge = pass->leads->edges.length;
    for (uint32_t i = 0; i < pass->leads->heap->objects.span_count; i++)
        search_span(pass, i);
    TRY(search_variables(pass, module->data, module->data_end));
    return search_variables(pass, module->bss, module->bss_end);
}

static int by_from(const void *left, const void *right)
{
    const struct lead_edge *a = left, *b = right;
    return a->from != b->from ? (a->from < b->from ? -1 : 1) : (a->to > b->to) - (a->to < b->to);
}

static struct error *search(struct pass *pass)
{
    struct leads *leads = pass->leads;
    for (unsigned i = 0; i < LEADS_STEPS_MAX && leads->complete; i++) {
        pass->first = pass->end;
        pass->end = leads->list.length;
        if (pass->first == pass->end)
            break;
        if (leads->read_bytes >> 30 >= LEADS_GIBIBYTES_MAX)
            leads->complete = false;
        else
            TRY(step(pass));
    }
    if (leads->edges.length)
        qsort(leads->edges.at, leads->edges.length, sizeof(*leads->edges.at), by_from);
    return NULL;
}

/* An object may lie within a larger one (a lock in a struct): who leads to that, leads to it. */
static struct lead lead_of(const struct heap *heap, address at)
{
    const struct objects *objects = &heap->objects;
    struct object object;
    if (!objects_at(objects, at, &object))
        return (struct lead){.at = at, .size = 8, .variable = is_data(heap, at)};
    return (struct lead){.at = object_address(objects, object),
                         .size = (uint32_t)object_size(objects, object)};
}

struct error *leads_find(struct heap *heap, const struct observation *observation,
                         const address *objects, size_t count, struct leads *leads_ret)
{
    *leads_ret = (struct leads){.heap = heap, .complete = true};
    struct pass pass = {.leads = leads_ret};
    for (size_t i = 0; i < count; i++) {
        uint32_t lead = 0;
        add(&pass, lead_of(heap, objects[i]), &lead);
    }
    for (size_t i = 0; i < observation->goroutines.length; i++)
        u64map_set(&pass.goroutines, observation->goroutines.at[i].at, 1);
    pass.filter = xcalloc((UINT64_C(1) << FILTER_BITS) / 64, sizeof(*pass.filter));
    struct error *error = search(&pass);
    free(pass.filter);
    u64map_deinit(&pass.goroutines);
    if (error)
        leads_deinit(leads_ret);
    return error;
}

void leads_deinit(struct leads *leads)
{
    u64map_deinit(&leads->index);
    VECTOR_DEINIT(&leads->list);
    VECTOR_DEINIT(&leads->edges);
}

size_t leads_from(const struct leads *leads, uint32_t lead, size_t *first_ret)
{
    size_t low = 0, high = leads->edges.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (leads->edges.at[middle].from < lead)
            low = middle + 1;
        else
            high = middle;
    }
    *first_ret = low;
    size_t end = low;
    while (end < leads->edges.length && leads->edges.at[end].from == lead)
        end++;
    return end - low;
}
