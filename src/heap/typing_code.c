/* Variables that lead to objects of which nothing is known, by what the code says of them; then those that lead into the program's data. */
#include <string.h>

#include "code/data_users.h"
#include "heap/roots.h"
#include "heap/typing_internal.h"

enum {
    SLICE_BYTES = 24,
    VALUE_MAX = 1 << 20,
    LEADING_MAX = 1 << 16,
    OBJECT_BYTES = 512, /* of most structs */
    ADDED_MAX = 128,
};

/* A variable that leads into the program's data. */
struct leading {
    address at, to;
};

struct asking {
    struct typing *typing;
    struct variables VECTOR_OF(address) variables; /* by address */
    struct leading_list VECTOR_OF(struct leading) leading;
};

static void take_variable(void *context, address at, uint64_t word, bool is_pointer)
{
    struct asking *asking = context;
    struct typing *typing = asking->typing;
    struct object object;
    if (is_pointer && typing_is_data(typing, word) && asking->leading.length < LEADING_MAX)
        VECTOR_PUSH(&asking->leading, (struct leading){.at = at, .to = word});
    if (!is_pointer || !objects_at(&typing->heap->objects, word, &object) ||
        typing_known_form(typing, object_number(&typing->heap->objects, object)))
        return;
    if (asking->variables.length < DATA_USERS_VARIABLES)
        VECTOR_PUSH(&asking->variables, at);
}

/* Whether one of the first `count` variables is close behind an address. */
static bool is_followed_by_one(const struct asking *asking, size_t count, address at)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (asking->variables.at[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && asking->variables.at[low] - at < OBJECT_BYTES;
}

/* Adds variables that lead to where one of those in question may be a part of an object. Few: the code that names them takes time from the others. Returns how
 * many. */
static size_t add_leading(struct asking *asking)
{
    size_t count = asking->variables.length, added = 0;
    for (size_t i = 0;
         i < asking->leading.length && added < ADDED_MAX && count + added < DATA_USERS_VARIABLES;
         i++) {
        if (!is_followed_by_one(asking, count, asking->leading.at[i].to))
            continue;
        VECTOR_PUSH(&asking->variables, asking->leading.at[i].at);
        added++;
    }
    return added;
}

static void seed_value(struct typing *typing, address at, uint32_t form)
{
    uint64_t size = form_at(&typing->forms, form)->size;
    if (!form || !size || size > VALUE_MAX)
        return;
    AUTO_FREE uint8_t *bytes = xmalloc(size);
    typing->budget = size / 8 + 1;
    if (error_ignore(target_read(typing->heap->target, at, bytes, size)))
        return;
    typing_from(typing, at, bytes);
    typing_follow_value(typing, form, bytes, size, TYPED_CODE);
    typing_from(typing, 0, NULL);
    typing_claim_static(typing, at, form, size, TYPED_CODE); /* its words are one variable's */
}

static void seed_leaf(struct typing *typing, address at, enum leaf_kind kind, uint32_t form)
{
    uint8_t bytes[SLICE_BYTES] = {0};
    const struct leaf leaf = {.kind = (uint8_t)kind, .form = form};
    size_t size = kind == LEAF_SLICE ? SLICE_BYTES : 8;
    typing->budget = 8;
    if ((!form && kind != LEAF_FUNCTION) ||
        error_ignore(target_read_cached(typing->heap->target, at, bytes, size)))
        return;
    typing_from(typing, at, bytes);
    typing_follow_leaf(typing, &leaf, bytes, sizeof(bytes), TYPED_CODE);
    typing_from(typing, 0, NULL);
}

/* The code that makes small maps makes nothing but the runtime's own part. */
static bool is_bare_map(const struct forms *forms, address type)
{
    return type == forms->layouts.hmap || type == forms->layouts.swiss_map;
}

/* The struct that the compiler makes for a closure has no name, and the function first: its first word tells which one. */
static bool may_be_closure(const struct forms *forms, address type)
{
    struct type_info info, first;
    struct type_field field;
    return type_info_read(forms->types, type, &info) && !info.named && info.kind == KIND_STRUCT &&
           type_info_fields(forms->types, &info, 0, &field, 1) &&
           type_info_read(forms->types, field.type, &first) && first.kind == KIND_UINTPTR;
}

static void seed(struct typing *typing, const struct code_type *said)
{
    struct forms *forms = &typing->forms;
    struct type_info info;
    if (is_bare_map(forms, said->type))
        return;
    switch (said->kind) {
    case CODE_VALUE:
        seed_value(typing, said->at, form_of(forms, FORM_VALUE, said->type));
        break;
    case CODE_POINTER:
        seed_leaf(typing, said->at, LEAF_POINTER, form_of(forms, FORM_VALUE, said->type));
        if (may_be_closure(forms, said->type))
            seed_leaf(typing, said->at, LEAF_FUNCTION, 0);
        break;
    case CODE_SLICE:
        seed_leaf(typing, said->at, LEAF_SLICE, form_of(forms, FORM_ARRAY, said->type));
        break;
    case CODE_MAP:
        seed_leaf(typing, said->at, LEAF_POINTER, form_of(forms, FORM_MAP, said->type));
        break;
    case CODE_CHANNEL:
        if (type_info_read(forms->types, said->type, &info) && info.kind == KIND_CHAN)
            seed_leaf(typing, said->at, LEAF_POINTER, form_of(forms, FORM_CHANNEL, info.element));
        break;
    case CODE_NOTHING:
        break;
    }
}

static void seed_all(struct typing *typing)
{
    for (size_t i = 0; i < typing->code.variables.length; i++)
        seed(typing, &typing->code.variables.at[i]);
    typing->code.variables.length = 0;
}

void typing_seed_code(struct typing *typing)
{
    struct asking asking = {.typing = typing};
    if (!typing->forms.code || error_ignore(variables_each(typing->heap, take_variable, &asking)))
        return;
    size_t count = asking.variables.length, added = add_leading(&asking);
    code_types_of_variables(&typing->code, asking.variables.at, count, added);
    seed_all(typing);
    VECTOR_DEINIT(&asking.variables);
    VECTOR_DEINIT(&asking.leading);
}

void typing_seed_more_code(struct typing *typing)
{
    if (!typing->forms.code)
        return;
    code_types_of_more(&typing->code);
    seed_all(typing);
}
