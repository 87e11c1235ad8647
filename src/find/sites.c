#include "find/sites.h"

#include "find/places.h"

enum {
    QUEUE_MIN = 8,
};

static address user_pc_of(const struct program *program, const struct observation *observation,
                          const struct goroutine *goroutine, struct u64map *by_stack,
                          struct pcs *pcs)
{
    bool is_new = false;
    uint32_t index = u64map_intern(by_stack, goroutine->stack, (uint32_t)pcs->length, &is_new);
    if (is_new)
        VECTOR_PUSH(pcs, place_user_pc(program, observation, goroutine));
    return pcs->at[index];
}

static bool is_member(const struct goroutine *goroutine)
{
    return goroutine->wait_kind != WAIT_OTHER && !goroutine->system && goroutine->id != 1 &&
           goroutine->stack != STACK_NONE;
}

void sites_build(const struct program *program, const struct observation *observation,
                 struct sites *sites_ret)
{
    struct u64map by_stack = {0}, by_key = {0};
    struct pcs pcs = {0};
    *sites_ret = (struct sites){0};
    for (uint32_t i = 0; i < observation->goroutines.length; i++) {
        const struct goroutine *goroutine = &observation->goroutines.at[i];
        if (!is_member(goroutine))
            continue;
        address user_pc = user_pc_of(program, observation, goroutine, &by_stack, &pcs);
        uint64_t key = u64_mix(u64_mix(user_pc) ^ goroutine->go_pc) + goroutine->wait_kind;
        bool is_new = false;
        uint32_t index = u64map_intern(&by_key, key, (uint32_t)sites_ret->length, &is_new);
        if (is_new)
            VECTOR_PUSH(sites_ret, (struct site){.kind = (enum wait_kind)goroutine->wait_kind,
                                                 .user_pc = user_pc,
                                                 .go_pc = goroutine->go_pc,
                                                 .key = key});
        VECTOR_PUSH(&sites_ret->at[index].members, i);
    }
    u64map_deinit(&by_stack);
    u64map_deinit(&by_key);
    VECTOR_DEINIT(&pcs);
}

void sites_deinit(struct sites *sites)
{
    for (size_t i = 0; i < sites->length; i++)
        VECTOR_DEINIT(&sites->at[i].members);
    VECTOR_DEINIT(sites);
}

const struct site *sites_find(const struct sites *sites, uint64_t key)
{
    for (size_t i = 0; i < sites->length; i++) {
        if (sites->at[i].key == key)
            return &sites->at[i];
    }
    return NULL;
}

/* Marks what a goroutine of a look waits on as alive. */
static void mark_alive(struct movement *movement, const struct observation *look,
                       const struct goroutine *goroutine)
{
    for (uint32_t i = 0; i < goroutine->wait_count; i++) {
        const struct wait *wait = &look->waits.at[goroutine->first_wait + i];
        u64map_set(&movement->alive, look->objects.at[wait->object].at, 1);
    }
}

static uint64_t depth_of(const struct goroutine *goroutine)
{
    return goroutine->sp ? goroutine->stack_high - goroutine->sp : 0;
}

/* Another sudog for the same object: the one that it had was given back (runtime/chan.go, select.go, sema.go). */
static bool has_another_sudog(const struct looks *looks, const struct goroutine *before,
                              const struct goroutine *now)
{
    for (uint32_t i = 0; i < before->wait_count && i < now->wait_count; i++) {
        const struct wait *old = &looks->first->waits.at[before->first_wait + i];
        const struct wait *new = &looks->now->waits.at[now->first_wait + i];
        if (old->sudog && new->sudog && old->sudog != new->sudog &&
            looks->first->objects.at[old->object].at == looks->now->objects.at[new->object].at)
            return true;
    }
    return false;
}

/* It waits again, or still? A new time noted, or none where there was one: it got on meanwhile. So it did if its stack reaches elsewhere (a stack that was moved
 * has the same depth), or its place in a queue is another. If none of these changed, it may have got on all the same. */
static bool waits_anew(const struct looks *looks, const struct goroutine *before,
                       const struct goroutine *now)
{
    if (before->wait_since_ns && before->wait_since_ns != now->wait_since_ns)
        return true;
    uint64_t depth = depth_of(before), depth_now = depth_of(now);
    return (depth && depth_now && depth != depth_now) || has_another_sudog(looks, before, now);
}

