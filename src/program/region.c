#include "program/region.h"

#include "base/memory.h"

enum {
    PIECE = 64 << 10,
    PAGE = 4 << 10
};

/* In pieces that end where a multiple of `step` is; a piece with a hole in it is read again by
 * pages. */
static struct error *copy_pieces(struct target *target, address start, uint8_t *to, size_t size,
                                 size_t step)
{
    size_t part = 0;
    for (size_t at = 0; at < size; at += part) {
        part = step - (start + at) % step;
        part = part < size - at ? part : size - at;
        struct error *error = target_read(target, start + at, to + at, part);
        if (error && error_code(error) != ERROR_FAULT)
            return error;
        if (error_ignore(error) && step > PAGE)
            TRY(copy_pieces(target, start + at, to + at, part, PAGE));
    }
    return NULL;
}

static struct error *copy_memory(struct target *target, address start, size_t size,
                                 uint8_t **copy_ret)
{
    AUTO_FREE uint8_t *copy = NULL;
    TRY(memory_try(size, 1, &copy));
    TRY(copy_pieces(target, start, copy, size, PIECE));
    *copy_ret = copy;
    copy = NULL;
    return NULL;
}

struct error *region_bytes(struct target *target, address start, uint64_t size,
                           struct bytes *bytes_ret, void **owned_ret)
{
    if (size > REGION_MAX)
        return error_create(ERROR_LIMIT, "a table of %llu bytes", (unsigned long long)size);
    size_t left = 0;
    const uint8_t *bytes = target_view(target, start, true, &left);
    uint8_t *copy = NULL;
    if (!bytes || left < size) {
        TRY(copy_memory(target, start, size, &copy));
        bytes = copy;
    }
    *bytes_ret = (struct bytes){bytes, size};
    *owned_ret = copy;
    return NULL;
}
