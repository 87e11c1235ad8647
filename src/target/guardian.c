/* The protocol. Seep and the guardian talk over a pair of sockets, a byte at a time; what is larger lies in memory
 * that both see. To the guardian, the end of the connection is the end of seep.
 *
 *   seep                       guardian
 *   'g' go                ->   stops all threads
 *                         <-   's' they stand          or 'f' failed, the target goes on
 *   'd' done              ->   lets them go
 *                         <-   'l' let go in time      or 'f' the budget was over before
 *   (closes)              ->   ends
 *
 * With a twin, 'l' comes at once: it is made, and the target goes on. */
#include "target/guardian.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "target/procfs.h"
#include "target/registers.h"
#include "target/threads.h"
#include "target/twin.h"
#include "target/urgent.h"

enum {
    REASON_ROOM = 512,
    REGISTER_BYTES = 64 * 8,
    VECTOR_BYTES = 4096,          /* what Go's code uses stands in the first 3,000 */
    WAKE_AFTER_NS = 20000000,     /* beyond the budget */
    ANSWER_GRACE_NS = 2000000000, /* for a machine that is busy */
    TELL_GO = 'g',
    TELL_DONE = 'd',
    TELL_STAND = 's',
    TELL_LET_GO = 'l',
    TELL_FAILED = 'f',
    TWIN_LOOK_NS = 100000000, /* between two looks whether the twin may stay */
    END_GRACE_MS = 2000,      /* seep waits so long for the twin to be reaped */
    STATUS_ROOM = 4096,
};

struct room {
    struct guardian_order order;
    enum error_code code; /* with TELL_FAILED */
    char reason[REASON_ROOM];
    struct guardian_facts facts; /* last: its threads follow */
};

static const int64_t twin_life_ns = INT64_C(600) * 1000000000; /* however long seep takes */

static const size_t room_bytes =
    sizeof(struct room) + THREADS_MAX * sizeof(struct thread_registers);

struct guardian {
    pid_t pid; /* of seep's child */
    int socket;
    struct room *room;
    pid_t target;
};

/* The guardian's side. */

struct watch {
    struct threads threads;
    const struct process *live;
    struct room *room;
};

/* A descriptor that is kept moves away from 0 to 2. */
static int keep(int descriptor)
{
    return descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

static bool is_kept(int descriptor, const int *kept, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (kept[i] == descriptor)
            return true;
    return false;
}

static void close_all_but(const int *kept, size_t count)
{
    int last = 2;
    for (size_t i = 0; i < count; i++)
        last = kept[i] > last ? kept[i] : last;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (nowhere < 0 || dup2(nowhere, descriptor) < 0)
            close(descriptor);
    for (int descriptor = 3; descriptor <= last; descriptor++)
        if (!is_kept(descriptor, kept, count))
            close(descriptor);
    if (close_range((unsigned)last + 1, ~0U, 0) < 0)
        for (int descriptor = last + 1; descriptor < 1 << 16; descriptor++)
            close(descriptor);
}

/* Nobody's child, no terminal, no files; ahead of what else wants the processor: it needs little, and
 * the target stands while it waits for its turn. */
static void settle_down(struct watch *watch, int *socket, struct process *live)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGCHLD, SIG_DFL);
    setsid();
    if (chdir("/") < 0)
        errno = 0;
    live->directory = keep(live->directory);
    live->memory = keep(live->memory);
    *socket = keep(*socket);
    int kept[] = {live->directory, live->memory, *socket};
    close_all_but(kept, LENGTH_OF(kept));
    sigset_t child_stop;
    sigemptyset(&child_stop);
    sigaddset(&child_stop, SIGCHLD);
    watch->live = live;
    watch->threads = (struct threads){
        .pid = live->pid,
        .directory = live->directory,
        .seep = *socket,
        .child_stop = signalfd(-1, &child_stop, SFD_CLOEXEC | SFD_NONBLOCK),
    };
    struct urgent for_good;
    urgent_begin(&for_good);
}

