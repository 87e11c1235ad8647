/* Prometheus' text exposition format, version 0.0.4. One series per process that runs; docs/metrics.md has the names. */
#include <math.h>
#include <string.h>

#include "base/u64map.h"
#include "serve/answer.h"
#include "serve/prometheus.h"

enum {
    EXPOSED_MAX = 5000 /* processes; those that started last */
};

/* How a metric of the store appears; the rest is written by hand below. */
struct exposed {
    uint32_t series;
    const char *name, *kind; /* `kind`: the value of a label of that name, or NULL */
    double scale;
};

static const struct exposed table[] = {
    {SERIES_RSS, "seep_process_memory_bytes", "rss", 1},
    {SERIES_RSS_ANON, "seep_process_memory_bytes", "rss_anon", 1},
    {SERIES_CPU, "seep_process_cpu_seconds_total", NULL, 1e-3},
    {SERIES_THREADS, "seep_process_threads", NULL, 1},
    {SERIES_FDS, "seep_process_open_fds", NULL, 1},
    {SERIES_CGROUP, "seep_cgroup_memory_bytes", "current", 1},
    {SERIES_CGROUP_ANON, "seep_cgroup_memory_bytes", "anon", 1},
    {SERIES_LIMIT, "seep_memory_limit_bytes", NULL, 1},
    {SERIES_GOROUTINES, "seep_go_goroutines", NULL, 1},
    {SERIES_DEFERS, "seep_go_pending_defers", NULL, 1},
    {SERIES_HEAP_LIVE, "seep_go_heap_live_bytes", NULL, 1},
    {SERIES_HEAP_GOAL, "seep_go_heap_goal_bytes", NULL, 1},
    {SERIES_COLLECTIONS, "seep_go_collections_total", NULL, 1},
    {SERIES_STACKS, "seep_go_stacks_bytes", NULL, 1},
    {SERIES_KEPT, "seep_go_kept_bytes", NULL, 1},
    {SERIES_HEAP_IN_USE, "seep_go_heap_in_use_bytes", NULL, 1},
    {SERIES_HEAP_IDLE, "seep_go_heap_idle_bytes", NULL, 1},
};

/* A process that runs, with all that is said of it. */
struct exposed_life {
    const struct life *life;
    const struct standing *standing; /* or NULL */
    struct samples samples;
    char *labels; /* without braces */
    uint32_t open_calls;
};

struct exposed_lives VECTOR_OF(struct exposed_life);

static char *labels_of(const struct life *life)
{
    struct text text = {0};
    char lane[16];
    snprintf(lane, sizeof(lane), "%u", life->lane);
    prometheus_put_label(&text, "program", life->program);
    prometheus_put_label(&text, "unit", life->unit);
    prometheus_put_label(&text, "instance_lane", lane);
    return text.bytes;
}

static void put_table(struct text *text, const struct exposed_lives *lives)
{
    for (size_t i = 0; i < LENGTH_OF(table); i++) {
        const struct exposed *exposed = &table[i];
        const struct series_facts *facts = series_facts(exposed->series);
        if (!i || strcmp(table[i - 1].name, exposed->name) != 0)
            prometheus_put_head(text, exposed->name, facts->what, facts->grows);
        for (size_t k = 0; k < lives->length; k++) {
            int64_t value = 0;
            if (!sample_of(&lives->at[k].samples, exposed->series, &value))
                continue;
            text_printf(text, "%s{%s%s%s%s} ", exposed->name, lives->at[k].labels,
                        exposed->kind ? ",kind=\"" : "", exposed->kind ? exposed->kind : "",
                        exposed->kind ? "\"" : "");
            prometheus_put_value(text, (double)value * exposed->scale);
        }
    }
}

/* A number of each standing; those that are not known are left out. */
static void put_standing(struct text *text, const struct exposed_lives *lives, const char *name,
                         const char *help, size_t offset)
{
    prometheus_put_head(text, name, help, false);
    for (size_t i = 0; i < lives->length; i++) {
        const struct standing *standing = lives->at[i].standing;
        double value = standing ? *(const double *)((const char *)standing + offset) : (double)NAN;
        if (isnan(value))
            continue;
        text_printf(text, "%s{%s} ", name, lives->at[i].labels);
        prometheus_put_value(text, value);
    }
}

