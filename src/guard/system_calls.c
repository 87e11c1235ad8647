/* seccomp(2), by libseccomp. What would change another process, the kernel or the machine ends the process at once; what a role has no use for fails with EPERM, as the next release of the C
 * library may try something new at night, and is to get on without. A call that is harmless with some arguments only is allowed with those. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "guard/internal.h"

/* Never, in no role; and ptrace, but for what allow_holding() allows. */
static const char *const deadly[] = {
    "process_vm_writev",
    "process_madvise",
    "mount",
    "umount2",
    "pivot_root",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "keyctl",
    "add_key",
    "request_key",
    "swapon",
    "swapoff",
    "settimeofday",
    "clock_settime",
    "setns",
    "unshare",
    "chroot",
    "acct",
    "quotactl",
    "iopl",
    "ioperm",
    "modify_ldt",
    "personality",
    "pidfd_getfd",
    "open_by_handle_at",
    "move_pages",
    "migrate_pages",
};

/* What a program without threads, files and network of its own needs anyway. */
static const char *const common[] = {
    "read",
    "write",
    "readv",
    "writev",
    "pread64",
    "pwrite64",
    "close",
    "close_range",
    "lseek",
    "fstat",
    "newfstatat",
    "statx",
    "stat",
    "lstat",
    "mmap",
    "munmap",
    "mremap",
    "mprotect",
    "madvise",
    "brk",
    "futex",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sigaltstack",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "nanosleep",
    "gettimeofday",
    "time",
    "getpid",
    "gettid",
    "getppid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getrandom",
    "exit",
    "exit_group",
    "poll",
    "ppoll",
    "select",
    "pselect6",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "eventfd2",
    "pipe2",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "getrusage",
    "sched_yield",
    "sched_getaffinity",
    "restart_syscall",
    "uname",
    "sysinfo",
    "getcwd",
    "rseq",
    "set_robust_list",
    "set_tid_address",
    "arch_prctl",
    "prctl",
    "membarrier",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
    "getdents64",
    "fadvise64",
    "fstatfs",
    "statfs",
    "capget",
    "umask",
    "getpriority",
};

static const char *const agent_more[] = {
    "process_vm_readv",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
    "fchmod",
    "fchown",
    "flock",
    "wait4",
    "waitid",
    "kill",
    "execve",
    "execveat",
    "vfork",
    "fork",
    "signalfd4",
    "bind",
    "listen",
    "setsockopt",
    "getsockopt",
    "sendto",
    "sendmsg",
    "connect",
    "memfd_create",
    "setrlimit",
    "getrlimit",
    "chdir",
    "setsid",
    "setpgid",
    "capset",
    "utimensat",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
};
static const char *const look_more[] = {"process_vm_readv", "pidfd_open", "setrlimit", "getrlimit",
                                        "capset"};
/* For the guardian (target/guardian.h). */
static const char *const hold_more[] = {"socketpair", "sendto", "recvfrom",  "wait4",
                                        "setsid",     "chdir",  "signalfd4", "seccomp"};
static const char *const page_more[] = {
    "accept",   "accept4",    "recvfrom",   "recvmsg",     "sendto",      "sendmsg",  "sendmmsg",
    "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername", "sendfile", "flock"};
static const char *const post_more[] = {
    "connect",  "recvfrom",   "recvmsg",    "recvmmsg",    "sendto",      "sendmsg",    "sendmmsg",
    "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername", "socketpair", "bind"};

static void allow(scmp_filter_ctx filter, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number != __NR_SCMP_ERROR)
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    }
}

static void forbid(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < LENGTH_OF(deadly); i++) {
        int number = seccomp_syscall_resolve_name(deadly[i]);
        if (number != __NR_SCMP_ERROR)
            seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, number, 0);
    }
}

/* ---- with some arguments only */

static void allow_if(scmp_filter_ctx filter, const char *name, unsigned count,
                     const struct scmp_arg_cmp *conditions)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number != __NR_SCMP_ERROR)
        seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, conditions);
}

static struct scmp_arg_cmp equal(unsigned argument, uint64_t value)
{
    return SCMP_CMP64(argument, SCMP_CMP_EQ, value, 0);
}

static struct scmp_arg_cmp none_of(unsigned argument, uint64_t bits)
{
    return SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bits, 0);
}

/* Only the agent writes files. For the others this holds everything off that is written by way of a file as well: /proc/PID/mem above all. */
static void allow_open(scmp_filter_ctx filter, enum guard_role role)
{
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    const struct scmp_arg_cmp open[] = {none_of(1, writing)}, openat[] = {none_of(2, writing)};
    unsigned count = guard_is_agent(role) ? 0 : 1;
    allow_if(filter, "open", count, open);
    allow_if(filter, "openat", count, openat);
}

/* Threads and children, but no namespace of one's own, in which there would be all capabilities. The flags of clone3 lie in memory, where a filter cannot see them: as on an old kernel, the C
 * library gets on with clone. */
static void allow_clone(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp flags[] = {none_of(0, CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                                        CLONE_NEWIPC | CLONE_NEWUSER |
                                                        CLONE_NEWPID | CLONE_NEWNET)};
    allow_if(filter, "clone", 1, flags);
    int clone3 = seccomp_syscall_resolve_name("clone3");
    if (clone3 != __NR_SCMP_ERROR)
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), clone3, 0);
}

