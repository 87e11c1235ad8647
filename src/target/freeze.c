/* Choosing the way, and walking it. All that can be done before the pause is done before: measuring
 * how much there is to copy and how fast that goes, having room for it, starting the guardian. */
#include "target/freeze.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "target/frozen.h"
#include "target/limits.h"
#include "target/procfs.h"
#include "target/twin.h"
#include "target/urgent.h"

enum {
    STATUS_ROOM = 4096,
    PROBE_BYTES = 4 << 20, /* copied before the pause, to see how fast that is */
    PROBES = 4,
    SAFETY_DIVISOR = 4,     /* so much is added to what was measured */
    SLACK_BYTES = 32 << 20, /* what may have come since the memory was measured */
    FIXED_NS = 300000,      /* of a pause: messages, and the looks before and after */
    THREAD_NS = 15000,      /* to stop a thread, read its registers and let it go */
    MEMORY_KEPT_FREE = 2,   /* a copy takes at most this fraction of the free memory */
    TWIN_TRIES = 3,         /* each is a pause of its own; their sum counts */
    TWIN_WAIT_NS = 5000000,
    AUTO_COPY_DIVISOR = 2, /* a copy is made if it takes this fraction of the budget */
    ESTIMATES = 4,         /* so often it is measured, while what comes out does not fit */
    ESTIMATE_HOPE = 8,     /* how much too long it may be to be worth another measurement */
    RETRY_WAIT_NS = 300000000,
};

/* All that a freezing has gathered so far. */
struct freezing {
    struct process *live;
    const struct freeze_options *options;
    struct freeze_facts *facts;
    struct guardian *guardian;
    struct mappings mappings;
    struct copy copy;
    uint64_t copy_bytes; /* as measured before the pause */
    int64_t survey_ns;   /* how long that took: it is done once more in the pause */
    uint64_t thread_count;
};

/* What must not be touched. */

static struct error *check_state(struct freezing *freezing)
{
    char status[STATUS_ROOM];
    uint64_t tracer = 0;
    int pid = (int)freezing->live->pid;
    if (procfs_read_small(freezing->live->directory, "status", status, sizeof(status)) < 0)
        return process_gone(freezing->live);
    if (procfs_status_number(status, "TracerPid", &tracer) && tracer)
        return error_create(ERROR_UNSUPPORTED,
                            "pid %d is traced by pid %" PRIu64 " (a debugger?): it was left alone",
                            pid, tracer);
    struct process_stat stat;
    if (procfs_stat(freezing->live->directory, "stat", &stat) < 0 || stat.state == 'Z' ||
        stat.state == 'X')
        return process_gone(freezing->live);
    if (stat.state == 'T' || stat.state == 't')
        return error_create(ERROR_UNSUPPORTED,
                            "pid %d is stopped (by SIGSTOP or Ctrl-Z): it was left as it is", pid);
    if (freezing->live->pid == getpid())
        return error_create(ERROR_UNSUPPORTED, "pid %d is seep itself: it cannot stop itself", pid);
    procfs_status_number(status, "Threads", &freezing->thread_count);
    return NULL;
}

/* How long the ways would take. */

static struct error *survey(struct freezing *freezing, struct copy_ranges *ranges_ret)
{
    int64_t start_ns = clock_now_ns();
    mappings_deinit(&freezing->mappings);
    TRY(process_read_mappings(freezing->live, "maps", &freezing->mappings));
    TRY(copy_survey(freezing->live, &freezing->mappings, ranges_ret, &freezing->copy_bytes));
    freezing->survey_ns = clock_now_ns() - start_ns;
    return NULL;
}

/* The part of a list from byte `from` on that has `size` bytes. */
static void slice(const struct copy_ranges *all, uint64_t from, uint64_t size,
                  struct copy_ranges *part_ret)
{
    for (size_t i = 0; i < all->length && size; i++) {
        struct copy_range range = all->at[i];
        uint64_t length = range.end - range.start;
        if (from >= length) {
            from -= length;
            continue;
        }
        range.start += from;
        from = 0;
        if (range.end - range.start > size)
            range.end = range.start + size;
        size -= range.end - range.start;
        VECTOR_PUSH(part_ret, range);
    }
}

