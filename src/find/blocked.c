/* blocked-goroutines: goroutines that accumulate at one place and do not get on.
 *
 * That there are many says nothing: a pool of workers, idle connections, senders held back by a slow receiver have many
 * too. So each kind of wait has its own evidence:
 *
 *   nil channel, select {}   nothing can ever wake them: certain
 *   send                     likely if on none of their channels anything moved and no other goroutine's stack leads to a receive
 *                            (partners.h); one look can tell
 *   receive, select          a second look must show that they grow steadily and hardly one goes, and nobody else's stack may lead to
 *                            their channels
 *   Mutex, RWMutex,          a second look must show that they grow steadily and hardly one goes
 *   WaitGroup, Cond
 *
 * What looks like a leak at first and is not called one leaves a remark. */
#include <string.h>

#include "base/text.h"
#include "code/flow.h"
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
    STACKS_MAX = 1 << 24, /* looked at for partners, all sites together */
};

static const double life_share = 0.7; /* … or for so much of the process's life */

struct verdict {
    bool leak;
    enum grade grade;
    uint64_t count, stack_bytes, came, went;
    double oldest_s, newest_s;
    uint64_t channels, stuck_channels; /* that they wait on; on which nobody gets on */
    uint32_t partner;  /* one who holds a channel but does not receive, UINT32_MAX */
    uint32_t receiver; /* one who may receive */
};

static const struct wait_words {
    enum wait_kind kind;
    const char *what, *fix;
} words[] = {
    {WAIT_CHAN_SEND, "wait to send, and nobody receives",
     "select { case ch <- value: default: }   a send that cannot block; or one beside ctx.Done(), "
     "or a channel with room for all senders"},
    {WAIT_CHAN_RECEIVE, "wait to receive, and nobody sends",
     "close the channel when nothing more comes, or receive in a select beside ctx.Done()"},
    {WAIT_SELECT, "wait in a select, and no case becomes ready",
     "give the select a way out that is taken: ctx.Done() of a context that is cancelled, or a "
     "time limit"},
    {WAIT_NIL_CHAN, "wait on a nil channel: for ever",
     "make the channel before it is used: ch := make(chan T)"},
    {WAIT_NO_CASES, "wait in a select without cases: for ever",
     "let the goroutine return instead of select {}"},
    {WAIT_MUTEX, "wait for a Mutex that is not unlocked",
     "unlock on every way out: defer mu.Unlock() right behind mu.Lock()"},
    {WAIT_RWMUTEX, "wait for an RWMutex that is not unlocked",
     "unlock on every way out: defer mu.Unlock() right behind mu.Lock()"},
    {WAIT_WAITGROUP, "wait for a WaitGroup that does not reach zero",
     "call wg.Done() on every way out: defer wg.Done() at the top of the goroutine"},
    {WAIT_COND, "wait for a Cond that nobody signals",
     "signal the Cond whenever its condition changes, and when it is given up"},
};

static const struct wait_words *words_of(enum wait_kind kind)
{
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (words[i].kind == kind)
            return &words[i];
    }
    return NULL;
}

static bool is_for_ever(enum wait_kind kind)
{
    return kind == WAIT_NIL_CHAN || kind == WAIT_NO_CASES;
}

static const struct wait_object *object_of(const struct looks *looks,
                                           const struct goroutine *goroutine, uint32_t i)
{
    return &looks->now->objects.at[looks->now->waits.at[goroutine->first_wait + i].object];
}

static bool is_alive(const struct looks *looks, const struct movement *movement,
                     const struct goroutine *goroutine)
{
    for (uint32_t i = 0; i < goroutine->wait_count; i++) {
        if (movement_is_alive(movement, object_of(looks, goroutine, i)))
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
        enum partner partner = partners_of(partners, object_of(looks, goroutine, i)->at, &who);
        if (partner >= strongest && who != UINT32_MAX) {
            strongest = partner;
            *who_ret = who;
        }
    }
    return strongest;
}

