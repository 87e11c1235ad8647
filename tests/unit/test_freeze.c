/* target/freeze.h: a child of this test is stopped in all its states, in both ways. It checks itself
 * that nothing happened to it, and writes what it saw into memory that both share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "target/freeze.h"
#include "target/internal.h"
#include "target/threads.h"

enum {
    PAGE = 4096,
    ARENA_PAGES = 64,
    COUNTERS = 4,
    SIGNALS = 200,
    BIRTHS_MIN = 20
};

static const int64_t ms = 1000000;
static const enum freeze_way ways[] = {FREEZE_COPY, FREEZE_TWIN};

/* What the children say; a child has it in common with the test. */
struct report {
    atomic_int ready;
    atomic_int stop; /* set by the test */
    atomic_int bad;  /* how often a child saw something wrong */
    atomic_long said[8];
    atomic_uint word; /* a futex */
};
static struct report *report;

/* The child's own memory, at the same address as here: the test has forked it. */
static uint64_t *arena;
static pid_t child;

static uint64_t *counter(size_t i)
{
    return arena + i * 4 * PAGE / 8 + 1;
}

/* Starting and ending a child. */

static void start(void (*body)(void))
{
    memset(report, 0, sizeof(*report));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (size_t page = 0; page < ARENA_PAGES; page += 2) /* every other one is not there */
            arena[page * PAGE / 8] = page;
        body();
        for (;;)
            pause();
    }
    while (!report->ready)
        clock_sleep_ns(ms / 10);
}

static void end(void)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void start_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument))
        report->bad++;
}

static struct target *open_child(void)
{
    struct target *target = NULL;
    struct error *error = target_open_process(child, &target);
    if (error)
        fail_msg("%s", error_message(error));
    return target;
}

/* Freezes it; the budget is large, for machines that are busy. */
static struct target *freeze_child(struct target *live, enum freeze_way way)
{
    struct freeze_options options = {.budget_ns = 5000 * ms, .way = way};
    struct freeze_facts facts;
    struct target *frozen = NULL;
    struct error *error = target_freeze(live, &options, &frozen, &facts);
    if (error)
        fail_msg("%s", error_message(error));
    assert_int_equal(facts.way, way);
    assert_true(facts.pause_ns > 0);
    assert_string_equal(facts.reason, "");
    return frozen;
}

static enum error_code refuse_child(const struct freeze_options *options,
                                    struct freeze_facts *facts_ret)
{
    struct target *live = open_child();
    struct target *frozen = NULL;
    struct error *error = target_freeze(live, options, &frozen, facts_ret);
    assert_non_null(error);
    assert_null(frozen);
    assert_string_equal(facts_ret->reason, error_message(error));
    enum error_code code = error_code(error);
    error_destroy(error);
    target_close(live);
    return code;
}

/* How the child is from outside. */

static char state_of(pid_t pid)
{
    char path[64];
    char text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int file = open(path, O_RDONLY);
    ssize_t length = read(file, text, sizeof(text) - 1);
    close(file);
    assert_true(length > 0);
    text[length] = '\0';
    return strrchr(text, ')')[2];
}

static void read_text(const char *name, char *text, size_t room)
{
    char path[400];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, name);
    int file = open(path, O_RDONLY);
    ssize_t length = 0;
    ssize_t part = 0;
    while (file >= 0 && (part = read(file, text + length, room - 1 - (size_t)length)) > 0)
        length += part;
    text[length] = '\0';
    close(file);
}

static bool is_traced(void)
{
    static char text[1 << 16];
    read_text("status", text, sizeof(text));
    return !strstr(text, "TracerPid:\t0\n");
}

static bool has_children(void)
{
    DIR *tasks = NULL;
    char path[300];
    static char text[4096];
    bool any = false;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)child);
    tasks = opendir(path);
    for (struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks)) {
        snprintf(path, sizeof(path), "task/%s/children", entry->d_name);
        read_text(path, text, sizeof(text));
        any |= entry->d_name[0] != '.' && text[0];
    }
    closedir(tasks);
    return any;
}

static void expect_untouched(void)
{
    assert_false(is_traced());
    assert_false(has_children());
    char state = state_of(child);
    if (!strchr("RSD", state))
        fail_msg("it is in the state %c", state);
    assert_int_equal(report->bad, 0);
}

/* Counting: first a, then b, on two pages, so that at no instant they differ by more than one. */

static void *count_up(void *argument)
{
    volatile uint64_t *a = argument;
    volatile uint64_t *b = a + 16 * PAGE / 8;
    for (;;) {
        ++*a;
        atomic_signal_fence(memory_order_seq_cst);
        ++*b;
        atomic_signal_fence(memory_order_seq_cst);
    }
    return NULL;
}

