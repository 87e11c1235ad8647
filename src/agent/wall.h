/* The agent's time. What is kept has wall-clock times; what is computed goes by CLOCK_BOOTTIME (suspended time counts), so that no rate is ever
 * wrong because somebody set the clock. A step of the wall clock is told. If it was set back by some minutes, time goes on at half speed until it
 * has caught up; if it was set back further, or forward, it is believed at once. */
#ifndef SEEP_AGENT_WALL_H
#define SEEP_AGENT_WALL_H

#include <stdint.h>

struct wall {
    int64_t now_ms;    /* Unix time */
    int64_t boot_ms;   /* CLOCK_BOOTTIME of the last look */
    int64_t awake_ms;  /* CLOCK_MONOTONIC: stands still in suspend */
    int64_t offset_ms; /* of the wall clock from CLOCK_BOOTTIME */
    int64_t
        stepped_ms;   /* by how much the wall clock was set since the look before; 0: it was not */
    int64_t slept_ms; /* how long the machine was suspended since then */
};

/* The clocks of the moment, in ms. Tests make their own. */
struct clocks {
    int64_t real_ms, boot_ms, awake_ms;
};
struct clocks clocks_now(void);

/* Begins no earlier than `newest_ms`, the newest time that is kept already. */
void wall_init(struct wall *wall, struct clocks clocks, int64_t newest_ms);

void wall_look(struct wall *wall, struct clocks clocks);

#endif
