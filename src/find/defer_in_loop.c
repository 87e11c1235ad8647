/* defer-in-loop: many pending deferred calls from one line in one frame.
 *
 * Two records of one statement in one frame prove that the defer is in a loop. Whether that is a leak depends on the
 * loop:
 *
 *   certain   the loop has no way out (code/flow.h): its deferred calls never run, however few they are
 *   likely    it has a way out, but they grow in the same frame, and at that pace they have grown for minutes; or for most of the
 *             process's life, and the function receives or selects: its way out depends on others
 *   possible  they have grown for most of the process's life, but the loop may just go through a collection
 *   silent    all else: a function that defers for each item of a collection and then returns looks like this while it
 *             runs; it is named in a remark
 *
 * Frames are the same in both looks if goroutine, sp, pc and the oldest record are. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "code/calls.h"
#include "code/flow.h"
#include "find/places.h"
#include "find/rules.h"

enum {
    CERTAIN_MIN = 4,
    SUSPECT_MIN = 16,
    LONG_S = 600,
    STATEMENTS_MAX = 256, /* lines of a program with pending calls in a loop; more is no program */
};

static const double life_share = 0.5;
static const char fix[] = "make the loop's body a function, so that its defers run each turn";

/* All frames of one statement. */
struct statement {
    address pc;
    const struct defer_site *largest;
    uint64_t count, frames, bytes, came;
    bool in_loop, in_both;
    bool grows_long, grows_all_life; /* for minutes; for most of the process's life */
    bool waits_for_others;           /* the function receives or selects */
    enum way_out loop_exit, returns;
    struct members members;
};

struct statements VECTOR_OF(struct statement);

static bool is_candidate(const struct defer_site *site)
{
    return site->count >= CERTAIN_MIN && site->frames == 1 && site->goroutine != UINT32_MAX &&
           site->kind != DEFER_OPEN_CODED;
}

/* Does the function itself receive or select? Then others decide when its loop ends. */
static bool waits_for_others(const struct looks *looks, const struct func *func)
{
    static const char *const names[] = {"runtime.chanrecv1", "runtime.chanrecv2",
                                        "runtime.selectgo", "runtime.selectnbrecv"};
    address entries[LENGTH_OF(names)];
    size_t count = calls_resolve(looks->program, names, LENGTH_OF(names), entries);
    return calls_reach(looks->target, looks->program, func, entries, count, 0, 0);
}

static void look_at_code(const struct looks *looks, struct statement *statement)
{
    struct func func;
    struct loop_facts facts;
    statement->loop_exit = statement->returns = WAY_OUT_UNKNOWN;
    if (statement->largest->kind != DEFER_LINKED ||
        !pclntab_func(&looks->program->pclntab, statement->pc, &func))
        return;
    struct error *error =
        flow_defer_loop(looks->target, looks->program, &func, statement->pc, &facts);
    if (error_ignore(error))
        return;
    statement->in_loop = facts.in_loop;
    statement->loop_exit = facts.loop_exit;
    statement->returns = facts.returns;
    statement->waits_for_others = waits_for_others(looks, &func);
}

static uint64_t frame_key(const struct defer_site *site)
{
    return u64_mix(u64_mix(site->sp) ^ site->pc) ^ site->function;
}

/* The frames of the first look; there may be as many as goroutines. */
static void index_frames(const struct looks *looks, struct u64map *index)
{
    for (uint32_t i = 0; looks->first && i < looks->first->defers.length; i++) {
        if (is_candidate(&looks->first->defers.at[i]))
            u64map_set(index, frame_key(&looks->first->defers.at[i]), i);
    }
}

/* The same frame in the first look, or NULL. */
static const struct defer_site *site_before(const struct looks *looks, const struct u64map *index,
                                            const struct defer_site *site)
{
    uint32_t i = 0;
    if (!u64map_get(index, frame_key(site), &i))
        return NULL;
    const struct defer_site *before = &looks->first->defers.at[i];
    uint64_t id = looks->now->goroutines.at[site->goroutine].id;
    bool same = before->pc == site->pc && before->sp == site->sp && before->kind == site->kind &&
                before->function == site->function && before->oldest == site->oldest &&
                looks->first->goroutines.at[before->goroutine].id == id;
    return same ? before : NULL;
}