static void counting(void)
{
    for (size_t i = 0; i < COUNTERS; i++)
        start_thread(count_up, counter(i));
    report->ready = 1;
}

static uint64_t word_at(struct target *target, const volatile uint64_t *at)
{
    uint64_t value = 0;
    struct error *error = target_read(target, (address)(uintptr_t)at, &value, sizeof(value));
    if (error)
        fail_msg("%s", error_message(error));
    return value;
}

static void expect_one_instant(struct target *frozen, struct target *live)
{
    uint64_t first[COUNTERS];
    for (size_t i = 0; i < COUNTERS; i++) {
        const volatile uint64_t *a = counter(i);
        first[i] = word_at(frozen, a);
        uint64_t other = word_at(frozen, a + 16 * PAGE / 8);
        assert_true(first[i] == other || first[i] == other + 1);
    }
    for (size_t i = 0; i < COUNTERS; i++) {
        const volatile uint64_t *a = counter(i);
        while (word_at(live, a) == first[i])
            clock_sleep_ns(ms);
        assert_true(word_at(frozen, a) == first[i]);
    }
}

static void test_one_instant(void **state)
{
    (void)state;
    start(counting);
    struct target *live = open_child();
    for (size_t i = 0; i < 2 * LENGTH_OF(ways); i++) {
        struct target *frozen = freeze_child(live, ways[i % LENGTH_OF(ways)]);
        expect_one_instant(frozen, live);
        target_close(frozen);
        expect_untouched();
    }
    target_close(live);
    end();
}

/* What the frozen target says of itself. */

static void expect_all_threads(struct target *frozen)
{
    size_t count = 0;
    const struct thread_registers *threads = target_threads(frozen, &count);
    assert_int_equal(count, COUNTERS + 1);
    struct thread_registers one;
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || threads[i - 1].tid < threads[i].tid);
        assert_true(target_registers(frozen, threads[i].tid, &one));
        assert_memory_equal(&one, &threads[i], sizeof(one));
        assert_non_null(target_mapping_at(frozen, one.pc));
        assert_non_null(target_mapping_at(frozen, one.sp));
        assert_true(one.general_count == 15 || one.general_count == 31);
    }
    assert_true(target_registers(frozen, child, &one));
}

static bool is_in_a_register(struct target *frozen, uint64_t value)
{
    size_t count = 0;
    const struct thread_registers *threads = target_threads(frozen, &count);
    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < threads[i].general_count; j++)
            if (threads[i].general[j] == value)
                return true;
    return false;
}

static void test_facts(void **state)
{
    (void)state;
    start(counting);
    struct target *live = open_child();
    for (size_t i = 0; i < LENGTH_OF(ways); i++) {
        int64_t before_ns = clock_now_ns();
        struct target *frozen = freeze_child(live, ways[i]);
        assert_int_equal(target_facts(frozen)->kind, TARGET_FROZEN);
        assert_int_equal(target_facts(frozen)->pid, child);
        assert_string_equal(target_facts(frozen)->name, target_facts(live)->name);
        assert_ptr_equal(target_executable(frozen), target_executable(live));
        assert_true(target_bias(frozen) == target_bias(live));
        assert_null(target_check(frozen));
        assert_true(target_now_ns(frozen) > before_ns && target_now_ns(frozen) < clock_now_ns());
        expect_all_threads(frozen);
        /* The loop has its counter's address in a register. */
        assert_true(is_in_a_register(frozen, (uint64_t)(uintptr_t)(arena + 1)) ||
                    is_in_a_register(frozen, (uint64_t)(uintptr_t)(arena + 1 + 16 * PAGE / 8)));
        target_close(frozen);
    }
    target_close(live);
    end();
}

/* Memory. */

static void quiet(void)
{
    report->ready = 1;
}

static uint64_t resident_arena(struct target *target)
{
    uint64_t resident = 0;
    assert_null(target_measure(target));
    assert_null(target_resident(target, (address)(uintptr_t)arena, ARENA_PAGES * PAGE, &resident));
    return resident;
}