static void put_standings(struct text *text, const struct exposed_lives *lives)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } numbers[] = {
        {"seep_leak_slope_bytes_per_second", "by how much memory grows",
         offsetof(struct standing, slope_per_s)},
        {"seep_leak_slope_bytes_per_second_lower", "lower end of the 95 % interval",
         offsetof(struct standing, slope_low)},
        {"seep_leak_slope_bytes_per_second_upper", "upper end of the 95 % interval",
         offsetof(struct standing, slope_high)},
        {"seep_time_to_limit_seconds", "until the memory limit is reached",
         offsetof(struct standing, to_limit_s)},
        {"seep_time_to_limit_seconds_lower", "lower end of the 95 % interval",
         offsetof(struct standing, to_limit_low_s)},
        {"seep_time_to_limit_seconds_upper", "upper end of the 95 % interval",
         offsetof(struct standing, to_limit_high_s)},
    };
    for (size_t i = 0; i < LENGTH_OF(numbers); i++)
        put_standing(text, lives, numbers[i].name, numbers[i].help, numbers[i].offset);
}

static void put_states(struct text *text, const struct exposed_lives *lives)
{
    prometheus_put_head(text, "seep_leak_state", "1 for the state that holds", false);
    for (size_t i = 0; i < lives->length; i++) {
        enum standing_state now =
            lives->at[i].standing ? lives->at[i].standing->state : STANDING_UNKNOWN;
        for (enum standing_state state = STANDING_UNKNOWN; state <= STANDING_LEAKING; state++)
            text_printf(text, "seep_leak_state{%s,state=\"%s\"} %d\n", lives->at[i].labels,
                        standing_state_name(state), state == now);
    }
    prometheus_put_head(text, "seep_leak_calls_open", "climbs and leaks that were called and go on",
                        false);
    for (size_t i = 0; i < lives->length; i++)
        text_printf(text, "seep_leak_calls_open{%s} %u\n", lives->at[i].labels,
                    lives->at[i].open_calls);
    prometheus_put_head(text, "seep_build_info", "what runs", false);
    for (size_t i = 0; i < lives->length; i++) {
        const struct life *life = lives->at[i].life;
        struct text labels = {0};
        text_puts(&labels, lives->at[i].labels);
        prometheus_put_label(&labels, "go_version", life->go_version);
        prometheus_put_label(&labels, "release", life->release);
        prometheus_put_label(&labels, "release_source", life->release_source);
        prometheus_put_label(&labels, "build_id", life->build_id);
        text_printf(text, "seep_build_info{%s} 1\n", labels.bytes);
        text_deinit(&labels);
    }
}

static void put_one(struct text *text, const char *name, const char *help, bool counter,
                    double value)
{
    prometheus_put_head(text, name, help, counter);
    if (isnan(value))
        return;
    text_printf(text, "%s ", name);
    prometheus_put_value(text, value);
}

/* NAN if it is not known. */
static double said_number(const struct agent_facts *facts, const char *key)
{
    const json_t *number = json_object_get(facts->said, key);
    return json_is_number(number) ? json_number_value(number) : (double)NAN;
}

static void put_agent(const struct source *source, const struct agent_facts *facts,
                      struct text *text)
{
    put_one(text, "seep_agent_up", "1 if the agent samples", false, facts->runs);
    put_one(text, "seep_agent_sampled_timestamp_seconds", "when the agent last said how it is",
            false, facts->said ? (double)facts->at_ms / 1e3 : (double)NAN);
    put_one(text, "seep_agent_resident_memory_bytes", "resident memory of the agent", false,
            said_number(facts, "rss_bytes"));
    put_one(text, "seep_pause_seconds_total",
            "for how long inspections have stopped processes since the agent started", true,
            said_number(facts, "paused_s"));
    put_one(text, "seep_agent_cpu_seconds_total", "processor time of the agent", true,
            said_number(facts, "cpu_s"));
    put_one(text, "seep_store_bytes", "size of the store's file", false,
            (double)source->file_bytes);
}