/* How long they have grown, at the pace that was seen. */
static void judge_growth(const struct looks *looks, const struct defer_site *site, uint64_t came,
                         struct statement *statement)
{
    double uptime_s = target_facts(looks->target)->uptime_s;
    double age_s = came ? (double)site->count / ((double)came / looks->interval_s) : 0;
    statement->grows_long = statement->grows_long || age_s >= LONG_S;
    statement->grows_all_life =
        statement->grows_all_life || (came && uptime_s > 0 && age_s >= life_share * uptime_s);
}

/* NULL if there are too many. */
static struct statement *statement_of(struct statements *statements, address pc,
                                      const struct defer_site *site)
{
    for (size_t i = 0; i < statements->length; i++) {
        struct statement *statement = &statements->at[i];
        if (statement->pc == pc &&
            (site->kind == DEFER_LINKED || statement->largest->function == site->function))
            return statement;
    }
    if (statements->length >= STATEMENTS_MAX)
        return NULL;
    VECTOR_PUSH(statements, (struct statement){.pc = pc, .largest = site});
    return &statements->at[statements->length - 1];
}

static void add_frame(const struct looks *looks, const struct defer_site *site,
                      const struct defer_site *before, struct statement *statement)
{
    uint64_t came = before && site->count > before->count ? site->count - before->count : 0;
    statement->count += site->count;
    statement->frames++;
    VECTOR_PUSH(&statement->members, site->goroutine);
    statement->bytes += site->record_bytes;
    statement->came += came;
    statement->in_both = statement->in_both || before;
    judge_growth(looks, site, came, statement);
    if (site->count > statement->largest->count)
        statement->largest = site;
}

/* Joins the frames of each statement; statements are as few as there are lines. */
static void gather(const struct looks *looks, struct statements *statements)
{
    struct u64map index = {0};
    index_frames(looks, &index);
    for (size_t i = 0; i < looks->now->defers.length; i++) {
        const struct defer_site *site = &looks->now->defers.at[i];
        struct statement *statement =
            is_candidate(site) ? statement_of(statements, site->pc, site) : NULL;
        if (statement)
            add_frame(looks, site, site_before(looks, &index, site), statement);
    }
    u64map_deinit(&index);
    for (size_t i = 0; i < statements->length; i++)
        look_at_code(looks, &statements->at[i]);
}

static bool is_certain(const struct statement *statement)
{
    return statement->in_loop && statement->loop_exit == WAY_OUT_NONE;
}

/* -1: not a leak. */
static int grade_of(const struct statement *statement)
{
    if (is_certain(statement))
        return GRADE_CERTAIN;
    if (statement->count < SUSPECT_MIN || !statement->came)
        return -1;
    bool stays = statement->in_loop && statement->returns == WAY_OUT_NONE;
    if (stays || statement->grows_long ||
        (statement->grows_all_life && statement->waits_for_others))
        return GRADE_LIKELY;
    return statement->grows_all_life ? GRADE_POSSIBLE : -1;
}

static void add_reasons(struct finding *finding, const struct statement *statement)
{
    const char *function = finding->at.function ? finding->at.function : "the function";
    if (is_certain(statement))
        VECTOR_PUSH(
            &finding->because,
            sentence("%s loops without a way out: short of a panic, its deferred calls never run",
                     function));
    else if (statement->loop_exit == WAY_OUT_EXISTS)
        VECTOR_PUSH(
            &finding->because,
            sentence("the loop in %s has a way out, but it has not been taken for long", function));
    else
        VECTOR_PUSH(
            &finding->because,
            sentence("several calls of one defer in one frame of %s: it is in a loop", function));
    if (finding->has_progress && finding->came) {
        char came[TEXT_SIZE_ROOM];
        VECTOR_PUSH(&finding->because,
                    sentence("in %.1f s %s more came and none was run", finding->progress_s,
                             text_count(came, finding->came)));
    }
}

