#include "runtime/offsets.h"

#include <string.h>

#include "base/text.h"
#include "runtime/observation.h"

enum {
    STRUCT_SIZE_MAX = 1 << 16,
    FIELD_READ_MAX = 8
};

const char *const runtime_wanted_types[] = {
    "runtime.g",
    "runtime.m",
    "runtime.sudog",
    "runtime.hchan",
    "runtime._defer",
    "runtime.mspan",
    "runtime.p",
    "runtime.mcache",
    "runtime.special",
    "runtime.timer",
    "runtime.xRegState",
    "runtime.timer",
    "runtime.timeTimer",
    "sync.Pool",
    "sync.poolLocal",
    "sync.eface",
    "runtime.hmap",
    "runtime.mapextra",
    "internal/runtime/maps.Map",
    "internal/runtime/maps.table",
    NULL,
};

struct binding {
    const char *type;
    size_t member; /* offset in struct offsets */
    const char *field, *other;
    bool required;
};

static const struct binding bindings[] = {
#define BIND(type, member, field, other, required) \
    {"runtime." #type, offsetof(struct offsets, member), field, other, required},
    OFFSETS(BIND)
#undef BIND
};

static bool is_spare(const char *type)
{
    static const char *const spare[] = {"runtime.m", "runtime.mspan", "runtime.p", "runtime.mcache",
                                        "runtime.special"};
    return text_is_one_of(type, spare, LENGTH_OF(spare));
}

static struct error *bind(const struct types *types, const struct binding *binding,
                          struct offsets *offsets)
{
    int32_t *member = (int32_t *)((char *)offsets + binding->member);
    *member = ABSENT;
    const struct layout *layout = types_layout(types, binding->type);
    bool spare = is_spare(binding->type);
    if (!layout)
        return spare ? NULL
                     : error_create(ERROR_UNSUPPORTED, "the program has no type descriptor of %s",
                                    binding->type);
    struct layout_field field;
    bool found = layout_field(layout, binding->field, &field) ||
                 (binding->other && layout_field(layout, binding->other, &field));
    if (found && field.offset <= STRUCT_SIZE_MAX - FIELD_READ_MAX && field.offset < layout->size) {
        *member = (int32_t)field.offset;
        return NULL;
    }
    if (!binding->required || spare)
        return NULL;
    return error_create(ERROR_UNSUPPORTED,
                        "this program's %s has no field %s: a Go that seep does not know",
                        binding->type, binding->field);
}

/* Bytes from the struct's start that hold all bound fields of a type. */
static uint32_t extent_of(const struct offsets *offsets, const char *type, uint32_t *from_ret,
                          bool *whole_ret)
{
    uint32_t from = UINT32_MAX, to = 0;
    bool whole = true;
    for (size_t i = 0; i < LENGTH_OF(bindings); i++) {
        if (strcmp(bindings[i].type, type) != 0)
            continue;
        int32_t at = *(const int32_t *)((const char *)offsets + bindings[i].member);
        if (at == ABSENT) {
            whole = whole && !bindings[i].required;
            continue;
        }
        from = (uint32_t)at < from ? (uint32_t)at : from;
        to = (uint32_t)at + FIELD_READ_MAX > to ? (uint32_t)at + FIELD_READ_MAX : to;
    }
    if (from_ret)
        *from_ret = from;
    if (whole_ret)
        *whole_ret = whole;
    return to;
}

/* What the heap graph needs beyond what the memory split does. */
static void bind_heap(const struct types *types, struct offsets *offsets)
{
    const struct layout *special = types_layout(types, "runtime.special");
    const struct layout *mspan = types_layout(types, "runtime.mspan");
    const struct layout *g = types_layout(types, "runtime.g");
    const struct layout *wide = types_layout(types, "runtime.xRegState");
    struct layout_field objects, state;
    if (special && special->size <= STRUCT_SIZE_MAX)
        offsets->special_size = (uint32_t)special->size;
    offsets->g_wide_registers = ABSENT;
    if (g && wide && layout_field(g, "xRegs.state", &state) && state.offset < g->size) {
        offsets->g_wide_registers = (int32_t)state.offset;
        offsets->wide_registers_size = (uint32_t)wide->size;
    }
    if (mspan && layout_field(mspan, "nelems", &objects))
        offsets->short_counters = objects.size == 2;
    offsets->has_objects = offsets->has_mspan && offsets->mspan_objects != ABSENT &&
                           offsets->mspan_free_index != ABSENT &&
                           offsets->mspan_alloc_bits != ABSENT &&
                           offsets->mspan_mark_bits != ABSENT && offsets->mspan_class != ABSENT &&
                           offsets->mspan_specials != ABSENT && offsets->special_size &&
                           offsets->special_next != ABSENT && offsets->special_offset != ABSENT &&
                           offsets->special_kind != ABSENT;
}

struct error *offsets_bind(const struct types *types, struct offsets *offsets_ret)
{
    struct offsets offsets = {0};
    for (size_t i = 0; i < LENGTH_OF(bindings); i++)
        TRY(bind(types, &bindings[i], &offsets));
    uint32_t g_end = extent_of(&offsets, "runtime.g", &offsets.g_from, NULL);
    offsets.g_from &= ~7u;
    offsets.g_size = g_end - offsets.g_from;
    offsets.sudog_size = extent_of(&offsets, "runtime.sudog", NULL, NULL);
    offsets.hchan_size = extent_of(&offsets, "runtime.hchan", NULL, NULL);
    offsets.defer_size = extent_of(&offsets, "runtime._defer", NULL, NULL);
    offsets.mspan_size = extent_of(&offsets, "runtime.mspan", NULL, &offsets.has_mspan);
    offsets.has_m = offsets.m_procid != ABSENT;
    bind_heap(types, &offsets);
    *offsets_ret = offsets;
    return NULL;
}
