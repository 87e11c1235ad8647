/* A history as one JSON document (docs/history.schema.json), and its samples as CSV. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "report/history.h"

enum {
    SCHEMA = 1
};

/* null for what is not known, and for what is no UTF-8 in a store that somebody has changed. */
static json_t *text(const char *text)
{
    json_t *value = text && *text ? json_string(text) : NULL;
    return value ? value : json_null();
}

static json_t *number(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

static json_t *moment(int64_t at_ms)
{
    return at_ms ? json_integer(at_ms) : json_null();
}

static json_t *interval(const char *key, double value, double low, double high)
{
    char low_key[16], high_key[16];
    if (!isfinite(value))
        return json_null();
    snprintf(low_key, sizeof(low_key), "low%s", !strcmp(key, "s") ? "_s" : "");
    snprintf(high_key, sizeof(high_key), "high%s", !strcmp(key, "s") ? "_s" : "");
    json_t *object = json_object();
    json_object_set_new(object, key, json_real(value));
    json_object_set_new(object, low_key, number(low));
    json_object_set_new(object, high_key, number(high));
    return object;
}

static json_t *standing_json(const struct standing *standing)
{
    if (!standing)
        return json_null();
    json_t *json = json_object();
    bool metric = standing->series < SERIES_METRIC_COUNT;
    json_object_set_new(json, "state", json_string(standing_state_name(standing->state)));
    json_object_set_new(json, "at_ms", json_integer(standing->at_ms));
    json_object_set_new(json, "metric", text(metric ? series_facts(standing->series)->name : NULL));
    json_object_set_new(
        json, "slope",
        interval("per_s", standing->slope_per_s, standing->slope_low, standing->slope_high));
    json_object_set_new(json, "plateau", number(standing->plateau));
    json_object_set_new(json, "limit", number(standing->limit));
    json_object_set_new(
        json, "to_limit",
        interval("s", standing->to_limit_s, standing->to_limit_low_s, standing->to_limit_high_s));
    json_object_set_new(json, "warm_up_ends_ms", moment(standing->warm_up_ends_ms));
    json_object_set_new(json, "why", text(standing->why));
    return json;
}

static json_t *life_json(const struct history *history, const struct life *life)
{
    json_t *json = json_object();
    json_object_set_new(json, "id", json_integer(life->id));
    json_object_set_new(json, "lane", json_integer(life->lane));
    json_object_set_new(json, "pid", json_integer(life->pid));
    json_object_set_new(json, "exe", text(life->exe));
    json_object_set_new(json, "kind", json_string(life_kind_name(life->kind)));
    json_object_set_new(json, "end", json_string(life_end_name(life->end)));
    json_object_set_new(json, "started_ms", json_integer(life->started_ms));
    json_object_set_new(json, "first_seen_ms", json_integer(life->first_seen_ms));
    json_object_set_new(json, "last_seen_ms", json_integer(life->last_seen_ms));
    json_object_set_new(json, "ended_ms", moment(life->ended_ms));
    json_object_set_new(json, "go_version", text(life->go_version));
    json_object_set_new(json, "module", text(life->module));
    json_object_set_new(json, "release", text(life->release));
    json_object_set_new(json, "release_source", text(life->release_source));
    json_object_set_new(json, "build_id", text(life->build_id));
    json_object_set_new(json, "stripped", json_boolean(life->stripped));
    json_object_set_new(json, "blind", text(life->blind));
    json_object_set_new(json, "standing", standing_json(history_standing(history, life->id)));
    return json;
}

static json_t *lines(const char *because)
{
    json_t *array = json_array();
    while (*because) {
        size_t length = strcspn(because, "\n");
        AUTO_FREE char *line = xstrndup(because, length);
        if (length)
            json_array_append_new(array, text(line));
        because += length + (because[length] == '\n');
    }
    return array;
}

static json_t *call_json(const struct history *history, const struct call *call)
{
    json_t *json = json_object();
    json_object_set_new(json, "id", json_integer(call->id));
    json_object_set_new(json, "life", json_integer(call->life));
    json_object_set_new(json, "open", json_boolean(history_is_open(history, call)));
    json_object_set_new(json, "state", json_string(standing_state_name(call->state)));
    json_object_set_new(json, "cause", text(call->cause));
    json_object_set_new(json, "since_ms", json_integer(call->since_ms));
    json_object_set_new(json, "opened_ms", json_integer(call->opened_ms));
    json_object_set_new(json, "resolved_ms", moment(call->resolved_ms));
    json_object_set_new(json, "title", text(call->title));
    json_object_set_new(json, "because", lines(call->because));
    json_object_set_new(json, "fix", text(call->fix));
    json_object_set_new(json, "slope",
                        interval("per_s", call->slope_per_s, call->slope_low, call->slope_high));
    json_object_set_new(json, "count_per_s", number(call->count_per_s));
    json_object_set_new(json, "share", number(call->share));
    json_object_set_new(json, "inspection",
                        call->inspection ? json_integer(call->inspection) : json_null());
    return json;
}

static json_t *marker_json(const struct marker *marker)
{
    json_t *json = json_object();
    json_object_set_new(json, "life", json_integer(marker->life));
    json_object_set_new(json, "at_ms", json_integer(marker->at_ms));
    json_object_set_new(json, "length_ms", json_integer(marker->length_ms));
    json_object_set_new(json, "kind", json_string(marker_kind_name(marker->kind)));
    json_object_set_new(json, "text", text(marker->text));
    return json;
}

static json_t *points_json(uint32_t life, const struct points *points)
{
    json_t *times = json_array(), *min = json_array(), *max = json_array(), *mean = json_array(),
           *last = json_array(), *json = json_object();
    for (size_t i = 0; i < points->length; i++) {
        const struct point *point = &points->at[i];
        json_array_append_new(times, json_integer(point->at_ms));
        json_array_append_new(min, json_integer(point->min));
        json_array_append_new(max, json_integer(point->max));
        json_array_append_new(mean, json_real(point->mean));
        json_array_append_new(last, json_integer(point->last));
    }
    json_object_set_new(json, "life", json_integer(life));
    json_object_set_new(json, "t", times);
    json_object_set_new(json, "min", min);
    json_object_set_new(json, "max", max);
    json_object_set_new(json, "mean", mean);
    json_object_set_new(json, "last", last);
    return json;
}

static json_t *series_json(const struct history *history)
{
    json_t *json = json_object(), *lists = json_array();
    for (size_t i = 0; i < history->points.length; i++)
        json_array_append_new(lists, points_json(history->lives.at[i].id, &history->points.at[i]));
    json_object_set_new(json, "metric", json_string(series_facts(history->metric)->name));
    json_object_set_new(json, "unit", json_string(series_facts(history->metric)->unit));
    json_object_set_new(json, "step_ms", json_integer(history->step_ms));
    json_object_set_new(json, "lives", lists);
    return json;
}

static json_t *now_json(const struct history *history)
{
    json_t *json = json_object();
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        int64_t value = 0;
        bool known = history_now(history, i, &value);
        json_object_set_new(json, series_facts(i)->name, known ? json_integer(value) : json_null());
    }
    return json;
}

