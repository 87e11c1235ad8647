/* One program: its lives, what happened, what was called, and its releases side by side. */
#include <math.h>
#include <string.h>

#include "base/u64map.h"
#include "serve/answer.h"

enum {
    MARKERS_SHOWN = 20000, /* the newest */
    CALLS_SHOWN = 5000
};

struct kept {
    struct lives lives;
    struct standings standings;
    struct markers markers;
    struct calls calls;
    struct u64map here; /* ids of the lives */
};

static json_t *line_json(const struct standing *standing)
{
    if (!isfinite(standing->line_from) || !isfinite(standing->line_to))
        return json_null();
    return json_pack("{s:I, s:o, s:I, s:o}", "from_ms", standing->line_from_ms, "from",
                     value_number(standing->line_from), "to_ms", standing->line_to_ms, "to",
                     value_number(standing->line_to));
}

static json_t *standing_json(const struct standing *standing)
{
    if (!standing)
        return json_null();
    bool metric = standing->series < SERIES_METRIC_COUNT;
    return json_pack(
        "{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
        standing_state_name(standing->state), "at_ms", standing->at_ms, "metric",
        metric ? json_string(series_facts(standing->series)->name) : json_null(), "slope",
        value_slope(standing->slope_per_s, standing->slope_low, standing->slope_high), "plateau",
        value_number(standing->plateau), "limit", value_number(standing->limit), "to_limit",
        value_to_limit(standing), "warm_up_ends_ms", value_time(standing->warm_up_ends_ms), "line",
        line_json(standing), "why", value_text(standing->why));
}

static json_t *life_json(const struct life *life, const struct standing *standing)
{
    json_t *json = json_pack(
        "{s:I, s:I, s:i, s:o, s:s, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:s}",
        "id", (json_int_t)life->id, "lane", (json_int_t)life->lane, "pid", (int)life->pid, "exe",
        value_text(life->exe), "kind", life_kind_name(life->kind), "end", life_end_name(life->end),
        "started_ms", life->started_ms, "first_seen_ms", life->first_seen_ms, "last_seen_ms",
        life->last_seen_ms, "ended_ms", value_time(life->ended_ms), "go_version",
        value_text(life->go_version), "module", value_text(life->module), "release",
        value_text(life->release), "release_source", value_text(life->release_source), "build_id",
        value_text(life->build_id), "stripped", life->stripped, "blind", "");
    json_object_set_new(json, "blind", json_string(life->blind) ?: json_string(""));
    json_object_set_new(json, "standing", standing_json(standing));
    return json;
}

static bool is_here(const struct kept *kept, uint32_t life)
{
    uint32_t index = 0;
    return u64map_get(&kept->here, life, &index);
}

static json_t *markers_json(const struct kept *kept)
{
    json_t *array = json_array();
    size_t first = kept->markers.length > MARKERS_SHOWN ? kept->markers.length - MARKERS_SHOWN : 0;
    for (size_t i = first; i < kept->markers.length; i++) {
        const struct marker *marker = &kept->markers.at[i];
        if (!marker->life || is_here(kept, marker->life))
            json_array_append_new(
                array, json_pack("{s:I, s:I, s:I, s:s, s:o}", "life", (json_int_t)marker->life,
                                 "at_ms", marker->at_ms, "length_ms", marker->length_ms, "kind",
                                 marker_kind_name(marker->kind), "text", value_text(marker->text)));
    }
    return array;
}

static json_t *lines_json(const char *text)
{
    json_t *array = json_array();
    while (*text) {
        size_t length = strcspn(text, "\n");
        AUTO_FREE char *line = xstrndup(text, length);
        if (length)
            json_array_append_new(array, value_text(line));
        text += length + (text[length] == '\n');
    }
    return array;
}

static json_t *calls_json(const struct kept *kept)
{
    json_t *array = json_array();
    size_t first = kept->calls.length > CALLS_SHOWN ? kept->calls.length - CALLS_SHOWN : 0;
    for (size_t i = first; i < kept->calls.length; i++) {
        const struct call *call = &kept->calls.at[i];
        if (!is_here(kept, call->life))
            continue;
        json_array_append_new(
            array,
            json_pack("{s:I, s:I, s:s, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                      "id", (json_int_t)call->id, "life", (json_int_t)call->life, "state",
                      standing_state_name(call->state), "cause", value_text(call->cause),
                      "since_ms", call->since_ms, "opened_ms", call->opened_ms, "resolved_ms",
                      value_time(call->resolved_ms), "title", value_text(call->title), "because",
                      lines_json(call->because), "fix", value_text(call->fix), "slope",
                      value_slope(call->slope_per_s, call->slope_low, call->slope_high),
                      "count_per_s", value_number(call->count_per_s), "share",
                      value_number(call->share), "inspection",
                      call->inspection ? json_integer(call->inspection) : json_null()));
    }
    return array;
}

/* ---- releases */

struct release {
    const char *name;
    int64_t first_ms, last_ms, lasted_ms;
    unsigned lives;
    const struct standing *slope; /* of its longest life that has one */
    int64_t slope_lasted_ms;
    enum standing_state state;
    int64_t peak_rss;
};

struct releases VECTOR_OF(struct release);

static struct release *release_of(struct releases *releases, const struct life *life)
{
    for (size_t i = 0; i < releases->length; i++) {
        if (!strcmp(releases->at[i].name, life->release))
            return &releases->at[i];
    }
    VECTOR_PUSH(releases, (struct release){.name = life->release, .first_ms = life->started_ms});
    return &releases->at[releases->length - 1];
}

