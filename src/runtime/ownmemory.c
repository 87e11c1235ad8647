/* The runtime maps memory of its own beside the heap: persistent blocks, heap arena tables, bit maps of pages. Nothing on them says so before
 * Go 1.25 (which names them, where Linux can: "[anon: Go: …"). But the runtime's globals point to all of these, directly or, for a heapArena, through the
 * arena map (mheap_.arenas, runtime/mheap.go): an array of pointers indexed by address / 64 MiB, the same in 1.18 to 1.27. What only a goroutine or the heap
 * points to was mapped by the program: outside Go. */
#include "runtime/ownmemory.h"

#include <string.h>

enum {
    PIECE_BYTES = 1 << 16,
    GLOBALS_MAX = 64 << 20,
    ARENA_SHIFT = 26,
    ARENAS_TRIED = 64
};

static const uint64_t arena_base_amd64 = UINT64_C(0xffff800000000000);

struct search {
    struct runtime *runtime;
    const struct spans *spans;
    const struct mapping *mappings;
    uint8_t *own;
};

static bool mark(struct search *search, address at)
{
    const struct mapping *mapping =
        is_user_address(at) ? target_mapping_at(search->runtime->target, at) : NULL;
    if (!mapping || mapping->is_file || mapping->path[0])
        return false;
    search->own[mapping - search->mappings] = 1;
    return true;
}

/* If `map` is the arena map, its entries for known spans lead to their heapArena. */
static void follow_arenas(struct search *search, address map)
{
    uint64_t base = search->runtime->program->arch == ARCH_AMD64 ? arena_base_amd64 : 0,
             last = UINT64_MAX;
    unsigned tried = 0;
    for (size_t i = 0; i < search->spans->list.length && tried < ARENAS_TRIED; i++) {
        uint64_t index = (search->spans->list.at[i].start - base) >> ARENA_SHIFT, arena = 0;
        if (index == last)
            continue;
        last = index;
        tried++;
        struct error *error = target_u64(search->runtime->target, map + index * 8, &arena);
        if (error_ignore(error) || !mark(search, arena))
            return;
    }
}

static void search_globals(struct search *search, address start, address end)
{
    uint8_t piece[PIECE_BYTES];
    end = end > start && end - start > GLOBALS_MAX ? start + GLOBALS_MAX : end;
    for (address at = (start + 7) & ~UINT64_C(7); at < end && end - at >= 8; at += PIECE_BYTES) {
        size_t size = end - at < PIECE_BYTES ? end - at : PIECE_BYTES;
        struct error *error = target_read(search->runtime->target, at, piece, size);
        if (error_ignore(error))
            continue;
        for (size_t i = 0; i + 8 <= size; i += 8) {
            uint64_t word = load_u64(piece + i);
            if (word && mark(search, word) && word % 4096 == 0)
                follow_arenas(search, word);
        }
    }
}

uint8_t *own_memory_find(struct runtime *runtime, const struct spans *spans)
{
    const struct moduledata *module = &runtime->program->module;
    size_t count = 0;
    struct search search = {.runtime = runtime, .spans = spans};
    search.mappings = target_mappings(runtime->target, &count);
    search.own = xcalloc(count, 1);
    search_globals(&search, module->noptrdata, module->noptrdata_end);
    search_globals(&search, module->data, module->data_end);
    search_globals(&search, module->bss, module->bss_end);
    search_globals(&search, module->noptrbss, module->noptrbss_end);
    mark(&search, spans->descriptors_low);
    mark(&search, spans->descriptors_high);
    mark(&search, module->bss);
    mark(&search, module->noptrbss);
    mark(&search, module->noptrbss_end - 1);
    return search.own;
}
