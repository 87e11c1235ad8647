/* Who could still receive? A goroutine that holds the channel and runs a function with a receive in it. The rules:
 *
 *   - The slot must be live by Go's own stack maps; one that points to an object that holds the channel counts too, one
 *     step far.
 *   - The function, or one of its module's that it calls, has a receive; not counting the one at which it waits right
 *     now: main, which waits for a signal with the agent in its hands, is no receiver of the agent's channels.
 *   - Whoever started the senders and only reaches the channel through another object (a list of channels, as in a
 *     fan-out) is a sender, unless it waits to receive such values right now (it gathers results).
 *
 * This errs to the side of silence: who may receive is believed to. */
#include "find/partners.h"

#include "code/calls.h"
#include "find/places.h"
#include "runtime/confirm.h"
#include "runtime/references.h"

enum {
    CALL_DEPTH = 3,
    RECEIVERS = 6,
    SENDERS = 6,
    SEND_STEPS = 1,
    RECEIVE_STEPS = 3
};

struct judge {
    const struct looks *looks;
    const struct site *site;
    const struct partners *partners;
    address receivers[RECEIVERS];
    size_t receiver_count;
    address starter;           /* entry of the function with the go statement */
    struct u64map can_receive; /* by function and call left out */
};

static void collect_channels(const struct looks *looks, const struct site *site,
                             struct partners *partners)
{
    for (size_t i = 0; i < site->members.length; i++) {
        const struct goroutine *goroutine = &looks->now->goroutines.at[site->members.at[i]];
        for (uint32_t k = 0; k < goroutine->wait_count && partners->count < PARTNERS_CHANNELS_MAX;
             k++) {
            const struct wait *wait = &looks->now->waits.at[goroutine->first_wait + k];
            const struct wait_object *object = &looks->now->objects.at[wait->object];
            bool is_new = false;
            if (object->kind == WAIT_CHAN_SEND)
                u64map_intern(&partners->index, object->at, (uint32_t)partners->count, &is_new);
            partners->count += is_new;
        }
    }
}

/* Which of the channels the members wait to send to: of the others, whoever holds one may be the partner. */
static void mark_sent(const struct looks *looks, const struct site *site, struct partners *partners)
{
    for (size_t i = 0; i < site->members.length; i++) {
        const struct goroutine *goroutine = &looks->now->goroutines.at[site->members.at[i]];
        for (uint32_t k = 0; k < goroutine->wait_count; k++) {
            const struct wait *wait = &looks->now->waits.at[goroutine->first_wait + k];
            uint32_t channel = 0;
            if (wait->direction == DIRECTION_SEND &&
                u64map_get(&partners->index, looks->now->objects.at[wait->object].at, &channel))
                partners->is_sent[channel] = true;
        }
    }
}

static bool reaches_receive(struct judge *judge, address entry, address except_pc)
{
    bool is_new = false;
    uint64_t key = u64_mix(entry) ^ except_pc;
    uint32_t known = u64map_intern(&judge->can_receive, key, 0, &is_new);
    if (!is_new)
        return known;
    struct func func;
    bool may = pclntab_func(&judge->looks->program->pclntab, entry, &func) &&
               calls_reach(judge->looks->target, judge->looks->program, &func, judge->receivers,
                           judge->receiver_count, CALL_DEPTH, except_pc);
    u64map_set(&judge->can_receive, key, may);
    return may;
}

/* The function, or a deferred call that waits in one of its frames, receives. */
static bool may_receive(struct judge *judge, address entry, address except_pc)
{
    if (reaches_receive(judge, entry, except_pc))
        return true;
    const struct observation *now = judge->looks->now;
    for (size_t i = 0; i < now->defers.length; i++) {
        const struct defer_site *site = &now->defers.at[i];
        if (site->frame_entry == entry && site->function &&
            reaches_receive(judge, site->function, 0))
            return true;
    }
    return false;
}

/* It waits to receive values of the type that the channel carries: it gathers. */
static bool gathers(const struct judge *judge, const struct goroutine *goroutine,
                    address element_type)
{
    const struct observation *now = judge->looks->now;
    for (uint32_t i = 0; i < goroutine->wait_count; i++) {
        const struct wait *wait = &now->waits.at[goroutine->first_wait + i];
        if (wait->direction == DIRECTION_RECEIVE &&
            now->objects.at[wait->object].element_type == element_type)
            return true;
    }
    return false;
}

static bool is_starter(const struct judge *judge, const struct reference *reference,
                       const struct goroutine *goroutine)
{
    const struct goroutine *member = &judge->looks->now->goroutines.at[judge->site->members.at[0]];
    return reference->frame_entry == judge->starter ||
           (member->parent_id && member->parent_id == goroutine->id);
}

