/* The graph of a heap. The input: u8 minor Go version, u8 how many spans, a descriptor for each of them, roots, then the memory in which all of it
 * stands, with the types, masks, bits, specials and objects that the descriptors and words lead to. */
#include "fuzz.h"
#include "heap/dominators.h"
#include "heap/graph_edges.h"
#include "heap/incoming.h"
#include "heap/roots.h"
#include "madeheap.h"
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

/* All objects' edges, from a root that leads to every 16th of them. */
static void dominate(struct heap *heap)
{
    enum {
        EVERY = 16
    };
    struct graph_edges edges;
    const struct graph_edge_list none = {0};
    struct csr csr, incoming;
    struct visit visit;
    struct tangle tangle;
    uint64_t *hidden = xcalloc(heap->objects.count / 64 + 1, sizeof(*hidden));
    uint32_t root = heap->objects.count;
    graph_edges_open(heap, hidden, &edges);
    graph_edges_of_objects(&edges, &none);
    for (uint32_t i = 0; i < root; i += EVERY)
        graph_edges_add(&edges, root, i);
    struct error *error = graph_edges_finish(&edges, root + 1, &csr);
    if (!error_ignore(error)) {
        visit_from(&csr, root, &visit);
        visit_more(&csr, &visit, 1 % (root + 1));
        incoming_edges(&visit, &incoming);
        tangle_find(&visit, &incoming, &tangle);
        uint32_t *dominator = dominators_find(&visit, &incoming, &tangle);
        for (uint32_t place = 1; place < visit.count; place++) {
            if (dominator[place] >= place)
                __builtin_trap();
        }
        free(dominator);
        tangle_free(&tangle);
        csr_free(&incoming);
        csr_free(&csr);
        visit_free(&visit);
    }
    graph_edges_close(&edges);
    free(hidden);
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
    runtime.offsets = made_heap_offsets(DESCRIPTOR);
    runtime.offsets.mspan_sweepgen = ABSENT;
    struct heap *heap = NULL;
    struct error *error = heap_open(&runtime, &heap);
    if (!error_ignore(error)) {
        walk(heap, roots);
        dominate(heap);
        heap_close(heap);
    }
    target_close(runtime.target);
    free(memory);
    return 0;
}
