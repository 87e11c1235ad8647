#include "cli/inspection.h"

#include "base/clock.h"
#include "base/text.h"
#include "scan/join.h"
#include "target/snapshot.h"

static const double ns_per_s = 1e9;

static struct error *about(const struct inspection *inspection, struct error *error)
{
    const struct target_facts *facts = target_facts(inspection->target);
    if (!error || error_code(error) == ERROR_GONE)
        return error;
    if (facts->kind == TARGET_CORE || facts->kind == TARGET_SNAPSHOT)
        return error_context(error, "%s of %s", facts->kind == TARGET_CORE ? "core" : "snapshot",
                             facts->name);
    return error_context(error, "%s (pid %d)", facts->name, (int)facts->pid);
}

/* A process that exits makes reads fail in many ways: then that is what to say. */
static struct error *explain(struct inspection *inspection, struct error *error)
{
    if (!error)
        return NULL;
    struct error *gone = target_check(inspection->target);
    if (!gone)
        return about(inspection, error);
    error_destroy(error);
    return gone;
}

static struct error *look(struct inspection *inspection, struct observation *observation_ret)
{
    return explain(inspection, observe(inspection->runtime, inspection->depth, &inspection->stacks,
                                       observation_ret));
}

static struct error *open_layers(struct inspection *inspection)
{
    TRY(explain(inspection,
                program_open(inspection->target, runtime_wanted_types, &inspection->program)));
    TRY(explain(inspection,
                runtime_open(inspection->target, inspection->program, &inspection->runtime)));
    target_log_reads(inspection->target, inspection->log);
    TRY(look(inspection, &inspection->first));
    inspection->looks = 1;
    inspection->looked_ns = clock_now_ns();
    return NULL;
}

struct error *wanted_open(const struct wanted *wanted, const char *exe, struct target **target_ret)
{
    if (wanted->is_snapshot)
        return target_open_snapshot(wanted->path, target_ret);
    if (wanted->path)
        return target_open_core(wanted->path, exe, target_ret);
    return target_open_process(wanted->pid, target_ret);
}

static struct error *open_target(struct inspection *inspection, const struct wanted *wanted,
                                 const char *exe)
{
    int64_t start_ns = clock_now_ns();
    if (!inspection->target)
        TRY(wanted_open(wanted, exe, &inspection->target));
    TRY(open_layers(inspection));
    inspection->spent_ns = inspection->looked_ns - start_ns;
    return NULL;
}

/* Takes the inspection. */
static struct error *start(struct inspection *inspection, const struct wanted *wanted,
                           const char *exe, struct inspection **inspection_ret)
{
    struct error *error = open_target(inspection, wanted, exe);
    if (error) {
        inspection_destroy(inspection);
        return error;
    }
    *inspection_ret = inspection;
    return NULL;
}

struct error *inspection_start(const struct wanted *wanted, const char *exe,
                               enum observe_depth depth, struct freeze_options pause,
                               struct inspection **inspection_ret)
{
    struct inspection *inspection = xcalloc(1, sizeof(*inspection));
    inspection->depth = depth;
    inspection->pause = pause;
    return start(inspection, wanted, exe, inspection_ret);
}

struct error *inspection_start_over(struct target *target, struct readlog *log,
                                    struct inspection **inspection_ret)
{
    struct inspection *inspection = xcalloc(1, sizeof(*inspection));
    inspection->depth = OBSERVE_ALL;
    inspection->target = target;
    inspection->log = log;
    return start(inspection, NULL, NULL, inspection_ret);
}

const struct observation *inspection_now(const struct inspection *inspection)
{
    if (inspection->instant.looked)
        return &inspection->instant.observation;
    return inspection->looks > 1 ? &inspection->second : &inspection->first;
}

static struct looks looks_of(const struct inspection *inspection)
{
    const struct instant *instant = &inspection->instant;
    return (struct looks){
        .target = instant->looked ? instant->frozen : inspection->target,
        .program = inspection->program,
        .runtime = instant->looked ? instant->runtime : inspection->runtime,
        .first = inspection->looks > 1 ? &inspection->first : NULL,
        .now = inspection_now(inspection),
        .interval_s = inspection->interval_s,
        .uptime_s = target_facts(inspection->target)->uptime_s,
        .heap = instant->stuck ? instant->heap : NULL,
        .stuck = instant->stuck,
    };
}

