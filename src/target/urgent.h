/* Running before what else wants the processor, while a target stands still for it. */
#ifndef SEEP_TARGET_URGENT_H
#define SEEP_TARGET_URGENT_H

#include <sched.h>
#include <stdbool.h>

struct urgent {
    bool raised;
    int policy;
    struct sched_param before;
};

/* The lowest real-time priority, as far as the caller may (CAP_SYS_NICE); children do not inherit
 * it. */
void urgent_begin(struct urgent *urgent);
void urgent_end(const struct urgent *urgent);

#endif
