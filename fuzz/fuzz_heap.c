/* The graph of a heap. The input: u8 minor Go version, u8 how many spans, a descriptor for each of them, roots, then the memory in which all of it
 * stands, with the types, masks, bits, specials and objects that the descriptors and words lead to. */
#include "fuzz.h"
#include "heap/roots.h"
#include "memorytarget.h"

enum {
    MEMORY = 1 << 18,
    LIST_AT = 0, /* offsets: the slice of spans, */
    DESCRIPTORS_AT = 0x1000,
    DESCRIPTOR = 128,
    INPUT_AT = 0x4000, /* and the rest of the input */
    SPANS_MAX_HERE = 64,
    ROOTS = 16,
};

static const address base = UINT64_C(0xc000000000);

/* An address near the memory, from 3 bytes: most of what is read should lead somewhere. */
static address near_by(struct fuzz_input *input)
{
    uint64_t number = fuzz_number(input, 3);
    return number >> 23 ? fuzz_number(input, 8) : base + (number & (2 * MEMORY - 1));
}

static void put(uint8_t *memory, uint64_t at, uint64_t value)
{
    memcpy(memory + at, &value, 8);
}

static unsigned make_spans(struct fuzz_input *input, uint8_t *memory)
{
    unsigned count = (unsigned)fuzz_number(input, 1) % SPANS_MAX_HERE;
    put(memory, LIST_AT, base + 64);
    put(memory, LIST_AT + 8, count);
    for (unsigned i = 0; i < count; i++) {
        uint64_t at = DESCRIPTORS_AT + i * DESCRIPTOR;
        uint64_t start = near_by(input);
        uint64_t pages = fuzz_number(input, 1), size = fuzz_number(input, 2);
        put(memory, 64 + i * 8, base + at);
        put(memory, at, pages & 0x80 ? start : start & ~UINT64_C(8191));
        put(memory, at + 8, pages == 0xff ? fuzz_number(input, 8) : pages & 15);
        put(memory, at + 16, size == 0xffff ? fuzz_number(input, 8) : size & ~7u);
        put(memory, at + 24, fuzz_number(input, 3) | SPAN_IN_USE);
        put(memory, at + 32, fuzz_number(input, 2));
        put(memory, at + 40, fuzz_number(input, 2));
        put(memory, at + 48, near_by(input));
        put(memory, at + 56, near_by(input));
        put(memory, at + 64, near_by(input));
        put(memory, at + 72, near_by(input));
    }
    return count;
}

static void walk(struct heap *heap, const address *roots)
{
    struct marker marker;
    marker_open(heap, &marker);
    for (unsigned i = 0; i < ROOTS; i++) {
        if (i % 2)
            marker_reach(&marker, roots[i]);
        else
            marker_reach_perhaps(&marker, roots[i]);
    }
    error_destroy(finalizer_roots(&marker, true));
    marker_drain(&marker);
    if (marker.objects > heap->objects.count)
        __builtin_trap();
    marker_close(&marker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct program program = {.info.go_minor = 18 + (int)(fuzz_number(&input, 1) % 12)};
    struct runtime runtime = {.program = &program, .globals.allspans = base + LIST_AT};
    uint8_t *memory = xcalloc(1, MEMORY);
    address roots[ROOTS];
    make_spans(&input, memory);
    for (unsigned i = 0; i < ROOTS; i++)
        roots[i] = near_by(&input);
    if (input.left)
        memcpy(memory + INPUT_AT, input.at,
               input.left < MEMORY - INPUT_AT ? input.left : MEMORY - INPUT_AT);
    program.module.noptrdata = base + INPUT_AT;
    program.module.noptrbss_end = base + INPUT_AT + 256;
    runtime.target = memory_target_create(base, memory, MEMORY);
    runtime.offsets = (struct offsets){.mspan_start = 0,
                                       .mspan_pages = 8,
                                       .mspan_element_size = 16,
                                       .mspan_state = 24,
                                       .mspan_class = 25,
                                       .mspan_user_arena = 26,
                                       .mspan_objects = 32,
                                       .mspan_free_index = 40,
                                       .mspan_alloc_bits = 48,
                                       .mspan_mark_bits = 56,
                                       .mspan_specials = 64,
                                       .mspan_large_type = 72,
                                       .mspan_sweepgen = ABSENT,
                                       .mspan_size = DESCRIPTOR,
                                       .special_next = 0,
                                       .special_offset = 8,
                                       .special_kind = 16,
                                       .special_size = 24,
                                       .has_objects = true};
    struct heap *heap = NULL;
    struct error *error = heap_open(&runtime, &heap);
    if (!error_ignore(error)) {
        walk(heap, roots);
        heap_close(heap);
    }
    target_close(runtime.target);
    free(memory);
    return 0;
}
