/* seep scan: what in this program can leak, before it is released? */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/baseline_file.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/scan_output.h"
#include "cli/suppressions_file.h"

struct scan_options {
    enum color_when color;
    enum grade fail_on;
    enum scan_format format;
    unsigned formats; /* how many were asked for */
    bool own, dependencies, standard, in_full;
    const char *suppressions; /* paths; NULL: not given */
    const char *baseline;
};

static const char help[] =
    "Usage: seep scan [OPTION]… BINARY…\n"
    "\n"
    "Lists the places of a compiled Go program that can leak: its own code first, then that of\n"
    "its dependencies. BINARY is an ELF executable, shared library or plugin for amd64 or arm64,\n"
    "stripped or not. It is read, not run.\n"
    "\n"
    "      --own             only the program's own module\n"
    "      --dep             only what it depends on\n"
    "      --std             also Go's standard library\n"
    "      --fail-on GRADE   exit status 1 only for leaks of this grade and above: certain,\n"
    "                        likely, or possible, which is the default\n"
    "      --suppressions FILE\n"
    "                        what not to report, and why (default .seep.yaml, if it is there)\n"
    "      --baseline FILE   report only what is not in FILE, an earlier output of --json\n"
    "      --json            one JSON document per binary, one line each\n"
    "      --sarif           one SARIF 2.1.0 log with one run per binary\n"
    "  -q, --quiet           nothing on stdout: only the exit status tells\n"
    "      --long            full paths and names\n"
    "      --color WHEN      always, never or auto (default: on a terminal, unless NO_COLOR is "
    "set)\n"
    "\n"
    "Exit status: 0 nothing found, 1 leaks found, 2 seep could not do it (a line on stderr says "
    "why).\n";

enum {
    OPTION_OWN = 256,
    OPTION_DEP,
    OPTION_STD,
    OPTION_FAIL_ON,
    OPTION_SUPPRESSIONS,
    OPTION_BASELINE,
    OPTION_JSON,
    OPTION_SARIF,
    OPTION_LONG,
    OPTION_COLOR
};

static const struct option long_options[] = {
    {"own", no_argument, NULL, OPTION_OWN},
    {"dep", no_argument, NULL, OPTION_DEP},
    {"std", no_argument, NULL, OPTION_STD},
    {"fail-on", required_argument, NULL, OPTION_FAIL_ON},
    {"suppressions", required_argument, NULL, OPTION_SUPPRESSIONS},
    {"baseline", required_argument, NULL, OPTION_BASELINE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"sarif", no_argument, NULL, OPTION_SARIF},
    {"quiet", no_argument, NULL, 'q'},
    {"long", no_argument, NULL, OPTION_LONG},
    {"color", required_argument, NULL, OPTION_COLOR},
    {0},
};

static void take_format(struct scan_options *options, enum scan_format format)
{
    options->formats += !options->formats || options->format != format;
    options->format = format;
}

static int take_option(int option, struct scan_options *options)
{
    struct error *error = NULL;
    switch (option) {
    case OPTION_OWN:
        options->own = true;
        break;
    case OPTION_DEP:
        options->dependencies = true;
        break;
    case OPTION_STD:
        options->standard = true;
        break;
    case OPTION_FAIL_ON:
        error = option_grade(optarg, &options->fail_on);
        break;
    case OPTION_SUPPRESSIONS:
        options->suppressions = optarg;
        break;
    case OPTION_BASELINE:
        options->baseline = optarg;
        break;
    case OPTION_JSON:
        take_format(options, SCAN_JSON);
        break;
    case OPTION_SARIF:
        take_format(options, SCAN_SARIF);
        break;
    case OPTION_LONG:
        options->in_full = true;
        break;
    case OPTION_COLOR:
        error = option_color(optarg, &options->color);
        break;
    case 'q':
        take_format(options, SCAN_QUIET);
        break;
    default:
        return EXIT_FAILED;
    }
    return error ? complain_error(error) : EXIT_NOTHING;
}