/* Its own limits, pace and signals, not those of others. The agent's children have the agent's filter, too, and each another pid. */
static void allow_on_itself(scmp_filter_ctx filter, enum guard_role role)
{
    const struct scmp_arg_cmp limits[] = {equal(0, 0)};
    const struct scmp_arg_cmp pace[] = {equal(0, PRIO_PROCESS), equal(1, 0)};
    const struct scmp_arg_cmp signal[] = {equal(0, (uint64_t)getpid())};
    allow_if(filter, "prlimit64", 1, limits);
    allow_if(filter, "setpriority", 2, pace);
    allow_if(filter, "tgkill", guard_is_agent(role) ? 0 : 1, signal);
}

/* Not TIOCSTI, which types into the terminal that the agent was started from. The kernel looks at the lower half only. */
static void allow_ioctl(scmp_filter_ctx filter)
{
    static const uint64_t requests[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX};
    for (size_t i = 0; i < LENGTH_OF(requests); i++) {
        const struct scmp_arg_cmp request[] = {
            SCMP_CMP64(1, SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i])};
        allow_if(filter, "ioctl", 1, request);
    }
}

/* The internet, and netlink, by which the C library's resolver asks for addresses. Not AF_UNIX: whoever may connect to a container engine's socket has the machine. */
static void allow_socket(scmp_filter_ctx filter)
{
    static const int families[] = {AF_INET, AF_INET6, AF_NETLINK};
    for (size_t i = 0; i < LENGTH_OF(families); i++) {
        const struct scmp_arg_cmp family[] = {equal(0, (uint64_t)families[i])};
        allow_if(filter, "socket", 1, family);
    }
}

/* ---- stopping others */

static void on_ptrace(scmp_filter_ctx filter, uint32_t action, unsigned count,
                      const struct scmp_arg_cmp *conditions)
{
    int number = seccomp_syscall_resolve_name("ptrace");
    if (number != __NR_SCMP_ERROR)
        seccomp_rule_add_array(filter, action, number, count, conditions);
}

/* Stopping threads, reading their registers, letting them go: without options, by which they would end with their tracer. A signal that somebody else has sent meanwhile is handed on. What
 * writes memory or registers, or makes a thread do one step or one system call, is deadly as ever. */
static void allow_holding(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp seize[] = {equal(0, PTRACE_SEIZE), equal(3, 0)};
    const struct scmp_arg_cmp plain[][1] = {
        {equal(0, PTRACE_INTERRUPT)}, {equal(0, PTRACE_GETREGSET)}, {equal(0, PTRACE_DETACH)}};
    const struct scmp_arg_cmp deadly_ones[][1] = {
        {SCMP_CMP64(0, SCMP_CMP_LE, PTRACE_ATTACH, 0)},
        {equal(0, PTRACE_SYSCALL)},
        {equal(0, PTRACE_SETREGSET)},
        {SCMP_CMP64(0, SCMP_CMP_GT, PTRACE_INTERRUPT, 0)}};
    on_ptrace(filter, SCMP_ACT_ALLOW, 2, seize);
    for (size_t i = 0; i < LENGTH_OF(plain); i++)
        on_ptrace(filter, SCMP_ACT_ALLOW, 1, plain[i]);
    for (size_t i = 0; i < LENGTH_OF(deadly_ones); i++)
        on_ptrace(filter, SCMP_ACT_KILL_PROCESS, 1, deadly_ones[i]);
}

/* ---- roles */

static void allow_role(scmp_filter_ctx filter, enum guard_role role)
{
    allow(filter, common, LENGTH_OF(common));
    allow_open(filter, role);
    allow_clone(filter);
    allow_on_itself(filter, role);
    allow_ioctl(filter);
    if (guard_is_agent(role) || role == GUARD_POST)
        allow_socket(filter);
    if (guard_may_hold(role))
        allow_holding(filter);
    else
        on_ptrace(filter, SCMP_ACT_KILL_PROCESS, 0, NULL);
    if (guard_is_agent(role)) {
        /* Its children get the filter, too: each then takes more away. */
        allow(filter, agent_more, LENGTH_OF(agent_more));
        allow(filter, look_more, LENGTH_OF(look_more));
        allow(filter, page_more, LENGTH_OF(page_more));
        allow(filter, post_more, LENGTH_OF(post_more));
    } else if (role == GUARD_LOOK || role == GUARD_HOLD) {
        allow(filter, look_more, LENGTH_OF(look_more));
        if (role == GUARD_HOLD)
            allow(filter, hold_more, LENGTH_OF(hold_more));
    } else if (role == GUARD_PAGE) {
        allow(filter, page_more, LENGTH_OF(page_more));
    } else {
        allow(filter, post_more, LENGTH_OF(post_more));
    }
}

struct error *guard_system_calls(enum guard_role role)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return NULL; /* a kernel without it */
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    forbid(filter);
    allow_role(filter, role);
    int failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed && failed != -EINVAL && failed != -ENOSYS ? error_os(-failed, "seccomp") : NULL;
}
