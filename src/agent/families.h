/* What is remembered of each program over its lives: which releases it had, which life was the last, and which lanes are taken. From it a new
 * process gets its place: is it a restart, a new release, a rollback? Bounded: the families that were seen last, and of each the releases
 * that were seen last. */
#ifndef SEEP_AGENT_FAMILIES_H
#define SEEP_AGENT_FAMILIES_H

#include "store/records.h"

enum {
    FAMILIES_MAX = 4096,
    FAMILY_RELEASES_MAX = 64,
    FAMILY_LANES_MAX = 4096
};

/* What ran last in a lane. */
struct lane {
    uint32_t life; /* 0: none yet */
    uint64_t release;
    int64_t lasted_ms;
    uint32_t before; /* the life before that; 0: none */
    int64_t before_lasted_ms;
    bool taken; /* it still runs */
};

struct family {
    char *program;
    uint64_t releases
        [FAMILY_RELEASES_MAX]; /* hashes of what tells builds apart, in the order in which they were first seen */
    size_t release_count;
    int64_t seen_ms;
    struct lanes VECTOR_OF(struct lane) lanes;
};

struct families VECTOR_OF(struct family);

void families_deinit(struct families *families);

/* Takes over what a store knows: the lives by their start. Those that run still hold their lanes. */
void families_learn(struct families *families, const struct life *life);

/* Gives a new life its lane and its kind, and notes it. `life->program` and its release are set. */
void families_begin(struct families *families, struct life *life);

void families_end(struct families *families, const struct life *life);

/* The last life before this one of the same program and lane that lasted at least so long, to compare with; 0 if there is none. */
uint32_t families_before(const struct families *families, const struct life *life,
                         int64_t lasted_ms);

/* The key of the program of a life: what stays the same over its restarts and releases. Its name; with its unit if that is systemd's and so stays, else with
 * its main module if that tells more than the name. Newly made. */
char *families_key(const struct life *life);

#endif
