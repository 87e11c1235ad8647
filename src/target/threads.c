/* How stops are told apart (ptrace(2), kernel/ptrace.c, kernel/signal.c, Linux 3.4 and later): of a
 * thread that was seized, a stop with PTRACE_EVENT_STOP and SIGTRAP is the one that was asked for;
 * with PTRACE_EVENT_STOP and another signal it is part of a stop of the whole process that somebody
 * else wants; without an event, a signal is about to be delivered. */
#include "target/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/procfs.h"

enum {
    STATUS_ROOM = 4096,
    LOOK_AGAIN_NS = 2000000, /* a thread that became another by exec has nothing to tell */
    STATUS_EVENT_SHIFT = 16,
};

static struct error *status_of(const struct threads *threads, pid_t tid, char status[STATUS_ROOM])
{
    char path[64];
    snprintf(path, sizeof(path), "task/%d/status", (int)tid);
    if (procfs_read_small(threads->directory, path, status, STATUS_ROOM) < 0)
        return error_create(ERROR_GONE, "pid %d: the process exited while it was stopped",
                            (int)threads->pid);
    return NULL;
}

/* Why a thread may not be traced. NULL if there is no such thread any more, or only its body. */
static struct error *refusal(const struct threads *threads, pid_t tid)
{
    char status[STATUS_ROOM];
    uint64_t tracer = 0;
    if (error_ignore(status_of(threads, tid, status)))
        return NULL;
    const char *state = strstr(status, "\nState:\t");
    if (state && (state[8] == 'Z' || state[8] == 'X'))
        return NULL;
    if (procfs_status_number(status, "TracerPid", &tracer) && tracer)
        return error_create(ERROR_UNSUPPORTED,
                            "pid %d: thread %d is traced by pid %" PRIu64
                            " (a debugger?): it was left alone",
                            (int)threads->pid, (int)tid, tracer);
    char scope[16];
    if (procfs_read_small(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope)) >
            0 &&
        scope[0] == '3')
        return error_create(ERROR_PERMISSION,
                            "pid %d may not be stopped: this machine allows no ptrace at all "
                            "(kernel.yama.ptrace_scope is 3 until the next boot)",
                            (int)threads->pid);
    const char *help =
        geteuid() == 0
            ? "this root lacks it: in a container, start that with --cap-add SYS_PTRACE"
            : "run it with sudo, or once: sudo setcap cap_sys_ptrace+ep $(command -v seep)";
    return error_create(ERROR_PERMISSION,
                        "pid %d may not be stopped: seep needs CAP_SYS_PTRACE for it; %s",
                        (int)threads->pid, help);
}

static struct error *seize(struct threads *threads, pid_t tid)
{
    bool is_new = false;
    uint32_t place =
        u64map_intern(&threads->places, (uint64_t)tid, (uint32_t)threads->list.length, &is_new);
    if (!is_new && threads->list.at[place].state != THREAD_GONE)
        return NULL;
    if (threads->list.length >= THREADS_MAX)
        return error_create(ERROR_LIMIT, "pid %d has more than %d threads", (int)threads->pid,
                            THREADS_MAX);
    if (is_new)
        VECTOR_PUSH(&threads->list, (struct traced_thread){.tid = tid, .state = THREAD_GONE});
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
        return errno == ESRCH ? NULL : refusal(threads, tid);
    threads->list.at[place].state = THREAD_RUNS;
    return NULL;
}

/* Seizes what is not traced yet. */
static struct error *seize_all(struct threads *threads)
{
    int descriptor = openat(threads->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *tasks = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (!tasks)
        return error_create(ERROR_GONE, "pid %d: the process exited while it was stopped",
                            (int)threads->pid);
    struct error *error = NULL;
    for (struct dirent *entry = readdir(tasks); entry && !error; entry = readdir(tasks))
        if (entry->d_name[0] != '.')
            error = seize(threads, (pid_t)strtol(entry->d_name, NULL, 10));
    closedir(tasks);
    return error;
}

/* Asks those to stop that run; true if there was one. */
static bool interrupt(struct threads *threads)
{
    bool any = false;
    for (size_t i = 0; i < threads->list.length; i++) {
        struct traced_thread *thread = &threads->list.at[i];
        if (thread->state != THREAD_RUNS)
            continue;
        if (!threads->began_ns)
            threads->began_ns = clock_now_ns();
        if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) == 0)
            any = true;
        else
            thread->state = THREAD_GONE;
    }
    return any;
}

bool threads_wait(const struct threads *threads, int64_t until_ns)
{
    struct pollfd wanted[] = {{.fd = threads->child_stop, .events = POLLIN},
                              {.fd = threads->seep, .events = POLLIN | POLLRDHUP}};
    int64_t left_ns = until_ns - clock_now_ns();
    if (left_ns < 0)
        left_ns = 0;
    struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    if (ppoll(wanted, 2, &left, NULL) <= 0)
        return false;
    struct signalfd_siginfo drained;
    if (wanted[0].revents && read(threads->child_stop, &drained, sizeof(drained)) < 0)
        return false;
    return wanted[1].revents & (POLLHUP | POLLRDHUP | POLLERR);
}

