/* What is kept over time, and under which name: the one table that the sampler, the store, the page, `seep history` and /metrics share.
 *
 * A series is a number: below SERIES_SITES one of the metrics here, from there on a site (store/records.h): so many goroutines that
 * were started at one place, or so many pending deferred calls of one defer statement. A value is a 64-bit integer in the base unit;
 * what is unknown has no sample. */
#ifndef SEEP_STORE_SERIES_H
#define SEEP_STORE_SERIES_H

#include <stdbool.h>
#include <stdint.h>

/* X(CONSTANT, name in JSON and CSV, unit, whether it only ever grows within a life, what it is) */
#define SERIES_METRICS(X)                                                                    \
    X(RSS, "rss", "bytes", false, "resident memory")                                         \
    X(RSS_ANON, "rss_anon", "bytes", false, "resident memory of its own")                    \
    X(CPU, "cpu", "ms", true, "processor time used")                                         \
    X(THREADS, "threads", "threads", false, "threads")                                       \
    X(FDS, "fds", "descriptors", false, "open file descriptors")                             \
    X(CGROUP, "cgroup", "bytes", false, "memory of the control group")                       \
    X(CGROUP_ANON, "cgroup_anon", "bytes", false, "anonymous memory of the control group")   \
    X(LIMIT, "limit", "bytes", false, "the least of its memory limits")                      \
    X(GOROUTINES, "goroutines", "goroutines", false, "goroutines")                           \
    X(DEFERS, "defers", "calls", false, "pending deferred calls")                            \
    X(HEAP_LIVE, "heap_live", "bytes", false, "heap live at the last collection")            \
    X(HEAP_GOAL, "heap_goal", "bytes", false, "heap size at which the next collection ends") \
    X(COLLECTIONS, "collections", "collections", true, "garbage collections")                \
    X(KEPT, "kept", "bytes", false, "heap live and stacks: what the program keeps")          \
    X(STACKS, "stacks", "bytes", false, "stacks of goroutines")                              \
    X(HEAP_IN_USE, "heap_in_use", "bytes", false, "heap in spans that hold objects")         \
    X(HEAP_IDLE, "heap_idle", "bytes", false, "heap that is free and not given back to the system")

enum series {
#define SERIES_CONSTANT(constant, name, unit, grows, what) SERIES_##constant,
    SERIES_METRICS(SERIES_CONSTANT)
#undef SERIES_CONSTANT
    SERIES_METRIC_COUNT,
    SERIES_SITES = 1000 /* a site's series is SERIES_SITES + its id */
};

struct series_facts {
    const char *name, *unit, *what;
    bool grows;
};

/* Of a metric; `series` is less than SERIES_METRIC_COUNT. */
const struct series_facts *series_facts(uint32_t series);

/* SERIES_METRIC_COUNT if there is no metric of that name. */
uint32_t series_named(const char *name);

#endif
