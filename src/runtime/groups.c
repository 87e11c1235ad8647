/* Grouping in one pass: a hash of what members share finds the group, a look at its first member confirms it. A
 * leak's goroutines stand side by side in allgs, so the group of the neighbour is tried first. */
#include "runtime/groups.h"

#include <stdlib.h>

enum {
    NO_GROUP = UINT32_MAX
};

static bool is_alike(const struct goroutine *left, const struct goroutine *right)
{
    return left->stack == right->stack && left->go_pc == right->go_pc &&
           left->state == right->state && left->wait_reason == right->wait_reason &&
           left->system == right->system;
}

static uint64_t hash_of(const struct goroutine *goroutine)
{
    uint64_t rest = (uint64_t)goroutine->stack << 32 | (uint64_t)goroutine->state << 16 |
                    (uint64_t)goroutine->wait_reason << 8 | goroutine->system;
    return u64_mix(u64_mix(goroutine->go_pc) ^ rest);
}

static uint32_t group_of(struct group_table *table, struct u64map *by_hash,
                         const struct observation *observation, uint32_t index)
{
    const struct goroutine *goroutine = &observation->goroutines.at[index];
    for (uint64_t key = hash_of(goroutine);; key = u64_mix(key + 1)) {
        bool is_new = false;
        uint32_t group = u64map_intern(by_hash, key, (uint32_t)table->groups.length, &is_new);
        if (is_new) {
            VECTOR_PUSH(&table->groups,
                        (struct goroutine_group){.wait_min_s = -1,
                                                 .wait_max_s = -1,
                                                 .parent_id = goroutine->parent_id,
                                                 .first = index,
                                                 .last = index,
                                                 .same_parent = goroutine->parent_id != 0});
            return group;
        }
        if (is_alike(&observation->goroutines.at[table->groups.at[group].first], goroutine))
            return group;
    }
}

static void add_wait(struct goroutine_group *group, const struct observation *observation,
                     const struct goroutine *goroutine)
{
    bool blocked = goroutine->state == GOROUTINE_WAITING || goroutine->state == GOROUTINE_SYSCALL ||
                   goroutine->state == GOROUTINE_LEAKED;
    if (!blocked)
        return;
    double wait_s = goroutine_wait_s(observation, goroutine);
    if (wait_s < 0) {
        group->wait_unknown++;
        return;
    }
    if (group->wait_min_s < 0 || wait_s < group->wait_min_s)
        group->wait_min_s = wait_s;
    if (wait_s > group->wait_max_s)
        group->wait_max_s = wait_s;
}

static void add_member(struct group_table *table, struct goroutine_group *group,
                       const struct observation *observation, uint32_t index)
{
    const struct goroutine *goroutine = &observation->goroutines.at[index];
    table->next[index] = UINT32_MAX;
    if (group->count++)
        table->next[group->last] = index;
    group->last = index;
    group->stack_bytes += goroutine->stack_high - goroutine->stack_low;
    group->deferred += goroutine->deferred;
    if (goroutine->parent_id != group->parent_id) {
        group->parent_id = 0;
        group->same_parent = false;
    }
    add_wait(group, observation, goroutine);
}

/* qsort has no context: the system ones carry it in the order. */
struct ordered {
    struct goroutine_group group;
    bool system;
};

static int by_count(const void *left, const void *right)
{
    const struct ordered *a = left;
    const struct ordered *b = right;
    if (a->system != b->system)
        return a->system - b->system;
    if (a->group.count != b->group.count)
        return a->group.count < b->group.count ? 1 : -1;
    return (a->group.first > b->group.first) - (a->group.first < b->group.first);
}

static void sort(struct group_table *table, const struct observation *observation)
{
    size_t count = table->groups.length;
    AUTO_FREE struct ordered *ordered = xcalloc(count, sizeof(*ordered));
    for (size_t i = 0; i < count; i++) {
        ordered[i].group = table->groups.at[i];
        ordered[i].system = observation->goroutines.at[table->groups.at[i].first].system;
    }
    qsort(ordered, count, sizeof(*ordered), by_count);
    for (size_t i = 0; i < count; i++)
        table->groups.at[i] = ordered[i].group;
}

void groups_build(const struct observation *observation, struct group_table *table_ret)
{
    size_t count = observation->goroutines.length;
    struct group_table table = {.next = xmalloc(count * sizeof(*table.next))};
    struct u64map by_hash = {0};
    uint32_t group = NO_GROUP;
    for (uint32_t i = 0; i < count; i++) {
        const struct goroutine *goroutine = &observation->goroutines.at[i];
        if (group == NO_GROUP ||
            !is_alike(goroutine, &observation->goroutines.at[table.groups.at[group].first]))
            group = group_of(&table, &by_hash, observation, i);
        add_member(&table, &table.groups.at[group], observation, i);
    }
    u64map_deinit(&by_hash);
    sort(&table, observation);
    *table_ret = table;
}

void groups_deinit(struct group_table *table)
{
    VECTOR_DEINIT(&table->groups);
    free(table->next);
    table->next = NULL;
}

static int by_goroutines(const void *left, const void *right)
{
    const struct group_wait *a = left;
    const struct group_wait *b = right;
    if (a->goroutines != b->goroutines)
        return a->goroutines < b->goroutines ? 1 : -1;
    if (a->object != b->object)
        return a->object > b->object ? 1 : -1;
    return (int)a->direction - (int)b->direction;
}

struct wait_counter {
    struct u64map index; /* object and direction -> entry */
    struct last_counted
        VECTOR_OF(uint32_t) last; /* per entry: a select may name one channel twice */
};

static void count_wait(struct group_waits *waits, struct wait_counter *counter,
                       const struct wait *wait, uint32_t goroutine)
{
    bool is_new = false;
    uint64_t key = (uint64_t)wait->object << 8 | (uint64_t)wait->direction;
    uint32_t at = u64map_intern(&counter->index, key, (uint32_t)waits->length, &is_new);
    if (is_new) {
        VECTOR_PUSH(waits,
                    (struct group_wait){.object = wait->object, .direction = wait->direction});
        VECTOR_PUSH(&counter->last, UINT32_MAX);
    }
    waits->at[at].goroutines += counter->last.at[at] != goroutine;
    counter->last.at[at] = goroutine;
}

void group_waits_of(const struct observation *observation, const struct group_table *table,
                    const struct goroutine_group *group, struct group_waits *waits_ret)
{
    struct group_waits waits = {0};
    struct wait_counter counter = {0};
    for (uint32_t i = group->first; i != UINT32_MAX; i = table->next[i]) {
        const struct goroutine *goroutine = &observation->goroutines.at[i];
        for (uint32_t n = 0; n < goroutine->wait_count; n++) {
            const struct wait *wait = &observation->waits.at[goroutine->first_wait + n];
            if (wait->object < observation->objects.length)
                count_wait(&waits, &counter, wait, i);
        }
    }
    u64map_deinit(&counter.index);
    VECTOR_DEINIT(&counter.last);
    if (waits.length)
        qsort(waits.at, waits.length, sizeof(*waits.at), by_goroutines);
    *waits_ret = waits;
}