static struct error *copy_slice(struct freezing *freezing, const struct copy_ranges *all,
                                uint64_t from, struct copy *copy, double *ns_per_byte)
{
    struct copy_ranges part = {0};
    slice(all, from, PROBE_BYTES, &part);
    copy->used_bytes = copy->ranges.length = 0;
    int64_t start_ns = clock_now_ns();
    struct error *error = copy_take(copy, freezing->live, &part, INT64_MAX);
    double took = (double)(clock_now_ns() - start_ns) / (double)(copy->used_bytes + 1);
    if (copy->used_bytes && (took < *ns_per_byte || *ns_per_byte == 0))
        *ns_per_byte = took;
    VECTOR_DEINIT(&part);
    return error;
}

/* Nanoseconds to copy all: some pieces are copied while the process runs. The fastest tells: what
 * made the others slow was, for the most part, the process itself, which will stand still. */
static struct error *measure_speed(struct freezing *freezing, const struct copy_ranges *all,
                                   int64_t *ns_ret)
{
    struct copy copy;
    double ns_per_byte = 0;
    TRY(copy_init(&copy, PROBE_BYTES, 0));
    struct error *error = NULL;
    for (uint64_t i = 0; i < PROBES && !error; i++)
        error = copy_slice(freezing, all, freezing->copy_bytes / PROBES * i, &copy, &ns_per_byte);
    *ns_ret = (int64_t)(ns_per_byte * (double)freezing->copy_bytes * (1 + 1.0 / SAFETY_DIVISOR));
    copy_deinit(&copy);
    return error;
}

static int64_t stopping_ns(const struct freezing *freezing)
{
    return FIXED_NS + (int64_t)freezing->thread_count * THREAD_NS;
}

static struct error *estimate_once(struct freezing *freezing, int64_t *ns_ret)
{
    struct copy_ranges ranges = {0};
    int64_t copying_ns = 0;
    TRY(survey(freezing, &ranges));
    struct error *error = measure_speed(freezing, &ranges, &copying_ns);
    VECTOR_DEINIT(&ranges);
    *ns_ret = stopping_ns(freezing) + freezing->survey_ns + copying_ns;
    return error;
}

/* The shortest tells: a measurement may have waited for a processor, as seep hardly does in the
 * pause (target/urgent.h). */
static struct error *estimate_copy(struct freezing *freezing)
{
    int64_t budget_ns = freezing->options->budget_ns;
    int64_t least_ns = INT64_MAX;
    for (int i = 0; i < ESTIMATES && least_ns > budget_ns; i++) {
        int64_t took_ns;
        TRY(estimate_once(freezing, &took_ns));
        if (took_ns < least_ns)
            least_ns = took_ns;
        if (took_ns / ESTIMATE_HOPE > budget_ns)
            break;
    }
    freezing->facts->estimated_ns = least_ns;
    return NULL;
}

static struct error *check_room(const struct freezing *freezing)
{
    uint64_t wanted = freezing->copy_bytes + SLACK_BYTES;
    struct limits own;
    limits_read_own(&own);
    uint64_t have = own.memory_bytes;
    char buffer[2][TEXT_SIZE_ROOM];
    if (wanted <= have / MEMORY_KEPT_FREE)
        return NULL;
    return error_create(ERROR_LIMIT, "pid %d: a copy would take %s, and %s of memory are free here",
                        (int)freezing->live->pid, text_size(buffer[0], wanted),
                        text_size(buffer[1], have));
}

/* What earlier attempts took of the budget is gone. */
static int64_t budget_left(const struct freezing *freezing)
{
    return freezing->options->budget_ns - freezing->facts->pause_ns;
}