/* No time is noted with a deferred call: the pace tells. */
static char *since_of(const struct looks *looks, const struct statement *statement)
{
    char age[TEXT_SIZE_ROOM];
    if (!statement->came)
        return NULL;
    double age_s = (double)statement->count * looks->interval_s / (double)statement->came;
    return sentence("at this pace for about %s", text_duration(age, age_s));
}

static char *title_of(const struct statement *statement)
{
    char count[TEXT_SIZE_ROOM], frames[TEXT_SIZE_ROOM];
    text_count(count, statement->count);
    if (statement->frames == 1)
        return sentence("%s deferred calls pending in one frame", count);
    return sentence("%s deferred calls pending in %s frames", count,
                    text_count(frames, statement->frames));
}

/* Takes the statement's members. */
static void report(const struct looks *looks, struct statement *statement,
                   struct findings *findings)
{
    const struct defer_site *site = statement->largest;
    const struct goroutine *goroutine = &looks->now->goroutines.at[site->goroutine];
    struct finding finding = {
        .rule = RULE_DEFER_IN_LOOP,
        .grade = (enum grade)grade_of(statement),
        .count = statement->count,
        .held_bytes = statement->bytes,
        .members = statement->members,
        .defer_pc = site->pc,
        .title = title_of(statement),
        .at = place_of_defer(looks->program, site),
        .started_at = place_of_start(looks->program, goroutine),
        .deferred = place_of_deferred(looks->target, looks->program, site),
        .goroutine = statement->frames == 1 ? goroutine->id : 0,
        .oldest_s = -1,
        .newest_s = -1,
        .has_progress = looks->first && statement->in_both,
        .progress_s = looks->interval_s,
        .came = statement->came,
        .since = since_of(looks, statement),
        .fix = fix,
    };
    statement->members = (struct members){0};
    add_reasons(&finding, statement);
    VECTOR_PUSH(findings, finding);
}

static void remark(const struct looks *looks, const struct statement *statement,
                   struct notes *notes)
{
    if (statement->count < SUSPECT_MIN)
        return;
    struct place at = place_of_defer(looks->program, statement->largest);
    char count[TEXT_SIZE_ROOM];
    VECTOR_PUSH(notes,
                sentence("%s deferred calls pending in %s (line %d): its loop has a way out%s, so "
                         "this is not called a leak",
                         text_count(count, statement->count), at.function ? at.function : "?",
                         at.line, looks->first && !statement->came ? " and they do not grow" : ""));
    place_deinit(&at);
}

static void statements_deinit(struct statements *statements)
{
    for (size_t i = 0; i < statements->length; i++)
        VECTOR_DEINIT(&statements->at[i].members);
    VECTOR_DEINIT(statements);
}

bool defer_in_loop_suspects(const struct looks *looks)
{
    struct statements statements = {0};
    bool suspect = false;
    gather(looks, &statements);
    for (size_t i = 0; i < statements.length; i++)
        suspect = suspect || statements.at[i].count >= CERTAIN_MIN;
    statements_deinit(&statements);
    return suspect;
}

void defer_in_loop_find(const struct looks *looks, struct findings *findings, struct notes *notes)
{
    struct statements statements = {0};
    gather(looks, &statements);
    for (size_t i = 0; i < statements.length; i++) {
        struct statement *statement = &statements.at[i];
        if (grade_of(statement) >= 0)
            report(looks, statement, findings);
        else
            remark(looks, statement, notes);
    }
    if (statements.length == STATEMENTS_MAX)
        VECTOR_PUSH(notes,
                    sentence("of the lines with deferred calls in a loop only %d were judged",
                             STATEMENTS_MAX));
    statements_deinit(&statements);
}
