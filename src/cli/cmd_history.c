/* seep history: what `seep watch` has kept, in the terminal. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "report/report.h"
#include "report/report_history.h"
#include "serve/answer.h"
#include "store/place.h"

static const char help[] =
    "Usage: seep history [OPTION]… [PROGRAM]\n"
    "\n"
    "Shows what `seep watch` has kept: all programs, or one with its chart, what was called and "
    "why,\n"
    "its releases side by side, and its lives. PROGRAM is a name, the start of one, or a pid.\n"
    "\n"
    "      --store FILE      which store (default: that of `seep watch`)\n"
    "      --since TIME      from so long ago on: 90m, 12h, 7d (default: all)\n"
    "      --metric NAME     what the chart shows: rss, heap_live, goroutines, …\n"
    "      --json            as JSON (docs/watch-api.md)\n"
    "      --csv             every sample of PROGRAM\n"
    "      --color WHEN      always, never or auto (default: on a terminal, unless NO_COLOR is "
    "set)\n"
    "\n"
    "Exit status: 0, 1 if a leak or a climb was called and goes on, 2 if nothing could be shown.\n";

enum {
    OPTION_STORE = 256,
    OPTION_SINCE,
    OPTION_METRIC,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_COLOR,
    CHART_POINTS = 600,
    LIVES_MAX = 500 /* in a chart: the newest */
};

static const struct option long_options[] = {
    {"store", required_argument, NULL, OPTION_STORE},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"metric", required_argument, NULL, OPTION_METRIC},
    {"json", no_argument, NULL, OPTION_JSON},
    {"csv", no_argument, NULL, OPTION_CSV},
    {"color", required_argument, NULL, OPTION_COLOR},
    {0},
};

struct wishes {
    const char *store, *since, *metric, *program;
    bool json, csv;
    enum color_when color;
};

static int parse(int argc, char **argv, struct wishes *wishes)
{
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        if (option == ':')
            return complain_usage(&command_history, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_history, "there is no option %s", shown);
        struct error *error = option == OPTION_COLOR ? option_color(optarg, &wishes->color) : NULL;
        if (error)
            return complain_error(error);
        const char **const texts[] = {&wishes->store, &wishes->since, &wishes->metric};
        if (option <= OPTION_METRIC)
            *texts[option - OPTION_STORE] = optarg;
        wishes->json = wishes->json || option == OPTION_JSON;
        wishes->csv = wishes->csv || option == OPTION_CSV;
    }
    if (argc - optind > 1)
        return complain_usage(&command_history, "history shows one program at a time");
    wishes->program = argv[optind];
    if (wishes->csv && !wishes->program)
        return complain_usage(&command_history, "--csv wants a program");
    return EXIT_NOTHING;
}

/* "7d" too, which is longer than other durations may be. */
static struct error *read_since(const char *text, int64_t now_ms, int64_t *from_ms_ret)
{
    static const struct {
        char unit;
        double ms;
    } units[] = {{'m', 60e3}, {'h', 3600e3}, {'d', 86400e3}, {'w', 7 * 86400e3}, {'y', 31536e6}};
    char *end = NULL;
    double number = strtod(text, &end);
    for (size_t i = 0; i < LENGTH_OF(units); i++) {
        if (end != text && *end == units[i].unit && !end[1] && number > 0 &&
            number * units[i].ms < 1e13) {
            *from_ms_ret = now_ms - (int64_t)(number * units[i].ms);
            return NULL;
        }
    }
    AUTO_FREE char *shown = text_escaped(text, strlen(text));
    return error_create(ERROR_BAD_DATA, "--since: '%s' is no time: 90m, 12h, 7d and 1y are some",
                        shown);
}

/* ---- which program */

static bool is_meant(const struct life *life, const char *name, int way)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)life->pid);
    switch (way) {
    case 0:
        return !strcmp(life->program, name);
    case 1:
        return !strcmp(life->name, name);
    case 2:
        return !strcmp(pid, name);
    default:
        return !strncmp(life->program, name, strlen(name));
    }
}