static struct error *peak_of(const struct source *source, const struct life *life, int64_t *peak)
{
    struct points points = {0};
    int64_t step_ms = 0;
    TRY(store_points(source->store, life->id, SERIES_RSS, (struct store_span){0, INT64_MAX}, 50,
                     &points, &step_ms));
    for (size_t i = 0; i < points.length; i++)
        *peak = points.at[i].max > *peak ? points.at[i].max : *peak;
    VECTOR_DEINIT(&points);
    return NULL;
}

static struct error *add_life(const struct source *source, struct releases *releases,
                              const struct life *life, const struct standing *standing)
{
    struct release *release = release_of(releases, life);
    int64_t lasted_ms = life->last_seen_ms - life->first_seen_ms;
    release->lives++;
    release->lasted_ms += lasted_ms;
    release->last_ms =
        life->last_seen_ms > release->last_ms ? life->last_seen_ms : release->last_ms;
    if (standing && standing->state > release->state)
        release->state = standing->state;
    if (standing && isfinite(standing->slope_per_s) &&
        (!release->slope || lasted_ms > release->slope_lasted_ms)) {
        release->slope = standing;
        release->slope_lasted_ms = lasted_ms;
    }
    return peak_of(source, life, &release->peak_rss);
}

static struct error *releases_json(const struct source *source, const struct kept *kept,
                                   json_t *array)
{
    struct releases releases = {0};
    struct error *error = NULL;
    for (size_t i = 0; i < kept->lives.length && !error; i++)
        error = add_life(source, &releases, &kept->lives.at[i],
                         standing_of(&kept->standings, kept->lives.at[i].id));
    for (size_t i = 0; i < releases.length && !error; i++) {
        const struct release *release = &releases.at[i];
        const struct standing *slope = release->slope;
        json_array_append_new(
            array,
            json_pack(
                "{s:o, s:I, s:I, s:i, s:f, s:s, s:o, s:o}", "release", value_text(release->name),
                "first_ms", release->first_ms, "last_ms", release->last_ms, "lives", release->lives,
                "hours", (double)release->lasted_ms / 3600e3, "state",
                standing_state_name(release->state), "slope",
                slope ? value_slope(slope->slope_per_s, slope->slope_low, slope->slope_high)
                      : json_null(),
                "peak_rss", release->peak_rss ? json_integer(release->peak_rss) : json_null()));
    }
    VECTOR_DEINIT(&releases);
    return error;
}

/* ---- all of it */

static struct error *read_all(const struct source *source, const char *program, struct kept *kept)
{
    struct store_span all = {0, INT64_MAX};
    TRY(program_lives(source, program, &kept->lives));
    for (size_t i = 0; i < kept->lives.length; i++)
        u64map_set(&kept->here, kept->lives.at[i].id, (uint32_t)i);
    TRY(store_standings(source->store, &kept->standings));
    TRY(store_markers(source->store, UINT32_MAX, all, &kept->markers));
    return store_calls(source->store, UINT32_MAX, all, &kept->calls);
}

static void kept_deinit(struct kept *kept)
{
    lives_deinit(&kept->lives);
    standings_deinit(&kept->standings);
    markers_deinit(&kept->markers);
    calls_deinit(&kept->calls);
    u64map_deinit(&kept->here);
}

/* Of those that run; *runs_ret false if none does. */
static const struct standing *worst_of(const struct kept *kept, bool *runs_ret)
{
    const struct standing *worst = NULL;
    *runs_ret = false;
    for (size_t i = 0; i < kept->lives.length; i++) {
        const struct life *life = &kept->lives.at[i];
        const struct standing *standing = standing_of(&kept->standings, life->id);
        *runs_ret = *runs_ret || !life->ended_ms;
        if (!life->ended_ms && standing && (!worst || standing->state > worst->state))
            worst = standing;
    }
    return worst;
}

static json_t *whole(const struct kept *kept, json_t *lives, json_t *releases)
{
    bool runs = false;
    const struct life *newest = &kept->lives.at[kept->lives.length - 1];
    const struct standing *worst = worst_of(kept, &runs);
    const char *state = standing_state_name(worst ? worst->state : STANDING_UNKNOWN);
    return json_pack("{s:o, s:o, s:o, s:s, s:o, s:O, s:o, s:o, s:O}", "program",
                     value_text(newest->program), "name", value_text(newest->name), "unit",
                     value_text(newest->unit), "state", runs ? state : "ended", "why",
                     worst ? value_text(worst->why) : json_null(), "lives", lives, "markers",
                     markers_json(kept), "calls", calls_json(kept), "releases", releases);
}

struct error *answer_program(const struct source *source, const struct question *question,
                             json_t **json_ret)
{
    struct kept kept = {0};
    json_t *releases = json_array(), *lives = json_array();
    struct error *error = read_all(source, question->program, &kept);
    if (!error)
        error = releases_json(source, &kept, releases);
    for (size_t i = 0; i < kept.lives.length; i++)
        json_array_append_new(
            lives, life_json(&kept.lives.at[i], standing_of(&kept.standings, kept.lives.at[i].id)));
    if (!error)
        *json_ret = whole(&kept, lives, releases);
    json_decref(lives);
    json_decref(releases);
    kept_deinit(&kept);
    return error;
}
