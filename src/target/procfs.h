/* Reading the files of one process below /proc, through a directory that stays open: it never
 * becomes another process with the same number. */
#ifndef SEEP_TARGET_PROCFS_H
#define SEEP_TARGET_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"

/* What seep needs of /proc/PID/stat (proc(5)). */
struct process_stat {
    char comm[64]; /* raw */
    char state;    /* 'Z', 'X': it exited */
    bool is_kernel_thread;
    uint64_t start_ticks; /* since the machine started, in sysconf(_SC_CLK_TCK) */
};

/* A small file into a buffer, NUL-terminated, cut if it is larger. The number of bytes or
 * -errno. */
ssize_t procfs_read_small(int directory, const char *path, char *buffer, size_t room);

/* A file of any size, added to `text_ret`; 512 MiB at the most. -errno or 0. */
int procfs_read_all(int directory, const char *path, struct text *text_ret);

/* 0 or -errno; `path` is "stat" or "PID/stat". */
int procfs_stat(int directory, const char *path, struct process_stat *stat_ret);

/* The target of a link, NUL-terminated, or -errno. */
ssize_t procfs_link(int directory, const char *path, char *buffer, size_t room);

/* A number after "Name:" in the text of /proc/PID/status; false if it is not there. */
bool procfs_status_number(const char *text, const char *name, uint64_t *number_ret);

/* Seconds from a process's start until now. */
double procfs_uptime_s(uint64_t start_ticks);

/* Cuts " (deleted)" off the end; true if it was there. */
bool procfs_cut_deleted(char *path);

#endif
