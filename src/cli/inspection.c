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
                               enum observe_depth depth, struct inspection **inspection_ret)
{
    struct inspection *inspection = xcalloc(1, sizeof(*inspection));
    inspection->depth = depth;
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
    return inspection->looks > 1 ? &inspection->second : &inspection->first;
}

static struct looks looks_of(const struct inspection *inspection)
{
    return (struct looks){
        .target = inspection->target,
        .program = inspection->program,
        .runtime = inspection->runtime,
        .first = inspection->looks > 1 ? &inspection->first : NULL,
        .now = inspection_now(inspection),
        .interval_s = inspection->interval_s,
    };
}

bool inspection_wants_second_look(const struct inspection *inspection)
{
    struct looks looks = looks_of(inspection);
    return target_facts(inspection->target)->kind == TARGET_PROCESS &&
           find_wants_second_look(&looks);
}

struct error *inspection_look_again(struct inspection *inspection)
{
    int64_t start_ns = clock_now_ns();
    target_forget(inspection->target);
    TRY(look(inspection, &inspection->second));
    inspection->looks = 2;
    inspection->interval_s =
        (double)(inspection->second.taken_ns - inspection->first.taken_ns) / ns_per_s;
    inspection->spent_ns += clock_now_ns() - start_ns;
    return NULL;
}

struct error *inspection_finish(struct inspection *inspection, bool list_only)
{
    int64_t start_ns = clock_now_ns();
    struct looks looks = looks_of(inspection);
    if (!list_only) {
        find_leaks(&looks, &inspection->findings, &inspection->notes);
        /* A help, where it succeeds: that the target is gone is said below. */
        error_ignore(scan_join(inspection->target, inspection->program, &inspection->findings));
    }
    groups_build(inspection_now(inspection), &inspection->groups);
    inspection->spent_ns += clock_now_ns() - start_ns;
    return target_check(inspection->target);
}

struct report inspection_report(const struct inspection *inspection)
{
    return (struct report){
        .target = inspection->target,
        .facts = target_facts(inspection->target),
        .program = inspection->program,
        .runtime = inspection->runtime,
        .now = inspection_now(inspection),
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