static struct error *check_budget(const struct freezing *freezing)
{
    if (freezing->facts->estimated_ns <= budget_left(freezing))
        return NULL;
    return error_create(ERROR_LIMIT,
                        "pid %d: to keep it as it is takes some %.0f ms: the budget of %.0f ms "
                        "would be broken, so it was not paused",
                        (int)freezing->live->pid, (double)freezing->facts->estimated_ns / 1e6,
                        (double)freezing->options->budget_ns / 1e6);
}

/* One attempt has one guardian. */

static struct error *attempt_begin(struct freezing *freezing)
{
    return freezing->guardian ? NULL : guardian_start(freezing->live, &freezing->guardian);
}

/* Whether the next moment may be better. */
static bool attempt_account(const struct freezing *freezing)
{
    const struct guardian_facts *facts = guardian_facts(freezing->guardian);
    freezing->facts->thread_count = facts->thread_count;
    if (facts->began_ns && facts->ended_ns)
        freezing->facts->pause_ns += facts->ended_ns - facts->began_ns;
    return facts->try_again;
}

static bool attempt_failed(struct freezing *freezing)
{
    bool try_again = freezing->guardian && attempt_account(freezing);
    guardian_end(freezing->guardian);
    freezing->guardian = NULL;
    return try_again;
}

/* By a copy. */

static struct error *copy_all(struct freezing *freezing, int64_t deadline_ns)
{
    struct copy_ranges ranges = {0};
    TRY(survey(freezing, &ranges));
    struct error *error = copy_take(&freezing->copy, freezing->live, &ranges, deadline_ns);
    VECTOR_DEINIT(&ranges);
    if (error && error_code(error) == ERROR_LIMIT)
        error = error_context(error, "pid %d: the budget of %.0f ms would have been broken",
                              (int)freezing->live->pid, (double)freezing->options->budget_ns / 1e6);
    return error;
}

static struct error *stop_and_copy(struct freezing *freezing)
{
    struct guardian_order order = {.budget_ns = budget_left(freezing)};
    TRY(guardian_stop(freezing->guardian, &order));
    struct error *error =
        copy_all(freezing, guardian_facts(freezing->guardian)->began_ns + order.budget_ns);
    struct error *late = guardian_let_go(freezing->guardian);
    freezing->facts->copied_bytes = freezing->copy.used_bytes;
    if (!error)
        return late;
    error_destroy(late);
    return error;
}

static struct error *walk_copy(struct freezing *freezing)
{
    freezing->facts->way = FREEZE_COPY;
    TRY(check_budget(freezing));
    TRY(check_room(freezing));
    TRY(attempt_begin(freezing));
    TRY(copy_init(&freezing->copy, freezing->copy_bytes, freezing->copy_bytes / 4 + SLACK_BYTES));
    struct urgent urgent;
    urgent_begin(&urgent);
    struct error *error = stop_and_copy(freezing);
    urgent_end(&urgent);
    if (error)
        attempt_failed(freezing);
    return error;
}

/* By a twin. */

static struct error *stop_and_fork(struct freezing *freezing, struct guardian_order *order)
{
    TRY(attempt_begin(freezing));
    order->budget_ns = budget_left(freezing);
    return guardian_stop(freezing->guardian, order);
}

static struct error *walk_twin(struct freezing *freezing)
{
    int64_t making_ns = twin_estimate_ns(freezing->live->directory, freezing->copy_bytes);
    freezing->facts->way = FREEZE_TWIN;
    freezing->facts->estimated_ns = stopping_ns(freezing) + making_ns;
    TRY(check_budget(freezing));
    TRY(twin_check_limits(freezing->live->pid, freezing->live->directory, freezing->copy_bytes));
    struct guardian_order order = {
        .twin = true, .twin_ns = making_ns, .landing = landing_find(&freezing->live->target)};
    struct error *error = stop_and_fork(freezing, &order);
    for (int i = 1; error && attempt_failed(freezing) && i < TWIN_TRIES; i++) {
        error_destroy(error);
        clock_sleep_ns(TWIN_WAIT_NS);
        error = stop_and_fork(freezing, &order);
    }
    return error;
}

