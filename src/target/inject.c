/* Which thread. One that waits in a system call: its own `syscall` instruction is used, and nobody
 * who sleeps in the kernel is inside a restartable sequence (rseq(2)). One whose call is to be taken
 * up by restart_syscall (-ERESTART_RESTARTBLOCK: nanosleep, futex and poll with a timeout) only if
 * there is no other. On amd64 its return value tells, and as clone and wait4(WNOHANG) leave the
 * thread's restart block alone, it sleeps on until the time that was meant. On arm64 the kernel has
 * already changed the value, and would begin the sleep anew: there only calls are taken that have no
 * timeout. Best is a futex without a timeout: if the worst comes, and the guardian is
 * killed in the very moment, this is a sleeper that is woken without a reason, for which every user
 * of futex must be prepared (futex(2)). Of a Go program nothing worse can come (landing.h).
 *
 * The way (kernel/signal.c, arch/x86/kernel/signal.c, arch/arm64/kernel/signal.c, kernel/ptrace.c):
 * the stop is inside get_signal(), on the way back to user mode, before the kernel decides whether
 * the interrupted call is to be begun again. With orig_rax = -1 it decides that there was none. The
 * thread enters the new call (a stop), has a child or fails (a stop), and is asked to stop once more
 * as it was the first time, inside get_signal(). There the old registers are put back, with the old
 * -ERESTART code: for only from there the kernel looks at that code. Not more stops than these: at
 * each the thread has to wait for its turn on a busy machine.
 *
 * A signal that was queued before may stop the thread on its way. Then the old registers are put
 * back at once: that stop is as good a place as the first. */
#include "target/inject.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "target/procfs.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif

enum {
    SYSCALL_STOP = SIGTRAP | 0x80,
    RESTART_SYS = -512, /* include/linux/errno.h */
    RESTART_NOINTR = -513, /* a signal is there: clone does not begin */
    RESTART_BLOCK = -516,
    STATUS_ROOM = 4096,
    FITNESS_BEST = 3,
};

/* What differs between the machines. */

#if defined(__x86_64__)

typedef struct user_regs_struct machine_registers;

enum {
    INSTRUCTION_BYTES = 2,
    INSTRUCTION = 0x050f,
    USER_CODE = 0x33, /* cs of 64-bit code */
    CHILD_STACK_GAP = 1024,
};

static bool waits_in_call(const machine_registers *registers)
{
    return (long)registers->orig_rax >= 0 && registers->cs == USER_CODE;
}

static long call_number(const machine_registers *registers)
{
    return (long)registers->orig_rax;
}

static address call_instruction(const machine_registers *registers)
{
    return registers->rip - INSTRUCTION_BYTES;
}

/* 0: it must be left alone. */
static int ease(const machine_registers *registers)
{
    return (long)registers->rax == RESTART_BLOCK ? 1 : 2;
}

static bool has_no_timeout(const machine_registers *registers)
{
    return (long)registers->rax == RESTART_SYS && registers->r10 == 0;
}

static void set_call(machine_registers *registers, const struct injection *call)
{
    unsigned long long *places[] = {&registers->rdi, &registers->rsi, &registers->rdx,
                                    &registers->r10, &registers->r8,  &registers->r9};
    registers->rip -= INSTRUCTION_BYTES;
    registers->orig_rax = (unsigned long)-1;
    registers->rax = (unsigned long)call->number;
    for (unsigned i = 0; i < call->argument_count; i++)
        *places[i] = call->arguments[i];
}

/* Whether the thread sleeps in runtime.futex. */
static bool can_land(pid_t tid, const machine_registers *registers)
{
    errno = 0;
    long word = ptrace(PTRACE_PEEKTEXT, tid, (void *)(address)registers->rip, NULL);
    uint8_t bytes[sizeof(word)];
    memcpy(bytes, &word, sizeof(word));
    return !errno && call_number(registers) == SYS_futex && landing_fits(bytes);
}

