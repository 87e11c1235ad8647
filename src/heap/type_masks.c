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
};

/* Where the type's bit map is; 0 if there is none (yet). */
static address map_of(struct type_masks *masks, const uint8_t *type)
{
    uint64_t at = load_u64(type + TYPE_GC_DATA);
    bool flagged = type[TYPE_FLAGS] & FLAG_ON_DEMAND;
    if (masks->go_minor < MINOR_ON_DEMAND)
        return type[TYPE_KIND] & KIND_GC_PROGRAM && !flagged ? 0 : at;
    if (!flagged)
        return at;
    uint64_t made = 0;
    struct error *error = target_u64(masks->target, at, &made);
    bool in_progress = made >= masks->data_low && made < masks->data_high;
    return error_ignore(error) || !is_user_address(made) || in_progress ? 0 : made;
}

static bool read_map(struct type_masks *masks, address at, struct type_mask *mask)
{
    size_t bytes = (mask->used + 63) / 64 * 8;
    if (bytes > MASK_BYTES_MAX || masks->bytes + bytes > MASKS_BYTES_MAX)
        return false;
    uint64_t *bits = xcalloc(1, bytes + 8);
    struct error *error = target_read_cached(masks->target, at, bits, (mask->used + 7) / 8);
    if (error_ignore(error)) {
        free(bits);
        return false;
    }
    if (mask->used % 64)
        bits[mask->used / 64] &= (UINT64_C(1) << mask->used % 64) - 1;
    mask->bits = bits;
    masks->bytes += bytes;
    return true;
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
    if (!size || used > size || size % 8 || used % 8)
        return mask;
    mask.words = size / 8;
    mask.used = used / 8;
    address at = map_of(masks, bytes);
    mask.known = !used || (at && read_map(masks, at, &mask));
    return mask;
}

const struct type_mask *type_mask_of(struct type_masks *masks, address type)
{
    bool is_new = false;
    uint32_t index = u64map_intern(&masks->by_type, type, (uint32_t)masks->list.length, &is_new);
    if (is_new) {
        struct type_mask mask = read_mask(masks, type);
        VECTOR_PUSH(&masks->list, mask);
    }
    return &masks->list.at[index];
}

void type_masks_close(struct type_masks *masks)
{
    for (size_t i = 0; i < masks->list.length; i++)
        free(masks->list.at[i].bits);
    VECTOR_DEINIT(&masks->list);
    u64map_deinit(&masks->by_type);
}