static enum partner judge_reference(struct judge *judge, const struct reference *reference,
                                    address element_type)
{
    const struct goroutine *goroutine = &judge->looks->now->goroutines.at[reference->goroutine];
    if (!judge->partners->is_sent[reference->object] || gathers(judge, goroutine, element_type))
        return PARTNER_LIKELY;
    if (!reference->direct && is_starter(judge, reference, goroutine))
        return PARTNER_SENDER;
    bool parked = goroutine->wait_kind == WAIT_CHAN_RECEIVE || goroutine->wait_kind == WAIT_SELECT;
    address except_pc = parked ? reference->frame_pc : 0;
    return may_receive(judge, reference->frame_entry, except_pc) ? PARTNER_LIKELY : PARTNER_SENDER;
}

static void judge_all(struct judge *judge, const struct references *references,
                      struct partners *partners)
{
    const struct observation *now = judge->looks->now;
    AUTO_FREE address *types = xcalloc(partners->count, sizeof(*types));
    for (size_t i = 0; i < now->objects.length; i++) {
        uint32_t channel = 0;
        if (u64map_get(&partners->index, now->objects.at[i].at, &channel))
            types[channel] = now->objects.at[i].element_type;
    }
    for (size_t i = 0; i < references->length; i++) {
        const struct reference *reference = &references->at[i];
        if (partners->kinds[reference->object] == PARTNER_LIKELY)
            continue;
        enum partner kind = judge_reference(judge, reference, types[reference->object]);
        if (kind >= partners->kinds[reference->object]) {
            partners->kinds[reference->object] = (uint8_t)kind;
            partners->goroutines[reference->object] = reference->goroutine;
        }
    }
}

/* Running goroutines have no stack to look at: could what they were started with receive? */
static uint64_t count_unseen(struct judge *judge)
{
    const struct observation *now = judge->looks->now;
    uint64_t unseen = 0;
    for (size_t i = 0; i < now->goroutines.length; i++) {
        const struct goroutine *goroutine = &now->goroutines.at[i];
        if (goroutine->stack == STACK_NONE && !goroutine->system)
            unseen += may_receive(judge, goroutine->start_pc, 0);
    }
    return unseen;
}

/* Awake, started like the members, and about to do what they do, or just through with it. One who is awake elsewhere has got past the members' place: it may be
 * just the one who makes room for them. */
static bool is_alike(const struct looks *looks, const struct site *site,
                     const struct goroutine *member, const struct goroutine *goroutine)
{
    bool awake = goroutine->state == GOROUTINE_RUNNABLE || goroutine->state == GOROUTINE_RUNNING;
    if (!awake || goroutine->go_pc != member->go_pc || goroutine->start_pc != member->start_pc)
        return false;
    address pc = place_user_pc(looks->program, looks->now, goroutine);
    return !pc || pc == site->user_pc || pc == goroutine->start_pc;
}

static uint8_t *skip_members(const struct looks *looks, const struct site *site)
{
    uint8_t *skip = xcalloc(looks->now->goroutines.length + 1, 1);
    const struct goroutine *member = &looks->now->goroutines.at[site->members.at[0]];
    for (size_t i = 0; i < site->members.length; i++)
        skip[site->members.at[i]] = 1;
    for (size_t i = 0; i < looks->now->goroutines.length; i++)
        skip[i] |= is_alike(looks, site, member, &looks->now->goroutines.at[i]);
    return skip;
}

/* Who waits for one of these will not help before it is helped itself. */
static void skip_waiters(const struct looks *looks, const struct partners *partners, uint8_t *skip)
{
    const struct observation *now = looks->now;
    for (size_t i = 0; i < now->waits.length; i++) {
        uint32_t channel = 0;
        if (u64map_get(&partners->index, now->objects.at[now->waits.at[i].object].at, &channel))
            skip[now->waits.at[i].goroutine] = 1;
    }
    for (size_t i = 0; i < now->goroutines.length; i++)
        skip[i] |=
            (looks->stuck && looks->stuck[i]) || /* such as main, which is not named as stuck */
            now->goroutines.at[i].wait_kind == WAIT_NO_CASES;
}

void partners_own(const struct looks *looks, const struct site *site, address own_ret[2])
{
    struct func func;
    own_ret[0] = looks->now->goroutines.at[site->members.at[0]].start_pc;
    own_ret[1] = pclntab_func(&looks->program->pclntab, site->user_pc, &func) ? func.entry : 0;
}

uint8_t *partners_skipped(const struct looks *looks, const struct site *site,
                          const struct partners *partners)
{
    uint8_t *skip = skip_members(looks, site);
    skip_waiters(looks, partners, skip);
    return skip;
}

