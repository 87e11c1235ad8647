/* Goroutines with the same state, wait reason, stack and start, counted together. */
#ifndef SEEP_RUNTIME_GROUPS_H
#define SEEP_RUNTIME_GROUPS_H

#include "runtime/observation.h"

struct goroutine_group {
    uint64_t count;
    uint64_t stack_bytes;
    uint64_t deferred;
    uint64_t wait_unknown;         /* without a time */
    double wait_min_s, wait_max_s; /* negative if none has a time */
    uint64_t parent_id;            /* 0 if several or unknown */
    uint32_t first;                /* index of the first member; the next ones by `next` */
    uint32_t last;
    bool same_parent;
};

struct group_table {
    struct group_list VECTOR_OF(struct goroutine_group) groups; /* most first; system ones last */
    uint32_t *
        next; /* next[i]: the goroutine of the same group behind goroutine i, UINT32_MAX at the end */
};

void groups_build(const struct observation *observation, struct group_table *table_ret);
void groups_deinit(struct group_table *table);

/* What the members of a group wait on, the objects with most of them first. */
struct group_wait {
    uint32_t object;
    uint32_t goroutines;
    enum wait_direction direction;
};

struct group_waits VECTOR_OF(struct group_wait);
void group_waits_of(const struct observation *observation, const struct group_table *table,
                    const struct goroutine_group *group, struct group_waits *waits_ret);

#endif
