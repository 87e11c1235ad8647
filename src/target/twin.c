/* How the twin is made, and why so.
 *
 * One system call, clone(CLONE_FILES) with no exit signal, in one of the stopped threads
 * (inject.c). The child is traced from its birth on, and so stopped before its first instruction; the
 * target need not wait for that, as a new process may wait long for its turn. It is killed when its
 * tracer ends (PTRACE_O_EXITKILL, on the twin alone). It shares the table of open
 * files with its original: with a table of its own, each connection that the original closes would
 * stay open for as long as the twin lives. When the original ends or becomes another program, the
 * twin is ended at once, for the same reason. It has its memory in the name of the original's
 * control group, so there must be room for what the original will write meanwhile; if memory gets
 * short the twin ends, and the kernel would choose it first (oom_score_adj).
 *
 * Who reaps it. A child that ends stays, as a zombie, until its parent waits for it, also if it is
 * traced by another and that one has waited (kernel/exit.c, wait_task_zombie). Three ways were thought
 * through:
 *
 * 1. The original's grandchild, whose parent ends at once: an orphan, which init reaps. But in a
 *    container the original often is init itself, or its init reaps nobody; then the zombie
 *    stays for ever, now with SIGCHLD, and a wait4(-1) in the original would meet it.
 * 2. CLONE_PARENT: the original's parent would get a child that it does not know.
 * 3. A child without an exit signal, reaped by a wait4() in the original when the twin has ended.
 *
 * The third is taken. Such a child (a "clone" child) is not seen by wait4(-1) without __WALL or __WCLONE,
 * and its end sends no signal: the original does not notice it. It costs a second stop, of one
 * thread, for some 100 µs. If the guardian is killed with SIGKILL, the twin dies with it, but the
 * zombie stays until its original ends: an entry in the table of processes, no memory. The same if
 * somebody stops the original, or traces it, for longer than the guardian waits. */
#include "target/twin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "target/inject.h"
#include "target/limits.h"
#include "target/procfs.h"

enum {
    TRIES = 8,
    PROCESSES_LEFT_MIN = 16,    /* the target needs some for itself */
    HEADROOM_MIN = 64 << 20,    /* bytes */
    HEADROOM_DIVISOR = 4,       /* of the target's own memory */
    MEMORY_SHORT = 16 << 20,    /* bytes left: the twin ends */
    SAMPLE_BYTES = 16 << 20,    /* forked to see how long that takes */
    SAMPLES = 5,
    CONTENTION_MAX = 3,
    COLD_FACTOR = 3, /* the tables of a large process are in no cache: measured, 1.5 to 2 times as slow */
    REAP_QUICK_TRIES = 100,
    REAP_PAUSE_NS = 10000000,
    REAP_LONG_PAUSE_NS = 500000000,
    STATUS_ROOM = 4096,
};

static const int64_t reap_for_ns = INT64_C(600) * 1000000000;

/* Before. */

struct error *twin_check_limits(pid_t pid, int directory, uint64_t own_bytes)
{
    struct limits limits;
    char buffer[3][TEXT_SIZE_ROOM];
    limits_read(directory, &limits);
    uint64_t wanted = own_bytes / HEADROOM_DIVISOR;
    wanted = wanted < HEADROOM_MIN ? HEADROOM_MIN : wanted;
    if (limits.memory_bytes < wanted)
        return error_create(ERROR_LIMIT,
                            "pid %d: a twin of its %s might take %s more within its memory limit, "
                            "and %s are left",
                            (int)pid, text_size(buffer[0], own_bytes),
                            text_size(buffer[1], wanted),
                            text_size(buffer[2], limits.memory_bytes));
    if (limits.processes < PROCESSES_LEFT_MIN)
        return error_create(ERROR_LIMIT, "pid %d: its control group has room for %" PRIu64
                                         " more processes only: no twin is made",
                            (int)pid, limits.processes);
    return NULL;
}

