/* seep history: what `seep watch` has kept of every program, or of one. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/history_find.h"
#include "cli/history_read.h"
#include "cli/options.h"
#include "report/report.h"
#include "store/place.h"

static const char help[] =
    "Usage: seep history [OPTION]… [NAME]\n"
    "\n"
    "Shows what `seep watch` has kept: without NAME every program, the worst first; with NAME one\n"
    "of them: how its memory moved over releases and restarts, and what was called a leak, where,\n"
    "and how to mend it. NAME is a program as the list shows it, its beginning, or a process id.\n"
    "\n"
    "      --store FILE      where it is kept (default: $SEEP_STORE, else /var/lib/seep/watch.db,\n"
    "                        else seep/watch.db below $XDG_STATE_HOME or ~/.local/state)\n"
    "      --since WHEN      7d, 12h, 30m ago, or a date: 2026-03-01, 2026-03-01T14:00\n"
    "      --until WHEN      the same\n"
    "      --metric METRIC   what the chart shows: heap_live, rss, goroutines, …\n"
    "      --json            one JSON document per program, one line each\n"
    "      --csv             every sample, all metrics as columns\n"
    "      --color WHEN      always, never or auto (default: on a terminal, unless NO_COLOR is "
    "set)\n"
    "\n"
    "Exit status: 0 if nothing is called a leak now, 1 if something is, 2 if it could not be "
    "told.\n";

enum {
    OPTION_STORE = 256,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_METRIC,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_COLOR,
    WIDTH_DEFAULT = 80,
    JSON_POINTS = 1000
};

static const struct option long_options[] = {
    {"store", required_argument, NULL, OPTION_STORE},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"metric", required_argument, NULL, OPTION_METRIC},
    {"json", no_argument, NULL, OPTION_JSON},
    {"csv", no_argument, NULL, OPTION_CSV},
    {"color", required_argument, NULL, OPTION_COLOR},
    {0},
};

struct request {
    const char *store, *name;
    struct history_wish wish;
    bool json, csv;
    enum color_when color;
    int64_t now_ms;
};

/* ---- options */

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct error *read_metric(const char *text, uint32_t *metric_ret)
{
    *metric_ret = series_named(text);
    if (*metric_ret < SERIES_METRIC_COUNT)
        return NULL;
    AUTO_FREE char *shown = text_escaped(text, strlen(text));
    struct text all = {0};
    for (uint32_t i = 0; i < SERIES_METRIC_COUNT; i++)
        text_printf(&all, "%s%s", i ? ", " : "", series_facts(i)->name);
    struct error *error =
        error_create(ERROR_BAD_DATA, "there is no metric '%s': there are %s", shown, all.bytes);
    text_deinit(&all);
    return error;
}

static struct error *take_option(int option, struct request *request)
{
    switch (option) {
    case OPTION_STORE:
        request->store = optarg;
        return NULL;
    case OPTION_SINCE:
        return option_moment(optarg, request->now_ms, &request->wish.span.from_ms);
    case OPTION_UNTIL:
        return option_moment(optarg, request->now_ms, &request->wish.span.to_ms);
    case OPTION_METRIC:
        return read_metric(optarg, &request->wish.metric);
    case OPTION_COLOR:
        return option_color(optarg, &request->color);
    case OPTION_JSON:
        request->json = true;
        return NULL;
    default:
        request->csv = true;
        return NULL;
    }
}

static int parse(int argc, char **argv, struct request *request)
{
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        if (option == ':')
            return complain_usage(&command_history, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_history, "there is no option %s", shown);
        struct error *error = take_option(option, request);
        if (error)
            return complain_error(error);
    }
    if (argc - optind > 1)
        return complain_usage(&command_history, "history shows one program, or all");
    if (request->json && request->csv)
        return complain_usage(&command_history, "--json and --csv do not go together");
    if (request->wish.span.from_ms > request->wish.span.to_ms)
        return complain("--since is later than --until: nothing lies between");
    request->name = argv[optind];
    return EXIT_NOTHING;
}

/* ---- where it is shown */

