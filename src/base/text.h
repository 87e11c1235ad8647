/* Growable text with a maximum, and the escaping of names that come from a target. */
#ifndef SEEP_BASE_TEXT_H
#define SEEP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Starts as {0}; `bytes` is always NUL-terminated once something was added. What is over TEXT_MAX is dropped. */
struct text {
    char *bytes;
    size_t length;
    size_t room;
};

enum {
    TEXT_MAX = 1 << 30
};

void text_deinit(struct text *text);
void text_clear(struct text *text);
void text_add(struct text *text, const char *bytes, size_t length);
void text_puts(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);

/* Adds a name from a target so that it is safe on a terminal and in JSON: control characters (C0, DEL, C1,
 * line and paragraph separators, bidirectional overrides) become \xNN or \u{NNNN}, invalid UTF-8 becomes \xNN per byte.
 * Printable UTF-8 stays. */
void text_escape(struct text *text, const char *bytes, size_t length);

/* The same as a new string that the caller frees. */
char *text_escaped(const char *bytes, size_t length);

bool text_is_one_of(const char *name, const char *const *names, size_t count);

/* "412.5 MiB", "8.0 KiB", "17 B": into a buffer of TEXT_SIZE_ROOM, returned. */
enum {
    TEXT_SIZE_ROOM = 32
};
const char *text_size(char buffer[TEXT_SIZE_ROOM], uint64_t size_bytes);

/* "3d 4h", "2h 10m", "5m 3s", "2.1 s", "340 ms": the two largest units. */
const char *text_duration(char buffer[TEXT_SIZE_ROOM], double seconds);

/* "2026-11-26 21:04 UTC", from seconds since 1970. */
const char *text_moment(char buffer[TEXT_SIZE_ROOM], double unix_s);

/* "41,233" */
const char *text_count(char buffer[TEXT_SIZE_ROOM], uint64_t count);

#endif
