#include "code/call_sites.h"

#include "base/memory.h"
#include "base/u64map.h"

enum {
    PIECE = 1 << 20,
    OVERLAP = 8 /* a call is no longer */
};

struct search {
    enum architecture arch;
    struct u64map wanted; /* entry to index of name */
    struct call_sites *sites;
};

static struct error *search_bytes(struct search *search, const uint8_t *bytes, size_t size,
                                  address at)
{
    size_t next = 0;
    size_t behind = search->arch == ARCH_AMD64 ? 4 : 0; /* from `next` to the end of the call */
    address callee;
    uint32_t name;
    while (calls_next(search->arch, bytes, size, at, &next, &callee)) {
        address return_pc = at + next + behind;
        if (!u64map_get(&search->wanted, callee, &name))
            continue;
        size_t length = search->sites->length;
        if (length && search->sites->at[length - 1].return_pc >= return_pc)
            continue; /* in the overlap of two pieces */
        if (length >= CALL_SITES_MAX)
            return error_create(ERROR_LIMIT, "more than %d calls", CALL_SITES_MAX);
        VECTOR_PUSH(search->sites, (struct call_site){.return_pc = return_pc, .name = name});
    }
    return NULL;
}

static struct error *search_text(struct search *search, struct target *target, address text,
                                 address text_end)
{
    AUTO_FREE uint8_t *copy = NULL;
    for (address at = text; at < text_end;) {
        size_t left = 0;
        const uint8_t *bytes = target_view(target, at, false, &left);
        size_t size = left < text_end - at ? left : text_end - at;
        if (!bytes) {
            size = text_end - at < PIECE ? text_end - at : PIECE;
            copy = copy ? copy : xmalloc(PIECE);
            if (error_ignore(target_read(target, at, copy, size))) {
                at += size; /* a hole: no code */
                continue;
            }
            bytes = copy;
        }
        TRY(search_bytes(search, bytes, size, at));
        if (size == text_end - at)
            break;
        at += size > OVERLAP ? size - OVERLAP : size;
    }
    return NULL;
}

struct error *call_sites_find(struct target *target, const struct program *program,
                              const struct named_entries *entries, struct call_sites *sites_ret)
{
    struct search search = {.arch = program->arch, .sites = sites_ret};
    for (size_t i = 0; i < entries->length; i++)
        u64map_set(&search.wanted, entries->at[i].entry, entries->at[i].name);
    struct error *error =
        search_text(&search, target, program->pclntab.text, program->pclntab.text_end);
    u64map_deinit(&search.wanted);
    if (error)
        VECTOR_DEINIT(sites_ret);
    return error;
}

const struct call_site *call_sites_within(const struct call_sites *sites, address start,
                                          address end, size_t *count_ret)
{
    size_t low = 0, high = sites->length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sites->at[middle].return_pc <= start)
            low = middle + 1;
        else
            high = middle;
    }
    size_t last = low;
    while (last < sites->length && sites->at[last].return_pc <= end)
        last++;
    *count_ret = last - low;
    return *count_ret ? &sites->at[low] : NULL;
}
