/* Kept as a whole: the program's data, the runtime's own memory, the first thread's stack, and of the heap the spans whose
 * objects may hold pointers, goroutine stacks among them.
 *
 * Not kept: objects without pointers (noscan spans: texts, buffers, numbers; the largest part of many a heap, and what
 * belongs to the program's users), what is free, memory outside Go, shared and read-only memory. A channel of plain values is
 * such an object, and so may a lock be: of these, what the analysis read is kept, 16 bytes at a time. */
#include "runtime/keep.h"

#include <elf.h>
#include <string.h>

#include "runtime/internal.h"
#include "runtime/ownmemory.h"
#include "runtime/spans.h"

static bool holds_pointers(const struct span *span)
{
    return span->state == SPAN_MANUAL || !(span->class & 1);
}

static void keep_spans(const struct spans *spans, struct extents *kept, struct keep_facts *facts)
{
    for (size_t i = 0; i < spans->list.length; i++) {
        const struct span *span = &spans->list.at[i];
        uint64_t size = span->pages * SPAN_PAGE_BYTES;
        if (holds_pointers(span))
            extents_add(kept, span->start, span->start + size);
        else
            facts->without_pointers += size;
    }
}

static bool is_writable_data(const struct target *target, const struct mapping *mapping)
{
    const struct elffile *file = target_executable(target);
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        address start = segment->address + target_bias(target);
        if (segment->type == PT_LOAD && segment->flags & PF_W && start < mapping->end &&
            start + segment->memory_size > mapping->start)
            return true;
    }
    return false;
}

/* Of mappings that hold no spans. */
static bool is_kept(const struct target *target, const struct mapping *mapping, bool own)
{
    if (!mapping->readable || !mapping->writable || mapping->shared)
        return false;
    return own || !strncmp(mapping->path, "[anon: Go:", 10) || !strcmp(mapping->path, "[stack]") ||
           is_writable_data(target, mapping);
}

static void keep_mappings(struct runtime *runtime, const struct spans *spans, struct extents *kept)
{
    size_t count = 0;
    const struct mapping *mappings = target_mappings(runtime->target, &count);
    AUTO_FREE uint8_t *own = own_memory_find(runtime, spans);
    for (size_t i = 0; i < count; i++) {
        if (!spans_in(spans, mappings[i].start, mappings[i].end) &&
            is_kept(runtime->target, &mappings[i], own[i]))
            extents_add(kept, mappings[i].start, mappings[i].end);
    }
}

struct error *keep_find(struct runtime *runtime, const struct readlog *log,
                        struct extents *kept_ret, struct keep_facts *facts_ret)
{
    struct spans spans = {0};
    *kept_ret = (struct extents){0};
    *facts_ret = (struct keep_facts){.spans_known = runtime->globals.allspans != 0};
    if (runtime->globals.allspans)
        TRY(spans_read(runtime->target, &runtime->offsets, runtime->globals.allspans, &spans));
    keep_spans(&spans, kept_ret, facts_ret);
    keep_mappings(runtime, &spans, kept_ret);
    readlog_add_to(log, kept_ret);
    extents_order(kept_ret);
    spans_deinit(&spans);
    return NULL;
}