/* landing.h. A child's stack: below what the parent uses of the same. */
static void land(machine_registers *registers, const struct landing *landing)
{
    registers->rip = landing->call;
    registers->rsi = registers->rsp - CHILD_STACK_GAP;
    registers->r12 = landing->exit;
    registers->r13 = 0;
}

static int64_t call_result(const machine_registers *registers)
{
    return (int64_t)registers->rax;
}

#elif defined(__aarch64__)

typedef struct user_regs_struct machine_registers;

enum {
    INSTRUCTION = 0xd4000001 /* svc #0 */
};

/* The kernel has set the pc back to the instruction, and x0 to the first argument. */
static bool waits_in_call(const machine_registers *registers)
{
    (void)registers;
    return true; /* the instruction decides */
}

static long call_number(const machine_registers *registers)
{
    return (long)registers->regs[8];
}

static address call_instruction(const machine_registers *registers)
{
    return registers->pc;
}

static bool has_no_timeout(const machine_registers *registers)
{
    return registers->regs[3] == 0;
}

/* A call that may have to be taken up by restart_syscall looks as any other. */
static int ease(const machine_registers *registers)
{
    long number = call_number(registers);
    bool fits = (number == SYS_futex && has_no_timeout(registers)) || number == SYS_read ||
                number == SYS_wait4 || number == SYS_accept4 || number == SYS_rt_sigsuspend;
    return fits ? 2 : 0;
}

static void set_call(machine_registers *registers, const struct injection *call)
{
    registers->regs[8] = (unsigned long)call->number;
    for (unsigned i = 0; i < call->argument_count; i++)
        registers->regs[i] = call->arguments[i];
}

static bool can_land(pid_t tid, const machine_registers *registers)
{
    (void)tid, (void)registers;
    return false;
}

static void land(machine_registers *registers, const struct landing *landing)
{
    (void)registers, (void)landing;
}

static int64_t call_result(const machine_registers *registers)
{
    return (int64_t)registers->regs[0];
}

#else
#error "seep pauses programs on amd64 and arm64"
#endif

static bool get_registers(pid_t tid, machine_registers *registers_ret)
{
    struct iovec room = {.iov_base = registers_ret, .iov_len = sizeof(*registers_ret)};
    return ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &room) == 0 &&
           room.iov_len == sizeof(*registers_ret);
}

static bool set_registers(pid_t tid, const machine_registers *registers)
{
    machine_registers own = *registers;
    struct iovec room = {.iov_base = &own, .iov_len = sizeof(own)};
    return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &room) == 0;
}

/* Choosing. */

static bool is_call_instruction(pid_t tid, address at)
{
    errno = 0;
    long word = ptrace(PTRACE_PEEKTEXT, tid, (void *)at, NULL);
    unsigned long mask = INSTRUCTION > 0xffff ? 0xffffffff : 0xffff;
    return !errno && ((unsigned long)word & mask) == (unsigned long)INSTRUCTION;
}

/* 0: not at all. */
static int fitness(const struct traced_thread *thread)
{
    machine_registers registers;
    if (thread->state != THREAD_STOPPED || thread->signal ||
        !get_registers(thread->tid, &registers) || !waits_in_call(&registers) ||
        !is_call_instruction(thread->tid, call_instruction(&registers)))
        return 0;
    bool is_best = call_number(&registers) == SYS_futex && has_no_timeout(&registers);
    return is_best ? FITNESS_BEST : ease(&registers);
}

struct traced_thread *inject_choose(const struct threads *threads)
{
    struct traced_thread *best = NULL;
    int best_fitness = 0;
    for (size_t i = 0; i < threads->list.length && best_fitness < FITNESS_BEST; i++) {
        int here = fitness(&threads->list.at[i]);
        if (here > best_fitness) {
            best = &threads->list.at[i];
            best_fitness = here;
        }
    }
    return best;
}

/* The call. */