static bool is_utf8(void)
{
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < LENGTH_OF(variables); i++) {
        const char *value = getenv(variables[i]);
        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static unsigned width_of(const struct term *term)
{
    enum {
        LEAST = 40,
        MOST = 400
    };
    const char *said = getenv("COLUMNS");
    unsigned long columns = said ? strtoul(said, NULL, 10) : 0;
    if (term->width)
        return term->width;
    return columns >= LEAST && columns <= MOST ? (unsigned)columns : WIDTH_DEFAULT;
}

/* ---- output */

static int by_state(const void *left, const void *right)
{
    const struct history *a = left, *b = right;
    const struct standing *of_a = history_worst(a), *of_b = history_worst(b);
    bool a_runs = history_running(a), b_runs = history_running(b);
    int state_a = of_a ? (int)of_a->state : -1, state_b = of_b ? (int)of_b->state : -1;
    if (a_runs != b_runs)
        return a_runs ? -1 : 1;
    if (state_a != state_b)
        return state_b - state_a;
    return strcmp(history_newest(a)->program, history_newest(b)->program);
}

static struct error *write_out(struct store *store, const struct histories *histories,
                               const struct request *request)
{
    struct term term;
    struct history_look look = {.utf8 = is_utf8(), .now_ms = request->now_ms};
    AUTO_FREE char *agent = NULL;
    TRY(store_agent(store, &agent, &look.agent_at_ms));
    term_init(&term, stdout, request->color);
    look.width = width_of(&term);
    term.width = term.width ? term.width : getenv("COLUMNS") ? look.width : 0;
    /* The writer's clock may be ahead of this one: a store from elsewhere. */
    for (size_t i = 0; i < histories->length; i++)
        look.now_ms =
            histories->at[i].seen_ms > look.now_ms ? histories->at[i].seen_ms : look.now_ms;
    if (request->csv)
        report_history_csv_heading(stdout);
    for (size_t i = 0; i < histories->length; i++) {
        if (request->json)
            report_json_line(report_history_json(&histories->at[i]), stdout);
        else if (request->csv)
            TRY(history_csv(store, &histories->at[i], stdout));
        else if (request->name)
            report_history(&histories->at[i], &look, &term);
    }
    if (!request->json && !request->csv && !request->name)
        report_history_table(histories, &look, &term);
    return NULL;
}

/* ---- reading */

static struct error *read_one(struct store *store, struct kept *kept, const char *program,
                              const struct request *request, struct histories *histories)
{
    struct history history;
    struct error *error = history_read(store, kept, program, &request->wish, &history);
    if (!error && history.lives.length)
        VECTOR_PUSH(histories, history);
    else
        history_deinit(&history);
    return error;
}

/* Those of which nothing is in the span leave their lives behind in `kept`: they are passed over. */
static struct error *read_every(struct store *store, struct kept *kept,
                                const struct request *request, struct histories *histories)
{
    for (size_t i = 0; i < kept->lives.length;) {
        AUTO_FREE char *program = xstrdup(kept->lives.at[i].program);
        size_t before = kept->lives.length;
        TRY(read_one(store, kept, program, request, histories));
        if (kept->lives.length == before)
            i++;
    }
    if (histories->length)
        qsort(histories->at, histories->length, sizeof(*histories->at), by_state);
    return NULL;
}

static struct error *read_named(struct store *store, struct kept *kept,
                                const struct request *request, struct histories *histories)
{
    AUTO_FREE char *program = NULL;
    TRY(history_find(&kept->lives, request->name, &program));
    TRY(read_one(store, kept, program, request, histories));
    if (!histories->length)
        return error_create(ERROR_NOT_FOUND, "nothing is kept of %s in that time", program);
    return NULL;
}

static struct error *show(struct store *store, const struct request *request, bool *open_ret)
{
    struct kept kept = {0};
    struct histories histories = {0};
    struct error *error = kept_read(store, &kept);
    if (!error)
        error = request->name ? read_named(store, &kept, request, &histories)
                              : read_every(store, &kept, request, &histories);
    if (!error)
        error = write_out(store, &histories, request);
    for (size_t i = 0; i < histories.length; i++) {
        *open_ret = *open_ret || history_open_calls(&histories.at[i]);
        history_deinit(&histories.at[i]);
    }
    VECTOR_DEINIT(&histories);
    kept_deinit(&kept);
    return error;
}

static int run(int argc, char **argv)
{
    struct request request = {.now_ms = clock_ms(),
                              .color = COLOR_AUTO,
                              .wish = {{0, INT64_MAX}, SERIES_METRIC_COUNT, 0, false}};
    if (parse(argc, argv, &request) != EXIT_NOTHING)
        return EXIT_FAILED;
    bool open = false;
    struct store *store = NULL;
    AUTO_FREE char *place = request.store ? xstrdup(request.store) : store_place_default(false);
    request.wish.points = request.csv ? 0 : request.json ? JSON_POINTS : request.name ? 800 : 0;
    request.wish.spark = !request.json && !request.csv && !request.name;
    struct error *error = store_open_reader(place, &store);
    if (!error)
        error = show(store, &request, &open);
    store_close(store);
    if (error)
        return complain_error(error);
    return open ? EXIT_LEAKS : EXIT_NOTHING;
}

const struct command command_history = {
    .name = "history",
    .summary = "what `seep watch` has kept: memory over releases and restarts, and every call",
    .help = help,
    .run = run,
};
