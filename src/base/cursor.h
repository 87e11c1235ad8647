/* The checked cursor: the only way in which seep reads bytes that come from a file or a target. Every cursor_*
 * call tests the bounds, does not move when it fails, and its error names the source and the offset.
 *
 * The cursor borrows the bytes. All numbers are little endian (the only Go targets that seep reads). */
#ifndef SEEP_BASE_CURSOR_H
#define SEEP_BASE_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct cursor {
    const uint8_t *bytes;
    size_t size;
    size_t at;
    const char *source; /* for messages: "pclntab of agent" */
};

static inline struct cursor cursor_over(const void *bytes, size_t size, const char *source)
{
    return (struct cursor){.bytes = bytes, .size = size, .source = source};
}

struct error *cursor_seek(struct cursor *cursor, uint64_t at) NODISCARD;
struct error *cursor_skip(struct cursor *cursor, uint64_t count) NODISCARD;
struct error *cursor_u8(struct cursor *cursor, uint8_t *value_ret) NODISCARD;
struct error *cursor_u16(struct cursor *cursor, uint16_t *value_ret) NODISCARD;
struct error *cursor_u32(struct cursor *cursor, uint32_t *value_ret) NODISCARD;
struct error *cursor_i32(struct cursor *cursor, int32_t *value_ret) NODISCARD;
struct error *cursor_u64(struct cursor *cursor, uint64_t *value_ret) NODISCARD;

/* Go's unsigned varint; more than 10 bytes or 64 bits is bad data. */
struct error *cursor_uvarint(struct cursor *cursor, uint64_t *value_ret) NODISCARD;

/* `count` bytes in place. */
struct error *cursor_bytes(struct cursor *cursor, uint64_t count,
                           const uint8_t **bytes_ret) NODISCARD;

/* A text that ends with NUL, in place; the cursor stands behind the NUL. */
struct error *cursor_cstring(struct cursor *cursor, const char **text_ret) NODISCARD;

/* For tables that are read in hot loops: false out of bounds, no error is made. */
static inline bool bytes_u32(const uint8_t *bytes, size_t size, uint64_t at, uint32_t *value_ret)
{
    if (size < 4 || at > size - 4)
        return false;
    __builtin_memcpy(value_ret, bytes + at, 4);
    return true;
}

static inline bool bytes_u64(const uint8_t *bytes, size_t size, uint64_t at, uint64_t *value_ret)
{
    if (size < 8 || at > size - 8)
        return false;
    __builtin_memcpy(value_ret, bytes + at, 8);
    return true;
}

#endif
