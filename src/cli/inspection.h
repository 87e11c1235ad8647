/* The inspection of one target: opened, looked at once or twice, judged. In steps, so that several targets share one wait. */
#ifndef SEEP_CLI_INSPECTION_H
#define SEEP_CLI_INSPECTION_H

#include "cli/instant.h"
#include "cli/targets.h"
#include "find/finding.h"
#include "report/report.h"

struct inspection {
    struct target *target;
    struct program *program;
    struct runtime *runtime;
    struct stack_table stacks;
    struct observation first, second;
    struct instant instant;
    int64_t pause_ns; /* for how long a live process may be stopped, once; 0: not at all */
    enum observe_depth depth;
    unsigned looks; /* that findings compare: 1 or 2 */
    int64_t looked_ns; /* when the first look ended */
    double interval_s;
    int64_t spent_ns; /* reading and analysing */
    struct group_table groups;
    struct findings findings;
    struct notes notes;
};

/* Opens the target and takes the first look. `exe` may be NULL. On an error nothing is left open. `pause_ns`: see above. */
struct error *inspection_start(const struct wanted *wanted, const char *exe,
                               enum observe_depth depth, int64_t pause_ns,
                               struct inspection **inspection_ret) NODISCARD;

/* True if a second look would tell more: only live processes run on. */
bool inspection_wants_second_look(const struct inspection *inspection);

struct error *inspection_look_again(struct inspection *inspection) NODISCARD;

/* Groups what was seen and, unless only a list is wanted, judges it; checks that the target still is what it was. */
struct error *inspection_finish(struct inspection *inspection, bool list_only) NODISCARD;

/* For the writers; borrows. */
struct report inspection_report(const struct inspection *inspection);

/* The newest look. */
const struct observation *inspection_now(const struct inspection *inspection);

void inspection_destroy(struct inspection *inspection);

#endif
