/* The control group of a process: how much memory it has, may have, and how often the kernel killed for want of it. Version 2 of the interface, and version 1's memory
 * controller where that is in use (cgroups(7)). Shared by the processes of a group, and asked at most once in a while. */
#ifndef SEEP_AGENT_CGROUP_H
#define SEEP_AGENT_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vector.h"

enum {
    CGROUPS_MAX = 4096
};

/* UINT64_MAX: unknown, or no limit. */
struct cgroup {
    char *path; /* as in /proc/PID/cgroup: "/system.slice/api.service" */
    bool is_v1; /* memory is counted by version 1 */
    unsigned users;
    int64_t read_boot_ms;
    uint64_t current_bytes, anon_bytes, limit_bytes;
};

struct cgroups {
    struct cgroup_list VECTOR_OF(struct cgroup *) list;
    int root; /* an open /sys/fs/cgroup, or a tree like it; -1: none */
};

void cgroups_init(struct cgroups *cgroups, int root);
void cgroups_deinit(struct cgroups *cgroups);

/* The group that the text of /proc/PID/cgroup names; NULL if it names none, or too many are known. Counted: each to be given back. */
struct cgroup *cgroups_join(struct cgroups *cgroups, const char *text);
void cgroups_leave(struct cgroups *cgroups, struct cgroup *cgroup);

/* Asks anew if the last time is at least so long ago. */
void cgroups_refresh(const struct cgroups *cgroups, struct cgroup *cgroup, int64_t boot_ms,
                     int64_t age_ms);

/* How often the kernel has killed in it for want of memory; `around`: in the group above and all below that, which only version 2 counts. UINT64_MAX: unknown. */
uint64_t cgroup_kills(const struct cgroups *cgroups, const struct cgroup *cgroup, bool around);

/* Tells it from another one of the same name, before or after it: the inode of its directory; 0: it is not there. */
uint64_t cgroup_directory(const struct cgroups *cgroups, const struct cgroup *cgroup);

/* What people know a path by: "api.service"; "docker:3f2a9c01d5b7"; "pod:7d1c2b3a/3f2a9c01d5b7"; "" for a login, the root, and what tells nothing. Newly made, escaped. */
char *cgroup_unit(const char *path);

/* MemAvailable of /proc/meminfo; 0 unknown. */
uint64_t memory_available(int proc);

#endif
