/* A chart's points: one metric of all lives of a program. What only grows comes as what it grows by. */
#include <string.h>

#include "serve/answer.h"

enum {
    POINTS_DEFAULT = 1000,
    LIVES_MAX = 2000 /* of one answer: the newest */
};

struct columns {
    json_t *t, *min, *max, *last;
};

static struct columns new_columns(void)
{
    return (struct columns){json_array(), json_array(), json_array(), json_array()};
}

static void add_plain(struct columns *columns, const struct points *points)
{
    for (size_t i = 0; i < points->length; i++) {
        const struct point *point = &points->at[i];
        json_array_append_new(columns->t, json_integer(point->at_ms));
        json_array_append_new(columns->min, json_integer(point->min));
        json_array_append_new(columns->max, json_integer(point->max));
        json_array_append_new(columns->last, json_integer(point->last));
    }
}

/* By how much it grows a second, from one point to the next; milliseconds of processor time become seconds. */
static void add_rate(struct columns *columns, const struct points *points, double scale)
{
    for (size_t i = 1; i < points->length; i++) {
        const struct point *before = &points->at[i - 1], *point = &points->at[i];
        double passed_s = (double)(point->at_ms - before->at_ms) / 1e3;
        double rate = (double)(point->last - before->last) * scale / passed_s;
        if (!(passed_s > 0) || rate < 0)
            continue;
        json_t *value = value_number(rate);
        json_array_append_new(columns->t, json_integer(point->at_ms));
        json_array_append(columns->min, value);
        json_array_append(columns->max, value);
        json_array_append_new(columns->last, value);
    }
}

static struct error *add_life(const struct source *source, const struct question *question,
                              uint32_t series, const struct life *life, json_t *lives,
                              int64_t *step_ms)
{
    struct points points = {0};
    struct store_span span = {question->from_ms, question->to_ms};
    unsigned wanted = question->points < 0 ? POINTS_DEFAULT : (unsigned)question->points;
    int64_t step = 0;
    TRY(store_points(source->store, life->id, series, span, wanted ? wanted : POINTS_MOST, &points,
                     &step));
    struct columns columns = new_columns();
    if (series_facts(series)->grows)
        add_rate(&columns, &points, series == SERIES_CPU ? 1e-3 : 1);
    else
        add_plain(&columns, &points);
    VECTOR_DEINIT(&points);
    if (json_array_size(columns.t)) {
        *step_ms = step > *step_ms ? step : *step_ms;
        json_array_append_new(lives, json_pack("{s:I, s:I, s:O, s:O, s:O, s:O}", "life",
                                               (json_int_t)life->id, "lane", (json_int_t)life->lane,
                                               "t", columns.t, "min", columns.min, "max",
                                               columns.max, "last", columns.last));
    }
    json_decref(columns.t);
    json_decref(columns.min);
    json_decref(columns.max);
    json_decref(columns.last);
    return NULL;
}

static bool overlaps(const struct life *life, const struct question *question)
{
    return life->started_ms <= question->to_ms && life->last_seen_ms >= question->from_ms;
}

struct error *answer_series(const struct source *source, const struct question *question,
                            json_t **json_ret)
{
    struct lives lives = {0};
    int64_t step_ms = 0;
    uint32_t series = question->metric ? series_named(question->metric) : SERIES_METRIC_COUNT;
    if (series == SERIES_METRIC_COUNT)
        return error_create(ERROR_BAD_DATA,
                            "'metric' is missing or unknown: /api/v1/machine lists all");
    TRY(program_lives(source, question->program, &lives));
    json_t *array = json_array();
    struct error *error = NULL;
    size_t first = lives.length > LIVES_MAX ? lives.length - LIVES_MAX : 0;
    int64_t from_ms = INT64_MAX, to_ms = 0;
    for (size_t i = first; i < lives.length && !error; i++) {
        const struct life *life = &lives.at[i];
        from_ms = life->first_seen_ms < from_ms ? life->first_seen_ms : from_ms;
        to_ms = life->last_seen_ms > to_ms ? life->last_seen_ms : to_ms;
        if (overlaps(life, question))
            error = add_life(source, question, series, life, array, &step_ms);
    }
    lives_deinit(&lives);
    if (error) {
        json_decref(array);
        return error;
    }
    from_ms = question->from_ms ? question->from_ms : from_ms;
    to_ms = question->to_ms != INT64_MAX ? question->to_ms : to_ms;
    const char *unit = series_facts(series)->grows ? (series == SERIES_CPU ? "cores" : "per second")
                                                   : series_facts(series)->unit;
    *json_ret = json_pack("{s:o, s:s, s:s, s:I, s:I, s:I, s:o}", "program",
                          value_text(question->program), "metric", question->metric, "unit", unit,
                          "from_ms", from_ms, "to_ms", to_ms, "step_ms", step_ms, "lives", array);
    return NULL;
}
