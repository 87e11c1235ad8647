/* The whole inspection of a target that is open: program, runtime, two looks, findings, all reports. For tests that
 * feed it broken input or break its reads; what it says goes nowhere. */
#ifndef SEEP_TESTS_PIPELINE_H
#define SEEP_TESTS_PIPELINE_H

#include <stdio.h>

#include "find/finding.h"
#include "heap/proof.h"
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
    struct heap *heap; /* NULL if there is none to be seen */
    struct proof *proof;
    uint8_t *stuck;
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

/* Every kind of root by itself: in a broken target one of them may end the proof before the others. */
static inline void pipeline_mark(struct pipeline *line)
{
    struct marker marker;
    struct stack_scanner scanner;
    marker_open(line->heap, &marker);
    stack_scanner_open(&marker, &scanner);
    error_ignore(global_roots(&marker));
    error_ignore(finalizer_roots(&marker, true));
    error_ignore(thread_roots(&scanner));
    tiny_roots(&marker);
    for (size_t i = 0; i < line->second.goroutines.length; i++)
        stack_roots(&scanner, &line->second.goroutines.at[i], line->second.stacks);
    marker_drain(&marker);
    stack_scanner_close(&scanner);
    marker_close(&marker);
}

static inline void pipeline_prove(struct pipeline *line)
{
    if (error_ignore(heap_open(line->runtime, &line->heap)))
        return;
    pipeline_mark(line);
    if (!error_ignore(proof_open(line->heap, &line->second, &line->proof)))
        line->stuck = proof_stuck(line->proof);
}

static inline void pipeline_judge(struct target *target, struct pipeline *line)
{
    struct looks looks = {.target = target,
                          .program = line->program,
                          .runtime = line->runtime,
                          .first = &line->first,
                          .now = &line->second,
                          .interval_s = 2,
                          .heap = line->heap,
                          .stuck = line->stuck};
    find_wants_second_look(&looks);
    find_leaks(&looks, &line->findings, &line->notes);
    groups_build(&line->second, &line->groups);
}

static inline void pipeline_deinit(struct pipeline *line)
{
    for (size_t i = 0; i < line->notes.length; i++)
        free(line->notes.at[i]);
    VECTOR_DEINIT(&line->notes);
    free(line->stuck);
    proof_close(line->proof);
    heap_close(line->heap);
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
        pipeline_prove(&line);
        pipeline_judge(target, &line);
        pipeline_report(target, &line, sink);
        *findings_ret = line.findings.length;
    }
    pipeline_deinit(&line);
    return error;
}

#endif
