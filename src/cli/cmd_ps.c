/* seep ps: the Go processes of this machine. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/ps_look.h"
#include "report/report.h"
#include "target/processes.h"

static const char help[] =
    "Usage: seep ps [OPTION]…\n"
    "\n"
    "Lists the Go processes of this machine, with a mark where `seep inspect` would report a leak\n"
    "(!) or would look twice to tell (?).\n"
    "\n"
    "      --json            one JSON object per process, one line each\n"
    "      --color WHEN      always, never or auto (default: on a terminal, unless NO_COLOR is "
    "set)\n"
    "\n"
    "To see the processes of others, run as root or with the capability CAP_SYS_PTRACE.\n"
    "\n"
    "Exit status: 0 if the processes could be listed, 2 if not.\n";

enum {
    OPTION_JSON = 256,
    OPTION_COLOR
};

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"color", required_argument, NULL, OPTION_COLOR},
    {0},
};

static int parse(int argc, char **argv, bool *json_ret, enum color_when *color_ret)
{
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        struct error *error = NULL;
        if (option == ':')
            return complain_usage(&command_ps, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_ps, "there is no option %s", shown);
        if (option == OPTION_COLOR)
            error = option_color(optarg, color_ret);
        *json_ret = *json_ret || option == OPTION_JSON;
        if (error)
            return complain_error(error);
    }
    if (optind < argc)
        return complain_usage(&command_ps, "ps lists all Go processes: it takes no target");
    return EXIT_NOTHING;
}

static int run(int argc, char **argv)
{
    bool json = false;
    enum color_when color = COLOR_AUTO;
    if (parse(argc, argv, &json, &color) != EXIT_NOTHING)
        return EXIT_FAILED;
    struct ps_rows rows = {0};
    uint64_t hidden = 0;
    struct error *error = ps_look(&rows, &hidden);
    if (error)
        return complain_error(error);
    for (size_t i = 0; i < rows.length; i++) {
        if (json)
            report_json_line(report_ps_json(&rows.at[i]), stdout);
    }
    if (!json) {
        struct term term;
        term_init(&term, stdout, color);
        report_ps(&rows, hidden, geteuid() == 0, &term);
    }
    ps_rows_deinit(&rows);
    return EXIT_NOTHING;
}

const struct command command_ps = {
    .name = "ps",
    .summary = "the Go processes of this machine, with a mark at those that leak",
    .help = help,
    .run = run,
};
