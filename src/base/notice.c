#include "base/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

/* Two places, of which the head names the one that counts: number % 2. The other is written meanwhile. */
struct head {
    uint64_t number; /* 0: nothing was put yet */
    uint64_t lengths[2];
};

enum {
    TRIES = 4
};

static off_t place_of(uint64_t number)
{
    return (off_t)(sizeof(struct head) + number % 2 * NOTICE_MAX);
}

/* Moves a descriptor to a number from `least` on. */
static int moved(int descriptor, int least)
{
    int other = descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, least);
    int reason = errno;
    if (descriptor >= 0)
        close(descriptor);
    errno = reason;
    return other;
}

struct error *notice_create(int least, struct notice *notice_ret)
{
    char path[64];
    struct notice notice = {.own = -1, .shown = -1};
    notice.own = moved(memfd_create("seep-notice", MFD_CLOEXEC), least);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", notice.own);
    if (notice.own >= 0)
        notice.shown = moved(open(path, O_RDONLY | O_CLOEXEC), least);
    if (notice.shown < 0) {
        struct error *error = error_os(errno, "a notice for the page");
        notice_close(&notice);
        return error;
    }
    *notice_ret = notice;
    return NULL;
}

void notice_close(struct notice *notice)
{
    if (notice->own >= 0)
        close(notice->own);
    if (notice->shown >= 0)
        close(notice->shown);
    *notice = (struct notice){.own = -1, .shown = -1};
}

void notice_put(struct notice *notice, const char *text)
{
    struct head head = {0};
    size_t length = strlen(text);
    uint64_t number = notice->number + 1;
    if (length > NOTICE_MAX || pread(notice->own, &head, sizeof(head), 0) < 0 ||
        pwrite(notice->own, text, length, place_of(number)) != (ssize_t)length)
        return;
    head.number = number;
    head.lengths[number % 2] = length;
    if (pwrite(notice->own, &head, sizeof(head), 0) == sizeof(head))
        notice->number = number;
}

static bool read_head(int shown, struct head *head)
{
    return pread(shown, head, sizeof(*head), 0) == sizeof(*head) && head->number;
}

/* What was read counts if nothing was put meanwhile: then its place was left alone. */
char *notice_read(int shown)
{
    struct head before, after;
    for (unsigned i = 0; i < TRIES && read_head(shown, &before); i++) {
        size_t length = before.lengths[before.number % 2];
        if (length > NOTICE_MAX)
            return NULL;
        char *text = xcalloc(1, length + 1);
        if (pread(shown, text, length, place_of(before.number)) == (ssize_t)length &&
            read_head(shown, &after) && !memcmp(&after, &before, sizeof(after)))
            return text;
        free(text);
    }
    return NULL;
}
