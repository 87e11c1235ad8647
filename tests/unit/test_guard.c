/* What each part of `seep watch` may do once it has dropped its rights: tried out, each attempt in a process of its own. docs/security.md says the same in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "guard/guard.h"

static char folder[] = "/tmp/seep-guard-XXXXXX";
static char inside[64], outside[] = "/etc/passwd";

enum outcome {
    ALLOWED,
    REFUSED, /* it fails */
    DEADLY   /* it ends the process */
};

/* ---- attempts: true if it went well */

static bool can_open(const char *path, int flags)
{
    return open(path, flags, 0600) >= 0;
}

static bool reads_the_store(void)
{
    return can_open(inside, O_RDONLY);
}

static bool reads_elsewhere(void)
{
    return can_open(outside, O_RDONLY);
}

static bool writes_beside_the_store(void)
{
    return can_open(inside, O_RDWR);
}

static bool makes_a_file_elsewhere(void)
{
    char path[80];
    snprintf(path, sizeof(path), "%s-made", folder);
    bool made = can_open(path, O_WRONLY | O_CREAT);
    unlink(path);
    return made;
}

static bool removes_the_store(void)
{
    return !unlink(inside);
}

static bool connects(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool starts_a_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return false; /* else the status of true(1) */
}

static bool reads_other_memory(void)
{
    char byte = 0;
    struct iovec local = {&byte, 1}, remote = {folder, 1};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1;
}

static bool writes_other_memory(void)
{
    char byte = folder[0];
    struct iovec local = {&byte, 1}, remote = {folder, 1};
    return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == 1;
}

static bool traces(void)
{
    return !ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static bool signals_others(void)
{
    return !kill(getppid(), 0);
}

static bool has_other_rights(void)
{
    return !chown(inside, 12345, 12345); /* CAP_CHOWN */
}

/* ---- */

/* In the order of enum guard_role: agent, look, page, post. */
static const struct attempt {
    const char *name;
    bool (*act)(void);
    enum outcome outcomes[4];
} attempts[] = {
    {"reads the store", reads_the_store, {ALLOWED, ALLOWED, ALLOWED, ALLOWED}},
    {"reads elsewhere", reads_elsewhere, {ALLOWED, ALLOWED, REFUSED, ALLOWED}},
    {"writes beside the store", writes_beside_the_store, {ALLOWED, REFUSED, ALLOWED, REFUSED}},
    {"makes a file elsewhere", makes_a_file_elsewhere, {ALLOWED, REFUSED, REFUSED, REFUSED}},
    {"removes the store", removes_the_store, {ALLOWED, REFUSED, REFUSED, REFUSED}},
    {"connects", connects, {ALLOWED, REFUSED, REFUSED, ALLOWED}},
    {"starts a program", starts_a_program, {ALLOWED, REFUSED, REFUSED, REFUSED}},
    {"reads other memory", reads_other_memory, {ALLOWED, ALLOWED, REFUSED, REFUSED}},
    {"writes other memory", writes_other_memory, {DEADLY, DEADLY, DEADLY, DEADLY}},
    {"traces", traces, {DEADLY, DEADLY, DEADLY, DEADLY}},
    {"signals others", signals_others, {ALLOWED, REFUSED, REFUSED, REFUSED}},
    {"has other rights", has_other_rights, {REFUSED, REFUSED, REFUSED, REFUSED}},
};

/* Landlock has it for the page; an older kernel does not. */
static bool is_held_by_landlock(const struct attempt *attempt, enum guard_role role)
{
    return role == GUARD_PAGE &&
           (attempt->act == reads_elsewhere || attempt->act == makes_a_file_elsewhere ||
            attempt->act == removes_the_store);
}

static enum outcome outcome_of(enum guard_role role, const struct attempt *attempt)
{
    enum {
        DID = 0,
        DID_NOT = 1,
        NOT_ENTERED = 2
    };
    int status = 0;
    unlink(inside);
    int descriptor = open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    close(descriptor);
    pid_t child = fork();
    if (!child) {
        struct error *error = guard_enter(role, role == GUARD_PAGE ? folder : NULL);
        if (error)
            _exit(NOT_ENTERED);
        _exit(attempt->act() ? DID : DID_NOT);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGSYS);
        return DEADLY;
    }
    assert_int_not_equal(WEXITSTATUS(status), NOT_ENTERED);
    return WEXITSTATUS(status) == DID ? ALLOWED : REFUSED;
}

static void each_part_may_what_it_needs_and_no_more(void **state)
{
    static const char *const roles[] = {"the agent", "seep-look", "seep-page", "seep-post"};
    (void)state;
#ifdef SEEP_SANITIZED
    skip(); /* then system calls are not filtered */
#endif
    bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 1; /* its version */
    for (size_t i = 0; i < LENGTH_OF(attempts); i++) {
        for (unsigned role = GUARD_AGENT; role <= GUARD_POST; role++) {
            if (!landlock && is_held_by_landlock(&attempts[i], (enum guard_role)role))
                continue;
            enum outcome outcome = outcome_of((enum guard_role)role, &attempts[i]);
            if (outcome != attempts[i].outcomes[role])
                fail_msg("%s %s: %d", roles[role], attempts[i].name, (int)outcome);
        }
    }
}

/* Without a guard all of them go: else the test would test nothing. */
static void without_a_guard_all_is_possible(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < LENGTH_OF(attempts); i++) {
        int status = 0;
        pid_t child = fork();
        if (!child) {
            int descriptor = open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            _exit(descriptor < 0 || !attempts[i].act());
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (status)
            fail_msg("%s: %d", attempts[i].name, status);
    }
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(inside, sizeof(inside), "%s/watch.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(inside);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_guard_all_is_possible),
        cmocka_unit_test(each_part_may_what_it_needs_and_no_more),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
