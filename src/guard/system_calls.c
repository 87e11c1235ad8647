/* seccomp(2), by libseccomp. What would change another process, the kernel or the machine ends the process at once; what a role has no use for fails with EPERM, as the next release of the C
 * library may try something new at night, and is to get on without. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "guard/internal.h"

/* Never, in no role. */
static const char *const deadly[] = {
    "ptrace",
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
    "ioctl",
    "getrusage",
    "prlimit64",
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
    "tgkill",
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
    "clone",
    "clone3",
    "umask",
    "getpriority",
    "setpriority",
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
    "socket",
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
    "sched_setaffinity",
    "utimensat",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
};
static const char *const look_more[] = {"process_vm_readv", "pidfd_open", "kcmp",
                                        "setrlimit",        "getrlimit",  "capset"};
static const char *const page_more[] = {
    "accept",   "accept4",  "recvfrom",   "recvmsg",    "sendto",      "sendmsg",
    "sendmmsg", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
    "sendfile", "fsync",    "flock",      "ftruncate",  "unlink"};
static const char *const post_more[] = {"socket",      "connect",    "recvfrom",   "recvmsg",
                                        "recvmmsg",    "sendto",     "sendmsg",    "sendmmsg",
                                        "shutdown",    "getsockopt", "setsockopt", "getsockname",
                                        "getpeername", "socketpair", "bind"};

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

/* Reading only, if the role writes no files: the flags are an argument that a filter can see. */
static void allow_opening(scmp_filter_ctx filter, enum guard_role role)
{
    static const scmp_datum_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
    static const struct {
        const char *name;
        unsigned flags; /* which argument */
    } calls[] = {{"open", 1}, {"openat", 2}};
    bool may_write = role == GUARD_AGENT || role == GUARD_PAGE; /* the page: locks, by Landlock */
    for (size_t i = 0; i < LENGTH_OF(calls); i++) {
        int number = seccomp_syscall_resolve_name(calls[i].name);
        if (number == __NR_SCMP_ERROR)
            continue;
        if (may_write)
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
        else
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1,
                             SCMP_CMP(calls[i].flags, SCMP_CMP_MASKED_EQ, writing, O_RDONLY));
    }
}

static void allow_role(scmp_filter_ctx filter, enum guard_role role)
{
    allow(filter, common, LENGTH_OF(common));
    allow_opening(filter, role);
    if (role == GUARD_AGENT) {
        /* Its children get the filter, too: each then takes more away. */
        allow(filter, agent_more, LENGTH_OF(agent_more));
        allow(filter, look_more, LENGTH_OF(look_more));
        allow(filter, page_more, LENGTH_OF(page_more));
        allow(filter, post_more, LENGTH_OF(post_more));
    } else if (role == GUARD_LOOK) {
        allow(filter, look_more, LENGTH_OF(look_more));
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
