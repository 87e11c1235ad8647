/* All metrics of a program, row by row, in pieces of bounded size: an export may be larger than memory. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "serve/answer.h"
#include "serve/csv.h"

enum {
    /* A piece's width follows its size: periods may be a tenth of a second or five minutes. */
    PIECE_LEAST_MS = 60 * 1000,
    PIECE_MOST_MS = 6 * 3600 * 1000,
    PIECE_SMALL = 64 << 10,
    PIECE_LARGE = 256 << 10,
    POINTS_DEFAULT = 2000,
    TURN_NS = 5 * 1000 * 1000 /* for lives in which nothing is found */
};

struct export
{
    char *program;
    struct lives lives; /* that may have samples */
    struct store_span span;
    size_t life;
    int64_t at_ms;    /* of the piece that comes next */
    int64_t piece_ms; /* its width */
    int64_t points;   /* 0: every sample */
    bool json, begun, any_row, ended;
    struct points columns[SERIES_METRIC_COUNT];
    size_t next[SERIES_METRIC_COUNT];
};

static void clear(struct export *export)
{
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        VECTOR_DEINIT(&export->columns[i]);
        export->next[i] = 0;
    }
}

static int by_id(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Those that have nothing are not asked for each series of theirs. */
static struct error *drop_empty(struct store *store, const char *program, struct lives *lives)
{
    struct life_ids ids = {0};
    size_t kept = 0;
    struct error *error = store_sampled(store, program, &ids);
    for (size_t i = 0; i < lives->length && !error; i++) {
        if (ids.length && bsearch(&lives->at[i].id, ids.at, ids.length, sizeof(*ids.at), by_id))
            lives->at[kept++] = lives->at[i];
        else
            life_deinit(&lives->at[i]);
    }
    if (!error)
        lives->length = kept;
    VECTOR_DEINIT(&ids);
    return error;
}

struct error *export_begin(const struct source *source, const struct question *question,
                           struct export **export_ret)
{
    struct lives lives = {0};
    TRY(program_lives(source, question->program, &lives));
    char *program = xstrdup(lives.at[0].program);
    struct error *error = drop_empty(source->store, question->program, &lives);
    if (error) {
        free(program);
        lives_deinit(&lives);
        return error;
    }
    struct export *export = xcalloc(1, sizeof(*export));
    *export = (struct export){.program = program,
                              .lives = lives,
                              .span = {question->from_ms, question->to_ms},
                              .at_ms = -1,
                              .piece_ms = 10 * PIECE_LEAST_MS,
                              .points = question->points < 0 ? POINTS_DEFAULT : question->points,
                              .json = question->json};
    *export_ret = export;
    return NULL;
}

void export_end(struct export *export)
{
    clear(export);
    lives_deinit(&export->lives);
    free(export->program);
    free(export);
}

/* ---- rows */

static void add_head(const struct export *export, struct text *text)
{
    if (export->json) {
        json_t *name = value_text(export->program);
        AUTO_FREE char *quoted = json_dumps(name, JSON_ENCODE_ANY);
        json_decref(name);
        text_printf(text, "{\"program\":%s,\"samples\":[", quoted ? quoted : "null");
        return;
    }
    text_puts(text, "time,time_ms,life,pid,release");
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++)
        text_printf(text, ",%s", series_facts(i)->name);
    text_puts(text, "\r\n");
}

static void format_time(int64_t at_ms, char buffer[40])
{
    time_t seconds = at_ms / 1000;
    struct tm calendar;
    char stamp[24];
    buffer[0] = '\0'; /* of a time that nobody lives to see */
    if (at_ms >= 0 && gmtime_r(&seconds, &calendar) &&
        strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &calendar))
        snprintf(buffer, 40, "%s.%03dZ", stamp, (int)(at_ms % 1000));
}

static void add_csv_row(const struct life *life, int64_t at_ms, const int64_t *values,
                        const bool *known, struct text *text)
{
    char stamp[40];
    format_time(at_ms, stamp);
    text_printf(text, "%s,%" PRId64 ",%u,%d,", stamp, at_ms, life->id, (int)life->pid);
    csv_put_text(text, life->release);
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        text_puts(text, ",");
        if (known[i])
            text_printf(text, "%" PRId64, values[i]);
    }
    text_puts(text, "\r\n");
}

