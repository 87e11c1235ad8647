/* The runtime's parts of maps: up to 1.23 runtime/map.go (hmap, bmap, mapextra), since 1.24 internal/runtime/maps (Map, table, groupsReference); channels:
 * runtime/chan.go. Their offsets come from the program's own descriptors; what such a descriptor says of a pointer is not enough (unsafe.Pointer), so the
 * few fields that lead on are named here. The buckets or groups of a map have a type of their own, which its map type names.
 *
 * Bounds: the number of forms, the size of a value. */
#include "heap/forms.h"

#include <string.h>

enum {
    FORMS_MAX = 1 << 20,
    DEPTH_MAX = 24,
    ITABS_MAX = 1 << 20,
    SLICE_BYTES = 24,
};

/* ---- layouts */

static uint32_t field_at(const struct layout *layout, const char *name)
{
    struct layout_field field;
    return layout && layout_field(layout, name, &field) && field.offset < layout->size
               ? (uint32_t)field.offset
               : UINT32_MAX;
}

static uint32_t size_of(const struct layout *layout)
{
    return layout && layout->size < UINT16_MAX ? (uint32_t)layout->size : 0;
}

static address type_of(const struct layout *layout)
{
    return layout ? layout->type : 0;
}

static void find_layouts(const struct types *types, struct form_layouts *layouts)
{
    const struct layout *map = types_layout(types, "internal/runtime/maps.Map");
    const struct layout *table = types_layout(types, "internal/runtime/maps.table");
    const struct layout *hmap = types_layout(types, "runtime.hmap");
    const struct layout *extra = types_layout(types, "runtime.mapextra");
    const struct layout *hchan = types_layout(types, "runtime.hchan");
    const struct layout *timer = types_layout(types, "runtime.timer");
    const struct layout *time_timer = types_layout(types, "runtime.timeTimer");
    const struct layout *pool = types_layout(types, "sync.Pool");
    *layouts = (struct form_layouts){
        .swiss = map != NULL,
        .hmap = type_of(hmap),
        .extra = type_of(extra),
        .swiss_map = type_of(map),
        .swiss_table = type_of(table),
        .hchan = type_of(hchan),
        .timer = type_of(timer),
        .time_timer = type_of(time_timer),
        .map_size = size_of(map ? map : hmap),
        .extra_size = size_of(extra),
        .table_size = size_of(table),
        .channel_size = size_of(hchan),
        .map_count = map ? field_at(map, "used") : field_at(hmap, "count"),
        .map_seed = map ? field_at(map, "seed") : field_at(hmap, "hash0"),
        .buckets = field_at(hmap, "buckets"),
        .old_buckets = field_at(hmap, "oldbuckets"),
        .extra_at = field_at(hmap, "extra"),
        .overflow = field_at(extra, "overflow"),
        .old_overflow = field_at(extra, "oldoverflow"),
        .directory = field_at(map, "dirPtr"),
        .directory_length = field_at(map, "dirLen"),
        .groups = field_at(table, "groups.data"),
        .group_mask = field_at(table, "groups.lengthMask"),
        .buffer = field_at(hchan, "buf"),
        .inner_timer = field_at(time_timer, "timer"),
        .pool = type_of(pool),
        .pool_local = type_of(types_layout(types, "sync.poolLocal")),
        .pool_any = type_of(types_layout(types, "sync.eface")),
        .locals = field_at(pool, "local"),
        .victims = field_at(pool, "victim"),
    };
}

void forms_open(struct runtime *runtime, struct forms *forms_ret)
{
    *forms_ret = (struct forms){.runtime = runtime, .types = runtime->program->types};
    find_layouts(forms_ret->types, &forms_ret->layouts);
    VECTOR_PUSH(&forms_ret->list, (struct form){.looked_into = true});
}

void forms_close(struct forms *forms)
{
    for (size_t i = 0; i < forms->list.length; i++)
        free(forms->list.at[i].name);
    VECTOR_DEINIT(&forms->list);
    VECTOR_DEINIT(&forms->leaves);
    u64map_deinit(&forms->index);
    u64map_deinit(&forms->itabs);
    u64map_deinit(&forms->closures);
}

/* ---- making forms */

