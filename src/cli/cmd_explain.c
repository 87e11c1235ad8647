/* seep explain: what a rule means. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "report/report_rules.h"

static const char help[] =
    "Usage: seep explain [OPTION]… [RULE]\n"
    "\n"
    "Says what a rule means, with Go code that leaks and the same code without the leak, how to\n"
    "be sure, and what seep cannot know. Without RULE: lists the rules.\n"
    "\n"
    "      --color WHEN      always, never or auto (default: on a terminal, unless NO_COLOR is "
    "set)\n"
    "\n"
    "Exit status: 0, or 2 if there is no such rule.\n";

enum {
    OPTION_COLOR = 256
};

static const struct option long_options[] = {
    {"color", required_argument, NULL, OPTION_COLOR},
    {0},
};

static int parse(int argc, char **argv, enum color_when *color_ret)
{
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        if (option == ':')
            return complain_usage(&command_explain, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_explain, "there is no option %s", shown);
        struct error *error = option_color(optarg, color_ret);
        if (error)
            return complain_error(error);
    }
    if (argc - optind > 1)
        return complain_usage(&command_explain, "explain takes one rule at a time");
    return EXIT_NOTHING;
}

static int run(int argc, char **argv)
{
    enum color_when color = COLOR_AUTO;
    if (parse(argc, argv, &color) != EXIT_NOTHING)
        return EXIT_FAILED;
    struct term term;
    term_init(&term, stdout, color);
    if (optind == argc) {
        report_rules(&term);
        return EXIT_NOTHING;
    }
    enum rule rule;
    struct error *error = option_rule(argv[optind], &rule);
    if (error)
        return complain_error(error);
    report_rule(rule, &term);
    return EXIT_NOTHING;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "what a rule means: code that leaks, code that does not, how to be sure",
    .help = help,
    .run = run,
};
