/* The few files of /proc that seep reads in more than one place; formats from proc(5). */
#include "target/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum {
    FILE_BYTES_MAX = 512 << 20,
    CHUNK_BYTES = 64 << 10,
    KERNEL_THREAD_FLAG = 0x00200000, /* PF_KTHREAD, include/linux/sched.h */
};

ssize_t procfs_read_small(int directory, const char *path, char *buffer, size_t room)
{
    int descriptor = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    ssize_t length = read(descriptor, buffer, room - 1);
    int reason = errno;
    close(descriptor);
    if (length < 0)
        return -reason;
    buffer[length] = '\0';
    return length;
}

int procfs_read_all(int directory, const char *path, struct text *text_ret)
{
    int descriptor = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    int failed = 0;
    AUTO_FREE char *chunk = xmalloc(CHUNK_BYTES);
    while (text_ret->length < FILE_BYTES_MAX) {
        ssize_t length = read(descriptor, chunk, CHUNK_BYTES);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            failed = -errno;
        if (length <= 0)
            break;
        text_add(text_ret, chunk, (size_t)length);
    }
    close(descriptor);
    return failed;
}

int procfs_stat(int directory, const char *path, struct process_stat *stat_ret)
{
    enum {
        FLAGS_FIELD = 9,
        START_FIELD = 22
    };
    char buffer[1024];
    ssize_t length = procfs_read_small(directory, path, buffer, sizeof(buffer));
    if (length < 0)
        return (int)length;
    const char *open = strchr(buffer, '(');
    char *close = strrchr(buffer, ')'); /* the name may hold anything */
    if (!open || !close || close < open || close[1] != ' ')
        return -EINVAL;
    *close = '\0';
    struct process_stat stat = {.state = close[2]};
    snprintf(stat.comm, sizeof(stat.comm), "%s", open + 1);
    const char *at = close + 2;
    for (int field = 3; *at; field++) {
        if (field == FLAGS_FIELD)
            stat.is_kernel_thread = strtoull(at, NULL, 10) & KERNEL_THREAD_FLAG;
        if (field == START_FIELD) {
            stat.start_ticks = strtoull(at, NULL, 10);
            *stat_ret = stat;
            return 0;
        }
        at = strchr(at, ' ');
        if (!at)
            break;
        at++;
    }
    return -EINVAL;
}

ssize_t procfs_link(int directory, const char *path, char *buffer, size_t room)
{
    ssize_t length = readlinkat(directory, path, buffer, room - 1);
    if (length < 0)
        return -errno;
    buffer[length] = '\0';
    return length;
}

bool procfs_status_number(const char *text, const char *name, uint64_t *number_ret)
{
    size_t name_length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_length) == 0 && line[name_length] == ':') {
            *number_ret = strtoull(line + name_length + 1, NULL, 10);
            return true;
        }
    }
    return false;
}

double procfs_uptime_s(uint64_t start_ticks)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    double started_s = (double)start_ticks / (double)sysconf(_SC_CLK_TCK);
    double uptime_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - started_s;
    return uptime_s > 0 ? uptime_s : 0;
}

bool procfs_cut_deleted(char *path)
{
    static const char suffix[] = " (deleted)";
    size_t length = strlen(path);
    size_t suffix_length = sizeof(suffix) - 1;
    if (length <= suffix_length || strcmp(path + length - suffix_length, suffix) != 0)
        return false;
    path[length - suffix_length] = '\0';
    return true;
}
