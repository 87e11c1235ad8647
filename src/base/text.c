#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"

void text_deinit(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

void text_clear(struct text *text)
{
    text->length = 0;
    if (text->bytes)
        text->bytes[0] = '\0';
}

void text_add(struct text *text, const char *bytes, size_t length)
{
    if (length > TEXT_MAX - text->length)
        return;
    size_t wanted = text->length + length + 1;
    if (wanted > text->room) {
        text->room = wanted * 2;
        text->bytes = xrealloc(text->bytes, text->room);
    }
    if (length)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_puts(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof(small)) {
        text_add(text, small, (size_t)length);
    } else if (length >= 0) {
        char *large = xmalloc((size_t)length + 1);
        vsnprintf(large, (size_t)length + 1, format, again);
        text_add(text, large, (size_t)length);
        free(large);
    }
    va_end(again);
}

/* Length of the valid UTF-8 sequence at the front and its code point, or 0. */
static size_t utf8_sequence(const uint8_t *bytes, size_t size, uint32_t *point_ret)
{
    uint8_t first = bytes[0];
    size_t length = first < 0x80                    ? 1
                    : first >= 0xc2 && first < 0xe0 ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    if (!length || length > size)
        return 0;
    uint32_t point = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (bytes[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < least[length] || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff)
        return 0;
    *point_ret = point;
    return length;
}

static bool is_unsafe(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x200e || point == 0x200f ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
           point == 0xfeff || point == 0x061c;
}

void text_escape(struct text *text, const char *bytes, size_t length)
{
    const uint8_t *at = (const uint8_t *)bytes;
    const uint8_t *end = at + length;
    while (at < end) {
        uint32_t point = 0;
        size_t taken = utf8_sequence(at, (size_t)(end - at), &point);
        if (!taken) {
            text_printf(text, "\\x%02x", *at++);
        } else if (is_unsafe(point)) {
            text_printf(text, point < 0x100 ? "\\x%02x" : "\\u{%x}", point);
            at += taken;
        } else {
            text_add(text, (const char *)at, taken);
            at += taken;
        }
    }
}

char *text_escaped(const char *bytes, size_t length)
{
    struct text text = {0};
    text_escape(&text, bytes, length);
    return text.bytes ? text.bytes : xstrdup("");
}

bool text_is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(name, names[i]))
            return true;
    }
    return false;
}

const char *text_size(char buffer[TEXT_SIZE_ROOM], uint64_t size_bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)size_bytes;
    size_t unit = 0;
    while (size >= 1023.95 && unit + 1 < LENGTH_OF(units)) {
        size /= 1024;
        unit++;
    }
    snprintf(buffer, TEXT_SIZE_ROOM, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return buffer;
}

const char *text_duration(char buffer[TEXT_SIZE_ROOM], double seconds)
{
    if (!(seconds >= 0))
        seconds = 0;
    if (seconds > 1e15)
        seconds = 1e15;
    unsigned long long whole = (unsigned long long)seconds;
    if (seconds < 1)
        snprintf(buffer, TEXT_SIZE_ROOM, "%.0f ms", seconds * 1e3);
    else if (seconds < 10)
        snprintf(buffer, TEXT_SIZE_ROOM, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(buffer, TEXT_SIZE_ROOM, "%llu s", whole);
    else if (whole < 3600)
        snprintf(buffer, TEXT_SIZE_ROOM, "%llum %llus", whole / 60, whole % 60);
    else if (whole < 86400)
        snprintf(buffer, TEXT_SIZE_ROOM, "%lluh %llum", whole / 3600, whole / 60 % 60);
    else
        snprintf(buffer, TEXT_SIZE_ROOM, "%llud %lluh", whole / 86400, whole / 3600 % 24);
    return buffer;
}

const char *text_count(char buffer[TEXT_SIZE_ROOM], uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    char *out = buffer;
    for (int i = 0; i < length && out < buffer + TEXT_SIZE_ROOM - 2; i++) {
        if (i && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return buffer;
}

const char *text_moment(char buffer[TEXT_SIZE_ROOM], double unix_s)
{
    static const double far = 253402300799; /* the end of the year 9999 */
    time_t seconds = unix_s >= 0 && unix_s <= far ? (time_t)unix_s : 0;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(buffer, TEXT_SIZE_ROOM, "%Y-%m-%d %H:%M UTC", &parts);
    return buffer;
}
