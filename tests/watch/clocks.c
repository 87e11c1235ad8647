/* Clocks that are set, a machine that was suspended, and time that passes faster, for one program: preloaded into it, it changes what clock_gettime(2) says.
 *
 *   LD_PRELOAD=clocks.so SEEP_TEST_CLOCKS=FILE PROGRAM
 *
 * The file has 64-bit numbers in the machine's own form, and what is not there is 0: milliseconds to add to CLOCK_REALTIME, and to CLOCK_BOOTTIME (they may be changed at any
 * time; a suspend adds to both: only CLOCK_MONOTONIC stands still); how many times as fast time passes, and what these two clocks and CLOCK_MONOTONIC said when that began, in
 * nanoseconds.
 *
 * Faster time is for the agent and its page: all that they see and wait for happens as in slow time, sooner. seep-look and seep-post keep the true clocks, for theirs are compared
 * with those of others: only what seep-look waits between two looks is shortened, so that it is as long as the agent meant. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    NS_PER_S = 1000000000,
    NS_PER_MS = 1000000
};

struct changes {
    int64_t real_ms, boot_ms;
    int64_t speed; /* 0: as it is */
    int64_t real_began_ns, boot_began_ns, awake_began_ns;
};

static const volatile struct changes *changes;
static int (*next_poll)(struct pollfd *, nfds_t, int);
static int64_t speed = 1, waits_speed = 1;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SEEP_TEST_CLOCKS"), *own = program_invocation_short_name;
    int descriptor = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = descriptor < 0
                       ? MAP_FAILED
                       : mmap(NULL, sizeof(*changes), PROT_READ, MAP_SHARED, descriptor, 0);
    *(void **)&next_poll = dlsym(RTLD_NEXT, "poll");
    if (descriptor >= 0)
        close(descriptor);
    if (mapped == MAP_FAILED)
        return;
    changes = mapped;
    bool hurries = !strcmp(own, "seep-agent") || !strcmp(own, "seep-page");
    if (changes->speed > 1 && hurries)
        speed = changes->speed;
    if (changes->speed > 1 && (hurries || !strcmp(own, "seep-look")))
        waits_speed = changes->speed;
}

static int64_t changed_ns(clockid_t clock, int64_t now_ns)
{
    bool real = clock == CLOCK_REALTIME, boot = clock == CLOCK_BOOTTIME;
    int64_t began_ns = real   ? changes->real_began_ns
                       : boot ? changes->boot_began_ns
                              : changes->awake_began_ns;
    int64_t more_ms = real ? changes->real_ms : boot ? changes->boot_ms : 0;
    int64_t faster_ns = speed > 1 ? (now_ns - began_ns) * (speed - 1) : 0;
    return now_ns + faster_ns + more_ms * NS_PER_MS;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (failed || !changes ||
        (clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME && clock != CLOCK_MONOTONIC))
        return failed;
    int64_t ns = changed_ns(clock, (int64_t)time->tv_sec * NS_PER_S + time->tv_nsec);
    time->tv_sec = (time_t)(ns / NS_PER_S);
    time->tv_nsec = (long)(ns % NS_PER_S);
    return 0;
}

int poll(struct pollfd *files, nfds_t count, int wait_ms)
{
    if (wait_ms > 0 && speed > 1)
        wait_ms = (int)((wait_ms + speed - 1) / speed);
    return next_poll(files, count, wait_ms);
}

/* As seep uses it: for so long, and again for what is left. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *wait, struct timespec *left)
{
    int64_t ns = ((int64_t)wait->tv_sec * NS_PER_S + wait->tv_nsec) / waits_speed;
    struct timespec shorter = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    struct timespec rest = {0};
    int failed = syscall(SYS_clock_nanosleep, clock, flags, &shorter, &rest) ? errno : 0;
    if (failed == EINTR && left) {
        ns = ((int64_t)rest.tv_sec * NS_PER_S + rest.tv_nsec) * waits_speed;
        *left =
            (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
    }
    return failed;
}
