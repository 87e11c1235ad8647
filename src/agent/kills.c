#include "agent/kills.h"

#include <stdlib.h>
#include <string.h>

#include "target/procfs.h"

enum {
    VMSTAT_ROOM = 16 * 1024
};

struct kills kills_of(const struct cgroups *cgroups, const struct cgroup *cgroup)
{
    return (struct kills){.directory = cgroup_directory(cgroups, cgroup),
                          .in_group = cgroup_kills(cgroups, cgroup, false),
                          .around = cgroup_kills(cgroups, cgroup, true)};
}

uint64_t kills_on_machine(int proc)
{
    char text[VMSTAT_ROOM];
    if (procfs_read_small(proc, "vmstat", text, sizeof(text)) <= 0)
        return UINT64_MAX;
    const char *line = strstr(text, "\noom_kill ");
    return line ? strtoull(line + strlen("\noom_kill "), NULL, 10) : UINT64_MAX;
}

bool kills_rose(uint64_t from, uint64_t to)
{
    return from != UINT64_MAX && to != UINT64_MAX && to > from;
}

bool kills_say(const struct kills *alive, const struct kills *ended)
{
    if (!alive->directory)
        return false;
    if (alive->directory == ended->directory)
        return kills_rose(alive->in_group, ended->in_group);
    return alive->around == UINT64_MAX || kills_rose(alive->around, ended->around);
}