/* The one program that a name means: exactly, else by its executable, a pid, the start of it. Errors list what there is. */
static struct error *find_program(const struct lives *lives, const char *name,
                                  const char **program_ret)
{
    struct text known = {0};
    for (int way = 0; way < 4; way++) {
        const char *found = NULL;
        for (size_t i = 0; i < lives->length; i++) {
            const struct life *life = &lives->at[i];
            if (!is_meant(life, name, way) || (found && !strcmp(found, life->program)))
                continue;
            if (found)
                return error_create(ERROR_BAD_DATA, "'%s' may be %s or %s: say more of it", name,
                                    found, life->program);
            found = life->program;
        }
        *program_ret = found;
        if (found)
            return NULL;
    }
    for (size_t i = 0; i < lives->length && known.length < 300; i++) {
        if (!known.bytes || !strstr(known.bytes, lives->at[i].program))
            text_printf(&known, "%s%s", known.length ? ", " : "", lives->at[i].program);
    }
    AUTO_FREE char *shown = text_escaped(name, strlen(name));
    struct error *error = error_create(ERROR_NOT_FOUND, "the store has no program '%s'; it has %s",
                                       shown, known.bytes ? known.bytes : "none yet");
    text_deinit(&known);
    return error;
}

/* ---- what is shown */

static bool has_open_call(const json_t *program)
{
    const json_t *calls = json_object_get(program, "calls");
    for (size_t i = 0; i < json_array_size(calls); i++) {
        if (json_is_null(json_object_get(json_array_get(calls, i), "resolved_ms")))
            return true;
    }
    return false;
}

/* What the newest standing looks at, else what is there. */
static uint32_t default_metric(const json_t *program)
{
    const json_t *lives = json_object_get(program, "lives");
    const json_t *newest = json_array_get(lives, json_array_size(lives) - 1);
    const char *metric =
        json_string_value(json_object_get(json_object_get(newest, "standing"), "metric"));
    uint32_t series = metric ? series_named(metric) : SERIES_METRIC_COUNT;
    return series < SERIES_METRIC_COUNT ? series : SERIES_RSS_ANON;
}

static struct error *read_chart(const struct source *source, const struct lives *lives,
                                const char *program, struct history_chart *chart,
                                struct points *points, int64_t *marks)
{
    int64_t first_ms = INT64_MAX, last_ms = 0;
    uint32_t series = series_named(chart->metric->name);
    for (size_t i = lives->length; i-- > 0 && chart->life_count < LIVES_MAX;) {
        const struct life *life = &lives->at[i];
        int64_t step_ms = 0;
        if (strcmp(life->program, program) != 0 || life->last_seen_ms < chart->span.from_ms)
            continue;
        TRY(store_points(source->store, life->id, series, chart->span, CHART_POINTS,
                         &points[chart->life_count], &step_ms));
        marks[chart->life_count++] = life->started_ms;
        first_ms = life->first_seen_ms < first_ms ? life->first_seen_ms : first_ms;
        last_ms = life->last_seen_ms > last_ms ? life->last_seen_ms : last_ms;
    }
    chart->span.from_ms = chart->span.from_ms > first_ms ? chart->span.from_ms : first_ms;
    chart->span.to_ms = last_ms > chart->span.from_ms ? last_ms : chart->span.from_ms + 1;
    return NULL;
}

static struct error *show_program(const struct source *source, const struct lives *lives,
                                  const char *program, const json_t *answer,
                                  const struct wishes *wishes, int64_t from_ms)
{
    uint32_t series = wishes->metric ? series_named(wishes->metric) : default_metric(answer);
    if (series == SERIES_METRIC_COUNT)
        return error_create(
            ERROR_BAD_DATA,
            "--metric: there is no '%s'; rss, heap_live, kept and goroutines are some",
            wishes->metric);
    struct points points[LIVES_MAX] = {{0}};
    int64_t marks[LIVES_MAX];
    struct history_chart chart = {.metric = series_facts(series),
                                  .span = {from_ms, INT64_MAX},
                                  .lives = points,
                                  .marks = marks,
                                  .limit = (double)NAN};
    struct error *error = read_chart(source, lives, program, &chart, points, marks);
    if (!error) {
        struct term term;
        term_init(&term, stdout, wishes->color);
        report_history_program(answer, &chart, source->now_ms, &term);
    }
    for (size_t i = 0; i < LIVES_MAX; i++)
        VECTOR_DEINIT(&points[i]);
    return error;
}