static bool describe_value(struct forms *forms, struct form *form)
{
    struct type_info info;
    if (!type_info_read(forms->types, form->type, &info))
        return false;
    form->size = info.size;
    form->pointer_bytes = info.pointer_bytes;
    form->direct = info.direct;
    form->map_type = form->type;
    const char *name = forms->layouts.time_timer && info.kind == KIND_STRUCT
                           ? types_name(forms->types, form->type)
                           : "";
    if (!strcmp(name, "time.Timer") || !strcmp(name, "time.Ticker"))
        form->of = form_of(forms, FORM_TIMER, form->type);
    return true;
}

static bool describe_timer(struct forms *forms, struct form *form)
{
    struct type_info info;
    if (!type_info_read(forms->types, forms->layouts.time_timer, &info))
        return false;
    form->size = info.size;
    form->pointer_bytes = info.pointer_bytes;
    form->map_type = info.at;
    return true;
}

/* The buckets' or groups' own type. */
static bool describe_buckets(struct forms *forms, struct form *form)
{
    struct type_info map;
    if (!type_info_read(forms->types, form->type, &map) || map.kind != KIND_MAP)
        return false;
    form->of = form_of(forms, FORM_VALUE, map.group);
    const struct form *group = form_at(forms, form->of);
    form->size = group->size;
    form->pointer_bytes = group->pointer_bytes;
    form->map_type = group->type;
    return group->size != 0;
}

static bool describe_elements(struct forms *forms, struct form *form)
{
    form->of = form_of(forms, FORM_VALUE, form->type);
    const struct form *value = form_at(forms, form->of);
    form->size = value->size;
    form->pointer_bytes = value->pointer_bytes;
    form->map_type = value->type;
    return form->of != 0;
}

static bool is_map(struct forms *forms, address type)
{
    struct type_info info;
    return type_info_read(forms->types, type, &info) && info.kind == KIND_MAP;
}

static void describe_pointers(struct form *form, uint64_t size, address map_type)
{
    form->size = size;
    form->pointer_bytes = size;
    form->map_type = map_type;
}

/* What it captures is told by the code that makes it, perhaps. */
static void describe_closure(struct forms *forms, struct form *form)
{
    struct func func;
    struct type_info info;
    form->size = form->pointer_bytes = 8;
    if (!forms->code || !pclntab_func(&forms->runtime->program->pclntab, form->type, &func))
        return;
    address type = code_type_of_closure(forms->code, &func);
    if (type && type_info_read(forms->types, type, &info) && info.kind == KIND_STRUCT &&
        info.size >= 8) {
        form->size = info.size;
        form->pointer_bytes = info.pointer_bytes;
        form->map_type = type;
    }
}

void form_drop_captures(struct forms *forms, uint32_t index)
{
    struct form *form = &forms->list.at[index];
    form->size = form->pointer_bytes = 8;
    form->map_type = 0;
    form->bits_state = 0;
    form->looked_into = true;
    form->leaf_count = 0;
}

bool form_is_closure(struct forms *forms, uint32_t whole, uint32_t closure)
{
    struct type_info info, first;
    struct type_field field;
    struct form *form = &forms->list.at[closure];
    if (form->kind != FORM_CLOSURE || form_at(forms, whole)->kind != FORM_VALUE ||
        !type_info_read(forms->types, form_at(forms, whole)->type, &info) || info.named ||
        info.kind != KIND_STRUCT || !type_info_fields(forms->types, &info, 0, &field, 1) ||
        !type_info_read(forms->types, field.type, &first) || first.kind != KIND_UINTPTR)
        return false;
    if (!form->map_type && !form->looked_into) {
        form->size = info.size;
        form->pointer_bytes = info.pointer_bytes;
        form->map_type = info.at;
        form->bits_state = 0;
    }
    return true;
}