static void tell(int socket, char what)
{
    while (send(socket, &what, 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

/* What is said within the time; 0 if nothing, -1 if the other side is gone. */
static int hear(int socket, int64_t until_ns)
{
    int64_t left_ns = until_ns - clock_now_ns();
    left_ns = left_ns < 0 ? 0 : left_ns;
    struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    struct pollfd wanted = {.fd = socket, .events = POLLIN};
    int count = ppoll(&wanted, 1, &left, NULL);
    if (count == 0 || (count < 0 && errno == EINTR))
        return 0;
    char what = 0;
    ssize_t length = recv(socket, &what, 1, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return length == 1 ? what : -1;
}

static void fail(struct watch *watch, struct error *error)
{
    watch->room->code = error_code(error);
    snprintf(watch->room->reason, REASON_ROOM, "%s", error_message(error));
    error_destroy(error);
    tell(watch->threads.seep, TELL_FAILED);
}

/* An exec between the opening and the stop, or in the middle of the opening: the memory file is bound
 * to one program, and the executable is another's. */
static struct error *still_the_same(const struct watch *watch)
{
    const struct process *live = watch->live;
    struct stat exe;
    uint8_t byte = 0;
    if ((live->memory >= 0 && pread(live->memory, &byte, 1, 0) == 0) ||
        fstatat(live->directory, "exe", &exe, 0) < 0 || exe.st_dev != live->exe_device ||
        exe.st_ino != live->exe_inode)
        return error_create(ERROR_GONE,
                            "pid %d: the process became another program (exec) while it was read",
                            (int)watch->live->pid);
    return NULL;
}

/* The last number after "NSpid:": what the thread itself takes for its number. The same as ours but in
 * a pid namespace. */
static pid_t number_inside(const struct watch *watch, pid_t tid)
{
    char path[64];
    char status[STATUS_ROOM];
    snprintf(path, sizeof(path), "task/%d/status", (int)tid);
    if (procfs_read_small(watch->threads.directory, path, status, sizeof(status)) < 0)
        return tid;
    char *line = strstr(status, "\nNSpid:");
    char *end = line ? strchr(line + 1, '\n') : NULL;
    if (!end)
        return tid;
    *end = '\0';
    const char *last = strrchr(line, '\t');
    return last ? (pid_t)strtol(last + 1, NULL, 10) : tid;
}

static void read_vector_registers(bool is_amd64, pid_t tid, struct thread_registers *registers)
{
    uint8_t bytes[VECTOR_BYTES] __attribute__((aligned(8)));
    struct iovec room = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    if (is_amd64 && ptrace(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &room) == 0) {
        registers_decode_vector(true, false, bytes, room.iov_len, registers);
        return;
    }
    room.iov_len = sizeof(bytes);
    if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRFPREG, &room) == 0)
        registers_decode_vector(is_amd64, is_amd64, bytes, room.iov_len, registers);
}

static void read_registers(struct watch *watch)
{
    struct guardian_facts *facts = &watch->room->facts;
    bool is_nested = number_inside(watch, watch->live->pid) != watch->live->pid;
    for (size_t i = 0; i < watch->threads.list.length; i++) {
        const struct traced_thread *thread = &watch->threads.list.at[i];
        uint8_t bytes[REGISTER_BYTES];
        struct iovec room = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        if (thread->state != THREAD_STOPPED ||
            ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &room) < 0)
            continue;
        struct thread_registers *registers = &facts->threads[facts->thread_count];
        bool is_amd64 = watch->live->target.executable->machine == EM_X86_64;
        if (!registers_decode(is_amd64, bytes, room.iov_len, registers))
            continue;
        read_vector_registers(is_amd64, thread->tid, registers);
        registers->tid = is_nested ? number_inside(watch, thread->tid) : thread->tid;
        facts->thread_count++;
    }
}

static void let_go(struct watch *watch)
{
    threads_let_go(&watch->threads);
    watch->room->facts.began_ns = watch->threads.began_ns;
    watch->room->facts.ended_ns = clock_now_ns();
}

static struct error *stop(struct watch *watch, int64_t deadline_ns)
{
    struct error *error = threads_stop(&watch->threads, deadline_ns);
    watch->room->facts.began_ns = watch->threads.began_ns;
    if (error)
        return error;
    watch->room->facts.instant_ns = clock_now_ns();
    TRY(still_the_same(watch));
    read_registers(watch);
    return NULL;
}

static struct error *too_late(const struct watch *watch)
{
    return error_create(ERROR_LIMIT,
                        "pid %d: the budget of %.0f ms would have been broken: the process was let "
                        "go on before all was kept",
                        (int)watch->live->pid, (double)watch->room->order.budget_ns / 1e6);
}

/* Seep copies, and says when it is done. */
static void hold(struct watch *watch, int64_t deadline_ns)
{
    tell(watch->threads.seep, TELL_STAND);
    int heard = 0;
    while (!heard && clock_now_ns() < deadline_ns)
        heard = hear(watch->threads.seep, deadline_ns);
    let_go(watch);
    if (heard == TELL_DONE)
        tell(watch->threads.seep, TELL_LET_GO);
    else
        fail(watch, too_late(watch));
}

/* Until seep has had enough, or has ended. */
static void keep_twin(struct watch *watch, const struct twin *twin)
{
    int64_t until_ns = clock_now_ns() + twin_life_ns;
    while (!threads_wait(&watch->threads, clock_now_ns() + TWIN_LOOK_NS)) {
        if (clock_now_ns() < until_ns && !twin_must_end(&watch->threads, watch->live->memory))
            continue;
        watch->room->facts.twin_ended = true;
        break;
    }
    watch->threads.seep = -1; /* that seep is gone no longer matters */
    twin_end(&watch->threads, twin);
}

static void make_twin(struct watch *watch, int64_t deadline_ns)
{
    struct twin twin = {0};
    struct error *error = NULL;
    if (clock_now_ns() + watch->room->order.twin_ns > deadline_ns)
        error = too_late(watch);
    else
        error = twin_make(&watch->threads, &watch->room->order.landing, &twin,
                          &watch->room->facts.try_again);
    let_go(watch);
    if (error) {
        fail(watch, error);
        return;
    }
    error = twin_hold(&watch->threads, &twin);
    watch->room->facts.twin = twin.pid;
    if (error)
        fail(watch, error);
    else
        tell(watch->threads.seep, TELL_LET_GO);
    keep_twin(watch, &twin);
}

static void guard(struct watch *watch)
{
    int socket = watch->threads.seep;
    if (hear(socket, INT64_MAX) != TELL_GO)
        return;
    int64_t deadline_ns = clock_now_ns() + watch->room->order.budget_ns;
    struct error *error = stop(watch, deadline_ns);
    if (error) {
        let_go(watch);
        fail(watch, error);
        return;
    }
    if (watch->room->order.twin)
        make_twin(watch, deadline_ns);
    else
        hold(watch, deadline_ns);
}

/* Seep's side. */

static struct guardian *create(const struct process *live)
{
    struct guardian *guardian = xcalloc(1, sizeof(*guardian));
    guardian->pid = -1;
    guardian->socket = -1;
    guardian->target = live->pid;
    return guardian;
}

static struct error *fork_guardian(struct guardian *guardian, const struct process *live)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
        return error_os(errno, "sockets for the guardian");
    guardian->socket = sockets[0];
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before); /* none may come before the guardian blocks them */
    guardian->pid = fork();
    if (guardian->pid == 0) {
        struct process own = {.target = live->target,
                              .pid = live->pid,
                              .exe_device = live->exe_device,
                              .exe_inode = live->exe_inode,
                              .directory = live->directory,
                              .memory = live->memory};
        struct watch watch = {.room = guardian->room};
        settle_down(&watch, &sockets[1], &own);
        guard(&watch);
        _exit(0);
    }
    int reason = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(sockets[1]);
    return guardian->pid < 0 ? error_os(reason, "fork of the guardian") : NULL;
}

