#include "find/finding.h"

#include <string.h>

#include "find/origin.h"
#include "find/rules.h"

const char *rule_name(enum rule rule)
{
    static const char *const names[RULE_COUNT] = {
        [RULE_DEFER_IN_LOOP] = "defer-in-loop",
        [RULE_BLOCKED_GOROUTINES] = "blocked-goroutines",
        [RULE_GROWING_MAP] = "growing-map",
        [RULE_GROWING_SLICE] = "growing-slice",
        [RULE_GROWING_TYPE] = "growing-type",
        [RULE_TIMERS] = "timers",
        [RULE_FAN_OUT_SEND] = "fan-out-send",
        [RULE_EARLY_RETURN] = "early-return",
        [RULE_DOUBLE_SEND] = "double-send",
        [RULE_ABANDONED_SENDER] = "abandoned-sender",
        [RULE_RANGE_NEVER_CLOSED] = "range-never-closed",
        [RULE_LOST_CANCEL] = "lost-cancel",
        [RULE_WAITGROUP_STUCK] = "waitgroup-stuck",
        [RULE_TIMER_LOOP] = "timer-loop",
    };
    return rule < RULE_COUNT ? names[rule] : "?";
}

const char *grade_name(enum grade grade)
{
    switch (grade) {
    case GRADE_POSSIBLE:
        return "possible";
    case GRADE_LIKELY:
        return "likely";
    case GRADE_CERTAIN:
        return "certain";
    }
    return "?";
}

bool find_wants_second_look(const struct looks *looks)
{
    return defer_in_loop_suspects(looks) || blocked_suspects(looks);
}

static int by_weight(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->grade != b->grade)
        return a->grade < b->grade ? 1 : -1;
    return a->count < b->count ? 1 : a->count > b->count ? -1 : 0;
}

void findings_sort_by_weight(struct findings *findings)
{
    if (findings->length)
        qsort(findings->at, findings->length, sizeof(*findings->at), by_weight);
}

void find_leaks(const struct looks *looks, struct findings *findings_ret, struct notes *notes_ret)
{
    *findings_ret = (struct findings){0};
    *notes_ret = (struct notes){0};
    defer_in_loop_find(looks, findings_ret, notes_ret);
    proved_find(looks, findings_ret);
    blocked_find(looks, findings_ret, notes_ret);
    find_held(looks, findings_ret);
    findings_sort_by_weight(findings_ret);
}

void findings_deinit(struct findings *findings)
{
    for (size_t i = 0; i < findings->length; i++) {
        struct finding *finding = &findings->at[i];
        place_deinit(&finding->at);
        place_deinit(&finding->started_at);
        place_deinit(&finding->deferred);
        for (size_t k = 0; k < finding->because.length; k++)
            free(finding->because.at[k]);
        VECTOR_DEINIT(&finding->because);
        VECTOR_DEINIT(&finding->members);
        free(finding->title);
        free(finding->holder);
        free(finding->since);
        origin_deinit(&finding->origin);
        free(finding->fingerprint);
    }
    VECTOR_DEINIT(findings);
}

static int by_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int by_rank(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->grade != b->grade)
        return a->grade < b->grade ? 1 : -1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    int order = by_text(a->at.file, b->at.file);
    if (order)
        return order;
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line ? -1 : 1;
    return by_text(a->fingerprint, b->fingerprint);
}

void findings_sort_by_rank(struct findings *findings)
{
    if (findings->length)
        qsort(findings->at, findings->length, sizeof(*findings->at), by_rank);
}