static bool describe(struct forms *forms, struct form *form)
{
    const struct form_layouts *layouts = &forms->layouts;
    switch ((enum form_kind)form->kind) {
    case FORM_VALUE:
        return describe_value(forms, form);
    case FORM_ARRAY:
    case FORM_BUFFER:
        return describe_elements(forms, form);
    case FORM_BUCKETS:
        return describe_buckets(forms, form);
    case FORM_MAP:
        describe_pointers(form, layouts->map_size,
                          layouts->swiss ? layouts->swiss_map : layouts->hmap);
        return layouts->map_size && is_map(forms, form->type);
    case FORM_TABLE:
        describe_pointers(form, layouts->table_size, layouts->swiss_table);
        return layouts->table_size;
    case FORM_MAP_EXTRA:
        describe_pointers(form, layouts->extra_size, layouts->extra);
        return layouts->extra_size;
    case FORM_CHANNEL:
        describe_pointers(form, layouts->channel_size, 0);
        return layouts->channel_size && form_of(forms, FORM_VALUE, form->type);
    case FORM_OVERFLOWS:
        describe_pointers(form, SLICE_BYTES, 0);
        return true;
    case FORM_DIRECTORY:
    case FORM_OVERFLOW_ARRAY:
        describe_pointers(form, 8, 0);
        return true;
    case FORM_CLOSURE:
        describe_closure(forms, form);
        return true;
    case FORM_TIMER:
        return describe_timer(forms, form);
    case FORM_STRING:
    case FORM_TINY:
        form->size = 1;
        return true;
    default:
        return false;
    }
}

uint32_t form_of(struct forms *forms, enum form_kind kind, address type)
{
    uint64_t key = type | (uint64_t)kind << 57;
    uint32_t index = 0;
    if (type >> 57)
        return 0;
    if (u64map_get(&forms->index, key, &index))
        return index;
    struct form form = {.kind = (uint8_t)kind, .type = type};
    if (forms->list.length >= FORMS_MAX || !describe(forms, &form)) {
        if (forms->index.length < FORMS_MAX)
            u64map_set(&forms->index, key, 0);
        return 0;
    }
    index = (uint32_t)forms->list.length;
    VECTOR_PUSH(&forms->list, form);
    u64map_set(&forms->index, key, index);
    return index;
}

uint32_t form_of_closure(struct forms *forms, address entry)
{
    uint32_t form = 0;
    struct func func;
    if (u64map_get(&forms->closures, entry, &form))
        return form;
    if (pclntab_func(&forms->runtime->program->pclntab, entry, &func) && func.entry == entry)
        form = form_of(forms, FORM_CLOSURE, entry);
    if (forms->closures.length < FORMS_MAX)
        u64map_set(&forms->closures, entry, form);
    return form;
}

static uint32_t read_itab(struct forms *forms, address at)
{
    uint64_t words[3]; /* interface, type, hash */
    struct type_info interface, value;
    struct error *error = target_read_cached(forms->runtime->target, at, words, sizeof(words));
    if (error_ignore(error) || at % 8 || !type_info_read(forms->types, words[1], &value) ||
        value.hash != (uint32_t)words[2] || !type_info_read(forms->types, words[0], &interface) ||
        interface.kind != KIND_INTERFACE)
        return 0;
    return form_of(forms, FORM_VALUE, words[1]);
}

uint32_t form_of_itab(struct forms *forms, address itab)
{
    uint32_t form = 0;
    if (u64map_get(&forms->itabs, itab, &form))
        return form;
    form = read_itab(forms, itab);
    if (forms->itabs.length < ITABS_MAX)
        u64map_set(&forms->itabs, itab, form);
    return form;
}

/* ---- what is the same */

/* The type of what stands at the start of a value; 0 if that is nothing smaller. */
static address first_part(struct forms *forms, address type)
{
    struct type_info info;
    struct type_field field;
    if (!type_info_read(forms->types, type, &info))
        return 0;
    if (info.kind == KIND_ARRAY && info.length)
        return info.element;
    return info.kind == KIND_STRUCT && type_info_fields(forms->types, &info, 0, &field, 1)
               ? field.type
               : 0;
}

bool form_begins(struct forms *forms, uint32_t whole, uint32_t part)
{
    const struct form *a = form_at(forms, whole), *b = form_at(forms, part);
    if (a->map_type && a->map_type == b->map_type)
        return true;
    address wanted = b->map_type ? b->map_type : b->type, type = a->map_type;
    for (unsigned depth = 0; type && depth < DEPTH_MAX; depth++) {
        if (type == wanted)
            return true;
        type = first_part(forms, type);
    }
    return false;
}
