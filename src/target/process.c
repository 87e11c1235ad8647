/* A live process, opened through /proc/PID (proc(5)). Every file is opened below one directory
 * handle, so that a pid which is used again cannot lead elsewhere. /proc/PID/mem is bound to the
 * program that runs at opening: once it returns nothing, the process exited or became another
 * program by exec, even by an exec of the same file. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/copy.h"
#include "target/process.h"
#include "target/procfs.h"

enum {
    PATH_ROOM = 4096 + 16,
    EXIT_WAIT_MS = 20,
    EXEC_LOOKS = 40, /* at a first thread that is gone, so far apart: */
    EXEC_LOOK_MS = 5
};

static const int64_t ns_per_ms = 1000000;

static void close_file(int descriptor)
{
    if (descriptor >= 0)
        close(descriptor);
}

static void process_destroy(struct target *target)
{
    struct process *process = (struct process *)target;
    target_deinit(target);
    close_file(process->directory);
    close_file(process->pidfd);
    close_file(process->memory);
    close_file(process->pagemap);
    free(process);
}

/* Errors that help. */

static struct error *no_permission(const struct process *process)
{
    AUTO_FREE char *status = xcalloc(1, PATH_ROOM);
    uint64_t uid = 0;
    if (procfs_read_small(process->directory, "status", status, PATH_ROOM) < 0 ||
        !procfs_status_number(status, "Uid", &uid))
        return error_create(ERROR_PERMISSION, "pid %d: seep needs CAP_SYS_PTRACE to read it",
                            (int)process->pid);
    const struct passwd *user = getpwuid((uid_t)uid);
    AUTO_FREE char *name =
        user ? text_escaped(user->pw_name, strlen(user->pw_name)) : xstrdup("another user");
    const char *help =
        geteuid() == 0
            ? "this root lacks it: in a container, start that with --cap-add SYS_PTRACE"
            : "run it with sudo, or once: sudo setcap cap_sys_ptrace+ep $(command -v seep)";
    return error_create(ERROR_PERMISSION,
                        "pid %d belongs to %s (uid %" PRIu64
                        "): seep needs CAP_SYS_PTRACE to read it; %s",
                        (int)process->pid, name, uid, help);
}

/* A pidfd can be read when all threads have ended (pidfd_open(2)). */
static bool has_ended(const struct process *process, int wait_ms)
{
    struct pollfd poll_for = {.fd = process->pidfd, .events = POLLIN};
    return process->pidfd >= 0 && poll(&poll_for, 1, wait_ms) > 0;
}

static bool is_gone(const struct process_stat *stat)
{
    return stat->state == 'Z' || stat->state == 'X';
}

/* That the first thread is a zombie does not tell where a pidfd does: so it is while another one does an exec. */
static bool has_exited(const struct process *process, int wait_ms)
{
    struct process_stat stat;
    if (has_ended(process, wait_ms))
        return true;
    int failed = procfs_stat(process->directory, "stat", &stat);
    return failed || (process->pidfd < 0 && is_gone(&stat)) ||
           stat.start_ticks != process->start_ticks;
}

struct error *process_gone(const struct process *process)
{
    /* At its end a process first gives up its memory, and is seen to have exited a moment later. */
    if (has_exited(process, EXIT_WAIT_MS))
        return error_create(ERROR_GONE, "pid %d: the process exited while it was read",
                            (int)process->pid);
    return error_create(ERROR_GONE,
                        "pid %d: the process became another program (exec) while it was read",
                        (int)process->pid);
}

/* Of a file below /proc/PID that could not be read. */
static struct error *error_of(const struct process *process, int reason, const char *what)
{
    if (reason == EACCES || reason == EPERM)
        return no_permission(process);
    if (reason == ESRCH)
        return process_gone(process);
    return error_os(reason, "/proc/%d/%s", (int)process->pid, what);
}

/* Opening, step by step. */

static struct error *open_directory(struct process *process)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d", (int)process->pid);
    process->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process->pid <= 0 || process->directory < 0)
        return error_create(ERROR_NOT_FOUND, "no process has the pid %d", (int)process->pid);
    process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0); /* close-on-exec by itself */

    char status[PATH_ROOM];
    uint64_t leader = 0;
    if (procfs_read_small(process->directory, "status", status, sizeof(status)) > 0 &&
        procfs_status_number(status, "Tgid", &leader) && leader != (uint64_t)process->pid)
        return error_create(ERROR_NOT_FOUND,
                            "%d is a thread of process %" PRIu64 ": give that number",
                            (int)process->pid, leader);
    return NULL;
}

