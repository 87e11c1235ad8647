/* What is said of goroutines that are blocked: words, times, reasons. */
#include <string.h>

#include "base/text.h"
#include "code/flow.h"
#include "code/wrapper.h"
#include "find/blocked.h"
#include "find/places.h"
#include "find/rules.h"

const struct verdict verdict_none = {
    .oldest_s = -1,
    .newest_s = -1,
    .partner = UINT32_MAX,
    .receiver = UINT32_MAX,
    .way = {.goroutine = UINT32_MAX},
};

static const struct wait_words words[] = {
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

const struct wait_words *blocked_words(enum wait_kind kind)
{
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (words[i].kind == kind)
            return &words[i];
    }
    return NULL;
}

bool blocked_for_ever(enum wait_kind kind)
{
    return kind == WAIT_NIL_CHAN || kind == WAIT_NO_CASES;
}

const struct wait_object *blocked_on(const struct looks *looks, const struct goroutine *goroutine,
                                     uint32_t i)
{
    return &looks->now->objects.at[looks->now->waits.at[goroutine->first_wait + i].object];
}

void blocked_count(const struct looks *looks, uint32_t index, const struct movement *movement,
                   struct verdict *verdict)
{
    const struct goroutine *goroutine = &looks->now->goroutines.at[index];
    uint32_t value = 0;
    double wait_s = goroutine_wait_s(looks->now, goroutine);
    verdict->count++;
    VECTOR_PUSH(&verdict->members, index);
    verdict->stack_bytes += goroutine->stack_high - goroutine->stack_low;
    verdict->came += movement->known && !u64map_get(&movement->before, goroutine->id, &value);
    verdict->stayed += movement->known && u64map_get(&movement->stayed, goroutine->id, &value);
    verdict->oldest_s = wait_s > verdict->oldest_s ? wait_s : verdict->oldest_s;
    verdict->newest_s = wait_s < 0                                            ? 0
                        : verdict->newest_s < 0 || wait_s < verdict->newest_s ? wait_s
                                                                              : verdict->newest_s;
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
    if (verdict->partner == UINT32_MAX && verdict->way.way == WAY_RUNS)
        return;
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

/* The physical function's name, to show; the caller frees. */
static char *name_of(const struct looks *looks, address entry)
{
    struct func func;
    if (!entry || !pclntab_func(&looks->program->pclntab, entry, &func))
        return xstrdup("?");
    return function_shown(func_name(&looks->program->pclntab, &func));
}

static void reason_of_unused(const struct looks *looks, const struct way_in *way, const char *does,
                             struct finding *finding)
{
    AUTO_FREE char *one = name_of(looks, way->function);
    AUTO_FREE char *other = name_of(looks, way->other);
    if (!way->function)
        VECTOR_PUSH(&finding->because,
                    sentence("a variable leads there, but no function that uses it %s", does));
    else if (!way->other)
        VECTOR_PUSH(
            &finding->because,
            sentence("a variable that only %s uses leads there, and it never %s", one, does));
    else
        VECTOR_PUSH(&finding->because,
                    sentence("a variable leads there, but none that use it (%s, %s) ever %s", one,
                             other, does));
}

static void reason_of_running(const struct looks *looks, const struct way_in *way, const char *does,
                              struct finding *finding)
{
    const struct goroutine *goroutine = &looks->now->goroutines.at[way->goroutine];
    struct wrapped wrapped = wrapper_callee(looks->target, looks->program, goroutine->start_pc);
    AUTO_FREE char *start = name_of(looks, wrapped.entry ? wrapped.entry : goroutine->start_pc);
    VECTOR_PUSH(&finding->because,
                sentence("goroutine %llu (%s) runs and has it, but the code ahead of it never %s",
                         (unsigned long long)goroutine->id, start, does));
}

static void reason_of_gone(const struct looks *looks, const struct way_in *way,
                           struct finding *finding)
{
    AUTO_FREE char *name = name_of(looks, way->function);
    if (way->goroutine == UINT32_MAX)
        VECTOR_PUSH(&finding->because,
                    sentence("a variable leads there; %s receives through it, but no goroutine "
                             "runs it any more, nor what calls it",
                             name));
    else
        VECTOR_PUSH(&finding->because,
                    sentence("a variable leads there; %s receives through it, but who runs it "
                             "(goroutine %llu) waits for something else there",
                             name,
                             (unsigned long long)looks->now->goroutines.at[way->goroutine].id));
}

static void reason_of_way(const struct looks *looks, const struct site *site,
                          const struct verdict *verdict, struct finding *finding)
{
    const char *does = site->kind == WAIT_CHAN_SEND      ? "receives"
                       : site->kind == WAIT_CHAN_RECEIVE ? "sends"
                                                         : "sends or receives";
    switch ((enum way)verdict->way.way) {
    case WAY_UNUSED:
        reason_of_unused(looks, &verdict->way, does, finding);
        break;
    case WAY_GONE:
        if (site->kind == WAIT_CHAN_SEND)
            reason_of_gone(looks, &verdict->way, finding);
        break;
    case WAY_RUNS:
        reason_of_running(looks, &verdict->way, does, finding);
        break;
    case WAY_UNSURE:
        VECTOR_PUSH(&finding->because,
                    sentence("a variable leads there, and it is not known who uses it"));
        break;
    default:
        break;
    }
}

static void reason_of_lock(const struct looks *looks, const struct site *site,
                           const struct verdict *verdict, struct finding *finding)
{
    const char *does = site->kind == WAIT_WAITGROUP ? "call Done"
                       : site->kind == WAIT_COND    ? "signal it"
                                                    : "unlock it";
    AUTO_FREE char *name = name_of(looks, verdict->way.function);
    switch ((enum way)verdict->way.way) {
    case WAY_GONE:
    case WAY_UNUSED:
        VECTOR_PUSH(
            &finding->because,
            sentence("a variable leads to it, but no goroutine is seen that could still %s", does));
        break;
    case WAY_ALIVE:
        VECTOR_PUSH(&finding->because,
                    sentence("%s could still %s, but has not for long", name, does));
        break;
    default:
        break;
    }
}

/* Who gets on and comes back between the looks leaves no trace on some channels and locks: then that none got on is not known. */
static void reason_of_growth(const struct looks *looks, const struct verdict *verdict,
                             struct finding *finding)
{
    char came[TEXT_SIZE_ROOM], went[TEXT_SIZE_ROOM];
    bool sure = verdict->stayed + verdict->came >= verdict->count;
    if (!looks->first)
        return;
    if (verdict->came && verdict->went)
        VECTOR_PUSH(&finding->because, sentence("they pile up: %s came in %.1f s, %s went",
                                                text_count(came, verdict->came), looks->interval_s,
                                                text_count(went, verdict->went)));
    else if (verdict->came)
        VECTOR_PUSH(&finding->because, sentence("they only ever come: %s in %.1f s, and none %s",
                                                text_count(came, verdict->came), looks->interval_s,
                                                sure ? "got on" : "went"));
    else if (sure)
        VECTOR_PUSH(&finding->because,
                    sentence("none of them got on in %.1f s", looks->interval_s));
}

/* What they wait for: "the channel", "any of 12 channels". */
static char *objects_of(enum wait_kind kind, uint64_t count)
{
    static const struct {
        enum wait_kind kind;
        const char *one, *many;
    } names[] = {
        {WAIT_MUTEX, "Mutex", "Mutexes"},
        {WAIT_RWMUTEX, "RWMutex", "RWMutexes"},
        {WAIT_WAITGROUP, "WaitGroup", "WaitGroups"},
        {WAIT_COND, "Cond", "Conds"},
        {WAIT_CHAN_SEND, "channel", "channels"}, /* and all other kinds */
    };
    char text[TEXT_SIZE_ROOM];
    size_t i = 0;
    while (i + 1 < LENGTH_OF(names) && names[i].kind != kind)
        i++;
    return count == 1 ? sentence("the %s", names[i].one)
                      : sentence("any of these %s %s", text_count(text, count), names[i].many);
}

static void reason_of_proof(const struct site *site, const struct verdict *verdict,
                            struct finding *finding)
{
    if (!verdict->channels) {
        VECTOR_PUSH(&finding->because,
                    sentence("all its channels are nil: none of them ever becomes ready"));
        return;
    }
    AUTO_FREE char *objects = objects_of(site->kind, verdict->channels);
    VECTOR_PUSH(&finding->because,
                sentence("nothing that can still run leads to %s: no variable, no goroutine that "
                         "can go on",
                         objects));
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
    default:
        break;
    }
    if (verdict->proved) {
        reason_of_proof(site, verdict, finding);
        reason_of_growth(looks, verdict, finding);
        return;
    }
    switch (site->kind) {
    case WAIT_CHAN_SEND:
    case WAIT_CHAN_RECEIVE:
    case WAIT_SELECT:
        reason_of_channels(verdict, finding);
        reason_of_partner(looks, verdict, finding);
        reason_of_way(looks, site, verdict, finding);
        break;
    default:
        reason_of_lock(looks, site, verdict, finding);
        break;
    }
    reason_of_growth(looks, verdict, finding);
}

/* "1 goroutine waits …", "12 goroutines wait …" */
static char *title_of(uint64_t count, const struct wait_words *say)
{
    char text[TEXT_SIZE_ROOM];
    if (count == 1)
        return sentence("1 goroutine waits%s", say->what + strlen("wait"));
    return sentence("%s goroutines %s", text_count(text, count), say->what);
}

void blocked_report(const struct looks *looks, const struct site *site, struct verdict *verdict,
                    struct findings *findings)
{
    const struct wait_words *say = blocked_words(site->kind);
    struct finding finding = {
        .rule = RULE_BLOCKED_GOROUTINES,
        .grade = verdict->grade,
        .count = verdict->count,
        .held_bytes = verdict->stack_bytes,
        .members = verdict->members,
        .title = title_of(verdict->count, say),
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
    verdict->members = (struct members){0};
    add_reasons(looks, site, verdict, &finding);
    VECTOR_PUSH(findings, finding);
}