/* A queue is first in, first out: whoever gets on and comes back is last. With few in it the same one may be first again. */
static bool queue_stands(const struct wait_object *before, const struct wait_object *now,
                         enum wait_direction direction)
{
    bool sends = direction == DIRECTION_SEND;
    address head = sends ? before->first_sender : before->first_receiver;
    uint32_t waiting = sends ? before->senders : before->receivers;
    return direction != DIRECTION_NONE && before->readable && now->readable &&
           waiting >= QUEUE_MIN && head && before->length == now->length &&
           head == (sends ? now->first_sender : now->first_receiver);
}

/* The runtime sets the time to 0 when a goroutine runs (runtime/proc.go, execute): a time that was there and still is says that it did not. */
static bool is_seen_to_stay(const struct looks *looks, const struct u64map *objects,
                            const struct goroutine *before)
{
    if (before->wait_since_ns)
        return true;
    for (uint32_t i = 0; i < before->wait_count; i++) {
        const struct wait *wait = &looks->first->waits.at[before->first_wait + i];
        const struct wait_object *old = &looks->first->objects.at[wait->object];
        uint32_t index = 0;
        if (old->kind != WAIT_CHAN_SEND || !u64map_get(objects, old->at, &index) ||
            !queue_stands(old, &looks->now->objects.at[index], wait->direction))
            return false;
    }
    return before->wait_count > 0;
}

static void compare_member(const struct looks *looks, const struct u64map *objects,
                           const struct goroutine *before, const struct goroutine *now,
                           struct movement *movement)
{
    u64map_set(&movement->before, before->id, 1);
    movement->went += !now;
    if (!now || waits_anew(looks, before, now))
        mark_alive(movement, looks->first, before);
    else if (is_seen_to_stay(looks, objects, before))
        u64map_set(&movement->stayed, before->id, 1);
}

static void compare_members(const struct looks *looks, const struct u64map *objects,
                            const struct site *before, const struct site *site,
                            struct movement *movement)
{
    struct u64map now = {0};
    for (size_t i = 0; i < site->members.length; i++)
        u64map_set(&now, looks->now->goroutines.at[site->members.at[i]].id, site->members.at[i]);
    for (size_t i = 0; before && i < before->members.length; i++) {
        const struct goroutine *goroutine = &looks->first->goroutines.at[before->members.at[i]];
        uint32_t index = 0;
        bool here = u64map_get(&now, goroutine->id, &index);
        compare_member(looks, objects, goroutine, here ? &looks->now->goroutines.at[index] : NULL,
                       movement);
    }
    for (size_t i = 0; i < site->members.length; i++) {
        uint32_t value = 0;
        movement->came += !u64map_get(&movement->before,
                                      looks->now->goroutines.at[site->members.at[i]].id, &value);
    }
    u64map_deinit(&now);
}

/* Another one at the head of a queue, or another fill, shows that values went through. */
static void compare_channels(const struct looks *looks, const struct u64map *objects,
                             const struct site *before, struct movement *movement)
{
    for (size_t i = 0; before && i < before->members.length; i++) {
        const struct goroutine *goroutine = &looks->first->goroutines.at[before->members.at[i]];
        for (uint32_t k = 0; k < goroutine->wait_count; k++) {
            const struct wait *wait = &looks->first->waits.at[goroutine->first_wait + k];
            const struct wait_object *old = &looks->first->objects.at[wait->object];
            uint32_t index = 0;
            if (old->kind != WAIT_CHAN_SEND || !u64map_get(objects, old->at, &index))
                continue;
            const struct wait_object *new = &looks->now->objects.at[index];
            if (old->first_sender != new->first_sender || old->length != new->length ||
                (old->first_receiver && old->first_receiver != new->first_receiver))
                u64map_set(&movement->alive, old->at, 1);
        }
    }
}

void movement_find(const struct looks *looks, const struct sites *first, const struct site *site,
                   struct movement *movement_ret)
{
    *movement_ret = (struct movement){.known = looks->first};
    if (!looks->first)
        return;
    const struct site *before = sites_find(first, site->key);
    struct u64map objects = {0};
    for (uint32_t i = 0; i < looks->now->objects.length; i++)
        u64map_set(&objects, looks->now->objects.at[i].at, i);
    compare_members(looks, &objects, before, site, movement_ret);
    compare_channels(looks, &objects, before, movement_ret);
    u64map_deinit(&objects);
}

bool movement_is_alive(const struct movement *movement, const struct wait_object *object)
{
    uint32_t value = 0;
    return u64map_get(&movement->alive, object->at, &value);
}

void movement_deinit(struct movement *movement)
{
    u64map_deinit(&movement->alive);
    u64map_deinit(&movement->before);
    u64map_deinit(&movement->stayed);
}
