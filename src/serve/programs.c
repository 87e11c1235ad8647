/* All programs of the store, the worst first; and one of them with all that is kept of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "serve/answer.h"

enum {
    SPARK_VALUES = 60,
    NOW_AGE_MS = 3 * 60 * 1000,
    DAY_MS = 24 * 3600 * 1000
};

/* The lives of one program: neighbours after sorting. */
struct program {
    const struct life *newest; /* of those that run, else of all */
    const struct standing *worst;
    size_t first, count;
    unsigned running;
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
                         (struct store_span){from_ms, to_ms}, SPARK_VALUES, &points, &ignored));
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

static unsigned open_calls(const struct calls *calls, const struct lives *lives,
                           const struct program *program)
{
    unsigned count = 0;
    for (size_t i = 0; i < calls->length; i++) {
        for (size_t k = 0; k < program->count && !calls->at[i].resolved_ms; k++)
            count += lives->at[program->first + k].id == calls->at[i].life;
    }
    return count;
}

static struct error *row(const struct source *source, const struct lives *lives,
                         const struct program *program, const struct calls *calls, json_t **row_ret)
{
    const struct life *life = program->newest;
    const struct standing *worst = program->worst;
    struct samples samples = {0};
    json_t *line = NULL;
    if (program->running)
        TRY(store_samples_at(source->store, life->id, source->now_ms, NOW_AGE_MS, &samples));
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
            (int)open_calls(calls, lives, program));
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

static struct error *rows(const struct source *source, const struct lives *lives,
                          const struct standings *standings, const struct calls *calls,
                          json_t *array)
{
    struct programs programs = {0};
    struct error *error = NULL;
    for (size_t i = 0; i < lives->length;) {
        struct program program = sum_up(lives, i, standings);
        VECTOR_PUSH(&programs, program);
        i += program.count;
    }
    if (programs.length)
        qsort(programs.at, programs.length, sizeof(*programs.at), by_state);
    for (size_t i = 0; i < programs.length && !error; i++) {
        json_t *value = NULL;
        error = row(source, lives, &programs.at[i], calls, &value);
        if (!error)
            json_array_append_new(array, value);
    }
    VECTOR_DEINIT(&programs);
    return error;
}

struct error *answer_programs(const struct source *source, const struct question *question,
                              json_t **json_ret)
{
    struct lives lives = {0};
    struct standings standings = {0};
    struct calls calls = {0};
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
    if (!error)
        error = rows(source, &lives, &standings, &calls, array);
    lives_deinit(&lives);
    standings_deinit(&standings);
    calls_deinit(&calls);
    if (error)
        json_decref(array);
    else
        *json_ret = json_pack("{s:o}", "programs", array);
    return error;
}
