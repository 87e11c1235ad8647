/* The runtime's globals, found by what they hold: a slice header in the program's bss whose elements all are what they
 * should be. No symbol, no code, no offset of a release is needed (method and figures: docs/go-runtime.md).
 *
 *   allgs     []*g      each g.sched.g points to the g itself (runtime/proc.go, runtime/runtime2.go, Go 1.18 to 1.27)
 *   allspans  []*mspan  start page-aligned, pages > 0 (runtime/mheap.go); many of its elements may still be zero
 *
 * Go 1.26 and 1.27 have a second slice of one g; the longest wins. */
#include <string.h>

#include "runtime/internal.h"
#include "runtime/spans.h"

enum {
    PIECE_BYTES = 1 << 20,
    SCAN_MAX_BYTES = 256 << 20,
    SAMPLES = 32,
    SPAN_SAMPLES = 64,
    SPANS_DISTINCT = 4,
};

static const uint64_t length_max = UINT64_C(1) << 32;

struct search {
    struct target *target;
    const struct offsets *offsets;
    struct globals found;
    uint64_t allgs_length, allspans_length;
};

static bool is_g(struct search *search, address g)
{
    uint64_t self = 0;
    if (g % 8 || !is_user_address(g))
        return false;
    struct error *error =
        target_u64(search->target, g + (uint64_t)search->offsets->g_sched_g, &self);
    return !error_ignore(error) && self == g;
}

/* The elements of a []*T at `array` that a sample of at most `samples` takes: first, last and some between. */
static address sample_at(struct search *search, address array, uint64_t length, unsigned i,
                         unsigned samples)
{
    uint64_t index = length <= samples ? i : (length - 1) * i / (samples - 1);
    uint64_t element = 0;
    struct error *error = target_u64(search->target, array + index * 8, &element);
    return error_ignore(error) ? 0 : element;
}

static bool is_allgs(struct search *search, address array, uint64_t length)
{
    unsigned samples = length < SAMPLES ? (unsigned)length : SAMPLES;
    for (unsigned i = 0; i < samples; i++) {
        if (!is_g(search, sample_at(search, array, length, i, SAMPLES)))
            return false;
    }
    return true;
}

static bool is_allspans(struct search *search, address array, uint64_t length)
{
    unsigned samples = length < SPAN_SAMPLES ? (unsigned)length : SPAN_SAMPLES;
    address starts[SPAN_SAMPLES];
    unsigned distinct = 0;
    for (unsigned i = 0; i < samples; i++) {
        struct span span;
        address at = sample_at(search, array, length, i, SPAN_SAMPLES);
        if (at % 8 || !is_user_address(at) ||
            !span_read(search->target, search->offsets, at, &span))
            return false;
        if (!span.start)
            continue;
        if (span.start % SPAN_PAGE_BYTES || !span.pages || span.state > SPAN_MANUAL)
            return false;
        bool seen = false;
        for (unsigned k = 0; k < distinct; k++)
            seen = seen || starts[k] == span.start;
        if (!seen)
            starts[distinct++] = span.start;
    }
    return distinct >= SPANS_DISTINCT;
}

static void try_header(struct search *search, address at, uint64_t array, uint64_t length,
                       uint64_t room)
{
    if (!length || length > room || room > length_max || array % 8 || !is_user_address(array))
        return;
    if (length > search->allgs_length && is_allgs(search, array, length)) {
        search->found.allgs = at;
        search->allgs_length = length;
    } else if (search->offsets->has_mspan && length > search->allspans_length &&
               length >= SPANS_DISTINCT && is_allspans(search, array, length)) {
        search->found.allspans = at;
        search->allspans_length = length;
    }
}

/* Looks at every slice header in [start, end). Pieces that can't be read are passed over. */
static void search_range(struct search *search, address start, address end)
{
    AUTO_FREE uint8_t *piece = xmalloc(PIECE_BYTES + 16);
    start = (start + 7) & ~UINT64_C(7);
    if (end > start && end - start > SCAN_MAX_BYTES)
        end = start + SCAN_MAX_BYTES;
    for (address at = start; at < end && end - at >= 24; at += PIECE_BYTES) {
        uint64_t left = end - at;
        size_t size = left < PIECE_BYTES + 16 ? left : PIECE_BYTES + 16;
        struct error *error = target_read(search->target, at, piece, size);
        if (error_ignore(error))
            continue;
        for (size_t i = 0; i + 24 <= size; i += 8) {
            uint64_t length = load_u64(piece + i + 8);
            if (length)
                try_header(search, at + i, load_u64(piece + i), length, load_u64(piece + i + 16));
        }
    }
}

struct error *globals_find(struct target *target, const struct moduledata *module,
                           const struct offsets *offsets, struct globals *globals_ret)
{
    struct search search = {.target = target, .offsets = offsets};
    search_range(&search, module->bss, module->bss_end);
    if (!search.found.allgs) {
        TRY(target_check(target));
        return error_create(ERROR_UNSUPPORTED, "the list of goroutines (runtime.allgs) was not "
                                               "found: the process has not started Go yet, "
                                               "or this is a Go that seep does not know");
    }
    *globals_ret = search.found;
    return NULL;
}