/* All of the arena in every way of reading. */
static void expect_arena(struct target *frozen)
{
    static uint8_t bytes[ARENA_PAGES * PAGE];
    assert_null(target_read(frozen, (address)(uintptr_t)arena, bytes, sizeof(bytes)));
    struct read_request requests[ARENA_PAGES];
    uint64_t words[ARENA_PAGES];
    for (size_t i = 0; i < ARENA_PAGES; i++)
        requests[i] = (struct read_request){
            .at = (address)(uintptr_t)arena + i * PAGE, .size = 8, .to = &words[i]};
    assert_null(target_read_many(frozen, requests, ARENA_PAGES));
    for (size_t i = 0; i < ARENA_PAGES; i++) {
        uint64_t value = i % 2 ? 0 : i;
        uint64_t cached = 1;
        assert_memory_equal(bytes + i * PAGE, &value, 8);
        assert_false(requests[i].failed);
        assert_true(words[i] == value);
        assert_null(target_u64(frozen, (address)(uintptr_t)arena + i * PAGE, &cached));
        assert_true(cached == value);
    }
}

static void expect_holes(struct target *frozen)
{
    uint64_t value = 0;
    struct error *error = target_read(frozen, 16, &value, sizeof(value));
    assert_int_equal(error_code(error), ERROR_FAULT);
    error_destroy(error);
    error = target_read(frozen, (address)(uintptr_t)arena + ARENA_PAGES * PAGE - 4, &value, 8);
    assert_int_equal(error_code(error), ERROR_FAULT); /* a page that may not be touched follows */
    error_destroy(error);
}

static void test_memory(void **state)
{
    (void)state;
    start(quiet);
    struct target *live = open_child();
    uint64_t own = resident_arena(live);
    assert_int_equal(own, ARENA_PAGES / 2 * PAGE);
    for (size_t i = 0; i < LENGTH_OF(ways); i++) {
        struct target *frozen = freeze_child(live, ways[i]);
        assert_int_equal(resident_arena(frozen), own);
        expect_arena(frozen);
        expect_holes(frozen);
        target_close(frozen);
        assert_int_equal(resident_arena(live), own); /* nothing was touched that was not there */
    }
    target_close(live);
    end();
}

static void test_nothing_changes(void **state)
{
    (void)state;
    static char before[1 << 18], after[1 << 18];
    start(quiet);
    struct target *live = open_child();
    read_text("maps", before, sizeof(before));
    for (size_t i = 0; i < LENGTH_OF(ways); i++) {
        struct target *frozen = freeze_child(live, ways[i]);
        target_close(frozen);
        read_text("maps", after, sizeof(after));
        assert_string_equal(before, after);
        expect_untouched();
    }
    target_close(live);
    end();
}

/* Waiting in the kernel. */

static void expect(bool holds)
{
    if (!holds)
        report->bad++;
}

static void *wait_futex(void *argument)
{
    (void)argument;
    long woken = 0;
    while (!report->stop) { /* futex(2): may wake for no reason */
        long got = syscall(SYS_futex, &report->word, FUTEX_WAIT, 0, NULL, NULL, 0);
        expect(got == 0 || errno == EAGAIN || errno == EINTR);
        woken++;
    }
    report->said[0] = woken;
    return NULL;
}

static void *wait_futex_timeout(void *argument)
{
    (void)argument;
    static unsigned own;
    struct timespec wait = {.tv_nsec = 700 * ms};
    int64_t from_ns = clock_now_ns();
    long got = syscall(SYS_futex, &own, FUTEX_WAIT, 0, &wait, NULL, 0);
    expect(got < 0 && errno == ETIMEDOUT);
    report->said[1] = clock_now_ns() - from_ns;
    return NULL;
}

static void *wait_sleep(void *argument)
{
    (void)argument;
    int64_t from_ns = clock_now_ns();
    struct timespec wait = {.tv_nsec = 700 * ms};
    expect(nanosleep(&wait, NULL) == 0);
    report->said[2] = clock_now_ns() - from_ns;
    return NULL;
}

static void *wait_poll(void *argument)
{
    (void)argument;
    int64_t from_ns = clock_now_ns();
    expect(poll(NULL, 0, 700) == 0);
    report->said[3] = clock_now_ns() - from_ns;
    return NULL;
}

static int pipe_ends[2];

static void *wait_read(void *argument)
{
    (void)argument;
    char byte = 0;
    expect(read(pipe_ends[0], &byte, 1) == 1 && byte == 'x');
    report->said[4] = 1;
    return NULL;
}

/* signal(7): epoll_wait may fail with EINTR after a stop. */
static void *wait_epoll(void *argument)
{
    (void)argument;
    struct epoll_event event;
    int epoll = epoll_create1(0);
    while (!report->stop) {
        int got = epoll_wait(epoll, &event, 1, 50);
        expect(got == 0 || (got < 0 && errno == EINTR));
    }
    report->said[5] = 1;
    return NULL;
}

