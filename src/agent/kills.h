/* Did the kernel kill a process for want of memory? Nobody but its parent is told how a process ended, so the kernel's counts must say: those of its control group. A service manager that starts it anew has
 * often removed the group by then, and made another one of that name, which counts from zero; then the count of the group around it says, which the groups below it are part of (version 2,
 * memory.events in cgroups(7)), and else the machine's (oom_kill of /proc/vmstat, Linux 4.13). Counts are read once, and again only when the machine's has changed. */
#ifndef SEEP_AGENT_KILLS_H
#define SEEP_AGENT_KILLS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/cgroup.h"

/* As counted at one time; UINT64_MAX: unknown. */
struct kills {
    uint64_t directory; /* of the group, its inode; 0: it is not there */
    uint64_t in_group, around;
};

struct kills kills_of(const struct cgroups *cgroups, const struct cgroup *cgroup);

/* The machine's. It is unknown before Linux 4.13, which counts no group's either. */
uint64_t kills_on_machine(int proc);

/* From unknown nothing follows. */
bool kills_rose(uint64_t from, uint64_t to);

/* Of a process that has ended while the machine's count rose; `alive`: the counts at a time at which it was still there, `ended`: now. Was it one of those? */
bool kills_say(const struct kills *alive, const struct kills *ended);

#endif
