/* The list of processes: per process a few small reads below /proc (proc(5)), no more, so that
 * hundreds take milliseconds. What exits meanwhile is left out. */
#include "target/processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vector.h"
#include "target/procfs.h"

struct entries VECTOR_OF(struct process_entry);

/* Reads /proc/PID/exe; false if the process has none (a kernel thread, or it exits just now). */
static bool read_executable(int directory, pid_t pid, struct process_entry *entry)
{
    char path[64];
    snprintf(path, sizeof(path), "%d/exe", (int)pid);
    struct stat status;
    if (fstatat(directory, path, &status, 0) < 0)
        return errno == EACCES || errno == EPERM;
    entry->exe_device = status.st_dev;
    entry->exe_inode = status.st_ino;
    entry->exe_changed_ns = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
    entry->readable = faccessat(directory, path, R_OK, AT_EACCESS) == 0;

    char link[4096 + 16];
    if (procfs_link(directory, path, link, sizeof(link)) < 0)
        return true;
    procfs_cut_deleted(link);
    const char *slash = strrchr(link, '/');
    snprintf(entry->exe_name, sizeof(entry->exe_name), "%.255s", slash ? slash + 1 : link);
    return true;
}

static bool read_entry(int directory, pid_t pid, struct process_entry *entry)
{
    char path[64];
    char text[256];
    struct process_stat stat;
    snprintf(path, sizeof(path), "%d/stat", (int)pid);
    if (procfs_stat(directory, path, &stat) || stat.is_kernel_thread || stat.state == 'Z' ||
        stat.state == 'X')
        return false;
    *entry = (struct process_entry){
        .pid = pid,
        .uptime_s = procfs_uptime_s(stat.start_ticks),
    };
    snprintf(entry->comm, sizeof(entry->comm), "%s", stat.comm);
    if (!read_executable(directory, pid, entry))
        return false;
    snprintf(path, sizeof(path), "%d/statm", (int)pid);
    unsigned long long resident = 0;
    if (procfs_read_small(directory, path, text, sizeof(text)) > 0 &&
        sscanf(text, "%*u %llu", &resident) == 1)
        entry->rss_bytes = resident * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

static int by_pid(const void *left, const void *right)
{
    const struct process_entry *a = left;
    const struct process_entry *b = right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

struct error *processes_list(struct process_entry **entries_ret, size_t *count_ret)
{
    DIR *proc = opendir("/proc");
    if (!proc)
        return error_os(errno, "/proc");
    struct entries entries = {0};
    pid_t own = getpid();
    for (const struct dirent *name = readdir(proc); name; name = readdir(proc)) {
        struct process_entry entry;
        pid_t pid = (pid_t)strtol(name->d_name, NULL, 10); /* 0 for what is no process */
        if (pid > 0 && pid != own && read_entry(dirfd(proc), pid, &entry))
            VECTOR_PUSH(&entries, entry);
    }
    closedir(proc);
    if (entries.length)
        qsort(entries.at, entries.length, sizeof(*entries.at), by_pid);
    *entries_ret = entries.at;
    *count_ret = entries.length;
    return NULL;
}
