#include "agent/roster.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "target/procfs.h"

enum {
    RECHECK_MS = 60 * 1000,
    REFUSED_MS = 60 * 1000,
    REFUSED_MOST = 6,       /* it is asked about again after 1, 2, 4 … 64 minutes */
    KERNEL_SCANS = 8,       /* a number of a kernel thread is looked at again every so many scans */
    LOST_MS = 5 * 60 * 1000 /* seep-look never answered */
};

void roster_init(struct roster *roster, int proc, pid_t own)
{
    *roster = (struct roster){.proc = proc, .own = own};
}

void roster_deinit(struct roster *roster)
{
    VECTOR_DEINIT(&roster->entries);
    VECTOR_DEINIT(&roster->foreign);
}

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

/* ---- executables */

static bool same_file(const struct roster_exe *left, const struct roster_exe *right)
{
    return left->inode == right->inode && left->device == right->device;
}

static bool same_exe(const struct roster_exe *left, const struct roster_exe *right)
{
    return same_file(left, right) && left->changed_ns == right->changed_ns;
}

static bool is_foreign(const struct roster *roster, const struct roster_exe *exe)
{
    for (size_t i = 0; i < roster->foreign.length; i++) {
        if (same_exe(&roster->foreign.at[i], exe))
            return true;
    }
    return false;
}

static void note_foreign(struct roster *roster, const struct roster_exe *exe)
{
    if (!exe->inode || is_foreign(roster, exe))
        return;
    if (roster->foreign.length < ROSTER_FOREIGN_MAX) {
        VECTOR_PUSH(&roster->foreign, *exe);
        return;
    }
    roster->foreign.at[roster->next_foreign] = *exe;
    roster->next_foreign = (roster->next_foreign + 1) % ROSTER_FOREIGN_MAX;
}

/* 0 or errno. */
static int look_at_exe(const struct roster *roster, pid_t pid, struct roster_exe *exe_ret)
{
    char path[32];
    struct stat status;
    snprintf(path, sizeof(path), "%d/exe", (int)pid);
    if (fstatat(roster->proc, path, &status, 0))
        return errno;
    *exe_ret = (struct roster_exe){.device = status.st_dev,
                                   .inode = status.st_ino,
                                   .changed_ns = (int64_t)status.st_ctim.tv_sec * 1000000000 +
                                                 status.st_ctim.tv_nsec};
    return 0;
}

/* ---- one process */

/* What it runs may have changed: then it is new again. A file that is run cannot be written (ETXTBSY), so the same one is the same program, though its name or its mode was changed, as when
 * a release puts another file in its place. */
static void check_exe(struct roster *roster, struct roster_entry *entry, int64_t boot_ms)
{
    struct roster_exe exe = {0};
    int failed = look_at_exe(roster, entry->pid, &exe);
    entry->check_boot_ms = boot_ms + RECHECK_MS;
    entry->hidden = failed == EACCES || failed == EPERM;
    if (failed)
        return;
    bool same = same_file(&exe, &entry->exe);
    entry->exe = exe;
    if (same)
        return;
    entry->refusals = 0;
    entry->kind = is_foreign(roster, &exe) ? ROSTER_OTHER : ROSTER_NEW;
}

static bool read_process(const struct roster *roster, pid_t pid, struct process_stat *stat_ret)
{
    char path[32];
    snprintf(path, sizeof(path), "%d/stat", (int)pid);
    return !procfs_stat(roster->proc, path, stat_ret) && stat_ret->state != 'Z' &&
           stat_ret->state != 'X';
}

static struct roster_entry new_entry(pid_t pid, const struct process_stat *stat, int64_t boot_ms)
{
    return (struct roster_entry){.pid = pid,
                                 .start_ticks = stat->start_ticks,
                                 .comm = hash_of(stat->comm),
                                 .kernel = stat->is_kernel_thread,
                                 .kind = stat->is_kernel_thread ? ROSTER_OTHER : ROSTER_NEW,
                                 .seen_boot_ms = boot_ms,
                                 .check_boot_ms = INT64_MAX};
}

/* Brings one that was known up to date; false if it is gone. */
static bool renew(struct roster *roster, struct roster_entry *entry, int64_t boot_ms)
{
    struct process_stat stat;
    if (entry->kernel && roster->scans % KERNEL_SCANS)
        return true;
    if (!read_process(roster, entry->pid, &stat))
        return false;
    if (stat.start_ticks != entry->start_ticks) {
        *entry = new_entry(entry->pid, &stat, boot_ms);
        return true;
    }
    uint32_t comm = hash_of(stat.comm);
    bool looked_at = entry->check_boot_ms != INT64_MAX;
    if (looked_at && (comm != entry->comm || boot_ms >= entry->check_boot_ms))
        check_exe(roster, entry, boot_ms);
    entry->comm = comm;
    return true;
}