/* ---- who is shown */

static void exposed_deinit(struct exposed_lives *exposed)
{
    for (size_t i = 0; i < exposed->length; i++) {
        VECTOR_DEINIT(&exposed->at[i].samples);
        free(exposed->at[i].labels);
    }
    VECTOR_DEINIT(exposed);
}

/* A process that has no fresh samples is not seen any more, whatever the store says of its end: what it was is not what is. */
static struct error *add_life(const struct source *source, const struct life *life,
                              struct exposed_lives *exposed)
{
    struct samples samples = {0};
    struct error *error = store_samples_at(source->store, life->id, source->now_ms,
                                           source_fresh_ms(source), &samples);
    if (error || !samples.length) {
        VECTOR_DEINIT(&samples);
        return error;
    }
    VECTOR_PUSH(exposed,
                (struct exposed_life){.life = life, .samples = samples, .labels = labels_of(life)});
    return NULL;
}

/* By labels, of equal ones the newest first. */
static int by_labels(const void *left, const void *right)
{
    const struct exposed_life *a = left, *b = right;
    int order = strcmp(a->labels, b->labels);
    return order ? order : (a->life->id < b->life->id) - (a->life->id > b->life->id);
}

/* Two series of one name would make the whole answer worthless. */
static void drop_doubles(struct exposed_lives *exposed)
{
    size_t kept = 0;
    if (exposed->length)
        qsort(exposed->at, exposed->length, sizeof(*exposed->at), by_labels);
    for (size_t i = 0; i < exposed->length; i++) {
        struct exposed_life *one = &exposed->at[i];
        if (kept && !strcmp(exposed->at[kept - 1].labels, one->labels)) {
            VECTOR_DEINIT(&one->samples);
            free(one->labels);
        } else {
            exposed->at[kept++] = *one;
        }
    }
    exposed->length = kept;
}

static struct error *gather(const struct source *source, const struct lives *lives,
                            struct exposed_lives *exposed)
{
    for (size_t i = lives->length; i-- > 0 && exposed->length < EXPOSED_MAX;) {
        if (!lives->at[i].ended_ms)
            TRY(add_life(source, &lives->at[i], exposed));
    }
    drop_doubles(exposed);
    return NULL;
}

/* What is thought of them. */
static struct error *judge(const struct source *source, const struct standings *standings,
                           struct exposed_lives *exposed)
{
    struct calls calls = {0};
    struct u64map open = {0};
    struct error *error = store_calls(source->store, UINT32_MAX,
                                      (struct store_span){source->now_ms, INT64_MAX}, &calls);
    for (size_t i = 0; i < calls.length; i++) {
        uint32_t before = 0;
        u64map_get(&open, calls.at[i].life, &before);
        u64map_set(&open, calls.at[i].life, before + !calls.at[i].resolved_ms);
    }
    for (size_t i = 0; i < exposed->length; i++) {
        struct exposed_life *one = &exposed->at[i];
        one->standing = standing_of(standings, one->life->id);
        u64map_get(&open, one->life->id, &one->open_calls);
    }
    u64map_deinit(&open);
    calls_deinit(&calls);
    return error;
}

struct error *answer_metrics(const struct source *source, struct text *text_ret)
{
    struct store_span now = {source->now_ms, INT64_MAX};
    struct lives lives = {0};
    struct standings standings = {0};
    struct exposed_lives exposed = {0};
    struct agent_facts facts = {0};
    struct error *error = agent_facts_read(source, &facts);
    if (!error && facts.runs)
        error = store_lives(source->store, NULL, now, &lives);
    if (!error && facts.runs)
        error = store_standings(source->store, &standings);
    if (!error)
        error = gather(source, &lives, &exposed);
    if (!error)
        error = judge(source, &standings, &exposed);
    if (!error) {
        put_table(text_ret, &exposed);
        put_standings(text_ret, &exposed);
        put_states(text_ret, &exposed);
        put_agent(source, &facts, text_ret);
    }
    exposed_deinit(&exposed);
    lives_deinit(&lives);
    standings_deinit(&standings);
    json_decref(facts.said);
    return error;
}
