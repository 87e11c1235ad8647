#include "find/sites.h"

#include "find/places.h"

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

/* It waits again, or still? A new time noted, or none where there was one: it got on meanwhile. */
static bool waits_anew(const struct goroutine *before, const struct goroutine *now)
{
    return before->wait_since_ns && before->wait_since_ns != now->wait_since_ns;
}

static void compare_members(const struct looks *looks, const struct site *before,
                            const struct site *site, struct movement *movement)
{
    struct u64map now = {0};
    for (size_t i = 0; i < site->members.length; i++)
        u64map_set(&now, looks->now->goroutines.at[site->members.at[i]].id, site->members.at[i]);
    for (size_t i = 0; before && i < before->members.length; i++) {
        const struct goroutine *goroutine = &looks->first->goroutines.at[before->members.at[i]];
        uint32_t index = 0;
        bool here = u64map_get(&now, goroutine->id, &index);
        u64map_set(&movement->before, goroutine->id, 1);
        movement->went += !here;
        if (!here || waits_anew(goroutine, &looks->now->goroutines.at[index]))
            mark_alive(movement, looks->first, goroutine);
    }
    for (size_t i = 0; i < site->members.length; i++) {
        uint32_t value = 0;
        movement->came += !u64map_get(&movement->before,
                                      looks->now->goroutines.at[site->members.at[i]].id, &value);
    }
    u64map_deinit(&now);
}

/* A channel's queues are first in, first out: another one at the head, or another fill, shows that values went through. */
static void compare_channels(const struct looks *looks, const struct site *before,
                             struct movement *movement)
{
    struct u64map now = {0};
    for (uint32_t i = 0; i < looks->now->objects.length; i++)
        u64map_set(&now, looks->now->objects.at[i].at, i);
    for (size_t i = 0; before && i < before->members.length; i++) {
        const struct goroutine *goroutine = &looks->first->goroutines.at[before->members.at[i]];
        for (uint32_t k = 0; k < goroutine->wait_count; k++) {
            const struct wait *wait = &looks->first->waits.at[goroutine->first_wait + k];
            const struct wait_object *old = &looks->first->objects.at[wait->object];
            uint32_t index = 0;
            if (old->kind != WAIT_CHAN_SEND || !u64map_get(&now, old->at, &index))
                continue;
            const struct wait_object *new = &looks->now->objects.at[index];
            if (old->first_sender != new->first_sender || old->length != new->length)
                u64map_set(&movement->alive, old->at, 1);
        }
    }
    u64map_deinit(&now);
}

void movement_find(const struct looks *looks, const struct sites *first, const struct site *site,
                   struct movement *movement_ret)
{
    *movement_ret = (struct movement){.known = looks->first};
    if (!looks->first)
        return;
    const struct site *before = sites_find(first, site->key);
    compare_members(looks, before, site, movement_ret);
    compare_channels(looks, before, movement_ret);
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
}
