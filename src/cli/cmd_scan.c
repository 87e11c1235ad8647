/* seep scan: what in this program can leak, before it is released? */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "report/report.h"
#include "report/report_scan.h"

struct scan_options {
    enum color_when color;
    enum grade fail_on;
    bool json, quiet, own, dependencies, in_full;
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
    "      --fail-on GRADE   exit status 1 only for certain, likely or possible leaks and worse\n"
    "                        (default possible: for any)\n"
    "      --json            one JSON document per binary, one line each\n"
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
    OPTION_FAIL_ON,
    OPTION_JSON,
    OPTION_LONG,
    OPTION_COLOR
};

static const struct option long_options[] = {
    {"own", no_argument, NULL, OPTION_OWN},
    {"dep", no_argument, NULL, OPTION_DEP},
    {"fail-on", required_argument, NULL, OPTION_FAIL_ON},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, 'q'},
    {"long", no_argument, NULL, OPTION_LONG},
    {"color", required_argument, NULL, OPTION_COLOR},
    {0},
};

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
    case OPTION_FAIL_ON:
        error = option_grade(optarg, &options->fail_on);
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_LONG:
        options->in_full = true;
        break;
    case OPTION_COLOR:
        error = option_color(optarg, &options->color);
        break;
    case 'q':
        options->quiet = true;
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
    if (options->json && options->quiet)
        return complain_usage(&command_scan, "--json and --quiet exclude each other");
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

static void write_report(const struct scan_report *report, const struct scan_options *options,
                         struct term *term, bool first)
{
    if (options->json) {
        report_json_line(report_scan_json(report), stdout);
        return;
    }
    if (options->quiet)
        return;
    if (!first)
        putchar('\n');
    report_scan(report, term);
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

static int run_one(const char *path, const struct scan_options *options, struct term *term,
                   bool first)
{
    __attribute__((cleanup(subject_deinit))) struct subject subject = {0};
    struct error *error = scan_one(path, &subject);
    if (error)
        return complain_error(error);
    struct scan_report report = {
        .facts = target_facts(subject.target),
        .program = subject.program,
        .scan = &subject.scan,
        .read_s = subject.read_s,
        .in_full = options->in_full,
        .hide_own = options->dependencies,
        .hide_dependencies = options->own,
    };
    write_report(&report, options, term, first);
    return has_leaks(&report, options->fail_on) ? EXIT_LEAKS : EXIT_NOTHING;
}

static int run(int argc, char **argv)
{
    struct scan_options options = {.fail_on = GRADE_POSSIBLE};
    if (parse(argc, argv, &options) != EXIT_NOTHING)
        return EXIT_FAILED;
    struct term term;
    term_init(&term, stdout, options.color);
    int worst = EXIT_NOTHING;
    bool first = true;
    for (int i = optind; i < argc; i++) {
        int status = run_one(argv[i], &options, &term, first);
        worst = status > worst ? status : worst;
        first = first && status == EXIT_FAILED;
    }
    return worst;
}

const struct command command_scan = {
    .name = "scan",
    .summary = "what in a compiled program can leak, before it is released",
    .help = help,
    .run = run,
};
