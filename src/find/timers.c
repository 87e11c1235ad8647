/* Tickers and timers that are never stopped. Only the runtime's list of timers leads to them, and only they to their channels: nobody can stop them, and
 * nobody can receive from them. A ticker goes off for ever. A timer, of time.After in a loop for one, stays until it goes off: how many there are is bounded by that, so
 * they may be meant. Go frees both since 1.23; a program of an older Go, or one that asks for the old timers (GODEBUG=asynctimerchan=1), keeps
 * them. A call that time.AfterFunc has put off is meant, as a rule: many of them are remarked on, and not called a leak. */
#include "find/rules.h"

#include <string.h>

#include "base/text.h"
#include "code/call_sites.h"
#include "heap/graph.h"
#include "heap/timers.h"

enum {
    TICKERS_MIN = 2,  /* a program's one ticker that it never stops costs nothing */
    TIMERS_MIN = 100, /* a few waits that ended early are in every program */
    CALLS_MIN = 1000,
    MAKERS_SHOWN = 3,
};

static const double ns_per_s = 1e9;

/* Of one kind: tickers, timers, calls that were put off. */
struct forgotten {
    uint64_t count, bytes;
    int64_t least_ns, most_ns; /* periods; of timers, until they go off */
    address function;          /* that more than half of them call, if there is one */
    uint64_t votes;            /* for it, those for others taken away */
};

/* The place of the object that an address lies in; CSR_NONE if it is not reached. */
static uint32_t place_at(const struct graph *graph, address at)
{
    const struct objects *objects = &graph->heap->objects;
    struct object object;
    if (!at || !objects_at(objects, at, &object))
        return CSR_NONE;
    return graph_place(graph, object_number(objects, object));
}

/* Nothing but this place leads to the other one. */
static bool is_only_way(const struct graph *graph, uint32_t from, uint32_t to)
{
    const struct csr *incoming = &graph->incoming;
    if (from == CSR_NONE || to == CSR_NONE)
        return false;
    for (uint32_t i = incoming->first[to]; i < incoming->first[to + 1]; i++) {
        if (incoming->to[i] != from)
            return false;
    }
    return true;
}

/* time.sendTime: the channel of a ticker or timer; time.goFunc: what time.AfterFunc was given. */
static bool does(const struct looks *looks, const struct timer *timer, const char *name)
{
    const struct pclntab *table = &looks->program->pclntab;
    struct func func;
    return pclntab_func(table, timer->function, &func) && !strcmp(func_name(table, &func), name);
}

static bool is_only_listed(const struct graph *graph, const struct timer *timer)
{
    return is_only_way(graph, place_at(graph, timer->list), place_at(graph, timer->at));
}

static bool is_forgotten(const struct looks *looks, const struct graph *graph,
                         const struct timer *timer)
{
    return does(looks, timer, "time.sendTime") && is_only_listed(graph, timer) &&
           is_only_way(graph, place_at(graph, timer->at), place_at(graph, timer->argument));
}

static void count_timer(const struct looks *looks, const struct graph *graph,
                        const struct timer *timer, struct forgotten *forgotten)
{
    int64_t span_ns =
        timer->period_ns > 0 ? timer->period_ns : timer->when_ns - looks->now->taken_ns;
    if (!forgotten->count || span_ns < forgotten->least_ns)
        forgotten->least_ns = span_ns;
    if (!forgotten->count || span_ns > forgotten->most_ns)
        forgotten->most_ns = span_ns;
    forgotten->count++;
    forgotten->bytes += graph->held[place_at(graph, timer->at)];
}

/* "main.wait (line 30) calls time.After": the program's own function, through those of the library that were inlined into it. NULL: it is none of its own. */
static char *maker_at(const struct looks *looks, address return_pc, const char *called)
{
    struct source_frame frames[PCLNTAB_INLINE_MAX];
    size_t count =
        pclntab_frames(&looks->program->pclntab, return_pc - 1, frames, LENGTH_OF(frames));
    for (size_t i = 0; i < count && frames[i].function; i++) {
        AUTO_FREE char *function = function_shown(frames[i].function);
        if (!calls_is_standard(looks->program, function))
            return sentence("%s (line %d) calls %s", function, frames[i].line, called);
        called = frames[i].function;
    }
    return NULL;
}

/* Functions of the program itself that call one of these two. */
static void add_makers(const struct looks *looks, const char *const names[2],
                       struct finding *finding)
{
    struct named_entries entries = {0};
    struct call_sites sites = {0};
    unsigned shown = 0;
    calls_entries(looks->program, names, 2, &entries);
    error_ignore(call_sites_find(looks->target, looks->program, &entries, &sites));
    for (size_t i = 0; i < sites.length && shown < MAKERS_SHOWN; i++) {
        char *maker = maker_at(looks, sites.at[i].return_pc, names[sites.at[i].name]);
        if (!maker)
            continue;
        VECTOR_PUSH(&finding->because, maker);
        shown++;
    }
    VECTOR_DEINIT(&sites);
    VECTOR_DEINIT(&entries);
}