static void waiting(void)
{
    expect(pipe(pipe_ends) == 0);
    void *(*bodies[])(void *) = {wait_futex, wait_futex_timeout, wait_sleep,
                                 wait_poll,  wait_read,          wait_epoll};
    for (size_t i = 0; i < LENGTH_OF(bodies); i++)
        start_thread(bodies[i], NULL);
    clock_sleep_ns(50 * ms);
    report->ready = 1;
    while (!report->stop)
        usleep(1000);
    expect(write(pipe_ends[1], "x", 1) == 1);
    syscall(SYS_futex, &report->word, FUTEX_WAKE, 100, NULL, NULL, 0);
    report->ready = 2;
}

static void test_waiting_goes_on(void **state)
{
    (void)state;
    start(waiting);
    struct target *live = open_child();
    int64_t begin_ns = clock_now_ns();
    for (size_t i = 0; clock_now_ns() < begin_ns + 600 * ms; i++)
        target_close(freeze_child(live, ways[i % LENGTH_OF(ways)]));
    target_close(live);
    clock_sleep_ns(300 * ms);
    report->stop = 1;
    report->word = 1;
    for (int i = 0; i < 5000 && !(report->said[0] && report->said[4] && report->said[5]); i++)
        clock_sleep_ns(ms);
    assert_int_equal(report->bad, 0);
    assert_int_equal(report->said[0], 1); /* it was not woken before */
    assert_int_equal(report->said[4], 1);
    assert_int_equal(report->said[5], 1);
    for (size_t i = 1; i <= 3; i++) /* neither cut short nor begun again */
        assert_in_range(report->said[i], 700 * ms, 1150 * ms);
    expect_untouched();
    end();
}

/* Where no thread waits without a timeout, the twin is made in one that sleeps: it sleeps on. */
static void sleeping(void)
{
    start_thread(wait_futex_timeout, NULL);
    start_thread(wait_sleep, NULL);
    start_thread(wait_poll, NULL);
    int64_t from_ns = clock_now_ns();
    report->ready = 1;
    struct timespec wait = {.tv_nsec = 700 * ms};
    expect(nanosleep(&wait, NULL) == 0);
    report->said[4] = clock_now_ns() - from_ns;
}

static void test_sleepers_sleep_on(void **state)
{
    (void)state;
    start(sleeping);
    struct target *live = open_child();
    int64_t begin_ns = clock_now_ns();
    struct freeze_options options = {.budget_ns = 5000 * ms, .way = FREEZE_TWIN};
    while (clock_now_ns() < begin_ns + 500 * ms) {
        struct freeze_facts facts;
        struct target *frozen = NULL;
        struct error *error = target_freeze(live, &options, &frozen, &facts);
        if (error && !strstr(error_message(error), "none of its threads")) /* arm64 */
            fail_msg("%s", error_message(error));
        error_destroy(error);
        target_close(frozen);
    }
    target_close(live);
    for (int i = 0; i < 3000 && !report->said[4]; i++)
        clock_sleep_ns(ms);
    clock_sleep_ns(20 * ms);
    for (size_t i = 1; i <= 4; i++)
        assert_in_range(report->said[i], 700 * ms, 1150 * ms);
    expect_untouched();
    end();
}

/* Signals. */

static void take_signal(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    report->said[0]++;
    report->said[1] += info->si_value.sival_int;
}

static void taking_signals(void)
{
    struct sigaction action = {.sa_sigaction = take_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGRTMIN, &action, NULL);
    for (size_t i = 0; i < COUNTERS; i++)
        start_thread(count_up, counter(i));
    start_thread(wait_futex, NULL);
    report->ready = 1;
}

static pid_t signalled;

static void *send_signals(void *argument)
{
    (void)argument;
    pid_t to = signalled;
    for (int i = 1; i <= SIGNALS; i++) {
        while (sigqueue(to, SIGRTMIN, (union sigval){.sival_int = i}) < 0)
            clock_sleep_ns(ms);
        clock_sleep_ns(2 * ms);
    }
    report->stop = 1;
    return NULL;
}

static void test_no_signal_is_lost(void **state)
{
    (void)state;
    start(taking_signals);
    struct target *live = open_child();
    pthread_t sender;
    signalled = child;
    assert_int_equal(pthread_create(&sender, NULL, send_signals, NULL), 0);
    for (size_t i = 0; !report->stop; i++) {
        struct freeze_options options = {.budget_ns = 5000 * ms, .way = ways[i % LENGTH_OF(ways)]};
        struct freeze_facts facts;
        struct target *frozen = NULL;
        struct error *error = target_freeze(live, &options, &frozen, &facts);
        if (error && !strstr(error_message(error), "none of its threads"))
            fail_msg("%s", error_message(error));
        error_destroy(error);
        target_close(frozen);
    }
    pthread_join(sender, NULL);
    for (int i = 0; i < 2000 && report->said[0] < SIGNALS; i++)
        clock_sleep_ns(ms);
    assert_int_equal(report->said[0], SIGNALS);
    assert_int_equal(report->said[1], SIGNALS * (SIGNALS + 1) / 2);
    expect_untouched();
    target_close(live);
    end();
}

