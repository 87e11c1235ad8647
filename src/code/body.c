/* Code lies in a segment that nobody writes, so the executable's own bytes are as good as the
 * target's memory, and cost no copy. */
#include "code/body.h"

#include "base/memory.h"

struct error *body_read(struct target *target, const struct func *func, struct body *body_ret)
{
    if (func->end <= func->entry)
        return error_create(ERROR_BAD_DATA, "a function without code at 0x%llx",
                            (unsigned long long)func->entry);
    uint64_t size = func->end - func->entry;
    if (size > BODY_MAX)
        return error_create(ERROR_LIMIT, "a function of %llu bytes at 0x%llx",
                            (unsigned long long)size, (unsigned long long)func->entry);
    size_t left = 0;
    const uint8_t *bytes = target_view(target, func->entry, false, &left);
    if (bytes && left >= size) {
        *body_ret = (struct body){.bytes = bytes, .size = size};
        return NULL;
    }
    AUTO_FREE uint8_t *owned = NULL;
    TRY(memory_try(size, 1, &owned));
    TRY(target_read(target, func->entry, owned, size));
    *body_ret = (struct body){.bytes = owned, .size = size, .owned = owned};
    owned = NULL;
    return NULL;
}

void body_deinit(struct body *body)
{
    free(body->owned);
    *body = (struct body){0};
}