/* What one thread told. True if it was stopped by somebody else. */
static bool note(struct threads *threads, pid_t tid, int status)
{
    uint32_t place = 0;
    if (!u64map_get(&threads->places, (uint64_t)tid, &place))
        return false;
    struct traced_thread *thread = &threads->list.at[place];
    if (!WIFSTOPPED(status)) {
        thread->state = THREAD_GONE;
        return false;
    }
    int event = status >> STATUS_EVENT_SHIFT;
    thread->state = THREAD_STOPPED;
    thread->signal = event ? 0 : WSTOPSIG(status);
    return event == PTRACE_EVENT_STOP && WSTOPSIG(status) != SIGTRAP;
}

static struct error *collect(struct threads *threads)
{
    bool stopped_by_others = false;
    int status = 0;
    for (pid_t tid = waitpid(-1, &status, __WALL | WNOHANG); tid > 0;
         tid = waitpid(-1, &status, __WALL | WNOHANG))
        stopped_by_others |= note(threads, tid, status);
    if (stopped_by_others)
        return error_create(ERROR_UNSUPPORTED,
                            "pid %d is being stopped by somebody else: it was left as it is",
                            (int)threads->pid);
    return NULL;
}

static const struct traced_thread *one_that_runs(const struct threads *threads)
{
    for (size_t i = 0; i < threads->list.length; i++)
        if (threads->list.at[i].state == THREAD_RUNS)
            return &threads->list.at[i];
    return NULL;
}

/* An exec ends all threads but one, which takes the number of the first. */
static void forget_the_gone(struct threads *threads)
{
    for (size_t i = 0; i < threads->list.length; i++) {
        char path[64];
        struct traced_thread *thread = &threads->list.at[i];
        snprintf(path, sizeof(path), "task/%d", (int)thread->tid);
        if (thread->state == THREAD_RUNS && faccessat(threads->directory, path, F_OK, 0) < 0)
            thread->state = THREAD_GONE;
    }
}

const char *threads_why_late(char state)
{
    switch (state) {
    case 'R':
        return "it waits for a processor, or works in the kernel";
    case 'D':
        return "it waits in the kernel";
    case 't':
        return "it stopped a moment too late";
    default:
        return "why is not known";
    }
}

static struct error *too_late(const struct threads *threads, pid_t tid)
{
    char path[64];
    struct process_stat stat = {0};
    snprintf(path, sizeof(path), "task/%d/stat", (int)tid);
    if (procfs_stat(threads->directory, path, &stat) < 0)
        stat.state = 0;
    return error_create(ERROR_LIMIT,
                        "pid %d: thread %d did not stop in time (%s): nothing was kept",
                        (int)threads->pid, (int)tid, threads_why_late(stat.state));
}

static struct error *wait_for_all(struct threads *threads, int64_t deadline_ns)
{
    int64_t look_ns = clock_now_ns() + LOOK_AGAIN_NS;
    TRY(collect(threads));
    for (const struct traced_thread *late = one_that_runs(threads); late;
         late = one_that_runs(threads)) {
        int64_t now_ns = clock_now_ns();
        if (now_ns >= deadline_ns)
            return too_late(threads, late->tid);
        if (threads_wait(threads, look_ns < deadline_ns ? look_ns : deadline_ns))
            return error_create(ERROR_GONE, "seep has ended");
        TRY(collect(threads));
        if (clock_now_ns() >= look_ns) {
            forget_the_gone(threads);
            look_ns = clock_now_ns() + LOOK_AGAIN_NS;
        }
    }
    return NULL;
}

/* Only what runs can start a thread: when all stand, and the list has no new one, there is none. */
struct error *threads_stop(struct threads *threads, int64_t deadline_ns)
{
    TRY(seize_all(threads));
    while (interrupt(threads)) {
        TRY(wait_for_all(threads, deadline_ns));
        TRY(seize_all(threads));
    }
    for (size_t i = 0; i < threads->list.length; i++)
        if (threads->list.at[i].state == THREAD_STOPPED)
            return NULL;
    return error_create(ERROR_GONE, "pid %d: the process exited while it was stopped",
                        (int)threads->pid);
}

struct error *threads_stop_one(struct threads *threads, pid_t tid)
{
    threads_deinit(threads);
    TRY(seize(threads, tid));
    if (!interrupt(threads))
        return error_create(ERROR_GONE, "thread %d has ended", (int)tid);
    bool stopped_by_others = error_ignore(wait_for_all(threads, INT64_MAX));
    if (!stopped_by_others && threads->list.at[0].state == THREAD_STOPPED)
        return NULL;
    threads_let_go(threads);
    return error_create(ERROR_UNSUPPORTED, "thread %d cannot be used", (int)tid);
}

void threads_let_go(struct threads *threads)
{
    for (size_t i = 0; i < threads->list.length; i++) {
        struct traced_thread *thread = &threads->list.at[i];
        if (thread->state != THREAD_STOPPED)
            continue;
        ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(intptr_t)thread->signal);
        thread->state = THREAD_GONE;
    }
}

void threads_deinit(struct threads *threads)
{
    VECTOR_DEINIT(&threads->list);

    u64map_deinit(&threads->places);
}