static int parse(int argc, char **argv, struct scan_options *options)
{
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":q", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        if (option == ':')
            return complain_usage(&command_scan, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_scan, "there is no option %s", shown);
        if (take_option(option, options) != EXIT_NOTHING)
            return EXIT_FAILED;
    }
    if (options->own && options->dependencies)
        return complain_usage(&command_scan, "--own and --dep exclude each other");
    if (options->formats > 1)
        return complain_usage(&command_scan, "--json, --sarif and --quiet exclude each other");
    if (optind == argc)
        return complain_usage(&command_scan, "which program? Give the path of an executable");
    return EXIT_NOTHING;
}

/* One program, opened. */
struct subject {
    struct target *target;
    struct program *program;
    struct scan scan;
    double read_s;
};

static void subject_deinit(struct subject *subject)
{
    scan_deinit(&subject->scan);
    program_close(subject->program);
    target_close(subject->target);
}

static struct error *scan_one(const char *path, struct subject *subject)
{
    static const char *const wanted[] = {"runtime._defer", NULL};
    int64_t began = clock_now_ns();
    TRY(target_open_executable(path, &subject->target));
    TRY(program_open(subject->target, wanted, &subject->program));
    TRY(scan_program(subject->target, subject->program, &subject->scan));
    subject->read_s = (double)(clock_now_ns() - began) / 1e9;
    return NULL;
}

static bool has_leaks(const struct scan_report *report, enum grade fail_on)
{
    const struct findings *findings = &report->scan->findings;
    for (size_t i = 0; i < findings->length; i++) {
        if (scan_report_shows(report, &findings->at[i]) && findings->at[i].grade >= fail_on)
            return true;
    }
    return false;
}

/* What all programs of one run share. */
struct batch {
    const struct scan_options *options;
    struct suppressions suppressions;
    struct baseline baseline;
    struct scan_output output;
};

static int run_one(const char *path, struct batch *batch)
{
    const struct scan_options *options = batch->options;
    __attribute__((cleanup(subject_deinit))) struct subject subject = {0};
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    struct error *error = scan_one(path, &subject);
    if (error && !strstr(error_message(error), shown))
        error = error_context(error, "%s", shown);
    if (error)
        return complain_error(error);
    AUTO_FREE struct known *known =
        known_find(&subject.scan.findings, &batch->suppressions, &batch->baseline);
    struct scan_report report = {
        .facts = target_facts(subject.target),
        .program = subject.program,
        .scan = &subject.scan,
        .known = known,
        .has_baseline = options->baseline,
        .read_s = subject.read_s,
        .in_full = options->in_full,
        .hide_own = options->dependencies,
        .hide_dependencies = options->own,
        .hide_standard = !options->standard,
    };
    scan_output_add(&batch->output, &report);
    return has_leaks(&report, options->fail_on) ? EXIT_LEAKS : EXIT_NOTHING;
}

static int run_all(char *const *paths, struct batch *batch)
{
    int worst = EXIT_NOTHING;
    scan_output_init(&batch->output, batch->options->format, batch->options->color);
    for (; *paths; paths++) {
        int status = run_one(*paths, batch);
        worst = status > worst ? status : worst;
    }
    scan_output_end(&batch->output, &batch->suppressions);
    return worst;
}

static int run(int argc, char **argv)
{
    struct scan_options options = {.fail_on = GRADE_POSSIBLE};
    if (parse(argc, argv, &options) != EXIT_NOTHING)
        return EXIT_FAILED;
    struct batch batch = {.options = &options};
    struct error *error = suppressions_read(options.suppressions, &batch.suppressions);
    if (!error && options.baseline)
        error = baseline_read(options.baseline, &batch.baseline);
    int status = error ? complain_error(error) : run_all(argv + optind, &batch);
    suppressions_deinit(&batch.suppressions);
    baseline_deinit(&batch.baseline);
    return status;
}

const struct command command_scan = {
    .name = "scan",
    .summary = "what in a compiled program can leak, before it is released",
    .help = help,
    .run = run,
};
