/* Sampled objects of which nothing else is known: the code at the place where one was made names its type. */
#include "heap/typing_internal.h"

static void claim_several(struct typing *typing, address at, uint32_t form)
{
    uint64_t size = form_at(&typing->forms, form)->size;
    if (form && size)
        typing_claim(typing, at, form, size, TYPED_CODE);
}

static void seed_sample(struct typing *typing, struct object object, const struct code_type *made)
{
    struct forms *forms = &typing->forms;
    address at = object_address(&typing->heap->objects, object) +
                 typing_payload(&typing->heap->objects.spans[object.span]);
    uint32_t form = made->kind == CODE_POINTER ? form_of(forms, FORM_VALUE, made->type) : 0;
    if (form)
        typing_claim(typing, at, form, form_at(forms, form)->size, TYPED_CODE);
    else if (made->kind == CODE_SLICE)
        claim_several(typing, at, form_of(forms, FORM_ARRAY, made->type));
    else if (made->kind == CODE_MAP)
        claim_several(typing, at, form_of(forms, FORM_BUCKETS, made->type));
}

void typing_seed_samples(struct typing *typing)
{
    struct u64map known = {0}; /* pc -> index + 1 */
    struct made_list VECTOR_OF(struct code_type) made = {0};
    for (size_t i = 0; typing->forms.code && i < typing->samples.list.length; i++) {
        const struct sample *sample = &typing->samples.list.at[i];
        bool is_new = false;
        if (!sample->pc || typing_known_form(typing, sample->number))
            continue;
        uint32_t index = u64map_intern(&known, sample->pc, (uint32_t)made.length, &is_new);
        if (is_new)
            VECTOR_PUSH(&made, code_type_of_call(&typing->code, sample->pc));
        seed_sample(typing, object_numbered(&typing->heap->objects, sample->number),
                    &made.at[index]);
    }
    u64map_deinit(&known);
    VECTOR_DEINIT(&made);
}
