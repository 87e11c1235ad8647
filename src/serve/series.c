/* A chart's points: one metric of all lives of a program. What only grows comes as what it grows by. Written as text at once, within a budget, whatever number of lives there is. */
#include <inttypes.h>
#include <string.h>

#include "serve/answer.h"

enum {
    POINTS_DEFAULT = 1000,
    POINTS_ALL = 200000 /* of one answer */
};

/* What became of one life. */
struct drawn {
    const struct life *life;
    struct points points;
    int64_t step_ms, last_ms; /* width of a point; end of the last one */
};

struct chart {
    uint32_t series;
    struct store_span span; /* that is shown, no further than something is known */
    unsigned points;        /* wanted in all of the span */
    int64_t step_ms;
    size_t total; /* points */
    struct drawns VECTOR_OF(struct drawn) drawns;
};

/* ---- reading */

/* The life's share of the points: a year of short lives needs no more of them than one long life. */
static unsigned share_of(const struct chart *chart, struct store_span span)
{
    double whole_ms = (double)(chart->span.to_ms - chart->span.from_ms) + 1;
    double share = (double)chart->points * (double)(span.to_ms - span.from_ms + 1) / whole_ms;
    return share < 2 ? 2 : (unsigned)share;
}

static struct error *add_life(const struct source *source, struct chart *chart,
                              const struct life *life)
{
    struct drawn drawn = {.life = life};
    struct store_span span = chart->span;
    span.from_ms = life->first_seen_ms > span.from_ms ? life->first_seen_ms : span.from_ms;
    span.to_ms = life->last_seen_ms < span.to_ms ? life->last_seen_ms : span.to_ms;
    if (span.from_ms > span.to_ms)
        return NULL;
    TRY(store_points(source->store, life->id, chart->series, span, share_of(chart, span),
                     &drawn.points, &drawn.step_ms));
    drawn.last_ms = span.to_ms;
    chart->step_ms = drawn.step_ms > chart->step_ms ? drawn.step_ms : chart->step_ms;
    chart->total += drawn.points.length;
    VECTOR_PUSH(&chart->drawns, drawn);
    return NULL;
}

static void clip(struct chart *chart, const struct question *question, const struct lives *lives)
{
    struct store_span known = {INT64_MAX, 0};
    for (size_t i = 0; i < lives->length; i++) {
        const struct life *life = &lives->at[i];
        known.from_ms = life->first_seen_ms < known.from_ms ? life->first_seen_ms : known.from_ms;
        known.to_ms = life->last_seen_ms > known.to_ms ? life->last_seen_ms : known.to_ms;
    }
    chart->span.from_ms = question->from_ms > known.from_ms ? question->from_ms : known.from_ms;
    chart->span.to_ms = question->to_ms < known.to_ms ? question->to_ms : known.to_ms;
}

/* ---- writing */

static void put_integer(struct text *text, int64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRId64 ",", number);
    text_add(text, digits, (size_t)length);
}

static void begin_column(struct text *text, const char *name)
{
    text_printf(text, ",\"%s\":[", name);
}

static void end_column(struct text *text)
{
    if (text->bytes[text->length - 1] == ',')
        text->bytes[--text->length] = '\0';
    text_puts(text, "]");
}

static void put_column(struct text *text, const char *name, const struct points *points,
                       size_t offset)
{
    begin_column(text, name);
    for (size_t i = 0; i < points->length; i++) {
        int64_t number = 0;
        memcpy(&number, (const char *)&points->at[i] + offset, sizeof(number));
        put_integer(text, number);
    }
    end_column(text);
}

static void put_plain(const struct chart *chart, const struct points *points, struct text *text)
{
    put_column(text, "t", points, offsetof(struct point, at_ms));
    if (chart->step_ms) {
        put_column(text, "min", points, offsetof(struct point, min));
        put_column(text, "max", points, offsetof(struct point, max));
    }
    put_column(text, "last", points, offsetof(struct point, last));
}

/* When its last value was: at the end of its width, but for the newest, which is not full. */
static double end_of(const struct drawn *drawn, const struct point *point)
{
    int64_t end_ms = point->at_ms + drawn->step_ms;
    return (double)(drawn->step_ms && end_ms > drawn->last_ms ? drawn->last_ms : end_ms);
}

