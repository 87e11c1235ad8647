#include "agent/watched.h"

#include <math.h>
#include <string.h>

#include "agent/peek.h"

enum {
    CGROUP_AGE_MS = 30 * 1000,
    TALLY_MOST_MS = 10 * 60 * 1000, /* between two tallies of what is dear to tally */
    SITE_EVERY_MS = 15 * 60 * 1000  /* a count that stays is written again so often */
};

struct watched *watched_create(struct life life, struct vitals_source source)
{
    struct watched *watched = xcalloc(1, sizeof(*watched));
    watched->life = life;
    watched->life_changed = true;
    watched->source = source;
    watched->limit_bytes = UINT64_MAX;
    watched->cpu_share = (double)NAN;
    watched->trend_series = SERIES_METRIC_COUNT;
    watched->published = -1;
    watched->published_why = xstrdup("");
    const double unknown = (double)NAN;
    watched->standing = (struct standing){.life = life.id,
                                          .series = SERIES_METRIC_COUNT,
                                          .slope_per_s = unknown,
                                          .slope_low = unknown,
                                          .slope_high = unknown,
                                          .plateau = unknown,
                                          .to_limit_s = unknown,
                                          .to_limit_low_s = unknown,
                                          .to_limit_high_s = unknown,
                                          .limit = unknown,
                                          .line_from = unknown,
                                          .line_to = unknown};
    trend_init(&watched->trend);
    return watched;
}

static void tracked_deinit(struct tracked *tracked)
{
    free(tracked->at_function);
    free(tracked->at_file);
    free(tracked->started_function);
    free(tracked->started_file);
}

void watched_destroy(struct watched *watched, struct cgroups *cgroups)
{
    for (size_t i = 0; i < watched->tracked.length; i++)
        tracked_deinit(&watched->tracked.at[i]);
    VECTOR_DEINIT(&watched->tracked);
    for (size_t i = 0; i < watched->calls.length; i++)
        call_deinit(&watched->calls.at[i].call);
    VECTOR_DEINIT(&watched->calls);
    cgroups_leave(cgroups, watched->cgroup);
    vitals_close(&watched->source);
    tally_deinit(&watched->tally);
    trend_deinit(&watched->trend);
    standing_deinit(&watched->standing);
    life_deinit(&watched->life);
    free(watched->why_inspect);
    free(watched->published_why);
    free(watched);
}

static void add(struct batch *batch, const struct watched *watched, uint32_t series, uint64_t value)
{
    VECTOR_PUSH(&batch->samples, (struct sample){watched->life.id, series, (int64_t)value});
}

/* ---- the kernel's numbers */

static void note_cpu(struct watched *watched, const struct moment *moment)
{
    int64_t passed_ms = moment->boot_ms - watched->sampled_boot_ms;
    if (watched->sampled_boot_ms && passed_ms > 0)
        watched->cpu_share =
            (double)(watched->vitals.cpu_ms - watched->cpu_ms_before) / (double)passed_ms;
    if (!watched->began_boot_ms)
        watched->began_boot_ms = moment->boot_ms;
    watched->cpu_ms_before = watched->vitals.cpu_ms;
    watched->sampled_boot_ms = moment->boot_ms;
}

static void add_vitals(const struct watched *watched, struct batch *batch)
{
    const struct vitals *vitals = &watched->vitals;
    add(batch, watched, SERIES_RSS, vitals->rss_bytes);
    add(batch, watched, SERIES_RSS_ANON, vitals->rss_anon_bytes);
    add(batch, watched, SERIES_CPU, vitals->cpu_ms);
    add(batch, watched, SERIES_THREADS, vitals->threads);
    if (vitals->fds >= 0)
        add(batch, watched, SERIES_FDS, (uint64_t)vitals->fds);
}