static struct error *write_csv(const struct source *source, const char *program, int64_t from_ms)
{
    struct question question = {
        .program = program, .from_ms = from_ms, .to_ms = INT64_MAX, .points = 0};
    struct export *export = NULL;
    struct text text = {0};
    TRY(export_begin(source, &question, &export));
    while (export_next(export, source->store, &text)) {
        fwrite(text.bytes, 1, text.length, stdout);
        text_clear(&text);
    }
    text_deinit(&text);
    export_end(export);
    return NULL;
}

static struct error *one_program(const struct source *source, const struct wishes *wishes,
                                 int64_t from_ms, int *status)
{
    struct lives lives = {0};
    struct store_span all = {0, INT64_MAX};
    const char *program = NULL;
    json_t *answer = NULL;
    TRY(store_lives(source->store, NULL, all, &lives));
    struct error *error = find_program(&lives, wishes->program, &program);
    struct question question = {.program = program, .to_ms = INT64_MAX, .points = -1};
    if (!error && wishes->csv)
        error = write_csv(source, program, from_ms);
    else if (!error)
        error = answer_program(source, &question, &answer);
    if (answer) {
        *status = has_open_call(answer) ? EXIT_LEAKS : EXIT_NOTHING;
        if (wishes->json)
            report_json_line(json_incref(answer), stdout);
        else
            error = show_program(source, &lives, program, answer, wishes, from_ms);
    }
    json_decref(answer);
    lives_deinit(&lives);
    return error;
}

static struct error *all_programs(const struct source *source, const struct wishes *wishes,
                                  int *status)
{
    json_t *answer = NULL;
    struct question question = {.to_ms = INT64_MAX, .points = -1};
    TRY(answer_programs(source, &question, &answer));
    const json_t *programs = json_object_get(answer, "programs");
    for (size_t i = 0; i < json_array_size(programs); i++) {
        if (json_integer_value(json_object_get(json_array_get(programs, i), "open_calls")))
            *status = EXIT_LEAKS;
    }
    if (wishes->json) {
        report_json_line(answer, stdout);
        return NULL;
    }
    struct term term;
    term_init(&term, stdout, wishes->color);
    report_history_programs(programs, source->now_ms, &term);
    json_decref(answer);
    return NULL;
}

static struct error *show(const struct wishes *wishes, int *status)
{
    struct source source = {.now_ms = (int64_t)time(NULL) * 1000, .interval_ms = 10000};
    AUTO_FREE char *place = wishes->store ? xstrdup(wishes->store) : store_place_default(false);
    int64_t from_ms = 0;
    source.where = place;
    if (wishes->since)
        TRY(read_since(wishes->since, source.now_ms, &from_ms));
    TRY(store_open_reader(place, &source.store));
    struct error *error = wishes->program ? one_program(&source, wishes, from_ms, status)
                                          : all_programs(&source, wishes, status);
    store_close(source.store);
    return error;
}

static int run(int argc, char **argv)
{
    struct wishes wishes = {.color = COLOR_AUTO};
    int status = EXIT_NOTHING;
    if (parse(argc, argv, &wishes) != EXIT_NOTHING)
        return EXIT_FAILED;
    struct error *error = show(&wishes, &status);
    return error ? complain_error(error) : status;
}

const struct command command_history = {
    .name = "history",
    .summary = "what `seep watch` has kept of a program: its chart, its releases, what leaks",
    .help = help,
    .run = run,
};
