/* blocked-goroutines: goroutines that accumulate at one place and do not get on.
 *
 * That there are many says nothing: a pool of workers, idle connections, senders held back by a slow receiver have many
 * too. So each kind of wait has its own evidence:
 *
 *   nil channel, select {}   nothing can ever wake them: certain
 *   send                     likely if on none of their channels anything moved, no other goroutine's stack leads to a receive
 *                            (partners.h), and no variable (ways.h); one look can tell
 *   receive, select          a second look must show that they grow steadily and hardly one goes, and nobody else may lead to
 *                            their channels
 *   Mutex, RWMutex,          a second look must show that they grow steadily and hardly one goes, and nobody may be seen who could
 *   WaitGroup, Cond          unlock or signal
 *
 * What looks like a leak at first and is not called one leaves a remark. */
#include <string.h>

#include "base/text.h"
#include "code/flow.h"
#include "find/blocked.h"
#include "find/partners.h"
#include "find/places.h"
#include "find/rules.h"

enum {
    ACCUMULATE_MIN = 8,
    GROW_MIN = 2,
    GROW_LOOKS = 4,  /* they have grown for so many times the time between the looks … */
    STAY_SHARE = 20, /* of those who were there, at most one in so many went */
    LONG_WAIT_S = 60,
    VERY_LONG_WAIT_S = 600,
    STACKS_MAX = 1 << 24, /* looked at for partners, all sites together … */
    STACK_COST = 1 << 10, /* … and so many bytes of the heap cost as much as one */
};

static const double life_share = 0.7; /* … or for so much of the process's life */

static bool is_lock(enum wait_kind kind)
{
    return kind == WAIT_MUTEX || kind == WAIT_RWMUTEX || kind == WAIT_WAITGROUP ||
           kind == WAIT_COND;
}

/* proved.c has said what is to be said of it. */
static bool is_proved(const struct looks *looks, uint32_t goroutine)
{
    return looks->stuck && looks->stuck[goroutine];
}

static bool is_alive(const struct looks *looks, const struct movement *movement,
                     const struct goroutine *goroutine)
{
    for (uint32_t i = 0; i < goroutine->wait_count; i++) {
        if (movement_is_alive(movement, blocked_on(looks, goroutine, i)))
            return true;
    }
    return false;
}

/* The strongest partner on any channel that the goroutine waits on. */
static enum partner partner_of(const struct looks *looks, const struct partners *partners,
                               const struct goroutine *goroutine, uint32_t *who_ret)
{
    enum partner strongest = PARTNER_NONE;
    *who_ret = UINT32_MAX;
    for (uint32_t i = 0; i < goroutine->wait_count; i++) {
        uint32_t who = UINT32_MAX;
        enum partner partner = partners_of(partners, blocked_on(looks, goroutine, i)->at, &who);
        if (partner >= strongest && who != UINT32_MAX) {
            strongest = partner;
            *who_ret = who;
        }
    }
    return strongest;
}

/* The best that variables have for any channel that the goroutine waits on. */
static struct way_in way_of(const struct looks *looks, const struct partners *partners,
                            const struct goroutine *goroutine)
{
    struct way_in best = {.goroutine = UINT32_MAX};
    for (uint32_t i = 0; i < goroutine->wait_count; i++) {
        struct way_in way = partners_way(partners, blocked_on(looks, goroutine, i)->at);
        if (way.way > best.way)
            best = way;
    }
    return best;
}

/* Who got on while partners were looked for shows that values move on their channels. */
static void note_moved(const struct looks *looks, const struct site *site,
                       const struct partners *partners, struct movement *movement)
{
    for (size_t i = 0; partners->still && i < site->members.length; i++) {
        const struct goroutine *goroutine = &looks->now->goroutines.at[site->members.at[i]];
        for (uint32_t k = 0; !partners->still[i] && k < goroutine->wait_count; k++)
            u64map_set(&movement->alive, blocked_on(looks, goroutine, k)->at, 1);
    }
}

/* Nobody keeps a lock for so long. Who waits to send may well wait so long for a slow receiver. */
static bool too_long(const struct looks *looks, const struct goroutine *goroutine)
{
    return is_lock((enum wait_kind)goroutine->wait_kind) &&
           goroutine_wait_s(looks->now, goroutine) >= VERY_LONG_WAIT_S;
}