static void add_json_row(const struct life *life, int64_t at_ms, const int64_t *values,
                         const bool *known, struct text *text)
{
    json_t *row = json_pack("{s:I, s:I, s:i, s:o}", "time_ms", at_ms, "life", (json_int_t)life->id,
                            "pid", (int)life->pid, "release", value_text(life->release));
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        if (known[i])
            json_object_set_new(row, series_facts(i)->name, json_integer(values[i]));
    }
    AUTO_FREE char *line = json_dumps(row, JSON_COMPACT);
    text_puts(text, line ? line : "{}");
    json_decref(row);
}

/* The series of a life have the same times, but for those that are sampled more rarely: a row has all that there is at its time. */
static void add_rows(struct export *export, const struct life *life, struct text *text)
{
    for (;;) {
        int64_t at_ms = INT64_MAX, values[SERIES_METRIC_COUNT];
        bool known[SERIES_METRIC_COUNT] = {false};
        for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
            const struct points *column = &export->columns[i];
            if (export->next[i] < column->length && column->at[export->next[i]].at_ms < at_ms)
                at_ms = column->at[export->next[i]].at_ms;
        }
        if (at_ms == INT64_MAX)
            return;
        for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
            const struct points *column = &export->columns[i];
            known[i] =
                export->next[i] < column->length && column->at[export->next[i]].at_ms == at_ms;
            if (known[i])
                values[i] = column->at[export->next[i]++].last;
        }
        if (export->json) {
            text_puts(text, export->any_row ? ",\n" : "\n");
            add_json_row(life, at_ms, values, known, text);
        } else {
            add_csv_row(life, at_ms, values, known, text);
        }
        export->any_row = true;
    }
}

/* ---- pieces */

static struct error *read_piece(struct export *export, struct store *store, const struct life *life,
                                struct store_span span)
{
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++) {
        int64_t step_ms = 0;
        TRY(store_points(store, life->id, i, span, (unsigned)export->points, &export->columns[i],
                         &step_ms));
    }
    return NULL;
}

/* The next piece of the life that is at hand; an empty span if it has no more. Thinned exports are small: one piece a life. */
static struct store_span next_span(struct export *export, const struct life *life)
{
    int64_t first_ms =
        life->first_seen_ms > export->span.from_ms ? life->first_seen_ms : export->span.from_ms;
    int64_t last_ms =
        life->last_seen_ms < export->span.to_ms ? life->last_seen_ms : export->span.to_ms;
    int64_t from_ms = export->at_ms < 0 ? first_ms : export->at_ms;
    int64_t to_ms = export->points || last_ms - from_ms < export->piece_ms
                        ? last_ms
                        : from_ms + export->piece_ms - 1;
    export->at_ms = to_ms + 1;
    return (struct store_span){from_ms, to_ms};
}

static void adapt(struct export *export, size_t length)
{
    if (length < PIECE_SMALL && export->piece_ms <= PIECE_MOST_MS / 2)
        export->piece_ms *= 2;
    else if (length > PIECE_LARGE && export->piece_ms > PIECE_LEAST_MS)
        export->piece_ms /= 2;
}

/* Moves on to the next life if this one has no more. */
static struct error *add_piece(struct export *export, struct store *store, struct text *text)
{
    const struct life *life = &export->lives.at[export->life];
    struct store_span span = next_span(export, life);
    if (span.from_ms > span.to_ms) {
        export->life++;
        export->at_ms = -1;
        return NULL;
    }
    struct error *error = read_piece(export, store, life, span);
    if (!error)
        add_rows(export, life, text);
    adapt(export, text->length);
    clear(export);
    return error;
}

struct error *export_next(struct export *export, struct store *store, struct text *text,
                          bool *more_ret)
{
    if (!export->begun)
        add_head(export, text);
    export->begun = true;
    int64_t until_ns = clock_now_ns() + TURN_NS;
    bool late = false;
    while (export->life < export->lives.length && !text->length && !late) {
        TRY(add_piece(export, store, text));
        late = clock_now_ns() >= until_ns;
    }
    *more_ret = text->length || export->life < export->lives.length;
    if (!*more_ret && !export->ended) {
        export->ended = true;
        if (export->json)
            text_puts(text, "\n]}\n");
        *more_ret = text->length > 0;
    }
    return NULL;
}
