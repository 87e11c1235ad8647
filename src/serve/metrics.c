/* Prometheus' text exposition format, version 0.0.4. One series per process that runs; docs/metrics.md has the names. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "serve/answer.h"

enum {
    AGE_MS = 3 * 60 * 1000
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
    unsigned open_calls;
};

struct exposed_lives VECTOR_OF(struct exposed_life);

/* A label's value: backslash, quote and newline are escaped. */
static void add_label(struct text *text, const char *name, const char *value)
{
    text_printf(text, "%s%s=\"", text->length ? "," : "", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            text_printf(text, "\\%c", *value);
        else if (*value == '\n')
            text_puts(text, "\\n");
        else
            text_add(text, value, 1);
    }
    text_puts(text, "\"");
}

static char *labels_of(const struct life *life)
{
    struct text text = {0};
    char lane[16];
    snprintf(lane, sizeof(lane), "%u", life->lane);
    add_label(&text, "program", life->program);
    add_label(&text, "unit", life->unit);
    add_label(&text, "instance_lane", lane);
    return text.bytes;
}

static void put_value(struct text *text, double value)
{
    if (isnan(value))
        text_puts(text, "NaN\n");
    else if (isinf(value))
        text_puts(text, value > 0 ? "+Inf\n" : "-Inf\n");
    else if (value == floor(value) && fabs(value) < 1e15)
        text_printf(text, "%.0f\n", value);
    else
        text_printf(text, "%.9g\n", value);
}

static void put_head(struct text *text, const char *name, const char *help, bool counter)
{
    text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                counter ? "counter" : "gauge");
}

static void put_table(struct text *text, const struct exposed_lives *lives)
{
    for (size_t i = 0; i < LENGTH_OF(table); i++) {
        const struct exposed *exposed = &table[i];
        const struct series_facts *facts = series_facts(exposed->series);
        if (!i || strcmp(table[i - 1].name, exposed->name) != 0)
            put_head(text, exposed->name, facts->what, facts->grows);
        for (size_t k = 0; k < lives->length; k++) {
            int64_t value = 0;
            if (!sample_of(&lives->at[k].samples, exposed->series, &value))
                continue;
            text_printf(text, "%s{%s%s%s%s} ", exposed->name, lives->at[k].labels,
                        exposed->kind ? ",kind=\"" : "", exposed->kind ? exposed->kind : "",
                        exposed->kind ? "\"" : "");
            put_value(text, (double)value * exposed->scale);
        }
    }
}