/* What belongs to somebody else. */

static void test_stopped_is_refused(void **state)
{
    (void)state;
    struct freeze_options options = {.budget_ns = 1000 * ms};
    struct freeze_facts facts;
    start(counting);
    kill(child, SIGSTOP);
    while (state_of(child) != 'T')
        clock_sleep_ns(ms);
    assert_int_equal(refuse_child(&options, &facts), ERROR_UNSUPPORTED);
    assert_non_null(strstr(facts.reason, "is stopped"));
    assert_int_equal(facts.pause_ns, 0);
    assert_int_equal(state_of(child), 'T');
    kill(child, SIGCONT);
    while (state_of(child) == 'T')
        clock_sleep_ns(ms);
    expect_untouched();
    end();
}

static pid_t trace(pid_t pid)
{
    pid_t tracer = fork();
    if (tracer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ptrace(PTRACE_SEIZE, pid, NULL, NULL);
        for (;;)
            pause();
    }
    return tracer;
}

static void test_traced_is_refused(void **state)
{
    (void)state;
    struct freeze_options options = {.budget_ns = 1000 * ms};
    struct freeze_facts facts;
    start(counting);
    pid_t tracer = trace(child);
    while (!is_traced())
        clock_sleep_ns(ms);
    assert_int_equal(refuse_child(&options, &facts), ERROR_UNSUPPORTED);
    assert_non_null(strstr(facts.reason, "traced"));
    assert_true(is_traced());
    kill(tracer, SIGKILL);
    waitpid(tracer, NULL, 0);
    end();
}

/* One of its threads alone is traced: the others were stopped already. */
static void naming_a_thread(void)
{
    counting();
    report->said[0] = 0;
    struct dirent *entry = NULL;
    DIR *tasks = opendir("/proc/self/task");
    while ((entry = readdir(tasks)))
        if (atol(entry->d_name) > report->said[0])
            report->said[0] = atol(entry->d_name);
    closedir(tasks);
    report->said[1] = 1;
}

static void test_traced_thread_is_refused(void **state)
{
    (void)state;
    struct freeze_options options = {.budget_ns = 1000 * ms};
    struct freeze_facts facts;
    start(naming_a_thread);
    while (!report->said[1])
        clock_sleep_ns(ms);
    pid_t tracer = trace((pid_t)report->said[0]);
    clock_sleep_ns(100 * ms);
    assert_int_equal(refuse_child(&options, &facts), ERROR_UNSUPPORTED);
    assert_non_null(strstr(facts.reason, "traced by pid"));
    kill(tracer, SIGKILL);
    waitpid(tracer, NULL, 0);
    expect_untouched();
    end();
}

static void test_stop_that_comes_stays(void **state)
{
    (void)state;
    start(counting);
    struct target *live = open_child();
    struct target *frozen = freeze_child(live, FREEZE_TWIN);
    kill(child, SIGSTOP);
    target_close(frozen);
    assert_int_equal(state_of(child), 'T');
    kill(child, SIGCONT);
    for (int i = 0; i < 5000 && (has_children() || is_traced()); i++)
        clock_sleep_ns(ms);
    expect_untouched(); /* the twin is reaped when the target runs again */
    target_close(live);
    end();
}

/* Threads that come and go. */

static void *be_born(void *argument)
{
    (void)argument;
    return NULL;
}

static void *bear(void *argument)
{
    (void)argument;
    while (!report->stop) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, be_born, NULL)) {
            report->bad++;
            continue;
        }
        pthread_join(thread, NULL);
        report->said[0]++;
    }
    return NULL;
}

static void bearing(void)
{
    for (size_t i = 0; i < COUNTERS; i++)
        start_thread(bear, NULL);
    start_thread(wait_futex, NULL);
    report->ready = 1;
}

static void test_births(void **state)
{
    (void)state;
    start(bearing);
    struct target *live = open_child();
    for (size_t i = 0; i < 30; i++) {
        struct target *frozen = freeze_child(live, ways[i % LENGTH_OF(ways)]);
        size_t count = 0;
        target_threads(frozen, &count);
        assert_true(count >= COUNTERS + 2);
        target_close(frozen);
    }
    long before = report->said[0];
    while (report->said[0] < before + BIRTHS_MIN)
        clock_sleep_ns(ms);
    expect_untouched();
    target_close(live);
    end();
}