/* Counts those who are stuck: on no object of theirs anybody got on, and nobody is seen who could help. */
static void count_stuck(const struct looks *looks, const struct site *site,
                        const struct movement *movement, const struct partners *partners,
                        struct verdict *verdict)
{
    struct u64map channels = {0}, stuck = {0};
    for (size_t i = 0; i < site->members.length; i++) {
        const struct goroutine *goroutine = &looks->now->goroutines.at[site->members.at[i]];
        uint32_t who = UINT32_MAX;
        address first = goroutine->wait_count ? blocked_on(looks, goroutine, 0)->at : 0;
        u64map_set(&channels, first, 0);
        bool moves = (site->kind == WAIT_CHAN_SEND && is_alive(looks, movement, goroutine)) ||
                     (partners->still && !partners->still[i]);
        if ((!goroutine->wait_count && !blocked_for_ever(site->kind)) || moves ||
            is_proved(looks, site->members.at[i]))
            continue;
        enum partner partner = partner_of(looks, partners, goroutine, &who);
        if (partner == PARTNER_LIKELY)
            verdict->receiver = who;
        else if (who != UINT32_MAX)
            verdict->partner = who;
        struct way_in way = way_of(looks, partners, goroutine);
        if (way.way == WAY_ALIVE && partner != PARTNER_LIKELY)
            verdict->receiver = way.goroutine;
        if (partner == PARTNER_LIKELY || (way.way == WAY_ALIVE && !too_long(looks, goroutine)))
            continue;
        if (way.way > verdict->way.way)
            verdict->way = way;
        u64map_set(&stuck, first, 0);
        blocked_count(looks, site->members.at[i], movement, verdict);
    }
    verdict->channels = channels.length;
    verdict->stuck_channels = stuck.length;
    u64map_deinit(&channels);
    u64map_deinit(&stuck);
}

/* Somebody of the site is about to run on: its send went through, or the program just woke it. Then values move, and one look at a channel in that moment
 * says nothing. */
static bool just_got_on(const struct looks *looks, const struct site *site)
{
    for (size_t i = 0; i < looks->now->goroutines.length; i++) {
        const struct goroutine *goroutine = &looks->now->goroutines.at[i];
        if (goroutine->state == GOROUTINE_RUNNABLE && goroutine->go_pc == site->go_pc &&
            place_user_pc(looks->program, looks->now, goroutine) == site->user_pc)
            return true;
    }
    return false;
}

/* More come than go, most of those who were there stay, and at this pace they have come for long: what has piled up since a moment ago
 * may go as one, like those who wait for the next batch. */
static bool grows_steadily(const struct looks *looks, const struct movement *movement,
                           const struct verdict *verdict)
{
    uint64_t stayed = verdict->count - verdict->came;
    double uptime_s = target_facts(looks->target)->uptime_s;
    if (!movement->known || verdict->came < GROW_MIN + movement->went ||
        movement->went * STAY_SHARE > stayed || verdict->came < 2 * movement->went)
        return false;
    double age_s =
        (double)verdict->count / ((double)(verdict->came - movement->went) / looks->interval_s);
    return age_s >= GROW_LOOKS * looks->interval_s ||
           (uptime_s > 0 && age_s >= life_share * uptime_s);
}

/* Where a function could receive, and nobody is seen to run it, that they only ever come must be seen too; where it is not known who could, that they
 * grow. */
static void judge_send(const struct looks *looks, const struct site *site,
                       const struct movement *movement, const struct partners *partners,
                       struct verdict *verdict)
{
    bool seen_all = (!partners->unseen || partners->ways.sure) &&
                    (movement->known || !just_got_on(looks, site));
    verdict->leak = seen_all || (movement->known && verdict->came);
    verdict->grade = GRADE_LIKELY;
    if (verdict->way.way == WAY_GONE)
        verdict->leak = movement->known && verdict->came && !movement->went;
    if (verdict->way.way == WAY_UNSURE) {
        verdict->leak = grows_steadily(looks, movement, verdict);
        verdict->grade = verdict->oldest_s >= LONG_WAIT_S ? GRADE_LIKELY : GRADE_POSSIBLE;
    }
}

static void judge_growth(const struct looks *looks, const struct site *site,
                         const struct movement *movement, struct verdict *verdict)
{
    bool sync = is_lock(site->kind);
    verdict->leak = movement->known && grows_steadily(looks, movement, verdict);
    verdict->grade = verdict->oldest_s >= (sync ? LONG_WAIT_S : VERY_LONG_WAIT_S) ? GRADE_LIKELY
                                                                                  : GRADE_POSSIBLE;
}

static void judge(const struct looks *looks, const struct site *site,
                  const struct movement *movement, const struct partners *partners,
                  struct verdict *verdict)
{
    *verdict = verdict_none;
    count_stuck(looks, site, movement, partners, verdict);
    if (verdict->count < ACCUMULATE_MIN)
        return;
    if (blocked_for_ever(site->kind)) {
        verdict->leak = true;
        verdict->grade = GRADE_CERTAIN;
    } else if (site->kind == WAIT_CHAN_SEND) {
        judge_send(looks, site, movement, partners, verdict);
    } else {
        verdict->went = movement->went;
        judge_growth(looks, site, movement, verdict);
    }
}

