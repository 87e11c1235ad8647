/* What is known before anything is followed: objects whose type Go notes (runtime/mbitmap.go, "malloc header", since 1.22), and what the runtime's own lists
 * lead to: descriptors of goroutines, the scheduler's Ps, channels that somebody waits on. */
#include "heap/roots.h"
#include "heap/typing_internal.h"

/* ---- headers */

static void seed_header(struct typing *typing, struct object object, uint64_t type)
{
    const struct object_span *span = &typing->heap->objects.spans[object.span];
    unsigned payload = typing_payload(span);
    uint64_t room = object_size(&typing->heap->objects, object) - payload;
    uint32_t form = form_of(&typing->forms, FORM_VALUE, type);
    uint64_t size = form_at(&typing->forms, form)->size;
    address at = object_address(&typing->heap->objects, object) + payload;
    if (!form || !size)
        return;
    bool several = size * 2 <= room && size + payload <= typing->fits[object.span];
    if (several)
        typing_claim(typing, at, form_of(&typing->forms, FORM_ARRAY, type), room / size * size,
                     TYPED_HEADER);
    else
        typing_claim(typing, at, form, size, TYPED_HEADER);
}

void typing_seed_headers(struct typing *typing)
{
    for (uint32_t i = 0; i < typing->heap->objects.span_count; i++) {
        const struct object_span *known = &typing->heap->objects.spans[i];
        if (known->format == POINTERS_LARGE)
            seed_header(typing, (struct object){.span = i},
                        typing->heap->spans.list.at[i].large_type);
        const struct object_span *span =
            known->format == POINTERS_HEADER ? heap_contents(typing->heap, i) : NULL;
        AUTO_FREE uint8_t *allocated = span ? heap_allocated(typing->heap, i) : NULL;
        for (uint32_t k = 0; span && k < span->count; k++) {
            if (allocated[k / 8] >> k % 8 & 1)
                seed_header(typing, (struct object){.span = i, .index = k},
                            load_u64(span->bytes + (uint64_t)k * span->size));
        }
    }
}

/* ---- the runtime */

static void claim_named(struct typing *typing, address at, const char *name)
{
    const struct layout *layout = types_layout(typing->forms.types, name);
    uint32_t form = layout ? form_of(&typing->forms, FORM_VALUE, layout->type) : 0;
    if (form)
        typing_claim(typing, at, form, form_at(&typing->forms, form)->size, TYPED_RUNTIME);
}

void typing_seed_runtime(struct typing *typing)
{
    const struct observation *observation = typing->observation;
    struct processors processors;
    for (size_t i = 0; i < observation->goroutines.length; i++)
        claim_named(typing, observation->goroutines.at[i].at, "runtime.g");
    for (size_t i = 0; i < observation->objects.length; i++) {
        if (observation->objects.at[i].kind == WAIT_CHAN_SEND &&
            observation->objects.at[i].readable)
            claim_named(typing, observation->objects.at[i].at, "runtime.hchan");
    }
    processors_find(typing->heap, &processors);
    for (size_t i = 0; i < processors.length; i++)
        claim_named(typing, processors.at[i], "runtime.p");
    VECTOR_DEINIT(&processors);
}
