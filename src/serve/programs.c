/* All programs of the store, the worst first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/u64map.h"
#include "serve/answer.h"

enum {
    SPARK_VALUES = 60,
    SPARK_POINTS = 96, /* that are asked for: so wide that each value gets one */
    PROGRAMS_SHOWN = 2000,
    DAY_MS = 24 * 3600 * 1000
};

/* The lives of one program: neighbours after sorting. */
struct program {
    const struct life *newest; /* of those that run, else of all */
    const struct standing *worst;
    size_t first, count;
    unsigned running, open_calls;
    enum standing_state state;
};

static int by_program(const void *left, const void *right)
{
    const struct life *a = left, *b = right;
    int order = strcmp(a->program, b->program);
    return order ? order : (a->started_ms > b->started_ms) - (a->started_ms < b->started_ms);
}

static const char *state_name(const struct program *program)
{
    return program->running ? standing_state_name(program->state) : "ended";
}

static bool is_newer(const struct life *life, const struct life *than)
{
    if (!than || !life->ended_ms != !than->ended_ms)
        return !than || !life->ended_ms;
    return life->started_ms >= than->started_ms;
}

static struct program sum_up(const struct lives *lives, size_t first,
                             const struct standings *standings)
{
    struct program program = {.first = first};
    for (size_t i = first; i < lives->length; i++) {
        const struct life *life = &lives->at[i];
        if (strcmp(life->program, lives->at[first].program) != 0)
            break;
        program.count++;
        program.running += !life->ended_ms;
        if (is_newer(life, program.newest))
            program.newest = life;
        const struct standing *standing = standing_of(standings, life->id);
        if (life->ended_ms || !standing || (program.worst && standing->state <= program.state))
            continue;
        program.worst = standing;
        program.state = standing->state;
    }
    return program;
}

/* ---- a row */

static json_t *now_of(const struct samples *samples)
{
    static const uint32_t wanted[] = {SERIES_RSS, SERIES_HEAP_LIVE, SERIES_GOROUTINES,
                                      SERIES_DEFERS, SERIES_LIMIT};
    json_t *object = json_object();
    for (size_t i = 0; i < LENGTH_OF(wanted); i++) {
        int64_t value = 0;
        bool known = sample_of(samples, wanted[i], &value);
        json_object_set_new(object, series_facts(wanted[i])->name,
                            known ? json_integer(value) : json_null());
    }
    return object;
}

/* The memory of the newest life and of those before it, as far as they fit: 60 values of a day at the most. */
static struct error *spark(const struct source *source, const struct lives *lives,
                           const struct program *program, json_t **spark_ret)
{
    double values[SPARK_VALUES];
    int64_t to_ms = source->now_ms, from_ms = lives->at[program->first].first_seen_ms;
    from_ms = to_ms - from_ms > DAY_MS ? to_ms - DAY_MS : from_ms;
    int64_t step_ms = (to_ms - from_ms) / SPARK_VALUES + 1;
    for (size_t i = 0; i < SPARK_VALUES; i++)
        values[i] = (double)NAN;
    for (size_t i = program->first; i < program->first + program->count; i++) {
        struct points points = {0};
        int64_t ignored = 0;
        if (lives->at[i].last_seen_ms < from_ms || lives->at[i].lane != program->newest->lane)
            continue;
        TRY(store_points(source->store, lives->at[i].id, SERIES_RSS_ANON,
                         (struct store_span){from_ms, to_ms}, SPARK_POINTS, &points, &ignored));
        for (size_t k = 0; k < points.length; k++) {
            int64_t at = (points.at[k].at_ms - from_ms) / step_ms;
            if (at >= 0 && at < SPARK_VALUES)
                values[at] = (double)points.at[k].last;
        }
        VECTOR_DEINIT(&points);
    }
    json_t *array = json_array();
    for (size_t i = 0; i < SPARK_VALUES; i++)
        json_array_append_new(array, value_number(values[i]));
    *spark_ret = json_pack("{s:s, s:I, s:I, s:o}", "metric", "rss_anon", "from_ms", from_ms,
                           "step_ms", step_ms, "values", array);
    return NULL;
}

