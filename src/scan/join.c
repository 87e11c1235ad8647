/* What the code says of goroutines that block in a running program. */
#include "scan/join.h"

#include <string.h>

#include "find/rules.h"

static bool same_line(const struct place *a, const struct place *b)
{
    return a->function && b->function && a->line == b->line && !strcmp(a->function, b->function);
}

static bool wants_code(const struct findings *findings)
{
    for (size_t i = 0; i < findings->length; i++) {
        if (findings->at[i].rule == RULE_BLOCKED_GOROUTINES)
            return true;
    }
    return false;
}

/* The shape that the code has where these goroutines wait, or where they were started. */
static const struct finding *shape_of(const struct scan *scan, const struct finding *finding)
{
    for (size_t i = 0; i < scan->findings.length; i++) {
        const struct finding *shape = &scan->findings.at[i];
        if (shape->rule != RULE_DEFER_IN_LOOP && shape->rule != RULE_LOST_CANCEL &&
            same_line(&shape->started_at, &finding->started_at) &&
            (same_line(&shape->at, &finding->at) || shape->rule == RULE_WAITGROUP_STUCK))
            return shape;
    }
    return NULL;
}

struct error *scan_join(struct target *target, struct program *program, struct findings *findings)
{
    struct scan scan = {0};
    if (!wants_code(findings))
        return NULL;
    TRY(scan_program(target, program, &scan));
    for (size_t i = 0; i < findings->length; i++) {
        struct finding *finding = &findings->at[i];
        const struct finding *shape =
            finding->rule == RULE_BLOCKED_GOROUTINES ? shape_of(&scan, finding) : NULL;
        if (shape && shape->because.length)
            VECTOR_PUSH(&finding->because, sentence("its code (%s): %s", rule_name(shape->rule),
                                                    shape->because.at[0]));
    }
    scan_deinit(&scan);
    return NULL;
}