static void add_cgroup(struct watched *watched, const struct cgroups *cgroups,
                       const struct moment *moment, struct batch *batch)
{
    struct cgroup *cgroup = watched->cgroup;
    if (!cgroup || !moment->slow)
        return;
    cgroups_refresh(cgroups, cgroup, moment->boot_ms, CGROUP_AGE_MS);
    if (cgroup->current_bytes != UINT64_MAX)
        add(batch, watched, SERIES_CGROUP, cgroup->current_bytes);
    if (cgroup->anon_bytes != UINT64_MAX)
        add(batch, watched, SERIES_CGROUP_ANON, cgroup->anon_bytes);
}

/* The control groups', GOMEMLIMIT, and what the machine has left. Only the first two are charted: the last is everybody's. */
static void find_limit(struct watched *watched, const struct moment *moment, struct batch *batch)
{
    uint64_t limit = watched->cgroup ? watched->cgroup->limit_bytes : UINT64_MAX;
    if (watched->counters.known && watched->counters.limit > 0 &&
        watched->counters.limit != INT64_MAX && (uint64_t)watched->counters.limit < limit)
        limit = (uint64_t)watched->counters.limit;
    if (limit != UINT64_MAX && moment->slow)
        add(batch, watched, SERIES_LIMIT, limit);
    uint64_t machine = watched->vitals.rss_bytes + moment->available_bytes;
    if (moment->available_bytes && machine < limit)
        limit = machine;
    watched->limit_bytes = limit;
}

/* ---- the runtime's numbers */

static void read_counters(struct watched *watched, struct batch *batch)
{
    struct counter_reading reading;
    counter_reading_init(&reading, &watched->recipe.counters);
    if (reading.count &&
        peek_many(watched->source.pid, reading.requests, reading.count) != reading.count)
        return;
    watched->counters = counter_reading_result(&reading);
    const struct counters *counters = &watched->counters;
    if (counters->known) {
        add(batch, watched, SERIES_HEAP_LIVE, counters->live);
        if (counters->goal)
            add(batch, watched, SERIES_HEAP_GOAL, counters->goal);
    }
    if (counters->heap_known) {
        add(batch, watched, SERIES_HEAP_IN_USE, counters->in_use);
        add(batch, watched, SERIES_HEAP_IDLE, counters->idle);
    }
    if (counters->stats_known) {
        add(batch, watched, SERIES_STACKS, counters->stacks);
        add(batch, watched, SERIES_COLLECTIONS, counters->collections);
    }
    if (counters->known && counters->stats_known)
        add(batch, watched, SERIES_KEPT, counters->live + counters->stacks);
}

/* ---- counts by site */

static struct tracked *tracked_of(struct watched *watched, const struct tally_group *group)
{
    for (size_t i = 0; i < watched->tracked.length; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        if (tracked->place == group->place && tracked->reason == group->reason &&
            tracked->kind == group->kind)
            return tracked;
    }
    return NULL;
}

/* A place for a new one: that of the smallest, if it is smaller and nothing hangs on it. */
static struct tracked *place_for(struct watched *watched, uint32_t count)
{
    struct tracked_list *list = &watched->tracked;
    struct tracked *smallest = NULL;
    if (list->length < TRACKED_MAX) {
        VECTOR_PUSH(list, (struct tracked){0});
        return &list->at[list->length - 1];
    }
    for (size_t i = 0; i < list->length; i++) {
        struct tracked *tracked = &list->at[i];
        if (!tracked->call && (!smallest || tracked->count < smallest->count))
            smallest = tracked;
    }
    if (!smallest || smallest->count >= count)
        return NULL;
    tracked_deinit(smallest);
    return smallest;
}

