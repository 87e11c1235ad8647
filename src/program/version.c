#include "program/version.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    PIECE_BYTES = 1 << 16,
    SCAN_MAX_BYTES = 16 << 20,
    VERSION_MIN = 5, /* go1.2 */
    VERSION_MAX = 64,
};

static const char prefix[] = "go1.";

static bool is_version(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~')
            return false;
    }
    return !memcmp(text, prefix, strlen(prefix)) && text[4] >= '0' && text[4] <= '9';
}

/* The string behind a header of address and length, if it is a version. */
static bool read_version(struct target *target, uint64_t at, uint64_t length, struct buildinfo *info)
{
    char text[VERSION_MAX + 1] = "";
    if (length < VERSION_MIN || length > VERSION_MAX || !at)
        return false;
    struct error *error = target_read_cached(target, at, text, length);
    if (error_ignore(error) || !is_version(text, length))
        return false;
    info->go_version = text_escaped(text, length);
    info->go_minor = (int)strtol(text + strlen(prefix), NULL, 10);
    return true;
}

void version_from_data(struct target *target, const struct moduledata *module, struct buildinfo *info)
{
    AUTO_FREE uint64_t *piece = xmalloc(PIECE_BYTES + 8);
    address start = (module->data + 7) & ~UINT64_C(7), end = module->data_end;
    if (end > start && end - start > SCAN_MAX_BYTES)
        end = start + SCAN_MAX_BYTES;
    for (address at = start; at < end && end - at >= 16; at += PIECE_BYTES) {
        size_t size = end - at < PIECE_BYTES + 8 ? end - at : PIECE_BYTES + 8;
        struct error *error = target_read(target, at, piece, size);
        if (error_ignore(error))
            continue;
        for (size_t i = 0; (i + 2) * 8 <= size; i++) {
            if (read_version(target, piece[i], piece[i + 1], info))
                return;
        }
    }
}
