/* What the kernel says of a process, through a directory of /proc that is kept open, so that it never becomes another process with the same number. Costs some ten
 * microseconds; nothing here walks page tables. */
#ifndef SEEP_AGENT_VITALS_H
#define SEEP_AGENT_VITALS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct vitals_source {
    pid_t pid;
    int directory;    /* of /proc/PID; -1: closed */
    int stat, status; /* kept open; -1 */
    uint64_t start_ticks;
};

struct vitals {
    uint64_t rss_bytes, rss_anon_bytes;
    uint64_t cpu_ms, threads;
    int64_t fds; /* -1: not looked at, or not allowed */
};

/* `proc` is an open /proc (or a tree like it, in tests). False if there is no such process, or another one than that which started then. */
bool vitals_open(int proc, pid_t pid, uint64_t start_ticks, struct vitals_source *source_ret);

/* False if the process is gone. */
bool vitals_read(struct vitals_source *source, bool with_fds, struct vitals *vitals_ret);

void vitals_close(struct vitals_source *source);

#endif
