/* The processes of this machine, from /proc. */
#ifndef SEEP_TARGET_PROCESSES_H
#define SEEP_TARGET_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct process_entry {
    pid_t pid;
    char comm[64];      /* raw, as in /proc/PID/comm, without the newline */
    char exe_name[256]; /* base name of /proc/PID/exe without " (deleted)"; "" if unreadable; raw */
    uint64_t exe_device; /* identity of the executable's file; 0 if unreadable */
    uint64_t exe_inode;
    int64_t exe_changed_ns; /* st_ctim, so that a reused inode is not mistaken */
    uint64_t rss_bytes;     /* from statm */
    double uptime_s;
    bool readable; /* /proc/PID/exe could be opened */
};

/* All processes with an executable (kernel threads are left out), sorted by pid; seep's own is left
 * out. The caller frees. */
struct error *processes_list(struct process_entry **entries_ret, size_t *count_ret) NODISCARD;

#endif
