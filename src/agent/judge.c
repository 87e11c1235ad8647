#include "agent/judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/calls.h"
#include "agent/jobs.h"
#include "base/text.h"

enum {
    HISTORY_LEAST_MS = 4 * 3600 * 1000,
    NAMES_MS = 5 * 60 * 1000,
    NAMES_SOON_MS = 30 * 1000,
    NAMES_DOUBLED = 8,
    NAMED_LEAST = 8 /* goroutines or deferred calls at a site that is worth a name and a series */
};

/* ---- bytes */

/* By the clock that nobody sets. */
static int64_t age_ms(const struct watched *watched, const struct agent *agent)
{
    int64_t started_ms = (int64_t)watched->life.start_ticks * 1000 / sysconf(_SC_CLK_TCK);
    return agent->wall.boot_ms > started_ms ? agent->wall.boot_ms - started_ms : 0;
}

static void feed_trend(struct agent *agent, struct watched *watched)
{
    uint32_t series = SERIES_METRIC_COUNT;
    struct trend_sample sample = {.at_ms = age_ms(watched, agent), .cpu_share = watched->cpu_share};
    if (!watched_signal(watched, &series, &sample.value_bytes))
        return;
    if (watched->trend_series != series && watched->trend_series != SERIES_METRIC_COUNT) {
        trend_deinit(
            &watched->trend); /* another signal: what is known of the old one says nothing of it */
        trend_init(&watched->trend);
    }
    watched->trend_series = series;
    sample.collections_known = series == SERIES_KEPT;
    sample.collections = watched->counters.collections;
    if (!trend_add(&watched->trend, &sample))
        return;
    struct marker marker = {.life = watched->life.id,
                            .at_ms = agent->wall.now_ms,
                            .kind = MARKER_TRIM,
                            .text = xstrdup("memory fell by more than half")};
    VECTOR_PUSH(&agent->batch.markers, marker);
}

/* The floors of the life before, by its age; empty if there is none or it was short. */
static void earlier_floors(struct agent *agent, const struct watched *watched,
                           struct floors *floors)
{
    uint32_t before = families_before(&agent->families, &watched->life, HISTORY_LEAST_MS);
    struct store *store = backlog_store(&agent->backlog);
    struct store_span all = {0, INT64_MAX};
    struct points points = {0};
    int64_t step_ms = 0;
    if (!before || !store)
        return;
    struct error *error =
        store_points(store, before, watched->trend_series, all, FLOORS_MAX, &points, &step_ms);
    if (error_ignore(error) || !points.length)
        return;
    int64_t started_ms = points.at[0].at_ms;
    struct lives lives = {0};
    error = store_lives(store, watched->life.program, all, &lives);
    for (size_t i = 0; i < lives.length && !error; i++)
        started_ms = lives.at[i].id == before ? lives.at[i].started_ms : started_ms;
    error_ignore(error);
    lives_deinit(&lives);
    for (size_t i = 0; i < points.length; i++)
        floors_restore(floors, points.at[i].at_ms - started_ms, (double)points.at[i].min,
                       (double)NAN);
    VECTOR_DEINIT(&points);
}

static enum standing_state state_of(enum trend_state state)
{
    switch (state) {
    case TREND_UNKNOWN:
        return STANDING_UNKNOWN;
    case TREND_WARMING_UP:
        return STANDING_WARMING_UP;
    case TREND_SETTLING:
        return STANDING_SETTLING;
    case TREND_STEADY:
        return STANDING_STEADY;
    case TREND_CLIMBING:
        return STANDING_CLIMBING;
    }
    return STANDING_UNKNOWN;
}

static char *why_of(const struct trend_verdict *verdict)
{
    char size[TEXT_SIZE_ROOM];
    struct text text = {0};
    if (verdict->state == TREND_SETTLING && isfinite(verdict->plateau_bytes))
        text_printf(&text, "it grows ever more slowly, towards about %s",
                    text_size(size, (uint64_t)fmax(0, verdict->plateau_bytes)));
    else if (verdict->state == TREND_CLIMBING)
        text_printf(&text, "memory climbs by about %s a day",
                    text_size(size, (uint64_t)fmax(0, verdict->slope_per_s * 86400)));
    return text.bytes ? text.bytes : xstrdup("");
}