static DIR *open_tasks(const struct threads *threads)
{
    int descriptor = openat(threads->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return descriptor < 0 ? NULL : fdopendir(descriptor);
}

/* 'Z' if there is none. */
static char state_of(const struct threads *threads, const char *tid)
{
    char path[320];
    struct process_stat stat;
    snprintf(path, sizeof(path), "task/%s/stat", tid);
    return procfs_stat(threads->directory, path, &stat) == 0 ? stat.state : 'Z';
}

static int64_t fork_once_ns(void)
{
    int64_t start_ns = clock_now_ns();
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        syscall(SYS_exit_group, 0);
    int64_t took_ns = clock_now_ns() - start_ns;
    if (pid > 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    return took_ns;
}

static int by_size(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* The median: the thread that forks will wait for its turn as we do. */
static int64_t fork_ns(void)
{
    int64_t took_ns[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++)
        took_ns[i] = fork_once_ns();
    qsort(took_ns, SAMPLES, sizeof(*took_ns), by_size);
    return took_ns[SAMPLES / 2];
}

static unsigned long running_threads(int directory)
{
    struct threads threads = {.directory = directory};
    unsigned long count = 0;
    DIR *tasks = open_tasks(&threads);
    for (struct dirent *entry = tasks ? readdir(tasks) : NULL; entry; entry = readdir(tasks))
        count += entry->d_name[0] != '.' && state_of(&threads, entry->d_name) == 'R';
    if (tasks)
        closedir(tasks);
    return count;
}

/* How many want each processor, the target's own threads apart: they will stand still. A long fork
 * waits for its turn more than once, though seldom as often as there are others: who was asleep comes
 * first. */
static double contention(int directory)
{
    char text[128];
    unsigned long running = 0;
    if (procfs_read_small(AT_FDCWD, "/proc/loadavg", text, sizeof(text)) < 0 ||
        sscanf(text, "%*f %*f %*f %lu/", &running) != 1)
        return 1;
    unsigned long own = running_threads(directory);
    double others = (double)(running > own ? running - own : 0);
    double each = others / (double)sysconf(_SC_NPROCESSORS_ONLN);
    if (each > CONTENTION_MAX)
        return CONTENTION_MAX;
    return each > 1 ? each : 1;
}

int64_t twin_estimate_ns(int directory, uint64_t own_bytes)
{
    int64_t without_ns = fork_ns();
    void *sample = mmap(NULL, SAMPLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                        -1, 0);
    if (sample == MAP_FAILED)
        return INT64_MAX / 4;
    madvise(sample, SAMPLE_BYTES, MADV_NOHUGEPAGE);
    memset(sample, 1, SAMPLE_BYTES);
    int64_t with_ns = fork_ns();
    munmap(sample, SAMPLE_BYTES);
    double per_byte = (double)(with_ns > without_ns ? with_ns - without_ns : 0) / SAMPLE_BYTES;
    double factor = COLD_FACTOR * contention(directory);
    return without_ns + (int64_t)(factor * per_byte * (double)own_bytes);
}

/* Making it. */

static struct error *refused_by_kernel(const struct threads *threads, int reason)
{
    const char *why = reason == EAGAIN   ? "a limit on processes is reached (pids.max, RLIMIT_NPROC)"
                      : reason == ENOMEM ? "its memory may not be promised twice "
                                           "(vm.overcommit_memory) or is not there"
                                         : strerror(reason);
    return error_create(ERROR_LIMIT, "pid %d: the kernel made no twin of it: %s",
                        (int)threads->pid, why);
}

/* Of a memory shortage the twin is the first victim, and its end ends that. */
static void offer_to_the_oom_killer(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file >= 0 && write(file, "1000", 4) < 0)
        errno = 0; /* it is as likely a victim as its original, then */
    if (file >= 0)
        close(file);
}

/* A thread that a signal has come to is passed over. */
static struct error *call_somewhere(const struct threads *threads, struct injection *call,
                                    bool *try_again_ret)
{
    for (int i = 0; i < TRIES; i++) {
        struct traced_thread *thread = inject_choose(threads);
        if (!thread)
            break;
        TRY(inject(threads, thread, call));
        if (!call->signal_came)
            return NULL;
    }
    *try_again_ret = true;
    return error_create(ERROR_UNSUPPORTED,
                        "pid %d: no twin was made: none of its threads waits in the kernel",
                        (int)threads->pid);
}

struct error *twin_make(const struct threads *threads, const struct landing *landing,
                        struct twin *twin_ret, bool *try_again_ret)
{
    /* A stack of 0 is the parent's; without their flags the other arguments are not looked at. */
    struct injection call = {.number = SYS_clone,
                             .arguments = {CLONE_FILES, 0},
                             .argument_count = 2,
                             .landing = *landing};
    TRY(call_somewhere(threads, &call, try_again_ret));
    if (call.result < 0)
        return refused_by_kernel(threads, (int)-call.result);
    if (call.child <= 0)
        return error_create(ERROR_OS, "pid %d: its twin was not traced", (int)threads->pid);
    *twin_ret = (struct twin){.pid = call.child, .pid_inside = (pid_t)call.result};
    return NULL;
}

struct error *twin_hold(const struct threads *threads, const struct twin *twin)
{
    int status = 0;
    while (waitpid(twin->pid, &status, __WALL) < 0 && errno == EINTR)
        ;
    if (!WIFSTOPPED(status))
        return error_create(ERROR_GONE, "pid %d: its twin was killed", (int)threads->pid);
    ptrace(PTRACE_SETOPTIONS, twin->pid, NULL, (void *)PTRACE_O_EXITKILL);
    offer_to_the_oom_killer(twin->pid);
    return NULL;
}

/* Ending it. */

bool twin_must_end(const struct threads *threads, int memory)
{
    uint8_t byte = 0;
    struct limits limits;
    if (memory >= 0 && pread(memory, &byte, 1, 0) == 0)
        return true;
    limits_read(threads->directory, &limits);
    return limits.memory_bytes < MEMORY_SHORT;
}

/* /proc/PID/task/TID/syscall: the number of the call that a thread waits in, then its arguments;
 * "running" or -1 if it waits in none (proc(5)). */
static bool waits_for_futex(const struct threads *threads, const char *tid)
{
    char path[320];
    char text[256];
    long number = -1;
    unsigned long arguments[4];
    snprintf(path, sizeof(path), "task/%s/syscall", tid);
    return procfs_read_small(threads->directory, path, text, sizeof(text)) > 0 &&
           sscanf(text, "%ld %lx %lx %lx %lx", &number, &arguments[0], &arguments[1], &arguments[2],
                  &arguments[3]) == 5 &&
           number == SYS_futex && arguments[3] == 0;
}

static bool waits_in_any_call(const struct threads *threads, const char *tid)
{
    char path[320];
    char text[256];
    snprintf(path, sizeof(path), "task/%s/syscall", tid);
    return procfs_read_small(threads->directory, path, text, sizeof(text)) > 0 && text[0] >= '0' &&
           text[0] <= '9';
}

static pid_t find_thread(const struct threads *threads,
                         bool (*fits)(const struct threads *, const char *))
{
    DIR *tasks = open_tasks(threads);
    pid_t found = 0;
    for (struct dirent *entry = tasks ? readdir(tasks) : NULL; entry && !found;
         entry = readdir(tasks))
        if (entry->d_name[0] != '.' && fits(threads, entry->d_name))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
    if (tasks)
        closedir(tasks);
    return found;
}

/* True if there is nothing left to reap. */
static bool reap_in(struct threads *threads, pid_t tid, const struct twin *twin)
{
    struct injection call = {.number = SYS_wait4,
                             .arguments = {(uint64_t)twin->pid_inside, 0, __WALL | WNOHANG, 0},
                             .argument_count = 4};
    bool done = false;
    if (error_ignore(threads_stop_one(threads, tid)))
        return false;
    struct traced_thread *thread = inject_choose(threads);
    if (thread && !error_ignore(inject(threads, thread, &call)) && !call.signal_came)
        done = call.result == twin->pid_inside || call.result == -ECHILD;
    threads_let_go(threads);
    return done;
}

/* Whether it is there, and nobody else has stopped it or traces it. */
static bool may_be_stopped(const struct threads *threads)
{
    char status[STATUS_ROOM];
    uint64_t tracer = 0;
    if (procfs_read_small(threads->directory, "status", status, sizeof(status)) < 0)
        return false;
    const char *state = strstr(status, "\nState:\t");
    return state && strchr("RSD", state[8]) && procfs_status_number(status, "TracerPid", &tracer) &&
           !tracer;
}

static bool lives(const struct threads *threads, const char *tid)
{
    char state = state_of(threads, tid);
    return state != 'Z' && state != 'X';
}

/* The first thread alone does not tell: it is a zombie while another one does an exec. */
static bool is_alive(const struct threads *threads)
{
    return find_thread(threads, lives) != 0;
}

static bool reap(struct threads *threads, const struct twin *twin)
{
    pid_t tid = 0;
    if (may_be_stopped(threads))
        tid = find_thread(threads, waits_for_futex);
    if (!tid && may_be_stopped(threads))
        tid = find_thread(threads, waits_in_any_call);
    return tid && reap_in(threads, tid, twin);
}

void twin_end(struct threads *threads, const struct twin *twin)
{
    int64_t until_ns = clock_now_ns() + reap_for_ns;
    kill(twin->pid, SIGKILL);
    while (waitpid(twin->pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
    for (int i = 0; is_alive(threads) && !reap(threads, twin) && clock_now_ns() < until_ns; i++)
        clock_sleep_ns(i < REAP_QUICK_TRIES ? REAP_PAUSE_NS : REAP_LONG_PAUSE_NS);
}