/* A number of each standing; those that are not known are left out. */
static void put_standing(struct text *text, const struct exposed_lives *lives, const char *name,
                         const char *help, size_t offset)
{
    put_head(text, name, help, false);
    for (size_t i = 0; i < lives->length; i++) {
        const struct standing *standing = lives->at[i].standing;
        double value = standing ? *(const double *)((const char *)standing + offset) : (double)NAN;
        if (isnan(value))
            continue;
        text_printf(text, "%s{%s} ", name, lives->at[i].labels);
        put_value(text, value);
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
    put_head(text, "seep_leak_state", "1 for the state that holds", false);
    for (size_t i = 0; i < lives->length; i++) {
        enum standing_state now =
            lives->at[i].standing ? lives->at[i].standing->state : STANDING_UNKNOWN;
        for (enum standing_state state = STANDING_UNKNOWN; state <= STANDING_LEAKING; state++)
            text_printf(text, "seep_leak_state{%s,state=\"%s\"} %d\n", lives->at[i].labels,
                        standing_state_name(state), state == now);
    }
    put_head(text, "seep_leak_calls_open", "climbs and leaks that were called and go on", false);
    for (size_t i = 0; i < lives->length; i++)
        text_printf(text, "seep_leak_calls_open{%s} %u\n", lives->at[i].labels,
                    lives->at[i].open_calls);
    put_head(text, "seep_build_info", "what runs", false);
    for (size_t i = 0; i < lives->length; i++) {
        const struct life *life = lives->at[i].life;
        struct text labels = {0};
        text_puts(&labels, lives->at[i].labels);
        add_label(&labels, "go_version", life->go_version);
        add_label(&labels, "release", life->release);
        add_label(&labels, "release_source", life->release_source);
        add_label(&labels, "build_id", life->build_id);
        text_printf(text, "seep_build_info{%s} 1\n", labels.bytes);
        text_deinit(&labels);
    }
}

static void put_one(struct text *text, const char *name, const char *help, double value)
{
    put_head(text, name, help, strstr(name, "_total"));
    text_printf(text, "%s ", name);
    put_value(text, value);
}

static struct error *put_agent(const struct source *source, struct text *text)
{
    json_t *machine = NULL;
    AUTO_FREE char *json = NULL;
    int64_t at_ms = 0;
    struct question none = {.to_ms = INT64_MAX};
    TRY(answer_machine(source, &none, &machine));
    TRY(store_agent(source->store, &json, &at_ms));
    const json_t *agent = json_object_get(machine, "agent"),
                 *store = json_object_get(machine, "store");
    json_t *said = json ? json_loads(json, 0, NULL) : NULL;
    put_one(text, "seep_agent_up", "1 if the agent samples",
            json_is_true(json_object_get(agent, "running")));
    put_one(text, "seep_agent_sampled_timestamp_seconds", "when the agent last said how it is",
            (double)at_ms / 1e3);
    put_one(text, "seep_agent_resident_memory_bytes", "resident memory of the agent",
            json_number_value(json_object_get(said, "rss_bytes")));
    put_one(text, "seep_agent_cpu_seconds_total", "processor time of the agent",
            json_number_value(json_object_get(said, "cpu_s")));
    put_one(text, "seep_store_bytes", "size of the store",
            json_number_value(json_object_get(store, "bytes")));
    json_decref(said);
    json_decref(machine);
    return NULL;
}

static struct error *gather(const struct source *source, const struct lives *lives,
                            const struct standings *standings, const struct calls *calls,
                            struct exposed_lives *exposed)
{
    for (size_t i = 0; i < lives->length; i++) {
        const struct life *life = &lives->at[i];
        if (life->ended_ms)
            continue;
        VECTOR_PUSH(exposed, (struct exposed_life){.life = life,
                                                   .standing = standing_of(standings, life->id),
                                                   .labels = labels_of(life)});
        struct exposed_life *added = &exposed->at[exposed->length - 1];
        for (size_t k = 0; k < calls->length; k++)
            added->open_calls += calls->at[k].life == life->id && !calls->at[k].resolved_ms;
        TRY(store_samples_at(source->store, life->id, source->now_ms, AGE_MS, &added->samples));
    }
    return NULL;
}

struct error *answer_metrics(const struct source *source, struct text *text_ret)
{
    struct store_span now = {source->now_ms, INT64_MAX};
    struct lives lives = {0};
    struct standings standings = {0};
    struct calls calls = {0};
    struct exposed_lives exposed = {0};
    struct error *error = store_lives(source->store, NULL, now, &lives);
    if (!error)
        error = store_standings(source->store, &standings);
    if (!error)
        error = store_calls(source->store, UINT32_MAX, now, &calls);
    if (!error)
        error = gather(source, &lives, &standings, &calls, &exposed);
    if (!error) {
        put_table(text_ret, &exposed);
        put_standings(text_ret, &exposed);
        put_states(text_ret, &exposed);
        error = put_agent(source, text_ret);
    }
    for (size_t i = 0; i < exposed.length; i++) {
        VECTOR_DEINIT(&exposed.at[i].samples);
        free(exposed.at[i].labels);
    }
    VECTOR_DEINIT(&exposed);
    lives_deinit(&lives);
    standings_deinit(&standings);
    calls_deinit(&calls);
    return error;
}