void inspection_look_early(struct inspection *inspection)
{
    if (target_facts(inspection->target)->kind != TARGET_PROCESS)
        return;
    inspection->wants_growth = true;
    if (!inspection->pause.budget_ns)
        return;
    early_view_take(&inspection->early, inspection->target, inspection->program, &inspection->first,
                    &inspection->pause);
    /* The pause may have come late, and the time between the two is what growth needs. */
    if (inspection->early.view)
        inspection->looked_ns += inspection->early.taken_ns - inspection->first.taken_ns;
}

bool inspection_wants_second_look(const struct inspection *inspection)
{
    if (inspection->wants_growth)
        return true;
    struct looks looks = looks_of(inspection);
    return target_facts(inspection->target)->kind == TARGET_PROCESS &&
           find_wants_second_look(&looks);
}

static void take_instant(struct inspection *inspection)
{
    if (inspection->instant.tried || !inspection->pause.budget_ns ||
        target_facts(inspection->target)->kind != TARGET_PROCESS)
        return;
    instant_of_process(&inspection->instant, inspection->target, inspection->program,
                       &inspection->first, &inspection->pause);
}

/* The frozen process is the second look; if it can't be frozen, the live one is looked at. */
struct error *inspection_look_again(struct inspection *inspection)
{
    int64_t start_ns = clock_now_ns();
    target_forget(inspection->target);
    take_instant(inspection);
    if (!inspection->instant.looked)
        TRY(look(inspection, &inspection->second));
    inspection->looks = 2;
    inspection->interval_s =
        (double)(inspection_now(inspection)->taken_ns - inspection->first.taken_ns) / ns_per_s;
    inspection->spent_ns += clock_now_ns() - start_ns;
    return NULL;
}

static void prove(struct inspection *inspection)
{
    if (target_stands_still(inspection->target))
        instant_of_still(&inspection->instant, inspection->runtime, &inspection->first);
    else if (inspection->instant.looked)
        instant_prove(&inspection->instant, &inspection->instant.observation);
}

/* Else "no leak found" would be said of what nobody saw. */
static void note_cut(struct inspection *inspection)
{
    struct text text = {0};
    char cut[TEXT_SIZE_ROOM];
    uint64_t bytes = target_facts(inspection->target)->cut_bytes;
    if (!bytes)
        return;
    text_printf(&text, "the core file is cut off: %s of the memory that it lists are missing",
                text_size(cut, bytes));
    VECTOR_PUSH(&inspection->notes, text.bytes);
}

static void judge(struct inspection *inspection)
{
    take_instant(inspection);
    prove(inspection);
    if (inspection->depth >= OBSERVE_PARTS)
        instant_weigh_garbage(&inspection->instant, inspection_now(inspection));
    struct looks looks = looks_of(inspection);
    find_leaks(&looks, &inspection->findings, &inspection->notes);
    note_cut(inspection);
    /* A help, where it succeeds: that the target is gone is said below. */
    error_ignore(scan_join(inspection->target, inspection->program, &inspection->findings));
}

/* Else "no leak found" would be said of a heap that nobody compared. */
static void note_growth_unknown(struct inspection *inspection)
{
    const struct instant *instant = &inspection->instant;
    const char *why = inspection->early.why;
    if (!inspection->pause.budget_ns)
        why = "it takes two pauses, and none is allowed (--pause 0)";
    else if (!why && !instant->view)
        why = instant->heap_why;
    struct text text = {0};
    if (!why)
        return;
    text_printf(&text, "what grows in the heap was not looked at: %s", why);
    VECTOR_PUSH(&inspection->notes, text.bytes);
}

/* Compares the heaps of both looks, which may lie closer together than the looks. */
static void compare_heaps(struct inspection *inspection, struct looks *looks)
{
    if (!inspection->early.view || !inspection->instant.view) {
        note_growth_unknown(inspection);
        return;
    }
    looks->heap_first = inspection->early.view;
    looks->heap_now = inspection->instant.view;
    looks->interval_s =
        (double)(inspection_now(inspection)->taken_ns - inspection->early.taken_ns) / ns_per_s;
    find_growing(looks, &inspection->findings, &inspection->notes);
}

