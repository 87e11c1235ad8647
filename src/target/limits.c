/* /proc/PID/cgroup has a line for each hierarchy: "0::/a/b" of version 2, "4:memory:/a/b" of version
 * 1 (cgroups(7)). A limit of any group above holds as well. What the page cache takes of a group's
 * memory and nobody has used lately is as good as free. */
#include "target/limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/procfs.h"

enum {
    FILE_ROOM = 8192,
    PATH_ROOM = 4096,
};

/* What the files of one version of one controller are called. */
struct controller {
    const char *name; /* in /proc/PID/cgroup; "" is version 2 */
    const char *mount;
    const char *limit, *used;
    const char *reclaimable; /* in memory.stat; NULL: none */
    bool is_memory;
};
static const struct controller controllers[] = {
    {"memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file",
     true},
    {"pids", "pids", "pids.max", "pids.current", NULL, false},
    {"", "", "memory.max", "memory.current", "inactive_file", true},
    {"", "", "pids.max", "pids.current", NULL, false},
    {"", "unified", "memory.max", "memory.current", "inactive_file", true},
    {"", "unified", "pids.max", "pids.current", NULL, false},
};

/* The group's path in the hierarchy of that name. */
static bool find_group(const char *text, const char *name, char group[PATH_ROOM])
{
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *first = strchr(line, ':');
        const char *second = first ? strchr(first + 1, ':') : NULL;
        if (!second)
            return false;
        size_t length = strcspn(second + 1, "\n");
        bool same = (size_t)(second - first - 1) == strlen(name) &&
                    memcmp(first + 1, name, strlen(name)) == 0;
        if (same && length < PATH_ROOM) {
            memcpy(group, second + 1, length);
            group[length] = '\0';
            return !strstr(group, "/..");
        }
    }
    return false;
}

static bool read_file(const struct controller *controller, const char *group, const char *file,
                      char text[FILE_ROOM])
{
    char path[2 * PATH_ROOM];
    snprintf(path, sizeof(path), "/sys/fs/cgroup/%s%s/%s", controller->mount, group, file);
    return procfs_read_small(AT_FDCWD, path, text, FILE_ROOM) > 0;
}

static uint64_t read_number(const struct controller *controller, const char *group,
                            const char *file, uint64_t missing)
{
    char text[FILE_ROOM];
    char *end = NULL;
    if (!read_file(controller, group, file, text))
        return missing;
    uint64_t number = strtoull(text, &end, 10);
    return end == text ? missing : number; /* "max" */
}

static uint64_t reclaimable(const struct controller *controller, const char *group)
{
    char text[FILE_ROOM];
    if (!controller->reclaimable || !read_file(controller, group, "memory.stat", text))
        return 0;
    char key[64];
    snprintf(key, sizeof(key), "\n%s ", controller->reclaimable);
    const char *found = strstr(text, key);
    return found ? strtoull(found + strlen(key), NULL, 10) : 0;
}

static uint64_t left_in(const struct controller *controller, const char *group)
{
    uint64_t limit = read_number(controller, group, controller->limit, UINT64_MAX);
    if (limit == UINT64_MAX)
        return UINT64_MAX;
    uint64_t used = read_number(controller, group, controller->used, 0);
    uint64_t reclaim = reclaimable(controller, group);
    used -= reclaim < used ? reclaim : used;
    return used < limit ? limit - used : 0;
}

/* The least that is left in the group and those above. */
static uint64_t least_left(const struct controller *controller, char *group)
{
    uint64_t least = UINT64_MAX;
    for (char *slash = group + strlen(group); slash; slash = strrchr(group, '/')) {
        *slash = '\0';
        uint64_t left = left_in(controller, group);
        least = left < least ? left : least;
    }
    return least;
}

static uint64_t machine_memory(void)
{
    char text[FILE_ROOM];
    uint64_t kib = 0;
    if (procfs_read_small(AT_FDCWD, "/proc/meminfo", text, sizeof(text)) < 0 ||
        !procfs_status_number(text, "MemAvailable", &kib))
        return UINT64_MAX;
    return kib << 10;
}

static void read_limits(int directory, const char *path, struct limits *limits_ret)
{
    char text[FILE_ROOM];
    struct limits limits = {.memory_bytes = machine_memory(), .processes = UINT64_MAX};
    if (procfs_read_small(directory, path, text, sizeof(text)) > 0) {
        for (size_t i = 0; i < sizeof(controllers) / sizeof(*controllers); i++) {
            char group[PATH_ROOM];
            if (!find_group(text, controllers[i].name, group))
                continue;
            uint64_t left = least_left(&controllers[i], group);
            uint64_t *least = controllers[i].is_memory ? &limits.memory_bytes : &limits.processes;
            *least = left < *least ? left : *least;
        }
    }
    *limits_ret = limits;
}

void limits_read(int directory, struct limits *limits_ret)
{
    read_limits(directory, "cgroup", limits_ret);
}

void limits_read_own(struct limits *limits_ret)
{
    read_limits(AT_FDCWD, "/proc/self/cgroup", limits_ret);
}