/* By how much it grew a second since the point before; false if it cannot be told. */
static bool rate_of(const struct drawn *drawn, size_t at, double scale, double *rate_ret)
{
    const struct point *point = &drawn->points.at[at];
    if (!at)
        return false;
    const struct point *before = point - 1;
    double passed_s = (end_of(drawn, point) - end_of(drawn, before)) / 1e3;
    *rate_ret = ((double)point->last - (double)before->last) * scale / passed_s;
    return passed_s > 0 && *rate_ret >= 0;
}

static void put_rates(const struct chart *chart, const struct drawn *drawn, struct text *text)
{
    static const char *const names[] = {"min", "max", "last"};
    double scale = chart->series == SERIES_CPU ? 1e-3 : 1, rate = 0; /* of milliseconds: cores */
    begin_column(text, "t");
    for (size_t i = 0; i < drawn->points.length; i++) {
        if (rate_of(drawn, i, scale, &rate))
            put_integer(text, drawn->points.at[i].at_ms);
    }
    end_column(text);
    for (size_t k = chart->step_ms ? 0 : 2; k < LENGTH_OF(names); k++) {
        begin_column(text, names[k]);
        for (size_t i = 0; i < drawn->points.length; i++) {
            if (rate_of(drawn, i, scale, &rate))
                text_printf(text, "%.6g,", rate);
        }
        end_column(text);
    }
}

static const char *unit_of(uint32_t series)
{
    const struct series_facts *facts = series_facts(series);
    if (!facts->grows)
        return facts->unit;
    return series == SERIES_CPU ? "cores" : "per second";
}

static void put_chart(const struct chart *chart, const struct question *question, struct text *text)
{
    json_t *name = value_text(question->program);
    AUTO_FREE char *quoted = json_dumps(name, JSON_ENCODE_ANY);
    const char *separator = "";
    json_decref(name);
    text_printf(text,
                "{\"program\":%s,\"metric\":\"%s\",\"unit\":\"%s\",\"from_ms\":%" PRId64
                ",\"to_ms\":%" PRId64 ",\"step_ms\":%" PRId64 ",\"lives\":[",
                quoted ? quoted : "null", series_facts(chart->series)->name, unit_of(chart->series),
                question->from_ms ? question->from_ms : chart->span.from_ms,
                question->to_ms != INT64_MAX ? question->to_ms : chart->span.to_ms, chart->step_ms);
    for (size_t i = 0; i < chart->drawns.length; i++) {
        const struct drawn *drawn = &chart->drawns.at[i];
        if (!drawn->points.length)
            continue;
        text_printf(text, "%s{\"life\":%" PRIu32 ",\"lane\":%" PRIu32, separator, drawn->life->id,
                    drawn->life->lane);
        if (series_facts(chart->series)->grows)
            put_rates(chart, drawn, text);
        else
            put_plain(chart, &drawn->points, text);
        text_puts(text, "}");
        separator = ",";
    }
    text_puts(text, "]}");
}

struct error *answer_series(const struct source *source, const struct question *question,
                            struct text *text_ret)
{
    struct lives lives = {0};
    int64_t points = question->points < 0 ? POINTS_DEFAULT : question->points;
    struct chart chart = {.series = question->series,
                          .points = points ? (unsigned)points : POINTS_MOST};
    TRY(program_lives(source, question->program, &lives));
    clip(&chart, question, &lives);
    struct error *error = NULL;
    for (size_t i = lives.length; i-- > 0 && !error && chart.total < POINTS_ALL;)
        error = add_life(source, &chart, &lives.at[i]); /* the newest first, if not all fit */
    for (size_t i = 0, k = chart.drawns.length; i + 1 < k; i++) {
        struct drawn swapped = chart.drawns.at[i];
        chart.drawns.at[i] = chart.drawns.at[--k];
        chart.drawns.at[k] = swapped;
    }
    if (!error)
        put_chart(&chart, question, text_ret);
    for (size_t i = 0; i < chart.drawns.length; i++)
        VECTOR_DEINIT(&chart.drawns.at[i].points);
    VECTOR_DEINIT(&chart.drawns);
    lives_deinit(&lives);
    return error;
}
