#include <string.h>

#include "heap/roots.h"

enum {
    CHUNK_WORDS = 1 << 16,
    MASK_BYTES_MAX = 1 << 28,
};

struct word_taker {
    word_visitor *each;
    void *context;
};

/* The words of [start, end), by a bit map of `bits` bits at `mask`, or all of them if there is none. */
static struct error *take_section(struct target *target, address start, address end, address mask,
                                  uint64_t bits, const struct word_taker *taker)
{
    uint64_t words = end > start ? (end - start) / 8 : 0;
    AUTO_FREE uint64_t *bytes = xmalloc(CHUNK_WORDS * sizeof(*bytes));
    AUTO_FREE uint8_t *live = xmalloc(CHUNK_WORDS / 8 + 1);
    for (uint64_t done = 0; done < words; done += CHUNK_WORDS) {
        uint64_t count = words - done < CHUNK_WORDS ? words - done : CHUNK_WORDS;
        TRY(target_read(target, start + done * 8, bytes, count * 8));
        bool known = mask && done < bits;
        if (known)
            TRY(target_read(target, mask + done / 8, live, (count + 7) / 8));
        for (uint64_t i = 0; i < count; i++) {
            bool is_pointer = known && done + i < bits && live[i / 8] >> i % 8 & 1;
            if (bytes[i] && (!mask || is_pointer))
                taker->each(taker->context, start + (done + i) * 8, bytes[i], mask != 0);
        }
    }
    return NULL;
}

static bool is_data(const struct moduledata *module, const struct mapping *mapping)
{
    return module->noptrdata < mapping->end && module->noptrbss_end > mapping->start;
}

/* Of plugins and shared libraries that hold Go code, word by word: what is writable and belongs to a file, and what follows it (its bss). */
static struct error *take_other_modules(struct heap *heap, const struct word_taker *taker)
{
    const struct moduledata *module = &heap->runtime->program->module;
    size_t count = 0;
    const struct mapping *mappings = target_mappings(heap->target, &count);
    bool follows = false;
    for (size_t i = 0; i < count; i++) {
        const struct mapping *mapping = &mappings[i];
        bool behind = follows && mapping[-1].end == mapping->start && !mapping->path[0];
        follows =
            mapping->is_file && mapping->writable && !mapping->shared && !is_data(module, mapping);
        if (follows || behind)
            TRY(take_section(heap->target, mapping->start, mapping->end, 0, 0, taker));
    }
    return NULL;
}

struct error *variables_each(struct heap *heap, word_visitor *each, void *context)
{
    const struct moduledata *module = &heap->runtime->program->module;
    const struct word_taker taker = {.each = each, .context = context};
    TRY(take_section(heap->target, module->data, module->data_end, module->gcdatamask_bytes,
                     module->gcdatamask_bits, &taker));
    TRY(take_section(heap->target, module->bss, module->bss_end, module->gcbssmask_bytes,
                     module->gcbssmask_bits, &taker));
    return module->next ? take_other_modules(heap, &taker) : NULL;
}

static void take_word(void *context, address at, uint64_t word, bool is_pointer)
{
    (void)at;
    if (is_pointer)
        marker_reach(context, word);
    else
        marker_reach_perhaps(context, word);
}

struct error *global_roots(struct marker *marker)
{
    return variables_each(marker->heap, take_word, marker);
}
