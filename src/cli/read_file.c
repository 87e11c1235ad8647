#include "cli/read_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    PIECE = 16 << 10
};

static struct error *read_all(int fd, const char *shown, size_t max, struct text *text)
{
    char piece[PIECE];
    for (;;) {
        ssize_t size = read(fd, piece, sizeof(piece));
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return error_os(errno, "%s", shown);
        if (!size)
            return NULL;
        text_add(text, piece, (size_t)size);
        if (text->length > max)
            return error_create(ERROR_LIMIT, "%s is larger than %zu KiB", shown, max >> 10);
    }
}

struct error *read_file(const char *path, size_t max, struct text *text_ret)
{
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return error_create(ERROR_NOT_FOUND, "%s is not there", *shown ? shown : "''");
    if (fd < 0)
        return error_os(errno, "%s", shown);
    struct stat status;
    if (fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode))) {
        close(fd);
        return error_create(ERROR_BAD_DATA, "%s is not a file", *shown ? shown : "''");
    }
    struct error *error = read_all(fd, shown, max, text_ret);
    close(fd);
    return error;
}