/* `birth_ms`: the time of age 0. */
static void set_trend(struct watched *watched, const struct trend_verdict *verdict,
                      int64_t birth_ms)
{
    struct standing *standing = &watched->standing;
    free(standing->why);
    standing->why = why_of(verdict);
    standing->state = state_of(verdict->state);
    standing->series = watched->trend_series;
    standing->slope_per_s = verdict->slope_per_s;
    standing->slope_low = verdict->slope_low;
    standing->slope_high = verdict->slope_high;
    standing->plateau = verdict->plateau_bytes;
    standing->to_limit_s = verdict->to_limit_s;
    standing->to_limit_low_s = verdict->to_limit_low_s;
    standing->to_limit_high_s = verdict->to_limit_high_s;
    standing->warm_up_ends_ms = verdict->warm_up_ends_ms ? birth_ms + verdict->warm_up_ends_ms : 0;
    standing->line_from_ms = birth_ms + verdict->line_from_ms;
    standing->line_to_ms = birth_ms + verdict->line_to_ms;
    standing->line_from = verdict->line_from_bytes;
    standing->line_to = verdict->line_to_bytes;
}

static bool look_at_trend(struct agent *agent, struct watched *watched)
{
    struct trend_verdict verdict;
    struct floors earlier;
    double limit =
        watched->limit_bytes == UINT64_MAX ? (double)INFINITY : (double)watched->limit_bytes;
    if (!trend_is_due(&watched->trend, age_ms(watched, agent)))
        return false;
    floors_init(&earlier);
    earlier_floors(agent, watched, &earlier);
    trend_look(&watched->trend, age_ms(watched, agent), limit - (double)watched->vitals.rss_bytes,
               earlier.points.length ? &earlier : NULL, &verdict);
    floors_deinit(&earlier);
    set_trend(watched, &verdict, agent->wall.now_ms - age_ms(watched, agent));
    struct call_context context = agent_context(agent);
    calls_from_trend(watched, &verdict, &context);
    if (verdict.suspicious) {
        free(watched->why_inspect);
        watched->why_inspect = xstrdup("memory seems to climb");
        watched->wants_inspection = true;
    }
    return true;
}

/* ---- counts */

/* Names are asked for now and then; at once for what grows. A site that could not be named, since nobody was there any more, is asked for ever more rarely. */
static bool is_worth_a_name(const struct agent *agent, const struct watched *watched,
                            const struct tracked *tracked)
{
    bool rises = tracked->state != ACCUMULATION_QUIET;
    int64_t pause_ms = watched->named_boot_ms ? (rises ? NAMES_SOON_MS : NAMES_MS) : 0;
    pause_ms <<= tracked->asked < NAMES_DOUBLED ? tracked->asked : NAMES_DOUBLED;
    return !tracked->named && tracked->here && (rises || tracked->count >= NAMED_LEAST) &&
           agent->wall.boot_ms - watched->named_boot_ms >= pause_ms;
}

static void look_at_counts(struct agent *agent, struct watched *watched)
{
    struct call_context context = agent_context(agent);
    for (size_t i = 0; i < watched->tracked.length; i++) {
        struct tracked *tracked = &watched->tracked.at[i];
        bool rises = tracked->state != ACCUMULATION_QUIET;
        watched->wants_names = watched->wants_names || is_worth_a_name(agent, watched, tracked);
        if (!rises || tracked->call || watched->wants_inspection)
            continue;
        char count[TEXT_SIZE_ROOM];
        free(watched->why_inspect);
        watched->why_inspect = NULL;
        if (asprintf(&watched->why_inspect, "%s only ever become more: %s now",
                     tracked->kind == SITE_DEFERS ? "pending deferred calls"
                                                  : "goroutines of one place",
                     text_count(count, tracked->count)) < 0)
            watched->why_inspect = NULL;
        watched->wants_inspection = tracked->named;
    }
    calls_from_counts(watched, &context);
}

/* ---- what stands */

static struct standing standing_copy(const struct standing *standing)
{
    struct standing copy = *standing;
    copy.why = xstrdup(standing->why ? standing->why : "");
    return copy;
}

/* Written when it was looked at anew, and when its words have changed: those of a call do so once a minute at the most (calls.c). */
static void publish(struct agent *agent, struct watched *watched, bool looked)
{
    const struct call *worst = calls_worst(watched);
    struct standing now = standing_copy(&watched->standing);
    if (worst && worst->state >= now.state) {
        free(now.why);
        now.why = xstrdup(worst->title);
        now.state = worst->state;
    }
    bool same = watched->published == (int)now.state && !strcmp(watched->published_why, now.why);
    if (same && !looked) {
        standing_deinit(&now);
        return;
    }
    watched->published = (int)now.state;
    free(watched->published_why);
    watched->published_why = xstrdup(now.why);
    now.at_ms = agent->wall.now_ms;
    now.limit = watched->limit_bytes == UINT64_MAX ? (double)NAN : (double)watched->limit_bytes;
    VECTOR_PUSH(&agent->batch.standings, now);
}

void judge(struct agent *agent, struct watched *watched)
{
    struct call_context context = agent_context(agent);
    feed_trend(agent, watched);
    bool looked = look_at_trend(agent, watched);
    look_at_counts(agent, watched);
    calls_review(watched, false, &context);
    publish(agent, watched, looked);
}
