/* What the rules for blocked goroutines share: blocked.c judges by what is likely, proved.c by proof. */
#ifndef SEEP_FIND_BLOCKED_H
#define SEEP_FIND_BLOCKED_H

#include "find/ways.h"

struct verdict {
    bool leak;
    enum grade grade;
    uint64_t count, stack_bytes, came, went;
    uint64_t stayed; /* of `count`: between the looks they did not get on, and that would have been seen */
    double oldest_s, newest_s;
    uint64_t channels, stuck_channels; /* that they wait on; on which nobody gets on */
    uint32_t partner;  /* one who holds a channel but does not receive, UINT32_MAX */
    uint32_t receiver; /* one who may receive */
    struct way_in way; /* the best that a variable has for one of them */
    bool proved;
    struct members members; /* the finding takes them */
};

extern const struct verdict verdict_none;

struct wait_words {
    enum wait_kind kind;
    const char *what, *fix; /* what begins with "wait" */
};

/* NULL for waits that are no rule's matter. */
const struct wait_words *blocked_words(enum wait_kind kind);

/* Nothing at all can end such a wait. */
bool blocked_for_ever(enum wait_kind kind);

/* The i-th object that a goroutine waits on. */
const struct wait_object *blocked_on(const struct looks *looks, const struct goroutine *goroutine,
                                     uint32_t i);

/* Counts a member of the site in: its number, stack, times. */
void blocked_count(const struct looks *looks, uint32_t goroutine, const struct movement *movement,
                   struct verdict *verdict);

/* Adds the finding. */
void blocked_report(const struct looks *looks, const struct site *site, struct verdict *verdict,
                    struct findings *findings);

#endif