static void find_ways(struct judge *judge, struct partners *partners)
{
    static const char *const names[SENDERS] = {"runtime.chansend1", "runtime.closechan",
                                               "runtime.selectgo",  "runtime.selectnbsend",
                                               "reflect.chansend",  "reflect.rselect"};
    const struct looks *looks = judge->looks;
    address helpers[RECEIVERS + SENDERS];
    size_t helper_count = 0, open = 0;
    AUTO_FREE address *channels = xcalloc(partners->count + 1, sizeof(*channels));
    AUTO_FREE uint8_t *skip = partners_skipped(looks, judge->site, partners);
    for (size_t i = 0; i < looks->now->objects.length; i++) {
        uint32_t channel = 0;
        if (u64map_get(&partners->index, looks->now->objects.at[i].at, &channel))
            channels[channel] = looks->now->objects.at[i].at;
    }
    for (size_t i = 0; i < partners->count; i++)
        open += partners->kinds[i] != PARTNER_LIKELY;
    if (!open)
        return;
    if (judge->site->kind != WAIT_CHAN_RECEIVE)
        for (; helper_count < judge->receiver_count; helper_count++)
            helpers[helper_count] = judge->receivers[helper_count];
    if (judge->site->kind != WAIT_CHAN_SEND)
        helper_count += calls_resolve(looks->program, names, SENDERS, helpers + helper_count);
    struct waited waited = {.objects = channels,
                            .count = partners->count,
                            .skip = skip,
                            .helpers = helpers,
                            .helper_count = helper_count};
    partners_own(looks, judge->site, waited.own);
    ways_find(looks, &waited, &partners->ways);
}

static void judge_init(struct judge *judge, const struct looks *looks, const struct site *site,
                       const struct partners *partners)
{
    static const char *const names[RECEIVERS] = {"runtime.chanrecv1", "runtime.chanrecv2",
                                                 "runtime.selectgo",  "runtime.selectnbrecv",
                                                 "reflect.chanrecv",  "reflect.rselect"};
    struct func starter;
    *judge = (struct judge){.looks = looks, .site = site, .partners = partners};
    judge->receiver_count = calls_resolve(looks->program, names, RECEIVERS, judge->receivers);
    if (site->go_pc && pclntab_func(&looks->program->pclntab, site->go_pc - 1, &starter))
        judge->starter = starter.entry;
}

struct error *partners_find(const struct looks *looks, const struct site *site,
                            struct partners *partners_ret)
{
    *partners_ret = (struct partners){0};
    struct partners *partners = partners_ret;
    collect_channels(looks, site, partners);
    partners->kinds = xcalloc(partners->count, sizeof(*partners->kinds));
    partners->goroutines = xmalloc(partners->count * sizeof(*partners->goroutines));
    partners->is_sent = xcalloc(partners->count, sizeof(*partners->is_sent));
    for (size_t i = 0; i < partners->count; i++)
        partners->goroutines[i] = UINT32_MAX;
    mark_sent(looks, site, partners);
    AUTO_FREE uint8_t *skip = skip_members(looks, site);
    struct references references = {0};
    struct error *error =
        references_find(looks->runtime, looks->now, &partners->index, skip,
                        site->kind == WAIT_CHAN_SEND ? SEND_STEPS : RECEIVE_STEPS, &references);
    if (!error) {
        struct judge judge;
        judge_init(&judge, looks, site, partners);
        judge_all(&judge, &references, partners);
        partners->unseen = count_unseen(&judge);
        partners->still = xcalloc(site->members.length, 1);
        find_ways(&judge, partners);
        error = goroutines_confirm(looks->runtime, looks->now, site->members.at,
                                   site->members.length, partners->still);
        u64map_deinit(&judge.can_receive);
    }
    VECTOR_DEINIT(&references);
    if (error)
        partners_deinit(partners);
    return error;
}

void partners_deinit(struct partners *partners)
{
    u64map_deinit(&partners->index);
    ways_deinit(&partners->ways);
    free(partners->kinds);
    free(partners->is_sent);
    free(partners->still);
    free(partners->goroutines);
    *partners = (struct partners){0};
}

enum partner partners_of(const struct partners *partners, address channel, uint32_t *goroutine_ret)
{
    uint32_t index = 0;
    *goroutine_ret = UINT32_MAX;
    if (!u64map_get(&partners->index, channel, &index))
        return PARTNER_NONE;
    *goroutine_ret = partners->goroutines[index];
    return (enum partner)partners->kinds[index];
}

struct way_in partners_way(const struct partners *partners, address channel)
{
    uint32_t index = 0;
    if (partners->ways.at && u64map_get(&partners->index, channel, &index))
        return partners->ways.at[index];
    return (struct way_in){.goroutine = UINT32_MAX};
}