static void track(struct watched *watched, const struct tally_group *group,
                  const struct moment *moment)
{
    struct tracked *tracked = tracked_of(watched, group);
    if (!tracked) {
        tracked = group->count >= TRACKED_LEAST ? place_for(watched, group->count) : NULL;
        if (!tracked)
            return;
        *tracked = (struct tracked){.kind = group->kind,
                                    .place = group->place,
                                    .reason = group->reason,
                                    .wait_kind = group->wait_kind};
        accumulation_init(&tracked->rise);
    }
    tracked->here = true;
    tracked->count = group->count;
    tracked->state = accumulation_add(&tracked->rise, moment->boot_ms, group->count, group->went);
}

static void track_all(struct watched *watched, const struct moment *moment)
{
    for (size_t i = 0; i < watched->tracked.length; i++)
        watched->tracked.at[i].here = false;
    for (size_t i = 0; i < watched->tally.groups.length; i++)
        track(watched, &watched->tally.groups.at[i], moment);
    for (size_t i = 0; i < watched->tracked.length; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        if (tracked->here)
            continue;
        tracked->state = accumulation_add(&tracked->rise, moment->boot_ms, 0, tracked->count);
        tracked->count = 0;
    }
}

/* A count is written when it has changed, and now and then. */
static void add_sites(struct watched *watched, const struct moment *moment, struct batch *batch)
{
    for (size_t i = 0; i < watched->tracked.length; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        bool due = tracked->count != tracked->written ||
                   moment->boot_ms - tracked->written_boot_ms >= SITE_EVERY_MS;
        if (!tracked->site || !due)
            continue;
        add(batch, watched, SERIES_SITES + tracked->site, tracked->count);
        tracked->written = tracked->count;
        tracked->written_boot_ms = moment->boot_ms;
    }
}

/* Never sooner than its share allows, but for a little, since samplings are not exactly on their beat. */
static bool tally_is_due(const struct watched *watched, const struct moment *moment)
{
    double wait_ms = share_wait_ms(&moment->tally_share, watched->tally.spent_us);
    wait_ms = wait_ms < TALLY_MOST_MS ? wait_ms : TALLY_MOST_MS;
    return !watched->tallied || wait_ms <= (double)moment->interval_ms ||
           (double)(moment->boot_ms - watched->tally_boot_ms) >=
               wait_ms - (double)moment->interval_ms / 16;
}

static void take_tally(struct watched *watched, const struct moment *moment, struct batch *batch)
{
    if (tally_is_due(watched, moment) &&
        tally_take(&watched->tally, watched->source.pid, &watched->recipe)) {
        watched->tally_boot_ms = moment->boot_ms;
        watched->tallied = true;
        track_all(watched, moment);
    } else if (watched->tallied) {
        return; /* what it was is not said again: it may have changed since */
    }
    if (!watched->tallied)
        return;
    add(batch, watched, SERIES_GOROUTINES, watched->tally.goroutines);
    add(batch, watched, SERIES_DEFERS, watched->tally.deferred);
    add_sites(watched, moment, batch);
}

bool watched_sample(struct watched *watched, const struct cgroups *cgroups,
                    const struct moment *moment, struct batch *batch)
{
    if (!vitals_read(&watched->source, moment->slow, &watched->vitals))
        return false;
    note_cpu(watched, moment);
    add_vitals(watched, batch);
    add_cgroup(watched, cgroups, moment, batch);
    if (watched->has_recipe) {
        read_counters(watched, batch);
        take_tally(watched, moment, batch);
    }
    find_limit(watched, moment, batch);
    watched->life.last_seen_ms = moment->now_ms;
    return true;
}

bool watched_signal(const struct watched *watched, uint32_t *series_ret, double *value_ret)
{
    const struct counters *counters = &watched->counters;
    bool counted = watched->has_recipe && watched->recipe.counters.live;
    if (counted && !(counters->known && counters->stats_known))
        return false; /* before its first collection nothing is known to live */
    *series_ret = counted ? SERIES_KEPT : SERIES_RSS_ANON;
    *value_ret = counted ? (double)(counters->live + counters->stacks)
                         : (double)watched->vitals.rss_anon_bytes;
    return true;
}