json_t *report_history_json(const struct history *history)
{
    const struct life *newest = history_newest(history);
    json_t *json = json_object(), *lives = json_array(), *markers = json_array(),
           *calls = json_array();
    for (size_t i = 0; i < history->lives.length; i++)
        json_array_append_new(lives, life_json(history, &history->lives.at[i]));
    for (size_t i = 0; i < history->markers.length; i++)
        json_array_append_new(markers, marker_json(&history->markers.at[i]));
    for (size_t i = 0; i < history->calls.length; i++)
        json_array_append_new(calls, call_json(history, &history->calls.at[i]));
    json_object_set_new(json, "schema", json_integer(SCHEMA));
    json_object_set_new(json, "seep", json_string(SEEP_VERSION));
    json_object_set_new(json, "program", text(newest->program));
    json_object_set_new(json, "name", text(newest->name));
    json_object_set_new(json, "unit", text(newest->unit));
    json_object_set_new(json, "state", json_string(history_state(history)));
    json_object_set_new(json, "running", json_integer((json_int_t)history_running(history)));
    json_object_set_new(json, "from_ms", json_integer(history->span.from_ms));
    json_object_set_new(json, "to_ms", json_integer(history->span.to_ms));
    json_object_set_new(json, "now", now_json(history));
    json_object_set_new(json, "lives", lives);
    json_object_set_new(json, "markers", markers);
    json_object_set_new(json, "calls", calls);
    json_object_set_new(json, "series", series_json(history));
    return json;
}

/* ---- CSV */

/* Quoted, and nothing that a spreadsheet would take for a formula. */
static void put_cell(const char *cell, FILE *out)
{
    fputs(strchr("=+-@\t\r", *cell) && *cell ? "\"'" : "\"", out);
    for (; *cell; cell++) {
        if (*cell == '"')
            fputc('"', out);
        fputc(*cell, out);
    }
    fputc('"', out);
}

void report_history_csv_heading(FILE *out)
{
    fputs("time,program,life,release", out);
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++)
        fprintf(out, ",%s", series_facts(i)->name);
    fputc('\n', out);
}

void report_history_csv_row(const struct life *life, int64_t at_ms, const int64_t *const *values,
                            FILE *out)
{
    char time_text[40];
    time_t at = (time_t)(at_ms / 1000);
    struct tm calendar = {.tm_mday = 1};
    gmtime_r(&at, &calendar);
    strftime(time_text, sizeof(time_text), "%Y-%m-%dT%H:%M:%S", &calendar);
    fprintf(out, "%s.%03dZ,", time_text, (int)(at_ms % 1000));
    put_cell(life->program, out);
    fprintf(out, ",%" PRIu32 ",", life->id);
    put_cell(life->release, out);
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        fputc(',', out);
        if (values[i])
            fprintf(out, "%" PRId64, *values[i]);
    }
    fputc('\n', out);
}