static void count_member(const struct looks *looks, const struct goroutine *goroutine,
                         const struct movement *movement, struct verdict *verdict)
{
    uint32_t value = 0;
    double wait_s = goroutine_wait_s(looks->now, goroutine);
    verdict->count++;
    verdict->stack_bytes += goroutine->stack_high - goroutine->stack_low;
    verdict->came += movement->known && !u64map_get(&movement->before, goroutine->id, &value);
    verdict->oldest_s = wait_s > verdict->oldest_s ? wait_s : verdict->oldest_s;
    verdict->newest_s = wait_s < 0                                            ? 0
                        : verdict->newest_s < 0 || wait_s < verdict->newest_s ? wait_s
                                                                              : verdict->newest_s;
}

/* Who got on while partners were looked for shows that values move on their channels. */
static void note_moved(const struct looks *looks, const struct site *site,
                       const struct partners *partners, struct movement *movement)
{
    for (size_t i = 0; partners->still && i < site->members.length; i++) {
        const struct goroutine *goroutine = &looks->now->goroutines.at[site->members.at[i]];
        for (uint32_t k = 0; !partners->still[i] && k < goroutine->wait_count; k++)
            u64map_set(&movement->alive, object_of(looks, goroutine, k)->at, 1);
    }
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
        address first = goroutine->wait_count ? object_of(looks, goroutine, 0)->at : 0;
        u64map_set(&channels, first, 0);
        bool moves = (site->kind == WAIT_CHAN_SEND && is_alive(looks, movement, goroutine)) ||
                     (partners->still && !partners->still[i]);
        if ((!goroutine->wait_count && !is_for_ever(site->kind)) || moves)
            continue;
        enum partner partner = partner_of(looks, partners, goroutine, &who);
        if (partner == PARTNER_LIKELY)
            verdict->receiver = who;
        else if (who != UINT32_MAX)
            verdict->partner = who;
        if (partner == PARTNER_LIKELY)
            continue;
        u64map_set(&stuck, first, 0);
        count_member(looks, goroutine, movement, verdict);
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

static void judge_send(const struct looks *looks, const struct site *site,
                       const struct movement *movement, const struct partners *partners,
                       struct verdict *verdict)
{
    bool seen_all = !partners->unseen && (movement->known || !just_got_on(looks, site));
    verdict->leak = seen_all || (movement->known && verdict->came);
    verdict->grade = GRADE_LIKELY;
}

/* More come than go, most of those who were there stay, and at this pace they have come for long: what has piled up since a moment ago
 * may go as one, like those who wait for the next batch. */
static bool grows_steadily(const struct looks *looks, const struct movement *movement,
                           const struct verdict *verdict)
{
    uint64_t stayed = verdict->count - verdict->came;
    double uptime_s = target_facts(looks->target)->uptime_s;
    if (verdict->came < GROW_MIN + movement->went || movement->went * STAY_SHARE > stayed ||
        verdict->came < 2 * movement->went)
        return false;
    double age_s =
        (double)verdict->count / ((double)(verdict->came - movement->went) / looks->interval_s);
    return age_s >= GROW_LOOKS * looks->interval_s ||
           (uptime_s > 0 && age_s >= life_share * uptime_s);
}

static void judge_growth(const struct looks *looks, const struct site *site,
                         const struct movement *movement, struct verdict *verdict)
{
    bool sync = site->kind != WAIT_CHAN_RECEIVE && site->kind != WAIT_SELECT;
    verdict->leak = movement->known && grows_steadily(looks, movement, verdict);
    verdict->grade = verdict->oldest_s >= (sync ? LONG_WAIT_S : VERY_LONG_WAIT_S) ? GRADE_LIKELY
                                                                                  : GRADE_POSSIBLE;
}

static void judge(const struct looks *looks, const struct site *site,
                  const struct movement *movement, const struct partners *partners,
                  struct verdict *verdict)
{
    *verdict = (struct verdict){
        .oldest_s = -1, .newest_s = -1, .partner = UINT32_MAX, .receiver = UINT32_MAX};
    count_stuck(looks, site, movement, partners, verdict);
    if (verdict->count < ACCUMULATE_MIN)
        return;
    if (is_for_ever(site->kind)) {
        verdict->leak = true;
        verdict->grade = GRADE_CERTAIN;
    } else if (site->kind == WAIT_CHAN_SEND) {
        judge_send(looks, site, movement, partners, verdict);
    } else {
        verdict->went = movement->went;
        judge_growth(looks, site, movement, verdict);
    }
}

static char *since_of(const struct looks *looks, const struct verdict *verdict)
{
    struct text text = {0};
    char oldest[TEXT_SIZE_ROOM], newest[TEXT_SIZE_ROOM], came[TEXT_SIZE_ROOM], went[TEXT_SIZE_ROOM];
    if (verdict->oldest_s >= 0)
        text_printf(&text, "the oldest at least %s", text_duration(oldest, verdict->oldest_s));
    if (verdict->oldest_s >= 0 && verdict->newest_s > 0)
        text_printf(&text, ", the newest %s", text_duration(newest, verdict->newest_s));
    if (verdict->oldest_s < 0 && verdict->came > verdict->went)
        text_printf(&text, "at this pace for about %s (Go notes wait times at a collection only)",
                    text_duration(oldest, (double)verdict->count * looks->interval_s /
                                              (double)(verdict->came - verdict->went)));
    else if (verdict->oldest_s < 0)
        text_puts(&text, "not known: Go notes wait times at a collection only");
    if (looks->first)
        text_printf(&text, "; in %.1f s %s more came and %s went", looks->interval_s,
                    verdict->came ? text_count(came, verdict->came) : "no",
                    verdict->went ? text_count(went, verdict->went) : "none");
    return text.bytes;
}

static const char *in_a_loop(const struct looks *looks, address go_pc)
{
    struct func func;
    struct loop_facts facts;
    if (!go_pc || !pclntab_func(&looks->program->pclntab, go_pc, &func))
        return NULL;
    struct error *error = flow_defer_loop(looks->target, looks->program, &func, go_pc, &facts);
    if (error_ignore(error) || !facts.in_loop)
        return NULL;
    return facts.loop_exit == WAY_OUT_NONE ? "in a loop without a way out" : "in a loop";
}

static void reason_of_channels(const struct verdict *verdict, struct finding *finding)
{
    char stuck[TEXT_SIZE_ROOM], all[TEXT_SIZE_ROOM];
    text_count(stuck, verdict->stuck_channels);
    text_count(all, verdict->channels);
    if (verdict->channels == 1)
        VECTOR_PUSH(&finding->because, sentence("all wait on one channel"));
    else if (verdict->stuck_channels == verdict->channels)
        VECTOR_PUSH(&finding->because,
                    sentence("they wait on %s channels, and none of these moves", all));
    else
        VECTOR_PUSH(&finding->because,
                    sentence("%s of %s channels: the others have a receiver or move", stuck, all));
}

static void reason_of_partner(const struct looks *looks, const struct verdict *verdict,
                              struct finding *finding)
{
    if (verdict->partner == UINT32_MAX) {
        VECTOR_PUSH(&finding->because, sentence("no other goroutine's stack leads to %s",
                                                verdict->stuck_channels == 1 ? "it" : "them"));
        return;
    }
    const struct goroutine *holder = &looks->now->goroutines.at[verdict->partner];
    struct place place =
        place_at(looks->program, place_user_pc(looks->program, looks->now, holder));
    VECTOR_PUSH(&finding->because,
                sentence("goroutine %llu (%s) still holds %s, but what it runs does not receive",
                         (unsigned long long)holder->id, place.function ? place.function : "?",
                         verdict->stuck_channels == 1 ? "it" : "some"));
    place_deinit(&place);
}

static void reason_of_growth(const struct looks *looks, const struct verdict *verdict,
                             struct finding *finding)
{
    char came[TEXT_SIZE_ROOM], went[TEXT_SIZE_ROOM];
    if (!looks->first)
        return;
    if (verdict->came && verdict->went)
        VECTOR_PUSH(&finding->because, sentence("they pile up: %s came in %.1f s, %s went",
                                                text_count(came, verdict->came), looks->interval_s,
                                                text_count(went, verdict->went)));
    else if (verdict->came)
        VECTOR_PUSH(&finding->because,
                    sentence("they only ever come: %s in %.1f s, and none got on",
                             text_count(came, verdict->came), looks->interval_s));
    else
        VECTOR_PUSH(&finding->because,
                    sentence("none of them got on in %.1f s", looks->interval_s));
}

static void add_reasons(const struct looks *looks, const struct site *site,
                        const struct verdict *verdict, struct finding *finding)
{
    switch (site->kind) {
    case WAIT_NIL_CHAN:
        VECTOR_PUSH(&finding->because,
                    sentence("a nil channel never becomes ready: nothing can wake them"));
        return;
    case WAIT_NO_CASES:
        VECTOR_PUSH(&finding->because,
                    sentence("a select without cases never ends: nothing can wake them"));
        return;
    case WAIT_CHAN_SEND:
    case WAIT_CHAN_RECEIVE:
    case WAIT_SELECT:
        reason_of_channels(verdict, finding);
        reason_of_partner(looks, verdict, finding);
        break;
    default:
        break;
    }
    reason_of_growth(looks, verdict, finding);
}

static void report(const struct looks *looks, const struct site *site,
                   const struct verdict *verdict, struct findings *findings)
{
    const struct wait_words *say = words_of(site->kind);
    char count[TEXT_SIZE_ROOM];
    struct finding finding = {
        .rule = RULE_BLOCKED_GOROUTINES,
        .grade = verdict->grade,
        .count = verdict->count,
        .held_bytes = verdict->stack_bytes,
        .title = sentence("%s goroutines %s", text_count(count, verdict->count), say->what),
        .at = place_at(looks->program, site->user_pc),
        .started_at = place_of(looks->program, site->go_pc),
        .started_in_loop = in_a_loop(looks, site->go_pc),
        .oldest_s = verdict->oldest_s,
        .newest_s = verdict->newest_s,
        .has_progress = looks->first,
        .progress_s = looks->interval_s,
        .came = verdict->came,
        .went = verdict->went,
        .since = since_of(looks, verdict),
        .fix = say->fix,
    };
    add_reasons(looks, site, verdict, &finding);
    VECTOR_PUSH(findings, finding);
}

/* Senders that somebody may still receive from: said, not called a leak. */
static void remark(const struct looks *looks, const struct site *site,
                   const struct verdict *verdict, struct notes *notes)
{
    if (site->kind != WAIT_CHAN_SEND || verdict->receiver == UINT32_MAX)
        return;
    const struct goroutine *receiver = &looks->now->goroutines.at[verdict->receiver];
    struct place at = place_at(looks->program, site->user_pc);
    struct place by = place_at(looks->program, place_user_pc(looks->program, looks->now, receiver));
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

static bool is_candidate(const struct site *site)
{
    return site->members.length >= ACCUMULATE_MIN && words_of(site->kind);
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

static void judge_site(const struct looks *looks, const struct sites *first,
                       const struct site *site, uint64_t *stacks_left, struct findings *findings,
                       struct notes *notes)
{
    struct movement movement;
    struct partners partners = {0};
    struct verdict verdict;
    struct error *error = NULL;
    movement_find(looks, first, site, &movement);
    if (needs_partners(site, &movement))
        error = find_partners(looks, site, stacks_left, &partners);
    if (error) {
        note_once(notes, sentence("some goroutines at one place could not be judged: %s",
                                  error_message(error)));
        error_destroy(error);
    } else {
        note_moved(looks, site, &partners, &movement);
        judge(looks, site, &movement, &partners, &verdict);
        if (verdict.leak)
            report(looks, site, &verdict, findings);
        else
            remark(looks, site, &verdict, notes);
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
        suspect = suspect || is_candidate(&sites.at[i]);
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
        if (is_candidate(&sites.at[i]))
            judge_site(looks, &first, &sites.at[i], &stacks_left, findings, notes);
    }
    sites_deinit(&sites);
    sites_deinit(&first);
}
