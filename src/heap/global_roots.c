#include <string.h>

#include "heap/roots.h"

enum {
    CHUNK_WORDS = 1 << 16,
    MASK_BYTES_MAX = 1 << 28,
};

/* The words of [start, end), by a bit map of `bits` bits at `mask`, or all of them if there is none. */
static struct error *take_section(struct marker *marker, address start, address end, address mask,
                                  uint64_t bits)
{
    uint64_t words = end > start ? (end - start) / 8 : 0;
    struct target *target = marker->heap->target;
    AUTO_FREE uint64_t *bytes = xmalloc(CHUNK_WORDS * sizeof(*bytes));
    AUTO_FREE uint8_t *live = xmalloc(CHUNK_WORDS / 8 + 1);
    for (uint64_t done = 0; done < words; done += CHUNK_WORDS) {
        uint64_t count = words - done < CHUNK_WORDS ? words - done : CHUNK_WORDS;
        TRY(target_read(target, start + done * 8, bytes, count * 8));
        bool known = mask && done < bits;
        if (known)
            TRY(target_read(target, mask + done / 8, live, (count + 7) / 8));
        for (uint64_t i = 0; i < count; i++) {
            if (!mask)
                marker_reach_perhaps(marker, bytes[i]);
            else if (done + i < bits && live[i / 8] >> i % 8 & 1)
                marker_reach(marker, bytes[i]);
        }
    }
    return NULL;
}

static bool is_data(const struct moduledata *module, const struct mapping *mapping)
{
    return module->noptrdata < mapping->end && module->noptrbss_end > mapping->start;
}

/* Of plugins and shared libraries that hold Go code, word by word: what is writable and belongs to a file, and what follows it (its bss). */
static struct error *take_other_modules(struct marker *marker)
{
    const struct moduledata *module = &marker->heap->runtime->program->module;
    size_t count = 0;
    const struct mapping *mappings = target_mappings(marker->heap->target, &count);
    bool follows = false;
    for (size_t i = 0; i < count; i++) {
        const struct mapping *mapping = &mappings[i];
        bool behind = follows && mapping[-1].end == mapping->start && !mapping->path[0];
        follows =
            mapping->is_file && mapping->writable && !mapping->shared && !is_data(module, mapping);
        if (follows || behind)
            TRY(take_section(marker, mapping->start, mapping->end, 0, 0));
    }
    return NULL;
}

struct error *global_roots(struct marker *marker)
{
    const struct moduledata *module = &marker->heap->runtime->program->module;
    TRY(take_section(marker, module->data, module->data_end, module->gcdatamask_bytes,
                     module->gcdatamask_bits));
    TRY(take_section(marker, module->bss, module->bss_end, module->gcbssmask_bytes,
                     module->gcbssmask_bits));
    return module->next ? take_other_modules(marker) : NULL;
}
