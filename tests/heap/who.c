/* Who holds an object: every word of the target that points to it. For looking into a difference that the tests found. */
#include <inttypes.h>
#include <stdio.h>

#include "heapcheck.h"

static void print_holder(struct opened *opened, struct walk *walk, address at, uint64_t into)
{
    struct object holder;
    if (objects_at(&walk->heap->objects, at, &holder)) {
        const struct span *span = &walk->heap->spans.list.at[holder.span];
        address start = object_address(&walk->heap->objects, holder);
        printf("+%" PRIu64 " from object 0x%" PRIx64 "+%" PRIu64 " size %" PRIu64
               " class %u kept %d reached %d\n",
               into, start, at - start, span->element_size, span->class,
               is_kept(walk->heap, holder),
               marker_has(&walk->marker, object_number(&walk->heap->objects, holder)));
        return;
    }
    for (size_t i = 0; i < opened->observation.goroutines.length; i++) {
        const struct goroutine *goroutine = &opened->observation.goroutines.at[i];
        if (at >= goroutine->stack_low && at < goroutine->stack_high) {
            printf("+%" PRIu64 " from stack of %" PRIu64 " at 0x%" PRIx64 ", sp + %" PRId64
                   " state %d\n",
                   into, goroutine->id, at, (int64_t)(at - goroutine->sp), goroutine->state);
            return;
        }
    }
    const struct mapping *mapping = target_mapping_at(opened->target, at);
    printf("+%" PRIu64 " from 0x%" PRIx64 " %s\n", into, at, mapping ? mapping->path : "");
}

struct error *print_holders(struct opened *opened, address wanted)
{
    enum {
        CHUNK = 1 << 20
    };
    struct walk walk = {0};
    struct object object;
    size_t count = 0;
    TRY(walk_all(opened, &walk));
    uint64_t size = objects_at(&walk.heap->objects, wanted, &object)
                        ? object_size(&walk.heap->objects, object)
                        : 8;
    const struct mapping *mappings = target_mappings(opened->target, &count);
    AUTO_FREE uint8_t *bytes = xmalloc(CHUNK);
    for (size_t i = 0; i < count; i++) {
        for (address at = mappings[i].start; at < mappings[i].end; at += CHUNK) {
            size_t piece = mappings[i].end - at < CHUNK ? mappings[i].end - at : CHUNK;
            struct error *error = target_read(opened->target, at, bytes, piece);
            if (error_ignore(error))
                continue;
            for (size_t j = 0; j + 8 <= piece; j += 8) {
                uint64_t word = load_u64(bytes + j);
                if (word >= wanted && word < wanted + size)
                    print_holder(opened, &walk, at + j, word - wanted);
            }
        }
    }
    walk_end(&walk);
    return NULL;
}
