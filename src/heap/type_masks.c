#include "heap/type_masks.h"

#include <string.h>

#include "runtime/internal.h"

enum { /* abi.Type */
    TYPE_SIZE = 0,
    TYPE_PTR_BYTES = 8,
    TYPE_FLAGS = 20,
    TYPE_KIND = 23,
    TYPE_GC_DATA = 32,
    TYPE_BYTES = 48,
    FLAG_ON_DEMAND =
        16, /* since 1.24: GCData points to the pointer to the map, which may not be made yet */
    KIND_GC_PROGRAM = 64, /* up to 1.23: GCData is a program that makes the map */
    MINOR_ON_DEMAND = 24,
    MASK_BYTES_MAX = 1 << 24, /* of one type: 1 GiB of values */
    MASKS_BYTES_MAX = 1 << 28,
    TYPE_ELEMENT = 48, /* abi.ArrayType */
    TYPE_LENGTH = 64,
    TYPE_FIELDS = 56, /* abi.StructType: a slice */
    FIELD_BYTES = 24, /* abi.StructField: name, type, offset */
    KIND_MASK = 31,
    KIND_ARRAY = 17,
    KIND_STRUCT = 25,
    DEPTH_MAX = 32,
    PARTS_MAX = 1 << 20, /* fields and elements put together, of all types */
};

static bool is_on_demand(const struct type_masks *masks, const uint8_t *type)
{
    return masks->go_minor >= MINOR_ON_DEMAND && type[TYPE_FLAGS] & FLAG_ON_DEMAND;
}

/* Where the type's bit map is; 0 if there is none (yet). */
static address map_of(struct type_masks *masks, const uint8_t *type)
{
    uint64_t at = load_u64(type + TYPE_GC_DATA);
    bool flagged = type[TYPE_FLAGS] & FLAG_ON_DEMAND;
    if (masks->go_minor < MINOR_ON_DEMAND)
        return type[TYPE_KIND] & KIND_GC_PROGRAM && !flagged ? 0 : at;
    if (!is_on_demand(masks, type))
        return at;
    uint64_t made = 0;
    struct error *error = target_u64(masks->target, at, &made);
    bool in_progress = made >= masks->data_low && made < masks->data_high;
    return error_ignore(error) || !is_user_address(made) || in_progress ? 0 : made;
}

static bool new_map(struct type_masks *masks, struct type_mask *mask)
{
    size_t bytes = (mask->used + 63) / 64 * 8;
    if (bytes > MASK_BYTES_MAX || masks->bytes + bytes > MASKS_BYTES_MAX)
        return false;
    mask->bits = xcalloc(1, bytes + 8);
    masks->bytes += bytes;
    return true;
}

static bool read_map(struct type_masks *masks, address at, struct type_mask *mask)
{
    if (!new_map(masks, mask))
        return false;
    struct error *error = target_read_cached(masks->target, at, mask->bits, (mask->used + 7) / 8);
    if (error_ignore(error)) {
        free(mask->bits);
        mask->bits = NULL;
        return false;
    }
    if (mask->used % 64)
        mask->bits[mask->used / 64] &= (UINT64_C(1) << mask->used % 64) - 1;
    return true;
}

/* Lays a part's map into the whole, from a word on. */
static bool put_part(struct type_masks *masks, struct type_mask *whole, address type, uint64_t at)
{
    const struct type_mask part = *type_mask_of(masks, type);
    if (++masks->parts > PARTS_MAX || !part.known || at + part.used > whole->used)
        return false;
    for (uint64_t i = 0; i < part.used; i++) {
        if (part.bits[i / 64] >> i % 64 & 1)
            whole->bits[(at + i) / 64] |= UINT64_C(1) << (at + i) % 64;
    }
    return true;
}

static bool put_elements(struct type_masks *masks, address type, struct type_mask *mask)
{
    uint64_t parts[3]; /* element, slice type, length */
    struct error *error =
        target_read_cached(masks->target, type + TYPE_ELEMENT, parts, sizeof(parts));
    if (error_ignore(error))
        return false;
    uint64_t words = type_mask_of(masks, parts[0])->words;
    for (uint64_t i = 0; words && i < parts[2] && i * words < mask->used; i++) {
        if (!put_part(masks, mask, parts[0], i * words))
            return false;
    }
    return true;
}

static bool put_fields(struct type_masks *masks, address type, struct type_mask *mask)
{
    uint64_t slice[2];
    struct error *error =
        target_read_cached(masks->target, type + TYPE_FIELDS, slice, sizeof(slice));
    if (error_ignore(error) || slice[1] > PARTS_MAX)
        return false;
    for (uint64_t i = 0; i < slice[1]; i++) {
        uint64_t field[3];
        error = target_read_cached(masks->target, slice[0] + i * FIELD_BYTES, field, sizeof(field));
        if (error_ignore(error))
            return false;
        const struct type_mask part = *type_mask_of(masks, field[1]);
        bool empty = part.known && !part.used;
        if (!empty && (field[2] % 8 || !put_part(masks, mask, field[1], field[2] / 8)))
            return false;
    }
    return true;
}

/* Makes the map that the runtime has not made yet, from the maps of the type's parts, as it would (runtime/type.go, buildGCMask). */
static bool make_map(struct type_masks *masks, address type, unsigned kind, struct type_mask *mask)
{
    if (masks->depth >= DEPTH_MAX || !new_map(masks, mask))
        return false;
    masks->depth++;
    bool made = (kind == KIND_ARRAY && put_elements(masks, type, mask)) ||
                (kind == KIND_STRUCT && put_fields(masks, type, mask));
    masks->depth--;
    if (!made) {
        free(mask->bits);
        mask->bits = NULL;
    }
    return made;
}

static struct type_mask read_mask(struct type_masks *masks, address type)
{
    uint8_t bytes[TYPE_BYTES];
    struct type_mask mask = {0};
    if (type % 8 || !is_user_address(type))
        return mask;
    struct error *error = target_read_cached(masks->target, type, bytes, sizeof(bytes));
    if (error_ignore(error))
        return mask;
    uint64_t size = load_u64(bytes + TYPE_SIZE), used = load_u64(bytes + TYPE_PTR_BYTES);
    if (used > size || (used && size % 8) || used % 8)
        return mask;
    mask.words = (size + 7) / 8;
    mask.used = used / 8;
    address at = map_of(masks, bytes);
    unsigned kind = bytes[TYPE_KIND] & KIND_MASK;
    mask.known = !used || (at && read_map(masks, at, &mask)) ||
                 (!at && is_on_demand(masks, bytes) && make_map(masks, type, kind, &mask));
    return mask;
}

const struct type_mask *type_mask_of(struct type_masks *masks, address type)
{
    uint32_t index = 0;
    if (u64map_get(&masks->by_type, type, &index))
        return &masks->list.at[index];
    struct type_mask mask = read_mask(masks, type); /* may add those of its parts */
    index = (uint32_t)masks->list.length;
    VECTOR_PUSH(&masks->list, mask);
    u64map_set(&masks->by_type, type, index);
    return &masks->list.at[index];
}

void type_masks_close(struct type_masks *masks)
{
    for (size_t i = 0; i < masks->list.length; i++)
        free(masks->list.at[i].bits);
    VECTOR_DEINIT(&masks->list);
    u64map_deinit(&masks->by_type);
}
