#include "store/wal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    HEADER_BYTES = 32,
    SALT_AT = 16, /* in the file's header */
    SUM_AT = 24,
    FRAME_BYTES = 24, /* before each page */
    FRAME_SALT_AT = 8,
    FRAME_SUM_AT = 16,
    SALT_BYTES = 8,
    PAGE_LEAST = 512,
    PAGE_MOST = 65536,
    FRAMES_MAX = 1 << 20
};

static const uint32_t magic = 0x377f0682; /* the last bit: sums are over big-endian words */

struct log {
    FILE *file;
    bool big_endian;
    uint32_t page_bytes;
    uint8_t salt[SALT_BYTES];
    uint32_t sums[2]; /* of all so far */
};

static uint32_t big(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t word(const struct log *log, const uint8_t *bytes)
{
    return log->big_endian ? big(bytes) : __builtin_bswap32(big(bytes));
}

static void sum_up(struct log *log, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        log->sums[0] += word(log, bytes + i) + log->sums[1];
        log->sums[1] += word(log, bytes + i + 4) + log->sums[0];
    }
}

static bool sums_are(const struct log *log, const uint8_t *bytes)
{
    return big(bytes) == log->sums[0] && big(bytes + 4) == log->sums[1];
}

/* False if it is none that SQLite would read. */
static bool read_header(struct log *log, const uint8_t header[HEADER_BYTES])
{
    log->big_endian = big(header) & 1;
    log->page_bytes = big(header + 8);
    memcpy(log->salt, header + SALT_AT, SALT_BYTES);
    sum_up(log, header, SUM_AT);
    return (big(header) & ~1U) == magic && sums_are(log, header + SUM_AT) &&
           log->page_bytes >= PAGE_LEAST && log->page_bytes <= PAGE_MOST &&
           !(log->page_bytes & (log->page_bytes - 1));
}

/* Not what an earlier round of the log has left behind. */
static bool belongs(const struct log *log, const uint8_t *frame)
{
    return !memcmp(frame + FRAME_SALT_AT, log->salt, SALT_BYTES);
}

static bool is_whole(struct log *log, const uint8_t *frame)
{
    sum_up(log, frame, FRAME_SALT_AT);
    sum_up(log, frame + FRAME_BYTES, log->page_bytes);
    return sums_are(log, frame + FRAME_SUM_AT);
}

static bool is_commit(const uint8_t *frame)
{
    return big(frame + 4);
}

/* What stands behind the first frame that is broken is told by its salt only. */
static bool lost_in(struct log *log)
{
    AUTO_FREE uint8_t *frame = xmalloc(FRAME_BYTES + PAGE_MOST);
    bool broken = false;
    for (unsigned i = 0; i < FRAMES_MAX; i++) {
        if (fread(frame, FRAME_BYTES + log->page_bytes, 1, log->file) != 1)
            return false;
        bool is_ours = belongs(log, frame);
        broken = broken || !is_ours || !is_whole(log, frame);
        if (broken && is_ours && is_commit(frame))
            return true;
    }
    return false;
}

bool wal_lost_something(const char *path)
{
    AUTO_FREE char *name = NULL;
    uint8_t header[HEADER_BYTES];
    struct log log = {0};
    if (asprintf(&name, "%s-wal", path) < 0)
        return false;
    log.file = fopen(name, "re");
    if (!log.file)
        return false;
    bool lost = false;
    if (fread(header, sizeof(header), 1, log.file) == 1)
        lost = read_header(&log, header) ? lost_in(&log) : fgetc(log.file) != EOF;
    fclose(log.file);
    return lost;
}
