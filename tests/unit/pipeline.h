/* The whole inspection of a target that is open: program, runtime, two looks, findings, all reports. For tests that
 * feed it broken input or break its reads; what it says goes nowhere. */
#ifndef SEEP_TESTS_PIPELINE_H
#define SEEP_TESTS_PIPELINE_H

#include <stdio.h>

#include "find/finding.h"
#include "report/report.h"
#include "runtime/groups.h"

struct pipeline {
    struct program *program;
    struct runtime *runtime;
    struct stack_table stacks;
    struct observation first, second;
    struct group_table groups;
    struct findings findings;
    struct notes notes;
};

static inline struct error *pipeline_look(struct target *target, struct pipeline *line)
{
    TRY(program_open(target, runtime_wanted_types, &line->program));
    TRY(runtime_open(target, line->program, &line->runtime));
    TRY(observe(line->runtime, OBSERVE_ALL, &line->stacks, &line->first));
    target_forget(target);
    return observe(line->runtime, OBSERVE_ALL, &line->stacks, &line->second);
}

static inline void pipeline_report(struct target *target, const struct pipeline *line, FILE *sink)
{
    struct report report = {.facts = target_facts(target),
                            .target = target,
                            .program = line->program,
                            .runtime = line->runtime,
                            .now = &line->second,
                            .groups = &line->groups,
                            .findings = &line->findings,
                            .notes = &line->notes,
                            .looks = 2,
                            .interval_s = 2,
                            .verbose = true};
    struct term term = {.out = sink};
    report_json_line(report_json(&report), sink);
    report_text(&report, &term);
    report_goroutines(&report, sink);
}

static inline void pipeline_judge(struct target *target, struct pipeline *line)
{
    struct looks looks = {.target = target,
                          .program = line->program,
                          .runtime = line->runtime,
                          .first = &line->first,
                          .now = &line->second,
                          .interval_s = 2};
    find_wants_second_look(&looks);
    find_leaks(&looks, &line->findings, &line->notes);
    groups_build(&line->second, &line->groups);
}

static inline void pipeline_deinit(struct pipeline *line)
{
    for (size_t i = 0; i < line->notes.length; i++)
        free(line->notes.at[i]);
    VECTOR_DEINIT(&line->notes);
    findings_deinit(&line->findings);
    groups_deinit(&line->groups);
    observation_deinit(&line->first);
    observation_deinit(&line->second);
    stack_table_deinit(&line->stacks);
    runtime_close(line->runtime);
    program_close(line->program);
}

/* Everything; returns how many findings there are, or the error. Borrows the target. */
static inline struct error *pipeline_run(struct target *target, FILE *sink, size_t *findings_ret)
{
    struct pipeline line = {0};
    struct error *error = pipeline_look(target, &line);
    if (!error) {
        pipeline_judge(target, &line);
        pipeline_report(target, &line, sink);
        *findings_ret = line.findings.length;
    }
    pipeline_deinit(&line);
    return error;
}

#endif