/* Ends. */

static void leave(void)
{
    for (size_t i = 0; i < COUNTERS; i++)
        start_thread(count_up, counter(i));
    report->ready = 1;
    clock_sleep_ns(3 * ms + (int64_t)(getpid() % 16) * ms);
    _exit(7);
}

static void become_another(void)
{
    for (size_t i = 0; i < COUNTERS; i++)
        start_thread(count_up, counter(i));
    report->ready = 1;
    clock_sleep_ns(3 * ms + (int64_t)(getpid() % 16) * ms);
    execl("/bin/sleep", "sleep", "100", NULL);
    _exit(1);
}

static void *exec_beside(void *argument)
{
    (void)argument;
    become_another();
    return NULL;
}

static void become_another_in_a_thread(void)
{
    start_thread(exec_beside, NULL);
    for (;;)
        pause();
}

/* Freezes for as long as it is what it was; it may have been the other already. */
static void freeze_until_gone(enum freeze_way way)
{
    struct freeze_options options = {.budget_ns = 5000 * ms, .way = way};
    struct target *live = NULL;
    if (error_ignore(target_open_process(child, &live)))
        return;
    while (strcmp(target_facts(live)->name, "sleep") != 0) {
        struct freeze_facts facts;
        struct target *frozen = NULL;
        struct error *error = target_freeze(live, &options, &frozen, &facts);
        if (error) {
            if (error_code(error) != ERROR_GONE)
                fail_msg("%s", error_message(error));
            error_destroy(error);
            break;
        }
        target_close(frozen);
    }
    target_close(live);
}

static void test_exit(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        start(leave);
        freeze_until_gone(ways[i % LENGTH_OF(ways)]);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
}

static bool is_sleep(void)
{
    char text[32];
    read_text("comm", text, sizeof(text));
    return !strcmp(text, "sleep\n") && state_of(child) != 'Z';
}

static void test_exec(void **state)
{
    (void)state;
    void (*bodies[])(void) = {become_another, become_another_in_a_thread};
    for (size_t i = 0; i < 20; i++) {
        start(bodies[i / 2 % 2]);
        freeze_until_gone(ways[i % LENGTH_OF(ways)]);
        /* While a thread does an exec, the first is a zombie for a moment. */
        for (int j = 0; j < 5000 && (!is_sleep() || is_traced() || has_children()); j++)
            clock_sleep_ns(ms);
        expect_untouched();
        end();
    }
}

/* A twin ends with its original, and what that closes is closed. */

static void closing(void)
{
    report->ready = 1;
    while (!report->stop)
        usleep(1000);
    close(pipe_ends[1]);
    report->said[0] = 1;
}

static void test_closed_is_closed(void **state)
{
    (void)state;
    char byte = 0;
    assert_int_equal(pipe(pipe_ends), 0);
    start(closing);
    close(pipe_ends[1]);
    struct target *live = open_child();
    struct target *frozen = freeze_child(live, FREEZE_TWIN);
    report->stop = 1;
    struct pollfd end_of_file = {.fd = pipe_ends[0], .events = POLLIN};
    assert_int_equal(poll(&end_of_file, 1, 5000), 1);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 0);
    target_close(frozen);
    target_close(live);
    close(pipe_ends[0]);
    end();
}

static void test_twin_ends_with_its_original(void **state)
{
    (void)state;
    char byte = 0;
    assert_int_equal(pipe(pipe_ends), 0);
    start(quiet);
    close(pipe_ends[1]);
    struct target *live = open_child();
    struct target *frozen = freeze_child(live, FREEZE_TWIN);
    end();
    struct pollfd end_of_file = {.fd = pipe_ends[0], .events = POLLIN};
    assert_int_equal(poll(&end_of_file, 1, 5000), 1);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 0);
    uint64_t value = 0;
    struct error *error = target_read(frozen, (address)(uintptr_t)arena, &value, 8);
    assert_non_null(error);
    assert_int_equal(error_code(error), ERROR_GONE);
    assert_non_null(strstr(error_message(error), "given up"));
    error_destroy(error);
    target_close(frozen);
    target_close(live);
    close(pipe_ends[0]);
}

/* Budgets. */

