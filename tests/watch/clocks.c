/* Clocks that are set, and a machine that was suspended, for one program: preloaded into it, it adds to what clock_gettime(2) says.
 *
 *   LD_PRELOAD=clocks.so SEEP_TEST_CLOCKS=FILE PROGRAM
 *
 * The file has two 64-bit numbers in the machine's own form: milliseconds to add to CLOCK_REALTIME, and to CLOCK_BOOTTIME. They may be changed at any
 * time. A suspend adds to both: only CLOCK_MONOTONIC stands still. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *added_ms; /* of CLOCK_REALTIME, of CLOCK_BOOTTIME */

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("SEEP_TEST_CLOCKS");
    int descriptor = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = descriptor < 0
                       ? MAP_FAILED
                       : mmap(NULL, 2 * sizeof(*added_ms), PROT_READ, MAP_SHARED, descriptor, 0);
    if (mapped != MAP_FAILED)
        added_ms = mapped;
    if (descriptor >= 0)
        close(descriptor);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (failed || !added_ms || (clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME))
        return failed;
    int64_t more_ms = added_ms[clock == CLOCK_BOOTTIME];
    time->tv_sec += (time_t)(more_ms / 1000);
    time->tv_nsec += (long)(more_ms % 1000) * 1000000;
    if (time->tv_nsec >= 1000000000) {
        time->tv_nsec -= 1000000000;
        time->tv_sec++;
    } else if (time->tv_nsec < 0) {
        time->tv_nsec += 1000000000;
        time->tv_sec--;
    }
    return 0;
}