/* Takes the title. */
static struct finding finding_of(const struct forgotten *forgotten, enum grade grade, char *title)
{
    struct finding finding = {
        .rule = RULE_TIMERS,
        .grade = grade,
        .count = forgotten->count,
        .held_bytes = forgotten->bytes,
        .held_measured = true,
        .title = title,
        .holder = xstrdup("the runtime's timers"),
        .oldest_s = -1,
        .newest_s = -1,
    };
    VECTOR_PUSH(
        &finding.because,
        sentence("only the runtime leads to them: nobody can stop them or receive from them"));
    return finding;
}

static void report_tickers(const struct looks *looks, const struct forgotten *forgotten,
                           struct findings *findings)
{
    static const char *const names[] = {"time.NewTicker", "time.Tick"};
    char count[TEXT_SIZE_ROOM], least[TEXT_SIZE_ROOM], most[TEXT_SIZE_ROOM];
    struct finding finding = finding_of(forgotten, GRADE_CERTAIN,
                                        sentence("%s tickers go off for ever, and nobody has them",
                                                 text_count(count, forgotten->count)));
    finding.fix = "ticker := time.NewTicker(d); defer ticker.Stop()   time.Tick can't be stopped; "
                  "since Go 1.23 the collector frees both";
    text_duration(least, (double)forgotten->least_ns / ns_per_s);
    text_duration(most, (double)forgotten->most_ns / ns_per_s);
    VECTOR_PUSH(&finding.because, strcmp(least, most) != 0
                                      ? sentence("each costs a wake-up every %s to %s", least, most)
                                      : sentence("each costs a wake-up every %s", least));
    add_makers(looks, names, &finding);
    VECTOR_PUSH(findings, finding);
}

static void report_timers(const struct looks *looks, const struct forgotten *forgotten,
                          struct findings *findings)
{
    static const char *const names[] = {"time.After", "time.NewTimer"};
    char count[TEXT_SIZE_ROOM], most[TEXT_SIZE_ROOM];
    struct finding finding =
        finding_of(forgotten, GRADE_POSSIBLE,
                   sentence("%s timers have yet to go off, and nobody waits for them",
                            text_count(count, forgotten->count)));
    finding.fix = "timer := time.NewTimer(d); defer timer.Stop(), or Reset in a loop   time.After "
                  "can't be stopped; since Go 1.23 the collector frees both";
    if (looks->now->taken_ns && forgotten->most_ns > 0)
        VECTOR_PUSH(&finding.because,
                    sentence("each stays until it goes off, the last one in %s",
                             text_duration(most, (double)forgotten->most_ns / ns_per_s)));
    add_makers(looks, names, &finding);
    VECTOR_PUSH(findings, finding);
}

static void count_vote(const struct looks *looks, const struct timer *timer,
                       struct forgotten *calls)
{
    uint64_t function = 0;
    if (error_ignore(target_u64(looks->target, timer->argument, &function)))
        return;
    if (!calls->votes)
        calls->function = function;
    if (function == calls->function)
        calls->votes++;
    else
        calls->votes--;
}

/* Nobody keeps their timers: a cache's entries that expire so are meant; what waits an hour for nothing is not. */
static void remark_calls(const struct looks *looks, const struct forgotten *calls,
                         struct notes *notes)
{
    const struct pclntab *table = &looks->program->pclntab;
    char count[TEXT_SIZE_ROOM], most[TEXT_SIZE_ROOM], held[TEXT_SIZE_ROOM];
    struct func func;
    AUTO_FREE char *function = pclntab_func(table, calls->function, &func)
                                   ? function_shown(func_name(table, &func))
                                   : xstrdup("?");
    VECTOR_PUSH(notes, sentence("%s calls are put off by time.AfterFunc (%s, for one), the last "
                                "one for %s, and hold %s: nobody "
                                "keeps their timers to stop them, so if they are not meant to wait "
                                "so long, this is a leak",
                                text_count(count, calls->count), function,
                                text_duration(most, (double)calls->most_ns / ns_per_s),
                                text_size(held, calls->bytes)));
}

void find_timers(const struct looks *looks, const struct graph *graph, struct findings *findings,
                 struct notes *notes)
{
    struct forgotten tickers = {0}, waits = {0}, calls = {0};
    struct timers timers;
    timers_find(graph->heap, &timers);
    for (size_t i = 0; i < timers.length; i++) {
        const struct timer *timer = &timers.at[i];
        if (is_forgotten(looks, graph, timer))
            count_timer(looks, graph, timer, timer->period_ns > 0 ? &tickers : &waits);
        if (!does(looks, timer, "time.goFunc") || !is_only_listed(graph, timer))
            continue;
        count_timer(looks, graph, timer, &calls);
        count_vote(looks, timer, &calls);
    }
    VECTOR_DEINIT(&timers);
    if (tickers.count >= TICKERS_MIN)
        report_tickers(looks, &tickers, findings);
    if (waits.count >= TIMERS_MIN)
        report_timers(looks, &waits, findings);
    if (calls.count >= CALLS_MIN)
        remark_calls(looks, &calls, notes);
    findings_sort_by_weight(findings);
}