/* An exec by another thread than the first ends that one, and takes its number a moment later. */
static struct error *read_stat_after_exec(const struct process *process,
                                          struct process_stat *stat_ret)
{
    int failed = procfs_stat(process->directory, "stat", stat_ret);
    bool ended = has_ended(process, 0);
    for (int i = 0; !failed && is_gone(stat_ret) && !ended && i < EXEC_LOOKS; i++) {
        ended = has_ended(process, EXEC_LOOK_MS);
        if (process->pidfd < 0)
            clock_sleep_ns(EXEC_LOOK_MS * ns_per_ms);
        failed = procfs_stat(process->directory, "stat", stat_ret);
    }
    if (failed)
        return error_of(process, -failed, "stat");
    if (!is_gone(stat_ret))
        return NULL;
    if (ended || process->pidfd < 0)
        return error_create(ERROR_GONE,
                            "pid %d has exited: only its parent's wait() is missing (zombie)",
                            (int)process->pid);
    return error_create(ERROR_UNSUPPORTED,
                        "pid %d: its first thread has ended while others go on: through it nothing "
                        "can be read",
                        (int)process->pid);
}

static struct error *read_stat(struct process *process)
{
    struct process_stat stat;
    TRY(read_stat_after_exec(process, &stat));
    if (stat.is_kernel_thread)
        return error_create(ERROR_UNSUPPORTED,
                            "pid %d is a kernel thread: there is no program to read",
                            (int)process->pid);
    process->start_ticks = stat.start_ticks;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct target_facts *facts = &process->target.facts;
    facts->kind = TARGET_PROCESS;
    facts->pid = process->pid;
    facts->uptime_s = procfs_uptime_s(stat.start_ticks);
    facts->started_unix = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - facts->uptime_s;
    facts->name = text_escaped(stat.comm, strlen(stat.comm));
    return NULL;
}

/* Cuts the mark off unless the file's name really ends so. */
static bool is_deleted(const struct process *process, char *path)
{
    struct stat here;
    if (stat(path, &here) == 0 && here.st_dev == process->exe_device &&
        here.st_ino == process->exe_inode)
        return false;
    return procfs_cut_deleted(path);
}

static struct error *name_executable(struct process *process)
{
    char path[PATH_ROOM];
    struct stat exe;
    if (fstatat(process->directory, "exe", &exe, 0) < 0)
        return error_of(process, errno, "exe");
    process->exe_device = exe.st_dev;
    process->exe_inode = exe.st_ino;
    ssize_t length = procfs_link(process->directory, "exe", path, sizeof(path));
    if (length < 0)
        return error_of(process, (int)-length, "exe");
    struct target_facts *facts = &process->target.facts;
    facts->exe_deleted = is_deleted(process, path);
    facts->exe_path = text_escaped(path, strlen(path));
    const char *slash = strrchr(path, '/');
    const char *name = slash && slash[1] ? slash + 1 : path;
    free(facts->name);
    facts->name = text_escaped(name, strlen(name));
    return NULL;
}

struct error *process_read_mappings(struct process *process, const char *file,
                                    struct mappings *mappings_ret)
{
    struct text text = {0};
    struct mappings mappings = {0};
    int failed = procfs_read_all(process->directory, file, &text);
    struct error *error = NULL;
    if (failed)
        error = error_of(process, -failed, file);
    else if (!text.length)
        error = process_gone(process); /* what exited has no memory */
    else
        error = mappings_parse(text.bytes, text.length, &mappings);
    if (!error) {
        mappings_deinit(mappings_ret);
        *mappings_ret = mappings;
    }
    text_deinit(&text);
    return error;
}

/* Where the executable was loaded, from the mapping of its first segment: for a process without a
 * readable auxv. */
static uint64_t bias_by_mappings(const struct process *process, const struct elffile *file)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_LOAD)
            continue;
        for (size_t j = 0; j < process->target.mappings.length; j++) {
            const struct mapping *mapping = &process->target.mappings.at[j];
            const char *path = process->target.facts.exe_path;
            if (strncmp(mapping->path, path, strlen(path)) == 0 &&
                segment->offset >= mapping->file_offset &&
                segment->offset - mapping->file_offset < mapping->end - mapping->start)
                return mapping->start + (segment->offset - mapping->file_offset) - segment->address;
        }
    }
    return 0;
}

/* The kernel tells the program its entry point (AT_ENTRY, getauxval(3)): as linked plus the
 * bias. */
static uint64_t find_bias(const struct process *process, const struct elffile *file)
{
    if (file->type != ET_DYN)
        return 0;
    uint64_t auxv[128] = {0};
    ssize_t length = procfs_read_small(process->directory, "auxv", (char *)auxv, sizeof(auxv));
    for (size_t i = 0; length > 0 && i + 1 < (size_t)length / sizeof(*auxv); i += 2) {
        uint64_t bias = auxv[i + 1] - file->entry;
        if (auxv[i] == AT_ENTRY && bias % TARGET_PAGE == 0)
            return bias;
    }
    return bias_by_mappings(process, file);
}