static void view_heap(struct inspection *inspection)
{
    enum {
        SMALL_SLOTS = 1 << 20
    };
    struct looks looks = looks_of(inspection);
    bool compare = inspection->early.view;
    bool small = inspection->heap_wish <= HEAP_IF_SMALL && !compare;
    if (inspection->heap_wish == HEAP_NOT_WANTED && !inspection->wants_growth)
        return;
    struct heap_view_wanted wanted = heap_view_usual;
    if (inspection->heap_wish == HEAP_CLOSE)
        wanted = heap_view_close;
    wanted.before = inspection->early.view;
    if (inspection->heap_wish == HEAP_IN_FULL)
        wanted = heap_view_full;
    if (inspection->heap_wish == HEAP_HELD && !compare)
        wanted = heap_view_held;
    instant_view(&inspection->instant, &looks, &inspection->groups, small ? SMALL_SLOTS : 0,
                 &wanted);
    if (inspection->instant.graph)
        find_timers(&looks, inspection->instant.graph, &inspection->findings, &inspection->notes);
    if (inspection->wants_growth)
        compare_heaps(inspection, &looks);
}

struct error *inspection_finish(struct inspection *inspection, bool list_only)
{
    int64_t start_ns = clock_now_ns();
    if (!list_only)
        judge(inspection);
    groups_build(inspection_now(inspection), &inspection->groups);
    if (!list_only)
        view_heap(inspection);
    inspection->spent_ns += clock_now_ns() - start_ns;
    return target_check(inspection->target);
}

static struct instant_facts instant_facts_of(const struct inspection *inspection)
{
    static const char *const ways[] = {
        [FREEZE_AUTO] = NULL, [FREEZE_COPY] = "copy", [FREEZE_TWIN] = "twin"};
    const struct instant *instant = &inspection->instant;
    enum target_kind kind = target_facts(inspection->target)->kind;
    const char *way = ways[instant->facts.way];
    if (kind == TARGET_CORE)
        way = "core";
    if (kind == TARGET_SNAPSHOT)
        way = target_stands_still(inspection->target) ? "snapshot" : NULL;
    struct instant_facts facts = {.why = instant->why,
                                  .way = way,
                                  .pause_ns = kind == TARGET_SNAPSHOT
                                                  ? snapshot_pause_ns(inspection->target)
                                                  : instant->facts.pause_ns,
                                  .stuck = instant->stuck};
    facts.garbage_known = instant->garbage_known;
    facts.garbage = instant->garbage;
    if (instant->proof && instant->stuck) {
        facts.reached_objects = instant->proof->reached_objects;
        facts.reached_bytes = instant->proof->reached_bytes;
    }
    return facts;
}

static struct whereabouts whereabouts_of(const struct inspection *inspection)
{
    struct whereabouts whereabouts = *runtime_whereabouts(inspection->runtime);
    if (inspection->instant.runtime)
        whereabouts_add(&whereabouts, runtime_whereabouts(inspection->instant.runtime));
    return whereabouts;
}

struct report inspection_report(const struct inspection *inspection)
{
    return (struct report){
        .whereabouts = whereabouts_of(inspection),
        .target = inspection->target,
        .facts = target_facts(inspection->target),
        .program = inspection->program,
        .runtime = inspection->runtime,
        .now = inspection_now(inspection),
        .instant = instant_facts_of(inspection),
        .heap = inspection->instant.view,
        .heap_why = inspection->instant.heap_why,
        .groups = &inspection->groups,
        .findings = &inspection->findings,
        .notes = &inspection->notes,
        .looks = inspection->looks,
        .interval_s = inspection->interval_s,
        .read_s = (double)inspection->spent_ns / ns_per_s,
    };
}

void inspection_destroy(struct inspection *inspection)
{
    if (!inspection)
        return;
    for (size_t i = 0; i < inspection->notes.length; i++)
        free(inspection->notes.at[i]);
    VECTOR_DEINIT(&inspection->notes);
    findings_deinit(&inspection->findings);
    early_view_deinit(&inspection->early);
    instant_deinit(&inspection->instant);
    groups_deinit(&inspection->groups);
    observation_deinit(&inspection->first);
    observation_deinit(&inspection->second);
    stack_table_deinit(&inspection->stacks);
    if (inspection->runtime)
        runtime_close(inspection->runtime);
    if (inspection->program)
        program_close(inspection->program);
    if (inspection->target)
        target_close(inspection->target);
    free(inspection);
}
