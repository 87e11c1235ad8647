#include "target/urgent.h"

void urgent_begin(struct urgent *urgent)
{
    *urgent = (struct urgent){.policy = sched_getscheduler(0)};
    struct sched_param first = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    if (urgent->policy < 0 || sched_getparam(0, &urgent->before) < 0)
        return;
    urgent->raised = sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first) == 0;
}

void urgent_end(const struct urgent *urgent)
{
    if (urgent->raised)
        sched_setscheduler(0, urgent->policy, &urgent->before);
}