static struct error *gone(const struct threads *threads, struct traced_thread *thread)
{
    thread->state = THREAD_GONE;
    return error_create(ERROR_GONE, "pid %d: thread %d ended while it was stopped",
                        (int)threads->pid, (int)thread->tid);
}

/* The next stop of a thread; -1 if there is none any more. */
static int next_stop(pid_t tid)
{
    int status = 0;
    pid_t got = 0;
    do
        got = waitpid(tid, &status, __WALL);
    while (got < 0 && errno == EINTR);
    return got == tid && WIFSTOPPED(status) ? status >> 8 : -1;
}

static bool is_filtered(const struct threads *threads, pid_t tid)
{
    char path[64];
    char status[STATUS_ROOM];
    uint64_t mode = 1;
    snprintf(path, sizeof(path), "task/%d/status", (int)tid);
    if (procfs_read_small(threads->directory, path, status, sizeof(status)) < 0 ||
        !procfs_status_number(status, "Seccomp", &mode))
        return false; /* gone, or a kernel without it */
    return mode != 0;
}

/* A filter may kill for the call. Who may set it aside for as long as it traces (CAP_SYS_ADMIN) does. */
static struct error *set_options(const struct threads *threads, pid_t tid)
{
    unsigned long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
    bool filtered = is_filtered(threads, tid);
    if (filtered)
        options |= PTRACE_O_SUSPEND_SECCOMP;
    if (ptrace(PTRACE_SETOPTIONS, tid, NULL, (void *)options) == 0)
        return NULL;
    return error_create(ERROR_UNSUPPORTED,
                        filtered ? "pid %d: its system calls are filtered (seccomp): to make a twin "
                                   "of it seep needs CAP_SYS_ADMIN"
                                 : "pid %d: it cannot be made to fork",
                        (int)threads->pid);
}

/* From inside the call to the last stop, which is as the first one was. */
static int come_back(pid_t tid, int stop, struct injection *call)
{
    unsigned long child = 0;
    if (stop == (SIGTRAP | PTRACE_EVENT_CLONE << 8))
        ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child);
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    ptrace(PTRACE_CONT, tid, NULL, NULL);
    call->child = (pid_t)child;
    machine_registers after;
    stop = next_stop(tid);
    if (stop >= 0 && get_registers(tid, &after))
        call->result = call_result(&after);
    return stop;
}

/* Returns the last stop, -1 if the thread ended; *done_ret: whether it got into the call. */
static int go_through(pid_t tid, struct injection *call, bool *done_ret)
{
    ptrace(PTRACE_SYSCALL, tid, NULL, NULL);
    int stop = next_stop(tid);
    *done_ret = stop == SYSCALL_STOP;
    if (!*done_ret)
        return stop;
    ptrace(PTRACE_SYSCALL, tid, NULL, NULL);
    stop = next_stop(tid);
    return stop < 0 ? stop : come_back(tid, stop, call);
}

/* Where a thread stands with its own registers: a signal that is about to be delivered is handed back
 * when it is let go. */
static void settle(struct traced_thread *thread, int stop)
{
    bool is_event = stop >> 8;
    thread->signal = is_event ? 0 : stop;
}

struct error *inject(const struct threads *threads, struct traced_thread *thread,
                     struct injection *call)
{
    machine_registers before;
    call->child = 0;
    TRY(set_options(threads, thread->tid));
    if (!get_registers(thread->tid, &before))
        return gone(threads, thread);
    machine_registers changed = before;
    set_call(&changed, call);
    if (call->landing.call && can_land(thread->tid, &before))
        land(&changed, &call->landing);
    set_registers(thread->tid, &changed);
    bool done = false;
    int stop = go_through(thread->tid, call, &done);
    set_registers(thread->tid, &before);
    if (stop < 0)
        return gone(threads, thread);
    settle(thread, stop);
    ptrace(PTRACE_SETOPTIONS, thread->tid, NULL, NULL);
    call->signal_came = !done || call->result == RESTART_NOINTR;
    return NULL;
}
