#include "heap/specials.h"

#include "base/cycle.h"

enum {
    SPECIAL_READ_MAX = 256,
    SPECIALS_MAX = 1 << 26, /* of all spans */
    MINOR_KINDS_MOVED = 25,
    MINOR_WEAK = 23,
};

static enum special_kind kind_of(int minor, uint8_t kind)
{
    unsigned finalizer = minor >= MINOR_KINDS_MOVED ? 2 : 1;
    if (kind == finalizer)
        return SPECIAL_FINALIZER;
    if (minor >= MINOR_WEAK && kind == finalizer + 1)
        return SPECIAL_WEAK;
    return kind == finalizer + 1 + (minor >= MINOR_WEAK) ? SPECIAL_PROFILE : SPECIAL_OTHER;
}

static bool read_special(struct heap *heap, address span_start, address at, address *next_ret,
                         struct special *special_ret)
{
    const struct offsets *offsets = &heap->runtime->offsets;
    uint8_t bytes[SPECIAL_READ_MAX];
    uint32_t common = (offsets->special_size + 7) & ~7u;
    if (common + SPECIAL_WORDS * 8 > sizeof(bytes))
        return false;
    struct error *error = target_read_cached(heap->target, at, bytes, common + SPECIAL_WORDS * 8);
    if (error_ignore(error))
        return false;
    bool wide = offsets->special_size > 16; /* since 1.24 the offset is a word */
    uint64_t offset = load_u64(bytes + offsets->special_offset);
    *next_ret = load_u64(bytes + offsets->special_next);
    *special_ret = (struct special){
        .owner = span_start + (wide ? offset : offset & UINT16_MAX),
        .kind = kind_of(heap->runtime->program->info.go_minor, bytes[offsets->special_kind])};
    for (unsigned i = 0; i < SPECIAL_WORDS; i++)
        special_ret->words[i] = load_u64(bytes + common + i * 8);
    return true;
}

struct error *specials_each(struct heap *heap,
                            void (*each)(void *context, const struct special *special),
                            void *context)
{
    uint64_t left = SPECIALS_MAX;
    for (uint32_t i = 0; i < heap->objects.span_count; i++) {
        struct cycle cycle = {0};
        for (address at = heap->spans.list.at[i].specials; at && left; left--) {
            struct special special;
            if (cycle_closes(&cycle, at) ||
                !read_special(heap, heap->objects.spans[i].start, at, &at, &special))
                return error_create(ERROR_FAULT, "a list of finalizers can't be read");
            each(context, &special);
        }
    }
    return NULL;
}
