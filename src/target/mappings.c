/* /proc/PID/maps and smaps (proc(5), fs/proc/task_mmu.c): a header line per mapping, which starts
 * with a lower-case hex digit, and in smaps lines of detail, which start with a capital letter.
 * There may be tens of thousands, so the text is read once, by hand. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "target/internal.h"

enum {
    MAPPINGS_MAX = 1 << 22
};

static const char *parse_hex(const char *at, const char *end, uint64_t *value_ret)
{
    uint64_t value = 0;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at;
        if (digit >= '0' && digit <= '9')
            digit -= '0';
        else if (digit >= 'a' && digit <= 'f')
            digit -= 'a' - 10;
        else
            break;
        value = value << 4 | digit;
    }
    *value_ret = value;
    return at;
}

static const char *skip_word(const char *at, const char *end)
{
    while (at < end && *at != ' ')
        at++;
    while (at < end && *at == ' ')
        at++;
    return at;
}

/* "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/agent" */
static bool parse_header(const char *at, const char *end, struct mapping *mapping_ret)
{
    struct mapping mapping = {0};
    at = parse_hex(at, end, &mapping.start);
    if (at == end || *at++ != '-')
        return false;
    at = parse_hex(at, end, &mapping.end);
    if (end - at < 6 || *at++ != ' ' || mapping.end <= mapping.start)
        return false;
    mapping.readable = at[0] == 'r';
    mapping.writable = at[1] == 'w';
    mapping.executable = at[2] == 'x';
    mapping.shared = at[3] == 's';
    at = skip_word(at, end);
    at = parse_hex(at, end, &mapping.file_offset);
    for (int word = 0; word < 3; word++) /* the rest of the offset, device, inode */
        at = skip_word(at, end);
    mapping.is_file = at < end && *at == '/';
    mapping.path = text_escaped(at, (size_t)(end - at));
    *mapping_ret = mapping;
    return true;
}

/* "Rss:                 128 kB" */
static bool parse_size(const char *at, const char *end, const char *key, uint64_t *bytes_ret)
{
    size_t key_length = strlen(key);
    if ((size_t)(end - at) <= key_length || memcmp(at, key, key_length) != 0)
        return false;
    uint64_t kib = 0;
    for (at += key_length; at < end && *at == ' '; at++)
        ;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        kib = kib * 10 + (uint64_t)(*at - '0');
    *bytes_ret = kib << 10;
    return true;
}

static void parse_detail(const char *at, const char *end, struct mapping *mapping)
{
    if (!parse_size(at, end, "Rss:", &mapping->rss_bytes))
        parse_size(at, end, "AnonHugePages:", &mapping->huge_bytes);
}

struct error *mappings_parse(const char *text, size_t length, struct mappings *mappings_ret)
{
    struct mappings mappings = {0};
    const char *end = text + length;
    bool is_known = false; /* the last header line was understood */
    for (const char *line = text; line < end;) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            line_end = end;
        struct mapping mapping;
        if (*line >= 'A' && *line <= 'Z') {
            if (is_known)
                parse_detail(line, line_end, &mappings.at[mappings.length - 1]);
        } else {
            is_known = parse_header(line, line_end, &mapping);
            if (is_known)
                VECTOR_PUSH(&mappings, mapping);
        }
        if (mappings.length > MAPPINGS_MAX) {
            mappings_deinit(&mappings);
            return error_create(ERROR_LIMIT, "more than %d mappings", MAPPINGS_MAX);
        }
        line = line_end + 1;
    }
    mappings_sort(&mappings);
    *mappings_ret = mappings;
    return NULL;
}

void mappings_deinit(struct mappings *mappings)
{
    for (size_t i = 0; i < mappings->length; i++)
        free(mappings->at[i].path);
    VECTOR_DEINIT(mappings);
}

static int by_start(const void *left, const void *right)
{
    const struct mapping *a = left;
    const struct mapping *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

void mappings_sort(struct mappings *mappings)
{
    for (size_t i = 1; i < mappings->length; i++) {
        if (mappings->at[i - 1].start > mappings->at[i].start) {
            qsort(mappings->at, mappings->length, sizeof(*mappings->at), by_start);
            return;
        }
    }
}

struct mapping *mappings_at(const struct mappings *mappings, address at)
{
    size_t low = 0;
    size_t high = mappings->length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mappings->at[middle].start <= at)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low || at >= mappings->at[low - 1].end)
        return NULL;
    return &mappings->at[low - 1];
}
