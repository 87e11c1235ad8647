/* What lies in the program's data instead of the heap, and has no name there: `var reg = &Registry{…}` makes an object that the compiler calls ..stmp_0
 * (cmd/compile/internal/staticinit), and the linker gives it no symbol (Go 1.18 to 1.27). A pointer of a known type tells what it is, as it does of
 * an object of the heap. The pointer maps of the data have to agree.
 *
 * Bounds: the number of such objects and their bytes, each address and form once. */
#include "heap/type_masks.h"
#include "heap/typing_internal.h"
#include "program/variable_types.h"

enum {
    STATICS_MAX = 1 << 16,
    REFUSED = STATICS_MAX, /* no index */
    BYTES_MAX = 64 << 20,
    MASK_WORDS_MAX = 1024, /* of a value are compared */
    BUDGET_LEAST = 64,
};

/* ---- the data's own account */

/* Whether the word at an address is a pointer, for the collector: of variables without pointers no word is. */
static bool is_pointer(const struct typing *typing, address at)
{
    const struct moduledata *module = &typing->heap->runtime->program->module;
    bool bss = at >= module->bss && at < module->bss_end;
    address start = bss ? module->bss : module->data;
    address mask = bss ? module->gcbssmask_bytes : module->gcdatamask_bytes;
    uint64_t word = (at - start) / 8, bits = bss ? module->gcbssmask_bits : module->gcdatamask_bits;
    uint8_t byte = 0;
    if (!bss && (at < module->data || at >= module->data_end))
        return false;
    return mask && word < bits &&
           !error_ignore(
               target_read_cached(typing->heap->target, mask + word / 8, &byte, sizeof(byte))) &&
           byte >> word % 8 & 1;
}

/* Of the first value; true if its type does not tell. */
static bool agrees(struct typing *typing, address at, const struct form *form)
{
    const struct type_mask *mask =
        form->map_type ? type_mask_of(&typing->heap->masks, form->map_type) : NULL;
    if (!mask || !mask->known)
        return true;
    for (uint64_t i = 0; i < mask->words && i < MASK_WORDS_MAX; i++) {
        bool wanted = i < mask->used && mask->bits[i / 64] >> i % 64 & 1;
        if (is_pointer(typing, at + i * 8) != wanted)
            return false;
    }
    return true;
}

/* ---- noting and following */

static bool is_followed(const struct typing *typing, uint64_t word, const struct form *form,
                        uint64_t extent)
{
    const struct moduledata *module = &typing->heap->runtime->program->module;
    return (form->kind == FORM_VALUE || form->kind == FORM_ARRAY) && form->size &&
           form->pointer_bytes && word % 8 == 0 && extent <= module->noptrbss_end - word;
}

void typing_claim_static(struct typing *typing, uint64_t word, uint32_t form, uint64_t extent,
                         enum typing_way way)
{
    const struct origin *origin = &typing->origin;
    const struct form known = *form_at(&typing->forms, form);
    address from = origin->at ? origin->at + (uint64_t)(origin->leaf - origin->bytes) : 0;
    uint32_t index = 0;
    if (!is_followed(typing, word, &known, extent))
        return;
    uint64_t key = u64_mix(word) ^ form;
    if (u64map_get(&typing->static_index, key, &index)) {
        if (index != REFUSED && !typing->statics.at[index].from)
            typing->statics.at[index].from = from;
        return;
    }
    if (typing->statics.length >= STATICS_MAX || extent > BYTES_MAX - typing->static_bytes)
        return;
    if (!agrees(typing, word, &known)) {
        u64map_set(&typing->static_index, key, REFUSED);
        return;
    }
    u64map_set(&typing->static_index, key, (uint32_t)typing->statics.length);
    typing->static_bytes += extent;
    VECTOR_PUSH(&typing->statics,
                (struct static_object){
                    .at = word, .size = extent, .from = from, .form = form, .way = (uint8_t)way});
}

static void follow(struct typing *typing, const struct static_object *object)
{
    uint64_t each = form_at(&typing->forms, object->form)->size;
    enum typing_way way = object->way < TYPED_PARENT ? object->way : TYPED_PARENT;
    AUTO_FREE uint8_t *bytes = xmalloc(object->size);
    if (error_ignore(target_read(typing->heap->target, object->at, bytes, object->size)))
        return;
    typing->budget = object->size / 8 + BUDGET_LEAST;
    typing_from(typing, object->at, bytes);
    for (uint64_t done = 0; object->size - done >= each; done += each)
        typing_follow_value(typing, object->form, bytes + done, each, way);
    typing_from(typing, 0, NULL);
}

bool typing_follow_statics(struct typing *typing)
{
    size_t before = typing->statics_followed;
    while (typing->statics_followed < typing->statics.length) {
        const struct static_object object = typing->statics.at[typing->statics_followed++];
        follow(typing, &object);
    }
    return typing->statics_followed > before;
}

/* ---- asking */

void typing_add_statics(const struct typing *typing, struct data_symbols *symbols)
{
    const struct variable_types *variables = typing->variables;
    struct data_symbols found = {0};
    for (size_t i = 0; i < typing->statics.length; i++) {
        const struct static_object *object = &typing->statics.at[i];
        VECTOR_PUSH(&found, (struct data_symbol){
                                .at = object->at, .size = object->size, .from = object->from});
    }
    for (size_t i = 0; variables && i < variables->list.length; i++) {
        const struct variable_type *variable = &variables->list.at[i];
        if (variable->from)
            VECTOR_PUSH(&found, (struct data_symbol){.at = variable->at,
                                                     .size = variable->size,
                                                     .from = variable->from});
    }
    data_symbols_add(symbols, &found);
    VECTOR_DEINIT(&found);
}

/* The largest that begins there, or NULL. */
static const struct static_object *static_at(const struct typing *typing, address start)
{
    const struct static_object *found = NULL;
    for (size_t i = 0; i < typing->statics.length; i++) {
        const struct static_object *object = &typing->statics.at[i];
        if (object->at == start && (!found || object->size > found->size))
            found = object;
    }
    return found;
}

static const struct variable_type *variable_at(const struct typing *typing, address start)
{
    const struct variable_type *variable =
        typing->variables ? variable_type_at(typing->variables, start) : NULL;
    return variable && variable->at == start ? variable : NULL;
}

bool typing_static_name(struct typing *typing, address start, struct text *name)
{
    const struct static_object *object = static_at(typing, start);
    const struct variable_type *variable = variable_at(typing, start);
    if (object)
        text_puts(name, form_name(&typing->forms, object->form));
    else if (variable)
        text_puts(name, variable->name);
    return object || variable;
}

bool typing_data_field(struct typing *typing, address start, address at, struct text *field)
{
    const struct variable_type *variable = variable_at(typing, start);
    const struct static_object *object = variable ? NULL : static_at(typing, start);
    if (variable && at - start < variable->size)
        return typing_variable_field(typing, variable, at, field);
    return object && at - start < object->size &&
           form_field(&typing->forms, object->form, at - start, field);
}
