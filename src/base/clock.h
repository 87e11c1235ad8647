/* Clocks: nanoseconds of CLOCK_MONOTONIC, which is also what Go's nanotime() reads on Linux
 * (runtime/sys_linux_amd64.s, Go 1.18 to 1.27), so that a target's times can be compared with ours. */
#ifndef SEEP_BASE_CLOCK_H
#define SEEP_BASE_CLOCK_H

#include <stdint.h>

/* What this thread has had of a processor. */
int64_t clock_cpu_ns(void);

int64_t clock_now_ns(void);
/* Of CLOCK_REALTIME, since 1970: for what people and other programs read. */
int64_t clock_unix_ns(void);
void clock_sleep_ns(int64_t wait_ns);

#endif
