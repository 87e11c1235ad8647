#include "agent/wall.h"

#include <stdbool.h>
#include <time.h>

enum {
    STEP_MS = 2000, /* from there on it was set, not slewed by NTP */
    SLEPT_MS = 1000,
    CATCH_UP_SHARE = 2, /* a clock that was set back a little is waited for at half speed */
    CATCH_UP_MS = 10 * 60 * 1000
};

static int64_t read_ms(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

struct clocks clocks_now(void)
{
    return (struct clocks){
        .real_ms = read_ms(CLOCK_REALTIME),
        .boot_ms = read_ms(CLOCK_BOOTTIME),
        .awake_ms = read_ms(CLOCK_MONOTONIC),
    };
}

void wall_init(struct wall *wall, struct clocks clocks, int64_t newest_ms)
{
    *wall = (struct wall){
        .now_ms = clocks.real_ms > newest_ms ? clocks.real_ms : newest_ms + 1,
        .boot_ms = clocks.boot_ms,
        .awake_ms = clocks.awake_ms,
        .offset_ms = clocks.real_ms - clocks.boot_ms,
    };
}

void wall_look(struct wall *wall, struct clocks clocks)
{
    int64_t passed_ms = clocks.boot_ms - wall->boot_ms;
    int64_t offset_ms = clocks.real_ms - clocks.boot_ms;
    int64_t step_ms = offset_ms - wall->offset_ms;
    passed_ms = passed_ms > 0 ? passed_ms : 0;
    wall->slept_ms = passed_ms - (clocks.awake_ms - wall->awake_ms);
    wall->slept_ms = wall->slept_ms > SLEPT_MS ? wall->slept_ms : 0;
    wall->stepped_ms = step_ms > STEP_MS || step_ms < -STEP_MS ? step_ms : 0;
    wall->offset_ms = offset_ms;
    wall->boot_ms = clocks.boot_ms;
    wall->awake_ms = clocks.awake_ms;

    int64_t wanted_ms = clocks.real_ms, least_ms = wall->now_ms + passed_ms / CATCH_UP_SHARE;
    bool waits = wall->now_ms - wanted_ms <= CATCH_UP_MS;
    wall->now_ms = waits && wanted_ms < least_ms ? least_ms : wanted_ms;
}
