/* What each part of `seep watch` may, tried for real: a child enters the role and does it. What is forbidden must work without the guard, or the test would prove nothing: where it does not, on this
 * kernel or in this container, the test is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "guard/guard.h"
#include "guard/internal.h"

enum {
    HOLDERS = 1 << GUARD_HOLD | 1 << GUARD_AGENT_HOLDS, /* may stop others */
    AGENT = 1 << GUARD_AGENT | 1 << GUARD_AGENT_HOLDS,
    LOOK = 1 << GUARD_LOOK | 1 << GUARD_HOLD,
    PAGE = 1 << GUARD_PAGE,
    POST = 1 << GUARD_POST,
    ALL = AGENT | LOOK | PAGE | POST,
    WORKS = 0,     /* other outcomes are an errno, or: */
    KILLED = 1000, /* by the filter */
    NO_GUARD = 1001,
    LANDLOCK_NETWORK = 4,
    LANDLOCK_SCOPES = 6
};

static char folder[64];    /* of the store */
static char elsewhere[64]; /* another */
static char victim_word[8] = "secret";
static pid_t victim; /* a process of the same user, and this one's copy: its addresses are ours */
static int listening = -1;

/* ---- doing it in a role */

typedef int (*operation)(void); /* 0 or an errno */

static void at_path(char path[128], const char *in, const char *name)
{
    snprintf(path, 128, "%s/%s", in, name);
}

static int outcome_of(int status)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
    return WEXITSTATUS(status) == 255 ? NO_GUARD : WEXITSTATUS(status);
}

/* `role` -1: without a guard. */
static int try_in(int role, operation act)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        alarm(30);
        if (role >= 0 &&
            error_ignore(guard_enter((enum guard_role)role, role == GUARD_PAGE ? folder : NULL)))
            _exit(255);
        _exit(act());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return outcome_of(status);
}

static const char *const role_names[] = {
    "agent", "look", "page", "post", "look that holds", "agent that holds"};

static void works_in(unsigned roles, operation act)
{
    for (int role = 0; role < (int)LENGTH_OF(role_names); role++) {
        int outcome = roles & 1U << role ? try_in(role, act) : WORKS;
        if (outcome != WORKS)
            fail_msg("%s: %d (%s)", role_names[role], outcome, strerror(outcome));
    }
}

static void refused_in(unsigned roles, operation act)
{
    for (int role = 0; role < (int)LENGTH_OF(role_names); role++) {
        int outcome = roles & 1U << role ? try_in(role, act) : EPERM;
        if (outcome != EPERM && outcome != EACCES)
            fail_msg("%s: %d (%s)", role_names[role], outcome, strerror(outcome));
    }
}

static void kills_in(unsigned roles, operation act)
{
    for (int role = 0; role < (int)LENGTH_OF(role_names); role++) {
        int outcome = roles & 1U << role ? try_in(role, act) : KILLED;
        if (outcome != KILLED)
            fail_msg("%s: %d (%s)", role_names[role], outcome, strerror(outcome));
    }
}

static void skip_because(const char *why)
{
    print_message("skipped: %s\n", why);
    skip();
}

static void wants_filter(void)
{
#ifdef SEEP_SANITIZED
    skip_because("the sanitizers need system calls of their own: this build has no filter");
#endif
    if (prctl(PR_GET_SECCOMP) < 0)
        skip_because("a kernel without seccomp");
}

static void wants_landlock(long least)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < least)
        skip_because("a kernel without this version of Landlock");
}

static void wants_possible(operation act)
{
    int outcome = try_in(-1, act);
    if (outcome != WORKS) {
        print_message("without a guard: %s; ", strerror(outcome));
        skip_because("it cannot be done here anyway");
    }
}

static int result(long returned)
{
    return returned < 0 ? errno : WORKS;
}

/* ---- other processes */

static int seize(void)
{
    return result(ptrace(PTRACE_SEIZE, victim, 0, 0));
}

static int attach(void)
{
    int failed = result(ptrace(PTRACE_ATTACH, victim, 0, 0));
    if (!failed) {
        waitpid(victim, NULL, __WALL);
        ptrace(PTRACE_DETACH, victim, 0, 0);
    }
    return failed;
}

static int seize_to_end(void)
{
    return result(ptrace(PTRACE_SEIZE, victim, 0, PTRACE_O_EXITKILL));
}

