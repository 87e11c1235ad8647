/* Looking into a form: where in it pointers stand, and what form each leads to. Bounds: leaves of all forms, leaves of one, depth of structs in structs, types that are
 * looked at for one. Where one is reached the rest of that value is not followed. */
#include <string.h>

#include "heap/forms.h"

enum {
    LEAVES_MAX = 1 << 24,
    LEAVES_OF_ONE_MAX = 1 << 14,
    FLAT_MAX = 64, /* leaves of an array that are written out */
    DEPTH_MAX = 24,
    STEPS_MAX = 1 << 16,
    FIELDS_AT_A_TIME = 32,
    BUCKET_OVERFLOW = 8, /* the overflow pointer is the bucket's last word */
};

struct gathering {
    struct forms *forms;
    struct leaves leaves;
    unsigned depth;
    uint32_t steps; /* types looked at: a made-up type may branch without end */
};

static void add_leaf(struct gathering *gathering, enum leaf_kind kind, uint64_t offset,
                     uint32_t form)
{
    if (gathering->leaves.length < LEAVES_OF_ONE_MAX && offset < FORM_VALUE_BYTES_MAX)
        VECTOR_PUSH(&gathering->leaves,
                    (struct leaf){.kind = (uint8_t)kind, .offset = (uint32_t)offset, .form = form});
}

static void gather(struct gathering *gathering, address type, uint64_t offset);

/* sync/atomic.Pointer[T] has a field of type [0]*T, so that its type is told (sync/atomic/type.go). weak.Pointer[T] has one as well, but does not point to
 * a T. */
static bool gather_atomic(struct gathering *gathering, const struct type_info *info,
                          uint64_t offset)
{
    struct type_field fields[4];
    struct type_info marker, pointer, last;
    struct types *types = gathering->forms->types;
    size_t count = type_info_fields(types, info, 0, fields, LENGTH_OF(fields));
    if (info->size != 8 || strncmp(types_name(types, info->at), "atomic.Pointer[", 15) != 0 ||
        count < 2 || !type_info_read(types, fields[0].type, &marker) || marker.kind != KIND_ARRAY ||
        marker.length || !type_info_read(types, marker.element, &pointer) ||
        pointer.kind != KIND_POINTER || !type_info_read(types, fields[count - 1].type, &last) ||
        last.kind != KIND_UNSAFE_POINTER)
        return false;
    add_leaf(gathering, LEAF_POINTER, offset,
             form_of(gathering->forms, FORM_VALUE, pointer.element));
    return true;
}

/* A sync.Pool has two unsafe pointers, each to an array with one poolLocal for each P, and the array's length behind it; what was put there stands as two unsafe
 * pointers where an interface is meant (sync/pool.go, sync/poolqueue.go). */
static bool gather_pool(struct gathering *gathering, const struct type_info *info, uint64_t offset)
{
    const struct form_layouts *layouts = &gathering->forms->layouts;
    if (info->at == layouts->pool_any) {
        add_leaf(gathering, LEAF_ANY, offset, 0);
        return true;
    }
    uint32_t locals = layouts->pool_local && info->at == layouts->pool
                          ? form_of(gathering->forms, FORM_ARRAY, layouts->pool_local)
                          : 0;
    if (locals) {
        add_leaf(gathering, LEAF_COUNTED, offset + layouts->locals, locals);
        add_leaf(gathering, LEAF_COUNTED, offset + layouts->victims, locals);
    }
    return false;
}

static void gather_fields(struct gathering *gathering, const struct type_info *info,
                          uint64_t offset)
{
    struct type_field fields[FIELDS_AT_A_TIME];
    if (gather_atomic(gathering, info, offset) || gather_pool(gathering, info, offset))
        return;
    for (uint64_t first = 0;;) {
        size_t count =
            type_info_fields(gathering->forms->types, info, first, fields, FIELDS_AT_A_TIME);
        for (size_t i = 0; i < count; i++)
            gather(gathering, fields[i].type, offset + fields[i].offset);
        first += count;
        if (count < FIELDS_AT_A_TIME)
            return;
    }
}

