#include "heap/arena_bits.h"

#include <string.h>

enum {
    MINOR_ONE_BIT = 20, /* before: two bits for each word */
    ARENA_SHIFT = 26,
    PAGES_OF_ARENA = 1 << (ARENA_SHIFT - 13),
    WORDS_OF_ARENA = 1 << (ARENA_SHIFT - 3),
    SAMPLES = 4,
    PIECE_BYTES = 1 << 18,
    SPANS_LOOKED = 4096,
};

/* heapArena has no type descriptor: offsets of runtime/mheap.go, the same on amd64 and arm64. */
static const struct arena_layout {
    int minor; /* Go 1.minor and later */
    uint64_t spans, no_more;
} layouts[] = {
    {.minor = 18, .spans = 0x200000},
    {.minor = MINOR_ONE_BIT, .spans = 0x104000, .no_more = 0x100000},
};

struct sample {
    address descriptor, start;
};

struct arena_bits {
    struct runtime *runtime;
    struct arena_layout layout;
    uint64_t base;  /* arenaBaseOffset in arenas: what is added to address >> ARENA_SHIFT */
    address arenas; /* of []*heapArena */
    address place;  /* of the pointer to it */
    struct sample samples[SAMPLES];
    unsigned sample_count;
};

static bool word_at(const struct arena_bits *bits, address at, uint64_t *value_ret)
{
    struct error *error = target_u64(bits->runtime->target, at, value_ret);
    return !error_ignore(error);
}

static bool arena_of(const struct arena_bits *bits, address arenas, address at, address *arena_ret)
{
    uint64_t index = (at >> ARENA_SHIFT) + bits->base;
    return word_at(bits, arenas + index * 8, arena_ret) && is_user_address(*arena_ret);
}

/* The list of arenas leads from each sample's first page back to its descriptor. */
static bool is_list(const struct arena_bits *bits, address arenas)
{
    for (unsigned i = 0; i < bits->sample_count; i++) {
        address arena = 0;
        uint64_t span = 0, page = bits->samples[i].start / SPAN_PAGE_BYTES % PAGES_OF_ARENA;
        if (!arena_of(bits, arenas, bits->samples[i].start, &arena) ||
            !word_at(bits, arena + bits->layout.spans + page * 8, &span) ||
            span != bits->samples[i].descriptor)
            return false;
    }
    return true;
}

static void search_range(struct arena_bits *bits, address start, address end)
{
    AUTO_FREE uint8_t *piece = xmalloc(PIECE_BYTES);
    for (address at = (start + 7) & ~UINT64_C(7); at + 8 <= end && !bits->arenas;
         at += PIECE_BYTES) {
        size_t size = end - at < PIECE_BYTES ? end - at : PIECE_BYTES;
        struct error *error = target_read(bits->runtime->target, at, piece, size);
        if (error_ignore(error))
            continue;
        for (size_t i = 0; i + 8 <= size && !bits->arenas; i += 8) {
            uint64_t word = load_u64(piece + i);
            if (word % 4096 != 0 || !is_user_address(word) || !is_list(bits, word))
                continue;
            bits->arenas = word;
            bits->place = at + i;
        }
    }
}

/* Some spans in use, with the addresses of their descriptors. */
static void take_samples(struct arena_bits *bits)
{
    struct runtime *runtime = bits->runtime;
    uint64_t header[2];
    struct error *error =
        target_read(runtime->target, runtime->globals.allspans, header, sizeof(header));
    if (error_ignore(error))
        return;
    for (uint64_t i = 0; i < header[1] && i < SPANS_LOOKED && bits->sample_count < SAMPLES; i++) {
        struct span span;
        address at = 0;
        if (word_at(bits, header[0] + i * 8, &at) &&
            span_read(runtime->target, &runtime->offsets, at, &span) && span.state == SPAN_IN_USE)
            bits->samples[bits->sample_count++] =
                (struct sample){.descriptor = at, .start = span.start};
    }
}

