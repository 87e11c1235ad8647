/* Variables whose types debug information tells: what they lead to, and how what lies in them is called. */
#include <string.h>

#include "heap/typing_internal.h"
#include "program/variable_types.h"

enum {
    VARIABLE_BYTES_MAX = 64 << 20,
};

static uint32_t form_of_part(struct forms *forms, const struct variable_part *part)
{
    switch (part->kind) {
    case PART_VALUE:
    case PART_POINTER:
        return form_of(forms, FORM_VALUE, part->type);
    case PART_SLICE:
        return form_of(forms, FORM_ARRAY, part->type);
    case PART_CHANNEL:
        return form_of(forms, FORM_CHANNEL, part->type);
    case PART_STRING:
        return form_of(forms, FORM_STRING, 0);
    default:
        return 0;
    }
}

static const enum leaf_kind leaf_kinds[] = {
    [PART_POINTER] = LEAF_POINTER,   [PART_CHANNEL] = LEAF_POINTER, [PART_SLICE] = LEAF_SLICE,
    [PART_STRING] = LEAF_COUNTED,    [PART_ANY] = LEAF_ANY,         [PART_METHODS] = LEAF_METHODS,
    [PART_FUNCTION] = LEAF_FUNCTION,
};

static void seed_part(struct typing *typing, const struct variable_part *part, const uint8_t *bytes,
                      uint64_t size)
{
    uint32_t form = form_of_part(&typing->forms, part);
    struct leaf leaf = {
        .kind = (uint8_t)leaf_kinds[part->kind], .form = form, .offset = (uint32_t)part->offset};
    typing->budget = size / 8 + 1;
    if (part->offset >= size)
        return;
    if (part->kind == PART_VALUE && form)
        typing_follow_value(typing, form, bytes + part->offset, size - part->offset,
                            TYPED_VARIABLE);
    else if (part->kind != PART_VALUE)
        typing_follow_leaf(typing, &leaf, bytes, size, TYPED_VARIABLE);
}

void typing_seed_variables(struct typing *typing)
{
    const struct variable_types *variables = typing->variables;
    for (size_t i = 0; variables && i < variables->list.length; i++) {
        const struct variable_type *variable = &variables->list.at[i];
        if (!variable->part_count || variable->size > VARIABLE_BYTES_MAX)
            continue;
        AUTO_FREE uint8_t *bytes = xmalloc(variable->size);
        if (error_ignore(target_read(typing->heap->target, variable->at, bytes, variable->size)))
            continue;
        typing_from(typing, variable->at, bytes);
        for (uint32_t k = 0; k < variable->part_count; k++)
            seed_part(typing, &variables->parts.at[variable->first_part + k], bytes,
                      variable->size);
        typing_from(typing, 0, NULL);
    }
}

static uint64_t size_of_part(struct typing *typing, const struct variable_part *part)
{
    static const uint64_t sizes[] = {
        [PART_POINTER] = 8, [PART_CHANNEL] = 8,  [PART_SLICE] = 24,   [PART_STRING] = 16,
        [PART_ANY] = 16,    [PART_METHODS] = 16, [PART_FUNCTION] = 8,
    };
    return part->kind == PART_VALUE
               ? form_at(&typing->forms, form_of_part(&typing->forms, part))->size
               : sizes[part->kind];
}

/* The part that an offset lies in, or NULL. */
static const struct variable_part *part_at(struct typing *typing,
                                           const struct variable_type *variable, uint64_t offset)
{
    for (uint32_t i = 0; i < variable->part_count; i++) {
        const struct variable_part *part = &typing->variables->parts.at[variable->first_part + i];
        if (part->offset <= offset && offset - part->offset < size_of_part(typing, part))
            return part;
    }
    return NULL;
}

bool typing_variable_field(struct typing *typing, const struct variable_type *variable, address at,
                           struct text *field)
{
    const struct variable_part *part = part_at(typing, variable, at - variable->at);
    if (part && part->name)
        text_puts(field, part->name);
    return part && (part->kind != PART_VALUE ||
                    form_field(&typing->forms, form_of(&typing->forms, FORM_VALUE, part->type),
                               at - variable->at - part->offset, field));
}