/* Short arrays are written out, others are one leaf. */
static void gather_elements(struct gathering *gathering, const struct type_info *info,
                            uint64_t offset)
{
    size_t before = gathering->leaves.length;
    uint32_t form = form_of(gathering->forms, FORM_VALUE, info->element);
    uint64_t size = form_at(gathering->forms, form)->size;
    if (!form || !size || !info->length || info->length > info->size / size)
        return;
    gather(gathering, info->element, offset);
    size_t each = gathering->leaves.length - before;
    if (!each || info->length == 1)
        return;
    if (info->length <= FLAT_MAX / each) {
        for (uint64_t i = 1; i < info->length; i++)
            gather(gathering, info->element, offset + i * size);
        return;
    }
    gathering->leaves.length = before;
    add_leaf(gathering, LEAF_REPEAT, offset, form);
    if (gathering->leaves.length > before)
        gathering->leaves.at[before].count =
            (uint32_t)(info->length < UINT32_MAX ? info->length : UINT32_MAX);
}

static void gather_kind(struct gathering *gathering, const struct type_info *info, uint64_t offset)
{
    struct forms *forms = gathering->forms;
    switch (info->kind) {
    case KIND_ARRAY:
        gather_elements(gathering, info, offset);
        break;
    case KIND_STRUCT:
        gather_fields(gathering, info, offset);
        break;
    case KIND_POINTER:
        add_leaf(gathering, LEAF_POINTER, offset, form_of(forms, FORM_VALUE, info->element));
        break;
    case KIND_CHAN:
        add_leaf(gathering, LEAF_POINTER, offset, form_of(forms, FORM_CHANNEL, info->element));
        break;
    case KIND_MAP:
        add_leaf(gathering, LEAF_POINTER, offset, form_of(forms, FORM_MAP, info->at));
        break;
    case KIND_SLICE:
        add_leaf(gathering, LEAF_SLICE, offset, form_of(forms, FORM_ARRAY, info->element));
        break;
    case KIND_STRING:
        add_leaf(gathering, LEAF_COUNTED, offset, form_of(forms, FORM_STRING, 0));
        break;
    case KIND_INTERFACE:
        add_leaf(gathering, info->length ? LEAF_METHODS : LEAF_ANY, offset, 0);
        break;
    case KIND_FUNC:
        add_leaf(gathering, LEAF_FUNCTION, offset, 0);
        break;
    default:
        break;
    }
}

static void gather(struct gathering *gathering, address type, uint64_t offset)
{
    struct type_info info;
    if (gathering->depth >= DEPTH_MAX || ++gathering->steps > STEPS_MAX ||
        gathering->leaves.length >= LEAVES_OF_ONE_MAX || offset >= FORM_VALUE_BYTES_MAX ||
        !type_info_read(gathering->forms->types, type, &info) || !info.pointer_bytes)
        return;
    gathering->depth++;
    gather_kind(gathering, &info, offset);
    gathering->depth--;
}

static void gather_map(struct gathering *gathering, address type)
{
    struct forms *forms = gathering->forms;
    const struct form_layouts *layouts = &forms->layouts;
    uint32_t buckets = form_of(forms, FORM_BUCKETS, type);
    if (layouts->swiss) {
        add_leaf(gathering, LEAF_DIRECTORY, layouts->directory,
                 form_of(forms, FORM_DIRECTORY, type));
        return;
    }
    add_leaf(gathering, LEAF_BUCKETS, layouts->buckets, buckets);
    add_leaf(gathering, LEAF_BUCKETS, layouts->old_buckets, buckets);
    add_leaf(gathering, LEAF_POINTER, layouts->extra_at, form_of(forms, FORM_MAP_EXTRA, type));
}

/* What the bucket's type says, and up to 1.23 the bucket that it overflows into. */
static void gather_buckets(struct gathering *gathering, uint32_t index)
{
    const struct form form = *form_at(gathering->forms, index);
    gather(gathering, form_at(gathering->forms, form.of)->type, 0);
    if (!gathering->forms->layouts.swiss && form.pointer_bytes == form.size)
        add_leaf(gathering, LEAF_BUCKETS, form.size - BUCKET_OVERFLOW, index);
}