struct error *guardian_start(const struct process *live, struct guardian **guardian_ret)
{
    struct guardian *guardian = create(live);
    void *room = mmap(NULL, room_bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct error *error = NULL;
    if (room == MAP_FAILED)
        error = error_os(errno, "memory for the guardian");
    else
        guardian->room = room;
    if (!error)
        error = fork_guardian(guardian, live);
    if (error) {
        guardian_end(guardian);
        return error;
    }
    *guardian_ret = guardian;
    return NULL;
}

static int hear_within(const struct guardian *guardian, int64_t wait_ns)
{
    int64_t until_ns = clock_now_ns() + wait_ns;
    int heard = 0;
    while (!heard && clock_now_ns() < until_ns)
        heard = hear(guardian->socket, until_ns);
    return heard;
}

/* The answer, or what it says of a failure. A guardian that somebody has stopped is woken; if it does
 * not answer then, its end lets the target go. */
static struct error *await(const struct guardian *guardian, int wanted)
{
    int heard = hear_within(guardian, guardian->room->order.budget_ns + WAKE_AFTER_NS);
    if (!heard) {
        kill(guardian->pid, SIGCONT);
        heard = hear_within(guardian, ANSWER_GRACE_NS);
    }
    if (heard == wanted)
        return NULL;
    if (heard == TELL_FAILED)
        return error_create(guardian->room->code, "%s", guardian->room->reason);
    kill(guardian->pid, SIGKILL);
    return error_create(ERROR_OS, "pid %d: the process that was to stop it %s",
                        (int)guardian->target, heard ? "was killed" : "did not answer");
}

struct error *guardian_stop(struct guardian *guardian, const struct guardian_order *order)
{
    guardian->room->order = *order;
    atomic_thread_fence(memory_order_seq_cst);
    tell(guardian->socket, TELL_GO);
    return await(guardian, order->twin ? TELL_LET_GO : TELL_STAND);
}

struct error *guardian_let_go(struct guardian *guardian)
{
    tell(guardian->socket, TELL_DONE);
    return await(guardian, TELL_LET_GO);
}

const struct guardian_facts *guardian_facts(const struct guardian *guardian)
{
    return &guardian->room->facts;
}

/* It ends by itself, if need be after seep: then init reaps it. */
static void await_end(pid_t pid)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    if (ended.fd >= 0) {
        while (poll(&ended, 1, END_GRACE_MS) < 0 && errno == EINTR)
            ;
        close(ended.fd);
    }
    while (waitpid(pid, NULL, ended.fd >= 0 ? WNOHANG : 0) < 0 && errno == EINTR)
        ;
}

void guardian_end(struct guardian *guardian)
{
    if (!guardian)
        return;
    if (guardian->socket >= 0)
        close(guardian->socket);
    if (guardian->pid > 0)
        await_end(guardian->pid);
    if (guardian->room)
        munmap(guardian->room, room_bytes);
    free(guardian);
}