static void test_budget_too_small(void **state)
{
    (void)state;
    struct freeze_facts facts;
    start(counting);
    for (size_t i = 0; i < LENGTH_OF(ways); i++) {
        struct freeze_options options = {.budget_ns = 1000, .way = ways[i]};
        assert_int_equal(refuse_child(&options, &facts), ERROR_LIMIT);
        assert_non_null(strstr(facts.reason, "budget"));
        assert_int_equal(facts.pause_ns, 0);
        assert_true(facts.estimated_ns > 1000);
    }
    expect_untouched();
    end();
}

/* Whoever waits for the end of a vfork waits in the kernel, and cannot be stopped. */
static void *wait_for_vfork(void *argument)
{
    (void)argument;
    report->ready = 1;
    if (vfork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    report->bad++;
    return NULL;
}

static void in_vfork(void)
{
    start_thread(wait_for_vfork, NULL);
}

static void test_thread_that_cannot_be_stopped(void **state)
{
    (void)state;
    struct freeze_facts facts;
    for (size_t i = 0; i < LENGTH_OF(ways); i++) {
        struct freeze_options options = {.budget_ns = 400 * ms, .way = ways[i]};
        start(in_vfork);
        clock_sleep_ns(20 * ms);
        assert_int_equal(refuse_child(&options, &facts), ERROR_LIMIT);
        while (!facts.pause_ns) { /* a machine, or a sanitizer, for which that was too little */
            options.budget_ns *= 2;
            assert_int_equal(refuse_child(&options, &facts), ERROR_LIMIT);
        }
        assert_non_null(strstr(facts.reason, "did not stop in time (it waits in the kernel)"));
        assert_true(facts.pause_ns >= options.budget_ns * 3 / 4);
        assert_true(facts.pause_ns < options.budget_ns + 2000 * ms);
        assert_false(is_traced());
        end();
    }
}

/* A machine so busy, and in time, can't be had here. */
static void test_what_is_late_is_told_by_its_state(void **state)
{
    (void)state;
    assert_non_null(strstr(threads_why_late('R'), "processor"));
    assert_non_null(strstr(threads_why_late('D'), "waits in the kernel"));
    assert_non_null(strstr(threads_why_late('t'), "too late"));
    assert_non_null(strstr(threads_why_late('S'), "not known"));
    assert_non_null(strstr(threads_why_late(0), "not known"));
}

/* The end of that vfork can be waited for, where there are retries. */
static void *wait_for_short_vfork(void *argument)
{
    (void)argument;
    report->ready = 1;
    pid_t born = vfork();
    if (born == 0) {
        while (!report->stop)
            usleep(10000);
        _exit(0);
    }
    waitpid(born, NULL, 0);
    return NULL;
}

static void in_short_vfork(void)
{
    start_thread(wait_for_short_vfork, NULL);
}

/* Once a try has come and gone. */
static void *end_vfork_after_a_try(void *argument)
{
    (void)argument;
    while (!is_traced() && !report->stop)
        clock_sleep_ns(ms);
    while (is_traced() && !report->stop)
        clock_sleep_ns(ms);
    report->stop = 1;
    return NULL;
}

static void test_what_passes_is_tried_again(void **state)
{
    (void)state;
    struct freeze_facts facts;
    for (size_t i = 0; i < LENGTH_OF(ways); i++) {
        struct freeze_options options = {.budget_ns = 400 * ms, .way = ways[i], .retries = 9};
        struct target *frozen = NULL;
        pthread_t ender;
        start(in_short_vfork);
        clock_sleep_ns(20 * ms);
        struct target *live = open_child();
        assert_int_equal(pthread_create(&ender, NULL, end_vfork_after_a_try, NULL), 0);
        struct error *error = target_freeze(live, &options, &frozen, &facts);
        report->stop = 1;
        pthread_join(ender, NULL);
        if (error)
            fail_msg("%s", error_message(error));
        assert_int_equal(facts.way, ways[i]);
        assert_true(facts.pause_ns >= options.budget_ns * 3 / 4); /* the first try counts, too */
        assert_string_equal(facts.reason, "");
        target_close(frozen);
        target_close(live);
        end();
    }
}

/* A budget beyond hope, and what does not pass, are told at once. */
static void test_what_stays_is_not_tried_again(void **state)
{
    (void)state;
    struct freeze_facts facts;
    struct freeze_options options = {.budget_ns = 1000, .way = FREEZE_COPY, .retries = 100};
    int64_t start_ns = clock_now_ns();
    start(counting);
    assert_int_equal(refuse_child(&options, &facts), ERROR_LIMIT);
    options.budget_ns = 5000 * ms;
    kill(child, SIGSTOP);
    while (state_of(child) != 'T')
        clock_sleep_ns(ms);
    assert_int_equal(refuse_child(&options, &facts), ERROR_UNSUPPORTED);
    assert_true(clock_now_ns() - start_ns < 20000 * ms);
    end();
}

/* Filters of system calls. */

static void filtered(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_wait4, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = LENGTH_OF(steps), .filter = steps};
    expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    expect(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    report->ready = 1;
}

/* As root the filter is set aside for the one call, else there is no twin; the target lives. */
static void test_filter(void **state)
{
    (void)state;
    start(filtered);
    struct target *live = open_child();
    target_close(freeze_child(live, FREEZE_COPY));
    struct freeze_options options = {.budget_ns = 5000 * ms, .way = FREEZE_TWIN};
    struct freeze_facts facts;
    struct target *frozen = NULL;
    struct error *error = target_freeze(live, &options, &frozen, &facts);
    if (error) {
        assert_int_equal(error_code(error), ERROR_UNSUPPORTED);
        assert_non_null(strstr(facts.reason, "seccomp"));
        error_destroy(error);
    }
    target_close(frozen);
    target_close(live);
    clock_sleep_ns(20 * ms);
    expect_untouched();
    end();
}

static int make_memory(void **state)
{
    (void)state;
    report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *room = mmap(NULL, (ARENA_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(room + ARENA_PAGES * PAGE, PAGE, PROT_NONE);
    arena = (uint64_t *)(void *)room;
    return report == MAP_FAILED || room == MAP_FAILED;
}

/* A guardian that somebody stops is woken when the budget is over: the target does not stand for good. */
static void *stop_guardian(void *argument)
{
    (void)argument;
    while (!report->stop) {
        static char text[1 << 16];
        read_text("status", text, sizeof(text));
        const char *tracer = strstr(text, "TracerPid:\t");
        pid_t guardian = tracer ? (pid_t)atol(tracer + strlen("TracerPid:\t")) : 0;
        if (guardian > 0) {
            kill(guardian, SIGSTOP);
            break;
        }
    }
    return NULL;
}

static void test_guardian_that_is_stopped(void **state)
{
    (void)state;
    start(counting);
    struct target *live = open_child();
    struct freeze_options options = {.budget_ns = 300 * ms, .way = FREEZE_COPY};
    struct freeze_facts facts;
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop_guardian, NULL), 0);
    for (int i = 0; i < 3; i++) {
        struct target *frozen = NULL;
        error_ignore(target_freeze(live, &options, &frozen, &facts));
        target_close(frozen);
        expect_untouched();
    }
    report->stop = 1;
    pthread_join(stopper, NULL);
    target_close(live);
    end();
}

/* Where the twin is refused, a copy serves if it fits. */
static void test_choice(void **state)
{
    (void)state;
    start(counting);
    struct target *live = open_child();
    struct freeze_facts facts;
    struct target *frozen = NULL;
    /* so much that the copy is quick, however slow the machine: it is tried before, and that may be interrupted */
    struct freeze_options options = {.budget_ns = 600000 * ms, .way = FREEZE_AUTO};
    struct error *error = target_freeze(live, &options, &frozen, &facts);
    if (error)
        fail_msg("%s", error_message(error));
    assert_int_equal(facts.way, FREEZE_COPY);
    target_close(frozen);
    options.budget_ns = facts.estimated_ns * 3 / 2; /* more than half: a twin, or a copy, or none */
    error = target_freeze(live, &options, &frozen, &facts);
    assert_true(!error || facts.way == FREEZE_AUTO);
    if (!error)
        target_close(frozen);
    error_destroy(error);
    target_close(live);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_instant),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_nothing_changes),
        cmocka_unit_test(test_waiting_goes_on),
        cmocka_unit_test(test_sleepers_sleep_on),
        cmocka_unit_test(test_no_signal_is_lost),
        cmocka_unit_test(test_stopped_is_refused),
        cmocka_unit_test(test_traced_is_refused),
        cmocka_unit_test(test_traced_thread_is_refused),
        cmocka_unit_test(test_stop_that_comes_stays),
        cmocka_unit_test(test_births),
        cmocka_unit_test(test_exit),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_closed_is_closed),
        cmocka_unit_test(test_twin_ends_with_its_original),
        cmocka_unit_test(test_guardian_that_is_stopped),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_budget_too_small),
        cmocka_unit_test(test_thread_that_cannot_be_stopped),
        cmocka_unit_test(test_what_is_late_is_told_by_its_state),
        cmocka_unit_test(test_what_passes_is_tried_again),
        cmocka_unit_test(test_what_stays_is_not_tried_again),
        cmocka_unit_test(test_filter),
    };
    return cmocka_run_group_tests(tests, make_memory, NULL);
}
