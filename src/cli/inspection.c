#include "cli/inspection.h"

#include "base/clock.h"
#include "base/text.h"
#include "scan/join.h"

static const double ns_per_s = 1e9;

static struct error *about(const struct inspection *inspection, struct error *error)
{
    const struct target_facts *facts = target_facts(inspection->target);
    if (!error || error_code(error) == ERROR_GONE)
        return error;
    if (facts->kind == TARGET_CORE)
        return error_context(error, "core of %s", facts->name);
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
    TRY(look(inspection, &inspection->first));
    inspection->looks = 1;
    inspection->looked_ns = clock_now_ns();
    return NULL;
}

static struct error *open_target(struct inspection *inspection, const struct wanted *wanted,
                                 const char *exe)
{
    int64_t start_ns = clock_now_ns();
    if (wanted->path)
        TRY(target_open_core(wanted->path, exe, &inspection->target));
    else
        TRY(target_open_process(wanted->pid, &inspection->target));
    TRY(open_layers(inspection));
    inspection->spent_ns = inspection->looked_ns - start_ns;
    return NULL;
}

struct error *inspection_start(const struct wanted *wanted, const char *exe,
                               enum observe_depth depth, int64_t pause_ns,
                               struct inspection **inspection_ret)
{
    struct inspection *inspection = xcalloc(1, sizeof(*inspection));
    inspection->depth = depth;
    inspection->pause_ns = pause_ns;
    struct error *error = open_target(inspection, wanted, exe);
    if (error) {
        inspection_destroy(inspection);
        return error;
    }
    *inspection_ret = inspection;
    return NULL;
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
        .heap = instant->stuck ? instant->heap : NULL,
        .stuck = instant->stuck,
    };
}

bool inspection_wants_second_look(const struct inspection *inspection)
{
    struct looks looks = looks_of(inspection);
    return target_facts(inspection->target)->kind == TARGET_PROCESS &&
           find_wants_second_look(&looks);
}

static void take_instant(struct inspection *inspection)
{
    if (inspection->instant.tried || !inspection->pause_ns ||
        target_facts(inspection->target)->kind != TARGET_PROCESS)
        return;
    instant_of_process(&inspection->instant, inspection->target, inspection->program,
                       &inspection->first, inspection->pause_ns);
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
    if (target_facts(inspection->target)->kind == TARGET_CORE)
        instant_of_core(&inspection->instant, inspection->runtime, &inspection->first);
    else if (inspection->instant.looked)
        instant_prove(&inspection->instant, &inspection->instant.observation);
}

static void judge(struct inspection *inspection)
{
    take_instant(inspection);
    prove(inspection);
    struct looks looks = looks_of(inspection);
    find_leaks(&looks, &inspection->findings, &inspection->notes);
    /* A help, where it succeeds: that the target is gone is said below. */
    error_ignore(scan_join(inspection->target, inspection->program, &inspection->findings));
}

struct error *inspection_finish(struct inspection *inspection, bool list_only)
{
    int64_t start_ns = clock_now_ns();
    if (!list_only)
        judge(inspection);
    groups_build(inspection_now(inspection), &inspection->groups);
    inspection->spent_ns += clock_now_ns() - start_ns;
    return target_check(inspection->target);
}

static struct instant_facts instant_facts_of(const struct inspection *inspection)
{
    static const char *const ways[] = {
        [FREEZE_AUTO] = NULL, [FREEZE_COPY] = "copy", [FREEZE_TWIN] = "twin"};
    const struct instant *instant = &inspection->instant;
    bool core = target_facts(inspection->target)->kind == TARGET_CORE;
    struct instant_facts facts = {.why = instant->why,
                                  .way = core ? "core" : ways[instant->facts.way],
                                  .pause_ns = instant->facts.pause_ns,
                                  .stuck = instant->stuck};
    if (instant->proof && instant->stuck) {
        facts.reached_objects = instant->proof->reached_objects;
        facts.reached_bytes = instant->proof->reached_bytes;
    }
    return facts;
}

struct report inspection_report(const struct inspection *inspection)
{
    return (struct report){
        .target = inspection->target,
        .facts = target_facts(inspection->target),
        .program = inspection->program,
        .runtime = inspection->runtime,
        .now = inspection_now(inspection),
        .instant = instant_facts_of(inspection),
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
