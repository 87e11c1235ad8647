/* seep diff: what grew between two snapshots or core files. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/inspection.h"
#include "cli/options.h"
#include "report/report_diff.h"

struct diff_options {
    const char *exe;
    enum color_when color;
    bool json, in_full, quiet;
};

static const char help[] =
    "Usage: seep diff [OPTION]… OLD NEW\n"
    "\n"
    "Shows what grew from OLD to NEW: goroutines, pending deferred calls, memory, and the heap by\n"
    "type and holder. Both are snapshots (`seep save`) or ELF core files, of one process at two\n"
    "times, of two processes, or of two releases of a program: what is of the same build is "
    "compared\n"
    "by line, else by function.\n"
    "\n"
    "      --json            one JSON document\n"
    "      --long            all rows, full paths and names\n"
    "  -q, --quiet           nothing on stdout: only the exit status tells\n"
    "      --exe FILE        the program of core files, if it is not found by itself\n"
    "      --color WHEN      always, never or auto (default: on a terminal, unless NO_COLOR is "
    "set)\n"
    "\n"
    "Exit status: 0 nothing grew; 1 something did: there are more goroutines of a go statement or\n"
    "more deferred calls of a defer statement, or a type of the heap or the reached heap as a "
    "whole\n"
    "grew by a tenth and by 1 MiB; 2 seep could not do it (a line on stderr says why).\n";

enum {
    OPTION_JSON = 256,
    OPTION_LONG,
    OPTION_EXE,
    OPTION_COLOR
};

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"long", no_argument, NULL, OPTION_LONG},
    {"exe", required_argument, NULL, OPTION_EXE},
    {"color", required_argument, NULL, OPTION_COLOR},
    {"quiet", no_argument, NULL, 'q'},
    {0},
};

static int take_option(int option, struct diff_options *options)
{
    struct error *error = NULL;
    switch (option) {
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_LONG:
        options->in_full = true;
        break;
    case OPTION_EXE:
        options->exe = optarg;
        break;
    case OPTION_COLOR:
        error = option_color(optarg, &options->color);
        break;
    default:
        options->quiet = true;
        break;
    }
    return error ? complain_error(error) : EXIT_NOTHING;
}

static int parse(int argc, char **argv, struct diff_options *options)
{
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":q", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        if (option == ':')
            return complain_usage(&command_diff, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_diff, "there is no option %s", shown);
        if (take_option(option, options) != EXIT_NOTHING)
            return EXIT_FAILED;
    }
    if (options->json && options->quiet)
        return complain_usage(&command_diff, "--json and --quiet exclude each other");
    if (argc - optind != 2)
        return complain_usage(&command_diff, "two snapshots or core files are compared: OLD NEW");
    return EXIT_NOTHING;
}

static struct error *open_side(const char *name, const struct diff_options *options,
                               struct inspection **side_ret)
{
    struct wanted_list list = {0};
    AUTO_FREE char *shown = text_escaped(name, strlen(name));
    struct error *error = targets_resolve(name, &list);
    if (!error && (list.length != 1 || !list.at[0].path))
        error = error_create(ERROR_UNSUPPORTED,
                             "'%s' is neither a snapshot nor a core file: `seep save` makes one",
                             shown);
    if (!error)
        error = inspection_start(&list.at[0], options->exe, OBSERVE_ALL, (struct freeze_options){0},
                                 side_ret);
    VECTOR_DEINIT(&list);
    if (error)
        return error;
    (*side_ret)->heap_wish = HEAP_IN_FULL;
    return inspection_finish(*side_ret, false);
}

static bool is_same_build(const struct report *old, const struct report *new)
{
    const char *a = old->program->build_id;
    const char *b = new->program->build_id;
    return a && b && !strcmp(a, b);
}

/* A pid alone says nothing: containers count from 1. */
static bool is_same_process(const struct report *old, const struct report *new)
{
    static const double clock_slack_s = 2;
    return is_same_build(old, new) && old->facts->pid && old->facts->pid == new->facts->pid &&
           old->facts->started_unix >= 0 && new->facts->started_unix >= 0 &&
           fabs(old->facts->started_unix - new->facts->started_unix) < clock_slack_s;
}

static double seconds_between(const struct report *old, const struct report *new, bool same_process)
{
    if (same_process && new->now->taken_ns >= old->now->taken_ns)
        return (double)(new->now->taken_ns - old->now->taken_ns) / 1e9;
    bool known = old->facts->kind == TARGET_SNAPSHOT && new->facts->kind == TARGET_SNAPSHOT &&
                 old->facts->saved_unix >= 0;
    return known ? new->facts->saved_unix - old->facts->saved_unix : -1;
}

static void fill(struct ledger *ledger, const struct report *report, const struct report *other,
                 const struct diff_report *diff)
{
    AUTO_FREE uint64_t *others = diff->same_process ? ledger_ids(other->now) : NULL;
    struct ledger_source source = {
        .program = report->program,
        .now = report->now,
        .groups = report->groups,
        .heap = report->heap && other->heap ? report->heap : NULL,
        .by_line = diff->same_build,
        .others = others,
        .others_count = other->now->goroutines.length,
    };
    ledger_fill(ledger, &source);
}

static void write_diff(const struct diff_report *diff, const struct diff_options *options)
{
    if (options->json) {
        report_json_line(report_diff_json(diff), stdout);
        return;
    }
    struct term term;
    term_init(&term, stdout, options->color);
    if (!options->quiet)
        report_diff(diff, &term);
}

static int compare(const struct inspection *old, const struct inspection *new,
                   const struct diff_options *options)
{
    struct report reports[2] = {inspection_report(old), inspection_report(new)};
    struct ledger ledgers[2] = {{.entries = {0}}, {.entries = {0}}};
    struct growth growth;
    bool same_process = is_same_process(&reports[0], &reports[1]);
    struct diff_report diff = {
        .old = &reports[0],
        .new = &reports[1],
        .growth = &growth,
        .same_build = is_same_build(&reports[0], &reports[1]),
        .same_process = same_process,
        .seconds = seconds_between(&reports[0], &reports[1], same_process),
        .in_full = options->in_full,
    };
    fill(&ledgers[0], &reports[0], &reports[1], &diff);
    fill(&ledgers[1], &reports[1], &reports[0], &diff);
    growth_compare(&ledgers[0], &ledgers[1], &growth);
    write_diff(&diff, options);
    int status = growth.grew ? EXIT_LEAKS : EXIT_NOTHING;
    growth_deinit(&growth);
    ledger_deinit(&ledgers[0]);
    ledger_deinit(&ledgers[1]);
    return status;
}

static int run(int argc, char **argv)
{
    struct diff_options options = {.color = COLOR_AUTO};
    if (parse(argc, argv, &options) != EXIT_NOTHING)
        return EXIT_FAILED;
    struct inspection *sides[2] = {NULL, NULL};
    struct error *error = open_side(argv[optind], &options, &sides[0]);
    if (!error)
        error = open_side(argv[optind + 1], &options, &sides[1]);
    int status = error ? complain_error(error) : compare(sides[0], sides[1], &options);
    inspection_destroy(sides[0]);
    inspection_destroy(sides[1]);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "what grew between two snapshots or core files",
    .help = help,
    .run = run,
};
