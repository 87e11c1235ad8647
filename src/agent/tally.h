/* Counting the goroutines and the pending deferred calls of a process by where they come from, from outside and without a pause: cheap enough to be done every few
 * seconds. Only numbers: names are asked for when a group is worth it.
 *
 * Goroutines are put together by the go statement that started them and by what they wait for; deferred calls by their defer statement, if one goroutine
 * has many of it. What changes while it is read is counted as it was or as it will be; a goroutine whose fields make no sense is left out.
 *
 * Who is new is told by the goroutine's number, which only grows: of a group with n goroutines up to number k, those with a number up to k that are there the next time have stayed.
 * One that left and came back in between has stayed, too. */
#ifndef SEEP_AGENT_TALLY_H
#define SEEP_AGENT_TALLY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/vector.h"
#include "runtime/recipe.h"
#include "store/records.h"

enum {
    TALLY_GROUPS_MAX = 256, /* more than that are counted, but not by group */
    TALLY_CHAINS_MAX = 64,
    TALLY_CHAIN_LEAST = 8 /* deferred calls of one statement in one goroutine */
};

struct tally_group {
    enum site_kind kind;
    address place;       /* return address of the go statement, or of the defer statement's call */
    uint8_t reason;      /* wait reason; 0: does not wait */
    uint8_t wait_kind;   /* enum wait_kind */
    uint32_t count;      /* now */
    uint32_t came, went; /* since the tally before */
    uint64_t newest;     /* highest number of a goroutine */
    uint32_t next_count, next_stayed; /* while counting */
    uint64_t next_newest;
};

/* The deferred calls of one goroutine that has many: the newest record is remembered, so that only those above it are counted the next time. */
struct tally_chain {
    uint64_t goroutine;
    address head, place;
    uint32_t count; /* of records at `place` */
    uint32_t total;
    bool seen;
};

struct tally {
    struct tally_groups VECTOR_OF(struct tally_group) groups;
    struct tally_chains VECTOR_OF(struct tally_chain) chains;
    uint64_t goroutines, system, deferred; /* user goroutines; pending deferred calls */
    uint64_t unread,
        crowded;     /* goroutines that could not be read; in no group, since there were too many */
    bool partly;     /* deferred calls: a chain was too long to be counted to its end */
    double spent_us; /* of a processor, by the last tally: waiting for one costs nobody anything */
};

/* False if the list of goroutines could not be read; then the counts are as before. */
bool tally_take(struct tally *tally, pid_t pid, const struct recipe *recipe);

void tally_deinit(struct tally *tally);

#endif