static int stop_read_let_go(void)
{
    uint8_t bytes[512];
    struct iovec room = {bytes, sizeof(bytes)};
    int status = 0;
    if (ptrace(PTRACE_SEIZE, victim, 0, 0) || ptrace(PTRACE_INTERRUPT, victim, 0, 0))
        return errno;
    while (waitpid(victim, &status, __WALL | WNOHANG) == 0)
        usleep(1000);
    if (!WIFSTOPPED(status) || ptrace(PTRACE_GETREGSET, victim, (void *)NT_PRSTATUS, &room))
        return errno;
    return result(ptrace(PTRACE_DETACH, victim, 0, 0));
}

static void test_only_who_holds_may_stop_another(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(stop_read_let_go);
    kills_in(ALL & ~HOLDERS, stop_read_let_go);
    works_in(1 << GUARD_HOLD, stop_read_let_go);
}

static int poke(void)
{
    return result(ptrace(PTRACE_POKEDATA, victim, victim_word, 0));
}

static int set_registers(void)
{
    return result(ptrace(PTRACE_SETREGSET, victim, (void *)NT_PRSTATUS, 0));
}

static int next_system_call(void)
{
    return result(ptrace(PTRACE_SYSCALL, victim, 0, 0));
}

static int set_options(void)
{
    return result(ptrace(PTRACE_SETOPTIONS, victim, 0, PTRACE_O_EXITKILL));
}

static int take_signal(void)
{
    return result(ptrace(PTRACE_SETSIGINFO, victim, 0, 0));
}

static void test_no_part_may_change_another_by_tracing(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(attach);
    kills_in(ALL & ~HOLDERS, seize);
    kills_in(ALL, attach);
    kills_in(ALL, poke);
    kills_in(ALL, set_registers);
    kills_in(ALL, next_system_call);
    refused_in(HOLDERS, seize_to_end);
    kills_in(ALL & ~HOLDERS, set_options);
    refused_in(HOLDERS, set_options);
    refused_in(HOLDERS, take_signal);
}

static int write_memory(void)
{
    char word[8] = "secret";
    struct iovec here = {word, sizeof(word)}, there = {victim_word, sizeof(victim_word)};
    return result(process_vm_writev(victim, &here, 1, &there, 1, 0));
}

static void test_no_part_may_write_memory(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(write_memory);
    kills_in(ALL, write_memory);
}

static int read_memory(void)
{
    char word[8] = "";
    struct iovec here = {word, sizeof(word)}, there = {victim_word, sizeof(victim_word)};
    int failed = result(process_vm_readv(victim, &here, 1, &there, 1, 0));
    return failed ? failed : strcmp(word, "secret") ? EBADMSG : WORKS;
}

static int open_memory(int flags)
{
    char path[64], word[8] = "";
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)victim);
    int descriptor = open(path, flags | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    return result(pread(descriptor, word, sizeof(word), (off_t)(uintptr_t)victim_word));
}

static int read_memory_file(void)
{
    return open_memory(O_RDONLY);
}

static int open_memory_to_write(void)
{
    return open_memory(O_RDWR);
}

static void test_agent_and_look_read_memory(void **state)
{
    (void)state;
    wants_possible(read_memory);
    works_in(AGENT | LOOK, read_memory);
}

static void test_page_and_post_do_not_read_memory(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(read_memory);
    refused_in(PAGE | POST, read_memory);
}

static void test_nor_by_way_of_proc(void **state)
{
    (void)state;
    wants_landlock(1);
    wants_possible(read_memory_file);
    refused_in(PAGE | POST, read_memory_file);
}

static void test_look_page_and_post_do_not_write_memory_by_way_of_proc(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(open_memory_to_write);
    refused_in(LOOK | PAGE | POST, open_memory_to_write);
}

static int kill_victim(void)
{
    return result(kill(victim, 0));
}

static int kill_victims_thread(void)
{
    return result(syscall(SYS_tgkill, victim, victim, 0));
}

static int limit_victim(void)
{
    struct rlimit limit;
    int failed = result(prlimit(victim, RLIMIT_NOFILE, NULL, &limit));
    return failed ? failed : result(prlimit(victim, RLIMIT_NOFILE, &limit, NULL));
}