/* By either. */

static bool copy_is_quick(const struct freezing *freezing)
{
    return freezing->facts->estimated_ns <= freezing->options->budget_ns / AUTO_COPY_DIVISOR &&
           !error_ignore(check_room(freezing));
}

/* A twin; if there can be none, a copy after all, if that fits into the budget. */
static struct error *walk_twin_or_copy(struct freezing *freezing)
{
    int64_t copying_ns = freezing->facts->estimated_ns;
    struct error *error = walk_twin(freezing);
    if (!error || copying_ns > budget_left(freezing) || error_code(error) == ERROR_GONE ||
        error_code(error) == ERROR_PERMISSION || error_ignore(check_room(freezing)))
        return error;
    error_destroy(error);
    freezing->facts->estimated_ns = copying_ns;
    return walk_copy(freezing);
}

static struct error *walk(struct freezing *freezing)
{
    TRY(estimate_copy(freezing));
    enum freeze_way way = freezing->options->way;
    if (way == FREEZE_COPY || (way == FREEZE_AUTO && copy_is_quick(freezing)))
        return walk_copy(freezing);
    return way == FREEZE_TWIN ? walk_twin(freezing) : walk_twin_or_copy(freezing);
}

static struct error *freeze_steps(struct freezing *freezing, struct target **frozen_ret)
{
    TRY(check_state(freezing));
    TRY(attempt_begin(freezing));
    TRY(walk(freezing));
    attempt_account(freezing);
    struct guardian *guardian = freezing->guardian;
    freezing->guardian = NULL;
    return frozen_create(freezing->live, guardian, &freezing->copy, &freezing->mappings,
                         frozen_ret);
}

/* A process that ends, or becomes another, makes each step fail in its own way. */
static struct error *explain(struct target *live, struct error *error)
{
    struct error *gone = error ? target_check(live) : NULL;
    if (!gone)
        return error;
    error_destroy(error);
    return gone;
}

static struct error *freeze_once(struct target *live, const struct freeze_options *options,
                                 struct target **frozen_ret, struct freeze_facts *facts_ret)
{
    *facts_ret = (struct freeze_facts){0};
    struct freezing freezing = {
        .live = (struct process *)live, .options = options, .facts = facts_ret};
    struct error *error = explain(live, freeze_steps(&freezing, frozen_ret));
    if (error) {
        facts_ret->way = FREEZE_AUTO;
        snprintf(facts_ret->reason, sizeof(facts_ret->reason), "%s", error_message(error));
    }
    guardian_end(freezing.guardian); /* what was refused before the pause */
    copy_deinit(&freezing.copy);
    mappings_deinit(&freezing.mappings);
    return error;
}

/* Whether another try, a moment later, may come out otherwise. */
static bool may_pass(const struct error *error, const struct freeze_options *options,
                     const struct freeze_facts *facts)
{
    return error_code(error) == ERROR_LIMIT &&
           facts->estimated_ns / ESTIMATE_HOPE <= options->budget_ns;
}

struct error *target_freeze(struct target *live, const struct freeze_options *options,
                            struct target **frozen_ret, struct freeze_facts *facts_ret)
{
    *facts_ret = (struct freeze_facts){0};
    if (live->facts.kind != TARGET_PROCESS)
        return error_create(ERROR_UNSUPPORTED, "only a live process can be frozen");
    struct error *error = freeze_once(live, options, frozen_ret, facts_ret);
    for (uint32_t i = 0; i < options->retries && error && may_pass(error, options, facts_ret);
         i++) {
        int64_t paused_ns = facts_ret->pause_ns;
        error_destroy(error);
        clock_sleep_ns(RETRY_WAIT_NS);
        error = freeze_once(live, options, frozen_ret, facts_ret);
        facts_ret->pause_ns += paused_ns;
    }
    return error;
}
