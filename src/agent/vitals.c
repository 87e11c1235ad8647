#include "agent/vitals.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STAT_ROOM = 1024,
    STATUS_ROOM = 2048,
    FIELD_STATE = 3,
    FIELD_UTIME = 14,
    FIELD_STIME = 15,
    FIELD_THREADS = 20,
    FIELD_START = 22,
    FIELD_RSS = 24,
    FDS_COUNTED_MAX = 100000
};

static ssize_t read_text(int descriptor, char *buffer, size_t room)
{
    ssize_t length = pread(descriptor, buffer, room - 1, 0);
    buffer[length > 0 ? length : 0] = '\0';
    return length;
}

/* Fields 3 to FIELD_RSS of stat(5); false if the text is not of that form. */
static bool parse_stat(char *text, uint64_t fields[FIELD_RSS + 1], char *state_ret)
{
    char *at = strrchr(text, ')'); /* the name before it may hold anything */
    if (!at || at[1] != ' ' || !at[2])
        return false;
    *state_ret = at[2];
    at += 3;
    for (int field = FIELD_STATE + 1; field <= FIELD_RSS; field++) {
        char *end = NULL;
        fields[field] = strtoull(at, &end, 10);
        if (end == at)
            return false;
        at = end;
    }
    return true;
}

static bool read_stat(const struct vitals_source *source, struct vitals *vitals,
                      uint64_t *start_ticks_ret)
{
    char text[STAT_ROOM], state = 0;
    uint64_t fields[FIELD_RSS + 1] = {0};
    if (read_text(source->stat, text, sizeof(text)) <= 0 || !parse_stat(text, fields, &state) ||
        state == 'Z' || state == 'X')
        return false;
    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    vitals->cpu_ms = (fields[FIELD_UTIME] + fields[FIELD_STIME]) * 1000 / ticks;
    vitals->threads = fields[FIELD_THREADS];
    vitals->rss_bytes = fields[FIELD_RSS] * (uint64_t)sysconf(_SC_PAGESIZE);
    *start_ticks_ret = fields[FIELD_START];
    return true;
}

static bool status_kib(const char *text, const char *name, uint64_t *bytes_ret)
{
    const char *line = strstr(text, name);
    if (!line)
        return false;
    *bytes_ret = strtoull(line + strlen(name), NULL, 10) * 1024;
    return true;
}

/* Since Linux 6.2 the size of the directory is the number of descriptors; before, they are counted. */
static int64_t count_fds(const struct vitals_source *source)
{
    struct stat status;
    int descriptor = openat(source->directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    if (!fstat(descriptor, &status) && status.st_size > 0) {
        close(descriptor);
        return status.st_size;
    }
    DIR *folder = fdopendir(descriptor);
    int64_t count = 0;
    if (!folder) {
        close(descriptor);
        return -1;
    }
    for (const struct dirent *entry = readdir(folder); entry && count < FDS_COUNTED_MAX;
         entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

bool vitals_open(int proc, pid_t pid, uint64_t start_ticks, struct vitals_source *source_ret)
{
    char name[16];
    struct vitals vitals;
    uint64_t started = 0;
    snprintf(name, sizeof(name), "%d", (int)pid);
    struct vitals_source source = {
        .pid = pid, .start_ticks = start_ticks, .stat = -1, .status = -1};
    source.directory = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (source.directory < 0)
        return false;
    source.stat = openat(source.directory, "stat", O_RDONLY | O_CLOEXEC);
    source.status = openat(source.directory, "status", O_RDONLY | O_CLOEXEC);
    if (source.stat < 0 || source.status < 0 || !read_stat(&source, &vitals, &started) ||
        started != start_ticks) {
        vitals_close(&source);
        return false;
    }
    *source_ret = source;
    return true;
}

bool vitals_read(struct vitals_source *source, bool with_fds, struct vitals *vitals_ret)
{
    char text[STATUS_ROOM];
    uint64_t started = 0;
    struct vitals vitals = {.fds = -1};
    if (!read_stat(source, &vitals, &started) || started != source->start_ticks)
        return false;
    if (read_text(source->status, text, sizeof(text)) <= 0 ||
        !status_kib(text, "\nRssAnon:", &vitals.rss_anon_bytes))
        return false; /* without memory of its own it has exited */
    if (with_fds)
        vitals.fds = count_fds(source);
    *vitals_ret = vitals;
    return true;
}

void vitals_close(struct vitals_source *source)
{
    int *descriptors[] = {&source->directory, &source->stat, &source->status};
    for (size_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
        if (*descriptors[i] >= 0)
            close(*descriptors[i]);
        *descriptors[i] = -1;
    }
}