/* By the channel's own descriptor, and what its buffer holds. */
static void gather_channel(struct gathering *gathering, address element)
{
    const struct form_layouts *layouts = &gathering->forms->layouts;
    gather(gathering, layouts->hchan, 0);
    add_leaf(gathering, LEAF_BUFFER, layouts->buffer,
             form_of(gathering->forms, FORM_BUFFER, element));
}

/* By the struct that it is, or, of a method value, by the method. */
static void gather_closure(struct gathering *gathering, const struct form *form)
{
    struct forms *forms = gathering->forms;
    struct func func;
    if (form->map_type) {
        gather(gathering, form->map_type, 0);
        return;
    }
    address receiver =
        forms->code && pclntab_func(&forms->runtime->program->pclntab, form->type, &func)
            ? code_receiver_of_closure(forms->code, &func)
            : 0;
    if (receiver)
        add_leaf(gathering, LEAF_POINTER, 8, form_of(forms, FORM_VALUE, receiver));
}

static void gather_form(struct gathering *gathering, uint32_t index)
{
    struct forms *forms = gathering->forms;
    const struct form form = *form_at(forms, index);
    switch ((enum form_kind)form.kind) {
    case FORM_VALUE:
    case FORM_ARRAY:
    case FORM_BUFFER:
        gather(gathering, form.type, 0);
        break;
    case FORM_MAP:
        gather_map(gathering, form.type);
        break;
    case FORM_BUCKETS:
        gather_buckets(gathering, index);
        break;
    case FORM_TABLE:
        add_leaf(gathering, LEAF_GROUPS, forms->layouts.groups,
                 form_of(forms, FORM_BUCKETS, form.type));
        break;
    case FORM_DIRECTORY:
        add_leaf(gathering, LEAF_POINTER, 0, form_of(forms, FORM_TABLE, form.type));
        break;
    case FORM_MAP_EXTRA: {
        uint32_t overflows = form_of(forms, FORM_OVERFLOWS, form.type);
        add_leaf(gathering, LEAF_POINTER, forms->layouts.overflow, overflows);
        add_leaf(gathering, LEAF_POINTER, forms->layouts.old_overflow, overflows);
        break;
    }
    case FORM_OVERFLOWS:
        add_leaf(gathering, LEAF_SLICE, 0, form_of(forms, FORM_OVERFLOW_ARRAY, form.type));
        break;
    case FORM_OVERFLOW_ARRAY:
        add_leaf(gathering, LEAF_BUCKETS, 0, form_of(forms, FORM_BUCKETS, form.type));
        break;
    case FORM_CHANNEL:
        gather_channel(gathering, form.type);
        break;
    case FORM_TIMER:
        gather(gathering, form.map_type, 0);
        break;
    case FORM_CLOSURE:
        gather_closure(gathering, &form);
        break;
    default:
        break;
    }
}

static void look_into(struct forms *forms, uint32_t index)
{
    struct gathering gathering = {.forms = forms};
    gather_form(&gathering, index);
    struct form *form = &forms->list.at[index];
    form->looked_into = true;
    form->first_leaf = (uint32_t)forms->leaves.length;
    for (size_t i = 0; i < gathering.leaves.length && forms->leaves.length < LEAVES_MAX; i++)
        VECTOR_PUSH(&forms->leaves, gathering.leaves.at[i]);
    form->leaf_count = (uint32_t)forms->leaves.length - form->first_leaf;
    VECTOR_DEINIT(&gathering.leaves);
}

const struct leaf *form_leaves(struct forms *forms, uint32_t form, uint32_t *count_ret)
{
    if (!forms->list.at[form].looked_into)
        look_into(forms, form);
    *count_ret = forms->list.at[form].leaf_count;
    return &forms->leaves.at[forms->list.at[form].first_leaf];
}
