#include "base/cursor.h"

#include <string.h>

enum {
    VARINT_BYTES_MAX = 10
};

static struct error *short_of(const struct cursor *cursor, uint64_t count)
{
    return error_create(ERROR_BAD_DATA, "%s: %llu bytes wanted at offset %zu, but it ends at %zu",
                        cursor->source, (unsigned long long)count, cursor->at, cursor->size);
}

static struct error *take(struct cursor *cursor, void *value_ret, size_t count)
{
    if (cursor->size - cursor->at < count)
        return short_of(cursor, count);
    memcpy(value_ret, cursor->bytes + cursor->at, count);
    cursor->at += count;
    return NULL;
}

struct error *cursor_seek(struct cursor *cursor, uint64_t at)
{
    if (at > cursor->size)
        return error_create(ERROR_BAD_DATA, "%s: offset %llu is behind its end at %zu",
                            cursor->source, (unsigned long long)at, cursor->size);
    cursor->at = at;
    return NULL;
}

struct error *cursor_skip(struct cursor *cursor, uint64_t count)
{
    if (cursor->size - cursor->at < count)
        return short_of(cursor, count);
    cursor->at += count;
    return NULL;
}

struct error *cursor_u8(struct cursor *cursor, uint8_t *value_ret)
{
    return take(cursor, value_ret, sizeof(*value_ret));
}

struct error *cursor_u16(struct cursor *cursor, uint16_t *value_ret)
{
    return take(cursor, value_ret, sizeof(*value_ret));
}

struct error *cursor_u32(struct cursor *cursor, uint32_t *value_ret)
{
    return take(cursor, value_ret, sizeof(*value_ret));
}

struct error *cursor_i32(struct cursor *cursor, int32_t *value_ret)
{
    return take(cursor, value_ret, sizeof(*value_ret));
}

struct error *cursor_u64(struct cursor *cursor, uint64_t *value_ret)
{
    return take(cursor, value_ret, sizeof(*value_ret));
}

struct error *cursor_uvarint(struct cursor *cursor, uint64_t *value_ret)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        if (cursor->size - cursor->at <= i)
            return short_of(cursor, i + 1);
        uint8_t byte = cursor->bytes[cursor->at + i];
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            cursor->at += i + 1;
            *value_ret = value;
            return NULL;
        }
    }
    return error_create(ERROR_BAD_DATA, "%s: a varint at offset %zu is too long", cursor->source,
                        cursor->at);
}

struct error *cursor_bytes(struct cursor *cursor, uint64_t count, const uint8_t **bytes_ret)
{
    if (cursor->size - cursor->at < count)
        return short_of(cursor, count);
    *bytes_ret = cursor->bytes + cursor->at;
    cursor->at += count;
    return NULL;
}

struct error *cursor_cstring(struct cursor *cursor, const char **text_ret)
{
    const uint8_t *start = cursor->bytes + cursor->at;
    const uint8_t *end = memchr(start, 0, cursor->size - cursor->at);
    if (!end)
        return error_create(ERROR_BAD_DATA, "%s: the text at offset %zu has no end", cursor->source,
                            cursor->at);
    *text_ret = (const char *)start;
    cursor->at += (size_t)(end - start) + 1;
    return NULL;
}