static struct error *open_executable(struct process *process)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d/exe", process->directory);
    struct elffile *file = NULL;
    struct error *error = elffile_open(path, process->target.facts.exe_path, &file);
    if (error && error_code(error) == ERROR_PERMISSION) {
        error_destroy(error);
        return no_permission(process);
    }
    if (error)
        return error_context(error, "pid %d", (int)process->pid);
    target_set_executable(&process->target, file, find_bias(process, file));
    return NULL;
}

/* One byte of the code that runs first, to learn now whether memory may be read. */
static struct error *probe(struct process *process)
{
    process->memory = openat(process->directory, "mem", O_RDONLY | O_CLOEXEC);
    uint8_t byte = 0;
    address at = process->target.executable->entry + process->target.bias;
    struct error *error = process_read(&process->target, at, &byte, 1);
    if (error && error_code(error) == ERROR_PERMISSION) {
        error_destroy(error);
        return no_permission(process);
    }
    if (error && error_code(error) == ERROR_FAULT) {
        error_destroy(error);
        return NULL;
    }
    return error;
}

/* The offset of CLOCK_MONOTONIC in a time namespace (time_namespaces(7)); 0 where there are
 * none. */
static int64_t clock_offset_ns(int directory, const char *path)
{
    char text[256];
    int64_t seconds = 0;
    int64_t ns = 0;
    if (procfs_read_small(directory, path, text, sizeof(text)) < 0 ||
        sscanf(text, "monotonic %" SCNd64 " %" SCNd64, &seconds, &ns) != 2)
        return 0;
    return seconds * 1000000000 + ns;
}

static struct error *open_steps(struct process *process)
{
    TRY(open_directory(process));
    TRY(read_stat(process));
    TRY(name_executable(process));
    TRY(process_read_mappings(process, "maps", &process->target.mappings));
    if (!process->target.mappings.length)
        return process_gone(process);
    TRY(open_executable(process));
    TRY(probe(process));
    process->clock_offset_ns = clock_offset_ns(process->directory, "timens_offsets") -
                               clock_offset_ns(AT_FDCWD, "/proc/self/timens_offsets");
    return NULL;
}

/* Operations. */

static struct error *process_measure(struct target *target)
{
    TRY(process_read_mappings((struct process *)target, "smaps", &target->mappings));
    ((struct process *)target)->window.count = 0;
    return NULL;
}

static struct error *process_check(struct target *target)
{
    struct process *process = (struct process *)target;
    if (has_exited(process, 0))
        return process_gone(process);
    /* Address 0 is never mapped: an error means that the program is there, the end of the file that
     * it is not. */
    uint8_t byte = 0;
    if (process->memory >= 0 && pread(process->memory, &byte, 1, 0) == 0)
        return process_gone(process);
    struct stat exe;
    if (fstatat(process->directory, "exe", &exe, 0) < 0 || exe.st_dev != process->exe_device ||
        exe.st_ino != process->exe_inode)
        return process_gone(process);
    return NULL;
}

static int64_t process_now_ns(const struct target *target)
{
    return clock_now_ns() + ((const struct process *)target)->clock_offset_ns;
}

static struct error *process_touched(struct target *target, struct extents *touched_ret)
{
    return copy_touched((struct process *)target, &target->mappings, touched_ret);
}

static const struct target_operations operations = {
    .read = process_read,
    .read_many = process_read_many,
    .measure = process_measure,
    .resident = process_resident,
    .check = process_check,
    .now_ns = process_now_ns,
    .touched = process_touched,
    .destroy = process_destroy,
};

/* It shares the executable with its original, so that only what is needed to read its memory is
 * opened. */
struct error *process_open_twin(const struct process *original, pid_t pid,
                                struct process **twin_ret)
{
    char path[64];
    struct process *twin = xcalloc(1, sizeof(*twin));
    twin->target.operations = &operations;
    twin->pid = pid;
    twin->pidfd = twin->memory = twin->pagemap = -1;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    twin->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct error *error = NULL;
    if (twin->directory < 0)
        error = process_gone(original);
    else
        error = process_read_mappings(twin, "maps", &twin->target.mappings);
    if (error) {
        process_destroy(&twin->target);
        return error;
    }
    twin->memory = openat(twin->directory, "mem", O_RDONLY | O_CLOEXEC);
    /* process_vm_readv pins what it reads: of a fork, Linux makes a copy of each such page (mm/gup.c, gup_must_unshare), charged to the process's control group. */
    twin->only_memory_file = original->only_memory_file || twin->memory >= 0;
    *twin_ret = twin;
    return NULL;
}

struct error *target_open_process(pid_t pid, struct target **target_ret)
{
    struct process *process = xcalloc(1, sizeof(*process));
    process->target.operations = &operations;
    process->pid = pid;
    process->directory = process->pidfd = process->memory = process->pagemap = -1;
    struct error *error = open_steps(process);
    if (error) {
        process_destroy(&process->target);
        return error;
    }
    *target_ret = &process->target;
    return NULL;
}