/* ---- all */

static int by_pid(const void *left, const void *right)
{
    const pid_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

static void list_pids(const struct roster *roster, struct roster_picks *pids)
{
    int descriptor = openat(roster->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (!folder) {
        if (descriptor >= 0)
            close(descriptor);
        return;
    }
    for (const struct dirent *name = readdir(folder); name && pids->length < ROSTER_MAX;
         name = readdir(folder)) {
        pid_t pid = (pid_t)strtol(name->d_name, NULL, 10); /* 0 for what is no process */
        if (pid > 0 && pid != roster->own)
            VECTOR_PUSH(pids, pid);
    }
    closedir(folder);
    qsort(pids->at, pids->length, sizeof(*pids->at), by_pid);
}

/* Both lists are sorted by pid: who is in the new one only is new, who is in the old one only is gone. */
static void merge(struct roster *roster, const struct roster_picks *pids, int64_t boot_ms)
{
    struct roster_entries merged = {0};
    size_t old = 0;
    VECTOR_RESERVE(&merged, pids->length + 1);
    for (size_t i = 0; i < pids->length; i++) {
        struct process_stat stat;
        while (old < roster->entries.length && roster->entries.at[old].pid < pids->at[i])
            old++;
        bool known = old < roster->entries.length && roster->entries.at[old].pid == pids->at[i];
        struct roster_entry entry;
        if (known) {
            entry = roster->entries.at[old];
            if (renew(roster, &entry, boot_ms))
                VECTOR_PUSH(&merged, entry);
        } else if (read_process(roster, pids->at[i], &stat)) {
            VECTOR_PUSH(&merged, new_entry(pids->at[i], &stat, boot_ms));
        }
    }
    VECTOR_DEINIT(&roster->entries);
    roster->entries = merged;
}

/* True if it is to be asked about. */
static bool pick(struct roster *roster, struct roster_entry *entry, int64_t boot_ms,
                 int64_t young_ms)
{
    if (entry->kind == ROSTER_REFUSED && boot_ms >= entry->check_boot_ms)
        entry->kind = ROSTER_NEW;
    if (entry->kind == ROSTER_ASKED && boot_ms - entry->seen_boot_ms > LOST_MS &&
        boot_ms >= entry->check_boot_ms)
        entry->kind = ROSTER_NEW;
    if (entry->kind != ROSTER_NEW || boot_ms - entry->seen_boot_ms < young_ms)
        return false;
    if (entry->check_boot_ms == INT64_MAX) {
        int failed = look_at_exe(roster, entry->pid, &entry->exe);
        entry->check_boot_ms = boot_ms + RECHECK_MS;
        entry->hidden = failed == EACCES || failed == EPERM;
        if (failed || is_foreign(roster, &entry->exe)) {
            entry->kind = ROSTER_OTHER;
            return false;
        }
    }
    return true;
}

void roster_scan(struct roster *roster, int64_t boot_ms, int64_t young_ms, size_t max,
                 struct roster_picks *picks)
{
    struct roster_picks pids = {0};
    list_pids(roster, &pids);
    merge(roster, &pids, boot_ms);
    VECTOR_DEINIT(&pids);
    for (size_t i = 0; i < roster->entries.length && picks->length < max; i++) {
        struct roster_entry *entry = &roster->entries.at[i];
        if (pick(roster, entry, boot_ms, young_ms)) {
            entry->kind = ROSTER_ASKED;
            VECTOR_PUSH(picks, entry->pid);
        }
    }
    roster->scans++;
}

size_t roster_hidden(const struct roster *roster, pid_t *one_ret)
{
    size_t count = 0;
    for (size_t i = 0; i < roster->entries.length; i++) {
        if (roster->entries.at[i].hidden && !count++)
            *one_ret = roster->entries.at[i].pid;
    }
    return count;
}

struct roster_entry *roster_find(struct roster *roster, pid_t pid)
{
    size_t low = 0, high = roster->entries.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (roster->entries.at[middle].pid < pid)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < roster->entries.length && roster->entries.at[low].pid == pid;
    return found ? &roster->entries.at[low] : NULL;
}

bool roster_is_asked(struct roster *roster, struct roster_entry *entry, int64_t boot_ms)
{
    if (entry->kind == ROSTER_ASKED)
        check_exe(roster, entry, boot_ms);
    return entry->kind == ROSTER_ASKED;
}

void roster_settle(struct roster *roster, struct roster_entry *entry, enum roster_kind kind,
                   int64_t boot_ms)
{
    entry->kind = kind;
    if (kind == ROSTER_OTHER)
        note_foreign(roster, &entry->exe);
    if (kind != ROSTER_REFUSED)
        return;
    entry->check_boot_ms = boot_ms + ((int64_t)REFUSED_MS << entry->refusals);
    entry->refusals += entry->refusals < REFUSED_MOST;
}