/* Senders that somebody may still receive from: said, not called a leak. */
static void remark(const struct looks *looks, const struct site *site,
                   const struct verdict *verdict, struct notes *notes)
{
    if (site->kind != WAIT_CHAN_SEND || verdict->receiver == UINT32_MAX)
        return;
    const struct goroutine *receiver = &looks->now->goroutines.at[verdict->receiver];
    struct place at = place_at(looks->program, site->user_pc);
    address by_pc = place_user_pc(looks->program, looks->now, receiver);
    struct place by = place_at(looks->program, by_pc ? by_pc : receiver->start_pc);
    char count[TEXT_SIZE_ROOM];
    VECTOR_PUSH(
        notes,
        sentence("%s goroutines wait to send at %s (line %d), but goroutine %llu (%s) may still "
                 "receive: not called a leak",
                 text_count(count, site->members.length), at.function ? at.function : "?", at.line,
                 (unsigned long long)receiver->id, by.function ? by.function : "?"));
    place_deinit(&at);
    place_deinit(&by);
}

static bool is_candidate(const struct looks *looks, const struct site *site)
{
    size_t open = 0;
    for (size_t i = 0; i < site->members.length; i++)
        open += !is_proved(looks, site->members.at[i]);
    return open >= ACCUMULATE_MIN && blocked_words(site->kind);
}

static bool needs_partners(const struct site *site, const struct movement *movement)
{
    return site->kind == WAIT_CHAN_SEND ||
           ((site->kind == WAIT_CHAN_RECEIVE || site->kind == WAIT_SELECT) && movement->known &&
            movement->came);
}

/* Partners are looked for on the stacks of all goroutines, for each site anew: the largest sites
 * first, as many as time allows. */
static struct error *find_partners(const struct looks *looks, const struct site *site,
                                   uint64_t *stacks_left, struct partners *partners)
{
    uint64_t stacks = looks->now->goroutines.length;
    if (*stacks_left < stacks)
        return error_create(ERROR_LIMIT, "too many goroutines wait at too many places");
    *stacks_left -= stacks;
    return partners_find(looks, site, partners);
}

/* Takes the text; what the last note says already is not said again. */
static void note_once(struct notes *notes, char *text)
{
    if (notes->length && !strcmp(notes->at[notes->length - 1], text))
        free(text);
    else
        VECTOR_PUSH(notes, text);
}

static void pay(uint64_t *stacks_left, uint64_t read_bytes)
{
    uint64_t cost = read_bytes / STACK_COST;
    *stacks_left -= cost < *stacks_left ? cost : *stacks_left;
}

static void judge_site(const struct looks *looks, const struct sites *first,
                       const struct site *site, uint64_t *stacks_left, struct findings *findings,
                       struct notes *notes)
{
    struct movement movement;
    struct partners partners = {0};
    struct verdict verdict;
    struct error *error = NULL;
    movement_find(looks, first, site, &movement);
    if (is_lock(site->kind) && movement.known && movement.came && *stacks_left)
        partners_find_locks(looks, site, &partners);
    else if (needs_partners(site, &movement))
        error = find_partners(looks, site, stacks_left, &partners);
    pay(stacks_left, partners.ways.read_bytes);
    if (error) {
        note_once(notes, sentence("some goroutines at one place could not be judged: %s",
                                  error_message(error)));
        error_destroy(error);
    } else {
        note_moved(looks, site, &partners, &movement);
        judge(looks, site, &movement, &partners, &verdict);
        if (verdict.leak)
            blocked_report(looks, site, &verdict, findings);
        else
            remark(looks, site, &verdict, notes);
        VECTOR_DEINIT(&verdict.members);
    }
    partners_deinit(&partners);
    movement_deinit(&movement);
}

bool blocked_suspects(const struct looks *looks)
{
    struct sites sites;
    bool suspect = false;
    sites_build(looks->program, looks->now, &sites);
    for (size_t i = 0; i < sites.length; i++)
        suspect = suspect || is_candidate(looks, &sites.at[i]);
    sites_deinit(&sites);
    return suspect;
}

static int by_members(const void *left, const void *right)
{
    const struct site *a = left, *b = right;
    if (a->members.length != b->members.length)
        return a->members.length < b->members.length ? 1 : -1;
    return (a->key > b->key) - (a->key < b->key);
}

void blocked_find(const struct looks *looks, struct findings *findings, struct notes *notes)
{
    struct sites sites, first = {0};
    uint64_t stacks_left = STACKS_MAX;
    sites_build(looks->program, looks->now, &sites);
    if (sites.length)
        qsort(sites.at, sites.length, sizeof(*sites.at), by_members);
    if (looks->first)
        sites_build(looks->program, looks->first, &first);
    for (size_t i = 0; i < sites.length; i++) {
        if (is_candidate(looks, &sites.at[i]))
            judge_site(looks, &first, &sites.at[i], &stacks_left, findings, notes);
    }
    sites_deinit(&sites);
    sites_deinit(&first);
}