struct error *arena_bits_open(struct runtime *runtime, const struct spans *spans,
                              struct arena_bits **bits_ret)
{
    const struct moduledata *module = &runtime->program->module;
    struct arena_bits *bits = xcalloc(1, sizeof(*bits));
    bool one_bit = runtime->program->info.go_minor >= MINOR_ONE_BIT;
    bits->runtime = runtime;
    bits->layout = layouts[one_bit];
    bits->base = runtime->program->arch == ARCH_AMD64 ? UINT64_C(1) << (47 - ARENA_SHIFT) : 0;
    take_samples(bits);
    if (spans->list.length && bits->sample_count) {
        search_range(bits, module->bss, module->bss_end);
        search_range(bits, module->noptrbss, module->noptrbss_end);
    }
    whereabouts_note(&runtime->whereabouts, GLOBAL_ARENAS, bits->arenas, FOUND_CONTENT,
                     bits->place);
    if (!bits->arenas) {
        arena_bits_close(bits);
        return error_create(ERROR_UNSUPPORTED, "the heap's arenas (mheap_.arenas) were not found");
    }
    *bits_ret = bits;
    return NULL;
}

void arena_bits_close(struct arena_bits *bits)
{
    free(bits);
}

/* `count` bytes of a map that has one byte for each `share` bytes of heap, from the address `at` on; arena by arena. */
static bool read_map(struct arena_bits *bits, address at, uint64_t bytes, uint64_t map_offset,
                     uint64_t share, uint8_t *to)
{
    while (bytes) {
        address arena = 0;
        uint64_t into = at & ((UINT64_C(1) << ARENA_SHIFT) - 1);
        uint64_t part = (UINT64_C(1) << ARENA_SHIFT) - into;
        part = part < bytes ? part : bytes;
        if (!arena_of(bits, bits->arenas, at, &arena))
            return false;
        struct error *error =
            target_read(bits->runtime->target, arena + map_offset + into / share, to, part / share);
        if (error_ignore(error))
            return false;
        at += part;
        bytes -= part;
        to += part / share;
    }
    return true;
}

/* Up to 1.19: a byte for four words, their pointer bits below their scan bits; the first word without a scan bit ends the object's pointers. */
static bool fill_two_bits(struct arena_bits *bits, const struct span *span, uint64_t *out)
{
    enum {
        SHARE = 32
    };
    uint64_t size = span->pages * SPAN_PAGE_BYTES, each = span->element_size / 8;
    AUTO_FREE uint8_t *map = malloc(size / SHARE);
    if (!map || !read_map(bits, span->start, size, 0, SHARE, map))
        return false;
    for (uint64_t object = 0; object < span->objects; object++) {
        for (uint64_t word = object * each; word < (object + 1) * each; word++) {
            unsigned bit = map[word / 4] >> word % 4;
            if (!(bit & 0x10))
                break;
            if (bit & 1)
                out[word / 64] |= UINT64_C(1) << word % 64;
        }
    }
    return true;
}

/* Clears the bits of the words [from, to). */
static void clear(uint64_t *out, uint64_t from, uint64_t to)
{
    for (; from < to && from % 64; from++)
        out[from / 64] &= ~(UINT64_C(1) << from % 64);
    for (; from + 64 <= to; from += 64)
        out[from / 64] = 0;
    for (; from < to; from++)
        out[from / 64] &= ~(UINT64_C(1) << from % 64);
}

/* 1.20 and 1.21: a bit for each word. Behind a word of the map that is marked so, the bits of the object that goes on there are old ones. */
static bool fill_one_bit(struct arena_bits *bits, const struct span *span, uint64_t *out)
{
    enum {
        MAP_SHARE = 64,
        FLAG_SHARE = 4096
    };
    uint64_t size = span->pages * SPAN_PAGE_BYTES, each = span->element_size / 8;
    AUTO_FREE uint8_t *flags = malloc(size / FLAG_SHARE + 1);
    if (!flags || !read_map(bits, span->start, size, 0, MAP_SHARE, (uint8_t *)out) ||
        !read_map(bits, span->start, size, bits->layout.no_more, FLAG_SHARE, flags))
        return false;
    for (uint64_t object = 0; object < span->objects; object++) {
        uint64_t end = (object + 1) * each;
        for (uint64_t unit = object * each / 64; (unit + 1) * 64 < end; unit++) {
            if (!(flags[unit / 8] >> unit % 8 & 1))
                continue;
            clear(out, (unit + 1) * 64, end);
            break;
        }
    }
    return true;
}

const uint64_t *arena_bits_of(struct arena_bits *bits, struct pool *pool, const struct span *span)
{
    uint64_t *out = pool_take(pool, span->pages * SPAN_PAGE_BYTES / 64);
    if (!out)
        return NULL;
    bool filled =
        bits->layout.no_more ? fill_one_bit(bits, span, out) : fill_two_bits(bits, span, out);
    return filled ? out : NULL;
}
