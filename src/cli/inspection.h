/* The inspection of one target: opened, looked at once or twice, judged. In steps, so that several targets share one wait. */
#ifndef SEEP_CLI_INSPECTION_H
#define SEEP_CLI_INSPECTION_H

#include "cli/instant.h"
#include "cli/targets.h"
#include "find/finding.h"
#include "report/report.h"

/* Whether to tell who holds the heap. */
enum heap_wish {
    HEAP_NOT_WANTED,
    HEAP_HELD,     /* what groups of goroutines hold, where it takes no time to speak of */
    HEAP_IF_SMALL, /* all of it, where the heap is small */
    HEAP_WANTED,
    HEAP_CLOSE,   /* also what is small, to look at a part of it */
    HEAP_IN_FULL, /* also what is small, to be compared */
};

struct inspection {
    struct target *target;
    struct readlog *log; /* borrowed; NULL: reads are not logged */
    struct program *program;
    struct runtime *runtime;
    struct stack_table stacks;
    struct observation first, second;
    struct instant instant;
    struct freeze_options
        pause; /* for how long a live process may be stopped, once; 0: not at all */
    bool wants_growth; /* what grows in the heap of a live process was asked for */
    enum observe_depth depth;
    enum heap_wish heap_wish;
    struct early_view early; /* who held the heap at the first look */
    unsigned looks;          /* that findings compare: 1 or 2 */
    int64_t looked_ns;       /* when the first look ended */
    double interval_s;
    int64_t spent_ns; /* reading and analysing */
    struct group_table groups;
    struct findings findings;
    struct notes notes;
};

/* Opens the target and takes the first look. `exe` may be NULL. On an error nothing is left open. `pause`: see above. */
struct error *inspection_start(const struct wanted *wanted, const char *exe,
                               enum observe_depth depth, struct freeze_options pause,
                               struct inspection **inspection_ret) NODISCARD;

/* The same over a target that is open, and its memory as well. Takes the target. What is read once the runtime is found is logged, until
 * target_log_reads() ends it: the search touches all that looks like the runtime, and what it finds is no user's data. `log` may be NULL. */
struct error *inspection_start_over(struct target *target, struct readlog *log,
                                    struct inspection **inspection_ret) NODISCARD;

/* Before a second look that comes after a while: looks at the whole heap as well, so that what grows is seen. Stops the process. Where that does not
 * work, the report says so; the second look is wanted all the same. */
void inspection_look_early(struct inspection *inspection);

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