static int slow_victim(void)
{
    return result(setpriority(PRIO_PROCESS, (id_t)victim, getpriority(PRIO_PROCESS, (id_t)victim)));
}

static void test_others_are_not_signalled_limited_or_slowed(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(kill_victim);
    wants_possible(limit_victim);
    wants_possible(slow_victim);
    refused_in(LOOK | PAGE | POST, kill_victim);
    refused_in(LOOK | PAGE | POST, kill_victims_thread);
    refused_in(ALL, limit_victim);
    refused_in(ALL, slow_victim);
}

/* ---- files */

static int open_in(const char *where, const char *name, int flags)
{
    char path[128];
    at_path(path, where, name);
    int descriptor = open(path, flags | O_CLOEXEC, 0600);
    return result(descriptor);
}

static int read_elsewhere(void)
{
    return open_in(elsewhere, "file", O_RDONLY);
}

static int write_elsewhere(void)
{
    return open_in(elsewhere, "file", O_WRONLY);
}

static int empty_elsewhere(void)
{
    return open_in(elsewhere, "file", O_RDONLY | O_TRUNC);
}

static int create_elsewhere(void)
{
    return open_in(elsewhere, "new", O_RDONLY | O_CREAT);
}

static int write_store(void)
{
    return open_in(folder, "watch.db", O_RDWR);
}

static int create_beside_store(void)
{
    return open_in(folder, "new", O_RDWR | O_CREAT);
}

static int read_store(void)
{
    return open_in(folder, "watch.db", O_RDONLY);
}

/* Where others are made, moved and taken away: by a name that is there each time. */
static int move_elsewhere(void)
{
    char from[128], to[128];
    at_path(from, elsewhere, "file");
    at_path(to, elsewhere, "file.moved");
    int failed = result(rename(from, to));
    return failed ? failed : result(rename(to, from));
}

static int remove_elsewhere(void)
{
    char path[128];
    at_path(path, elsewhere, "file");
    int failed = result(unlink(path));
    return failed ? failed : open_in(elsewhere, "file", O_WRONLY | O_CREAT);
}