static struct error *row(const struct source *source, const struct lives *lives,
                         const struct program *program, json_t **row_ret)
{
    const struct life *life = program->newest;
    const struct standing *worst = program->worst;
    struct samples samples = {0};
    json_t *line = NULL;
    if (program->running)
        TRY(store_samples_at(source->store, life->id, source->now_ms, source_fresh_ms(source),
                             &samples));
    struct error *error = spark(source, lives, program, &line);
    if (!error)
        *row_ret = json_pack(
            "{s:o, s:o, s:o, s:s, s:i, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:i}",
            "program", value_text(life->program), "name", value_text(life->name), "unit",
            value_text(life->unit), "state", state_name(program), "running", program->running,
            "lives", (json_int_t)program->count, "release", value_text(life->release),
            "release_source", value_text(life->release_source), "go_version",
            value_text(life->go_version), "started_ms", life->started_ms, "seen_ms",
            life->last_seen_ms, "now", now_of(&samples), "slope",
            worst ? value_slope(worst->slope_per_s, worst->slope_low, worst->slope_high)
                  : json_null(),
            "to_limit", worst ? value_to_limit(worst) : json_null(), "why",
            worst ? value_text(worst->why) : json_null(), "spark", line, "open_calls",
            (int)program->open_calls);
    VECTOR_DEINIT(&samples);
    return error;
}

static int by_state(const void *left, const void *right)
{
    const struct program *a = left, *b = right;
    if (!a->running != !b->running)
        return a->running ? -1 : 1;
    if (a->state != b->state)
        return a->state > b->state ? -1 : 1;
    return strcmp(a->newest->program, b->newest->program);
}

struct programs VECTOR_OF(struct program);

/* From the lives, which are sorted by program. */
static void group(const struct lives *lives, const struct standings *standings,
                  const struct calls *calls, struct programs *programs)
{
    struct u64map open = {0}; /* life to the number of its open calls */
    for (size_t i = 0; i < calls->length; i++) {
        uint32_t before = 0;
        u64map_get(&open, calls->at[i].life, &before);
        if (!calls->at[i].resolved_ms)
            u64map_set(&open, calls->at[i].life, before + 1);
    }
    for (size_t i = 0; i < lives->length;) {
        struct program program = sum_up(lives, i, standings);
        for (size_t k = 0; k < program.count && open.length; k++) {
            uint32_t count = 0;
            u64map_get(&open, lives->at[i + k].id, &count);
            program.open_calls += count;
        }
        VECTOR_PUSH(programs, program);
        i += program.count;
    }
    u64map_deinit(&open);
    if (programs->length)
        qsort(programs->at, programs->length, sizeof(*programs->at), by_state);
}

static struct error *rows(const struct source *source, const struct lives *lives,
                          const struct programs *programs, json_t *array)
{
    for (size_t i = 0; i < programs->length && i < PROGRAMS_SHOWN; i++) {
        json_t *value = NULL;
        TRY(row(source, lives, &programs->at[i], &value));
        json_array_append_new(array, value);
    }
    return NULL;
}

struct error *answer_programs(const struct source *source, const struct question *question,
                              json_t **json_ret)
{
    struct lives lives = {0};
    struct standings standings = {0};
    struct calls calls = {0};
    struct programs programs = {0};
    struct store_span all = {0, INT64_MAX}, now = {source->now_ms, INT64_MAX};
    (void)question;
    json_t *array = json_array();
    struct error *error = store_lives(source->store, NULL, all, &lives);
    if (!error)
        error = store_standings(source->store, &standings);
    if (!error)
        error = store_calls(source->store, UINT32_MAX, now, &calls);
    if (lives.length)
        qsort(lives.at, lives.length, sizeof(*lives.at), by_program);
    if (!error) {
        group(&lives, &standings, &calls, &programs);
        error = rows(source, &lives, &programs, array);
    }
    VECTOR_DEINIT(&programs);
    lives_deinit(&lives);
    standings_deinit(&standings);
    calls_deinit(&calls);
    if (error)
        json_decref(array);
    else
        *json_ret = json_pack("{s:o}", "programs", array);
    return error;
}