#ifndef SEEP_SANITIZED /* the leak sanitizer reads its own there */
static int list_processes(void)
{
    return result(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}
#endif

static void test_only_the_agent_writes_files(void **state)
{
    (void)state;
    static const operation operations[] = {write_elsewhere,    empty_elsewhere,  create_elsewhere,
                                           move_elsewhere,     remove_elsewhere, write_store,
                                           create_beside_store};
    wants_filter();
    for (size_t i = 0; i < LENGTH_OF(operations); i++) {
        wants_possible(operations[i]);
        works_in(AGENT, operations[i]);
        refused_in(LOOK | PAGE | POST, operations[i]);
    }
}

static void test_page_and_post_read_what_is_theirs_only(void **state)
{
    (void)state;
    wants_possible(read_elsewhere);
    works_in(PAGE | AGENT | LOOK, read_store);
    works_in(LOOK, read_elsewhere);
    wants_landlock(1);
    refused_in(PAGE | POST, read_elsewhere);
    refused_in(POST, read_store);
#ifndef SEEP_SANITIZED
    refused_in(PAGE | POST, list_processes);
#endif
}

static int read_passwd(void)
{
    return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static void test_post_reads_what_names_and_certificates_want(void **state)
{
    (void)state;
    wants_possible(read_passwd);
    works_in(POST, read_passwd);
}

/* ---- programs, namespaces, rights */

static int execute(void)
{
    char *const arguments[] = {"true", NULL};
    execv("/bin/true", arguments);
    return errno;
}

static void test_only_the_agent_starts_programs(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(execute);
    works_in(AGENT, execute);
    refused_in(LOOK | PAGE | POST, execute);
}

static int wait_for(long child)
{
    if (!child)
        _exit(0);
    return child > 0 ? waitpid((pid_t)child, NULL, 0), WORKS : errno;
}

static int clone_with_user_namespace(void)
{
    return wait_for(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int clone3_with_user_namespace(void)
{
    struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    int outcome = wait_for(syscall(SYS_clone3, &arguments, sizeof(arguments)));
    return outcome == ENOSYS ? EPERM : outcome; /* so that the C library falls back to clone */
}

static int unshare_user_namespace(void)
{
    return result(unshare(CLONE_NEWUSER));
}

static void test_no_part_gets_a_namespace_of_its_own(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(clone_with_user_namespace);
    wants_possible(clone3_with_user_namespace);
    wants_possible(unshare_user_namespace);
    refused_in(ALL, clone_with_user_namespace);
    refused_in(ALL, clone3_with_user_namespace);
    kills_in(ALL, unshare_user_namespace);
}

static int raise_capability(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    data[0].effective = data[0].permitted = 1U << CAP_NET_ADMIN | 1U << CAP_SYS_PTRACE;
    return result(syscall(SYS_capset, &header, data));
}

/* A program that it starts ends with 1 if it has a capability but CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. */
static int child_has_none_more(void)
{
    char *const arguments[] = {
        "sh", "-c",
        "while read -r name value; do case $name in"
        " CapEff:|CapPrm:|CapInh:|CapAmb:) [ $((0x$value & ~0x80004)) = 0 ] || exit 1 ;; esac;"
        "done </proc/self/status",
        NULL};
    execv("/bin/sh", arguments);
    return errno;
}

static void test_rights_do_not_come_back(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip_because("needs root");
    wants_possible(raise_capability);
    refused_in(ALL, raise_capability);
    assert_int_equal(try_in(-1, child_has_none_more), 1); /* without the guard, root has more */
    works_in(AGENT, child_has_none_more);
}

/* ---- sockets */

static int make_socket(int family, int type)
{
    return result(socket(family, type | SOCK_CLOEXEC, 0));
}

static int internet_socket(void)
{
    return make_socket(AF_INET, SOCK_STREAM);
}

static int local_socket(void)
{
    return make_socket(AF_UNIX, SOCK_STREAM);
}

static int netlink_socket(void)
{
    return make_socket(AF_NETLINK, SOCK_RAW);
}

static int packet_socket(void)
{
    return make_socket(AF_PACKET, SOCK_RAW);
}

static void test_look_and_page_make_no_sockets(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(internet_socket);
    works_in(AGENT | POST, internet_socket);
    works_in(AGENT | POST, netlink_socket);
    refused_in(LOOK | PAGE, internet_socket);
    refused_in(LOOK | PAGE, netlink_socket);
}

static void test_no_part_talks_to_daemons_of_this_machine(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(local_socket);
    refused_in(ALL, local_socket);
}

static void test_no_part_sees_packets(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(packet_socket);
    refused_in(ALL, packet_socket);
}

/* With a socket that was there before the guard. */
static int inherited = -1;

static int connect_inherited(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    getsockname(listening, (struct sockaddr *)&address, &length);
    return result(connect(inherited, (struct sockaddr *)&address, length));
}

static int bind_inherited(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int failed = result(bind(inherited, (struct sockaddr *)&address, sizeof(address)));
    return failed ? failed : result(listen(inherited, 1));
}

static int with_fresh_socket(operation act)
{
    inherited = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return inherited < 0 ? errno : act();
}

static int connect_anywhere(void)
{
    return with_fresh_socket(connect_inherited);
}

static int listen_anywhere(void)
{
    return with_fresh_socket(bind_inherited);
}

static void test_page_connects_to_nobody_and_post_only_connects(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(connect_anywhere);
    wants_possible(listen_anywhere);
    works_in(AGENT | POST, connect_anywhere);
    inherited = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(inherited >= 0);
    refused_in(LOOK | PAGE, connect_inherited);
    refused_in(LOOK | PAGE, bind_inherited);
    close(inherited);
    refused_in(POST, listen_anywhere);
}

static int bind_only(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return result(bind(inherited, (struct sockaddr *)&address, sizeof(address)));
}

static int bind_anywhere(void)
{
    return with_fresh_socket(bind_only);
}

static void test_post_has_no_address_of_its_own(void **state)
{
    (void)state;
    wants_landlock(LANDLOCK_NETWORK);
    wants_possible(bind_anywhere);
    refused_in(POST, bind_anywhere);
}

/* ---- the terminal */

static int type_into_terminal(void)
{
    int failed = result(ioctl(listening, TIOCSTI, "x"));
    return failed == ENOTTY ? WORKS : failed; /* it is none: but the question was put */
}

static int type_with_high_bits(void)
{
    int failed = result(syscall(SYS_ioctl, listening, TIOCSTI | UINT64_C(1) << 40, "x"));
    return failed == ENOTTY ? WORKS : failed;
}

static void test_no_part_types_into_the_terminal(void **state)
{
    (void)state;
    wants_filter();
    wants_possible(type_into_terminal);
    wants_possible(type_with_high_bits);
    refused_in(ALL, type_into_terminal);
    refused_in(ALL, type_with_high_bits);
}

/* ---- each layer by itself, for kernels that lack the other */

static enum guard_role role_under_landlock;
static operation under_landlock;

static int with_landlock_only(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return error_ignore(guard_files(role_under_landlock, folder)) ? EBADMSG : under_landlock();
}

static int outcome_under_landlock(enum guard_role role, operation act)
{
    role_under_landlock = role;
    under_landlock = act;
    return try_in(-1, with_landlock_only);
}

static void test_landlock_by_itself(void **state)
{
    (void)state;
    static const operation operations[] = {
        read_memory,      read_memory_file, read_elsewhere, write_elsewhere,     move_elsewhere,
        remove_elsewhere, create_elsewhere, write_store,    create_beside_store, execute};
    wants_landlock(1);
    for (size_t i = 0; i < LENGTH_OF(operations); i++) {
        wants_possible(operations[i]);
        for (int role = GUARD_PAGE; role <= GUARD_POST; role++) {
            int outcome = outcome_under_landlock((enum guard_role)role, operations[i]);
            if (outcome != EPERM && outcome != EACCES)
                fail_msg("%s, operation %zu: %d (%s)", role_names[role], i, outcome,
                         strerror(outcome));
        }
    }
    assert_int_equal(outcome_under_landlock(GUARD_PAGE, read_store), WORKS);
    wants_landlock(LANDLOCK_SCOPES);
    assert_int_equal(outcome_under_landlock(GUARD_PAGE, kill_victim), EPERM);
    assert_int_equal(outcome_under_landlock(GUARD_POST, kill_victim), EPERM);
}

static enum guard_role role_without_landlock;
static operation without_landlock;

/* As on a kernel that was built without it. */
static int on_a_kernel_without_landlock(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0) ||
        seccomp_load(filter))
        return EBADMSG;
    seccomp_release(filter);
    return error_ignore(guard_enter(role_without_landlock, folder)) ? ENOSYS : without_landlock();
}

static int outcome_without_landlock(enum guard_role role, operation act)
{
    role_without_landlock = role;
    without_landlock = act;
    return try_in(-1, on_a_kernel_without_landlock);
}

static void test_without_landlock_the_rest_holds(void **state)
{
    (void)state;
    wants_filter();
    for (int role = GUARD_PAGE; role <= GUARD_POST; role++) {
        assert_int_equal(outcome_without_landlock((enum guard_role)role, read_store), WORKS);
        assert_int_equal(outcome_without_landlock((enum guard_role)role, write_store), EPERM);
        assert_int_equal(outcome_without_landlock((enum guard_role)role, execute), EPERM);
        assert_int_equal(outcome_without_landlock((enum guard_role)role, read_memory), EPERM);
    }
    assert_int_equal(outcome_without_landlock(GUARD_PAGE, internet_socket), EPERM);
    assert_int_equal(outcome_without_landlock(GUARD_POST, connect_anywhere), WORKS);
}

/* ---- what they need still works */

static void *nothing(void *argument)
{
    return argument;
}

static int start_thread(void)
{
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, nothing, NULL);
    return failed ? failed : pthread_join(thread, NULL);
}

static int limit_itself(void)
{
    struct rlimit limit;
    int failed = result(getrlimit(RLIMIT_NOFILE, &limit));
    return failed ? failed : result(setrlimit(RLIMIT_NOFILE, &limit));
}

static int signal_itself(void)
{
    signal(SIGUSR1, SIG_IGN);
    return raise(SIGUSR1) ? errno : WORKS;
}

static int answer_and_read(void)
{
    int client = accept(listening, NULL, NULL);
    return client < 0 && errno == EAGAIN ? WORKS : result(client);
}

/* As SQLite does: a lock, a log beside it, renamed and taken away. */
static int keep_store(void)
{
    char path[128], other[128];
    at_path(path, folder, "kept");
    at_path(other, folder, "kept.aside");
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    bool done = descriptor >= 0 && !flock(descriptor, LOCK_EX | LOCK_NB) &&
                !fcntl(descriptor, F_SETLK, &lock) && write(descriptor, "x", 1) == 1 &&
                !fdatasync(descriptor) && !ftruncate(descriptor, 0) && !rename(path, other) &&
                !unlink(other);
    return done ? WORKS : errno;
}

static int child_in_role(enum guard_role role)
{
    pid_t child = fork();
    int status = 0;
    if (!child) {
        if (error_ignore(guard_enter(role, folder)))
            _exit(255);
        _exit(role == GUARD_POST   ? connect_anywhere()
              : role == GUARD_LOOK ? read_memory()
                                   : answer_and_read());
    }
    return child < 0 ? errno : waitpid(child, &status, 0) != child ? errno : outcome_of(status);
}

static int child_looks(void)
{
    return child_in_role(GUARD_LOOK);
}

static int child_answers(void)
{
    return child_in_role(GUARD_PAGE);
}

static int child_posts(void)
{
    return child_in_role(GUARD_POST);
}

static void test_what_each_needs_still_works(void **state)
{
    (void)state;
    works_in(ALL, start_thread);
    works_in(ALL, limit_itself);
    works_in(ALL, signal_itself);
    works_in(AGENT, keep_store);
    works_in(PAGE, answer_and_read);
}

/* Each enters its role under the agent's. */
static void test_children_of_the_agent_enter_their_roles(void **state)
{
    (void)state;
    wants_possible(read_memory);
    works_in(AGENT, child_looks);
    works_in(AGENT, child_answers);
    works_in(AGENT, child_posts);
}

/* ---- the world */

static void make_file(const char *where, const char *name)
{
    char path[128];
    at_path(path, where, name);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int make_world(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seep-guard-XXXXXX");
    strcpy(elsewhere, "/tmp/seep-elsewhere-XXXXXX");
    if (!mkdtemp(folder) || !mkdtemp(elsewhere))
        return -1;
    make_file(folder, "watch.db");
    make_file(elsewhere, "file");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listening < 0 || bind(listening, (struct sockaddr *)&address, sizeof(address)) ||
        listen(listening, 64))
        return -1;
    victim = fork();
    if (!victim) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[2] = {0};
        syscall(SYS_capset, &header, data); /* so that it is not held off by having more rights */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    return victim < 0;
}

static int remove_world(void **state)
{
    (void)state;
    char command[256];
    kill(victim, SIGKILL);
    waitpid(victim, NULL, 0);
    close(listening);
    snprintf(command, sizeof(command), "rm -rf %s %s", folder, elsewhere);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_who_holds_may_stop_another),
        cmocka_unit_test(test_no_part_may_change_another_by_tracing),
        cmocka_unit_test(test_no_part_may_write_memory),
        cmocka_unit_test(test_agent_and_look_read_memory),
        cmocka_unit_test(test_page_and_post_do_not_read_memory),
        cmocka_unit_test(test_nor_by_way_of_proc),
        cmocka_unit_test(test_look_page_and_post_do_not_write_memory_by_way_of_proc),
        cmocka_unit_test(test_others_are_not_signalled_limited_or_slowed),
        cmocka_unit_test(test_only_the_agent_writes_files),
        cmocka_unit_test(test_page_and_post_read_what_is_theirs_only),
        cmocka_unit_test(test_post_reads_what_names_and_certificates_want),
        cmocka_unit_test(test_only_the_agent_starts_programs),
        cmocka_unit_test(test_no_part_gets_a_namespace_of_its_own),
        cmocka_unit_test(test_rights_do_not_come_back),
        cmocka_unit_test(test_look_and_page_make_no_sockets),
        cmocka_unit_test(test_no_part_talks_to_daemons_of_this_machine),
        cmocka_unit_test(test_no_part_sees_packets),
        cmocka_unit_test(test_page_connects_to_nobody_and_post_only_connects),
        cmocka_unit_test(test_post_has_no_address_of_its_own),
        cmocka_unit_test(test_no_part_types_into_the_terminal),
        cmocka_unit_test(test_landlock_by_itself),
        cmocka_unit_test(test_without_landlock_the_rest_holds),
        cmocka_unit_test(test_what_each_needs_still_works),
        cmocka_unit_test(test_children_of_the_agent_enter_their_roles),
    };
    return cmocka_run_group_tests(tests, make_world, remove_world);
}
