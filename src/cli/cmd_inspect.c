/* seep inspect: what leaks here, now, and who holds it? All targets are looked at, then there is one wait for all that need a
 * second look, then they are reported in the order in which they were named. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/inspection.h"
#include "cli/options.h"
#include "cli/output_file.h"
#include "report/report_html.h"

enum {
    PROGRESS_COLUMNS = 40,
    PAUSE_RETRIES = 3, /* a heap that was not looked at is worth another moment */
};

static const int64_t ns_per_s = 1000000000;
static const int64_t default_wait_ns = 2000000000;
static const int64_t default_pause_ns = 50000000;
static const int64_t growth_wait_ns = 10000000000; /* from so long on, what grows can be told */
static const int64_t check_ns = 250000000;         /* while waiting: are the targets still there? */

struct inspect_options {
    int64_t wait_ns;
    int64_t pause_ns;
    const char *exe;
    const char *under;
    const char *pprof; /* file to write, or NULL */
    const char *html;  /* the same */
    enum color_when color;
    bool json, goroutines, heap, memory, quiet, in_full, verbose;
};

struct inspections VECTOR_OF(struct inspection *);

static const char help[] =
    "Usage: seep inspect [OPTION]… TARGET…\n"
    "\n"
    "Shows what leaks in a running Go program, and who holds it. TARGET is a pid, the name of a\n"
    "process (all Go processes of that name are inspected), an ELF core file or a snapshot\n"
    "(`seep save`).\n"
    "\n"
    "      --for DURATION    wait that long between two looks (default 2s; 500ms, 30s, 5m; 0: one\n"
    "                        look only). Below 10s there is a second look only if one cannot "
    "tell;\n"
    "                        from 10s on always, and what grows in the heap is told, too\n"
    "      --pause DURATION  stop the process once, for at most so long, to see its heap at one\n"
    "                        instant (default 50ms): what waits for ever is proved by it. 0: do "
    "not\n"
    "                        stop it, and prove nothing\n"
    "      --json            one JSON document per target, one line each\n"
    "      --goroutines      all goroutines in the format of Go's own dump, nothing else; exit\n"
    "                        status 0 if they could be read\n"
    "      --heap            what is live in the heap, by type, and who holds it\n"
    "      --under TEXT      of that only what hangs on variables, goroutines or types with TEXT "
    "in\n"
    "                        their names, down to smaller parts\n"
    "      --memory          where the resident memory is, line by line, and what can be done\n"
    "      --html FILE       writes the whole report as one page that works offline, besides the "
    "report\n"
    "      --pprof FILE      writes who holds the heap, goroutines and deferred calls for `go "
    "tool\n"
    "                        pprof` and flame graphs, besides the report\n"
    "  -q, --quiet           nothing on stdout: only the exit status tells\n"
    "  -v, --verbose         every group of goroutines: stack, what it waits on, times, labels;\n"
    "                        and how the runtime was found\n"
    "      --long            full paths and names\n"
    "      --exe FILE        the program of a core file, if it is not found by itself\n"
    "      --color WHEN      always, never or auto (default: on a terminal, unless NO_COLOR is "
    "set)\n"
    "\n"
    "A process is read while it runs, and stopped once for some milliseconds (--pause). To read "
    "those of others, run as root or with the\n"
    "capability CAP_SYS_PTRACE.\n"
    "\n"
    "Exit status: 0 nothing found, 1 leaks found, 2 seep could not do it (a line on stderr says "
    "why).\n";

enum {
    OPTION_FOR = 256,
    OPTION_PAUSE,
    OPTION_JSON,
    OPTION_GOROUTINES,
    OPTION_HEAP,
    OPTION_UNDER,
    OPTION_HTML,
    OPTION_PPROF,
    OPTION_EXE,
    OPTION_COLOR,
    OPTION_LONG,
    OPTION_MEMORY
};

static const struct option long_options[] = {
    {"for", required_argument, NULL, OPTION_FOR},
    {"pause", required_argument, NULL, OPTION_PAUSE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"goroutines", no_argument, NULL, OPTION_GOROUTINES},
    {"under", required_argument, NULL, OPTION_UNDER},
    {"heap", no_argument, NULL, OPTION_HEAP},
    {"html", required_argument, NULL, OPTION_HTML},
    {"pprof", required_argument, NULL, OPTION_PPROF},
    {"exe", required_argument, NULL, OPTION_EXE},
    {"quiet", no_argument, NULL, 'q'},
    {"color", required_argument, NULL, OPTION_COLOR},
    {"long", no_argument, NULL, OPTION_LONG},
    {"memory", no_argument, NULL, OPTION_MEMORY},
    {"verbose", no_argument, NULL, 'v'},
    {0},
};

/* The file of an option that can be given once: a second one would be left out silently. */
static int take_file(const char *option, const char **file)
{
    if (*file)
        return complain_usage(&command_inspect, "%s is given twice: there is one report", option);
    *file = optarg;
    return EXIT_NOTHING;
}

/* One option; EXIT_NOTHING if it is fine. */
static int take_option(int option, struct inspect_options *options)
{
    struct error *error = NULL;
    switch (option) {
    case OPTION_FOR:
        error = option_duration(optarg, &options->wait_ns);
        break;
    case OPTION_PAUSE:
        error = option_duration(optarg, &options->pause_ns);
        break;
    case OPTION_COLOR:
        error = option_color(optarg, &options->color);
        break;
    case OPTION_JSON:
        options->json = true;
        break;
    case OPTION_GOROUTINES:
        options->goroutines = true;
        break;
    case OPTION_UNDER:
        options->under = optarg;
        options->heap = true;
        break;
    case OPTION_HEAP:
        options->heap = true;
        break;
    case OPTION_HTML:
        return take_file("--html", &options->html);
    case OPTION_PPROF:
        return take_file("--pprof", &options->pprof);
    case OPTION_EXE:
        options->exe = optarg;
        break;
    case OPTION_LONG:
        options->in_full = true;
        break;
    case OPTION_MEMORY:
        options->memory = true;
        break;
    case 'q':
        options->quiet = true;
        break;
    case 'v':
        options->verbose = true;
        break;
    default:
        return EXIT_FAILED;
    }
    return error ? complain_error(error) : EXIT_NOTHING;
}

static int parse(int argc, char **argv, struct inspect_options *options)
{
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":qv", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        if (option == ':')
            return complain_usage(&command_inspect, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_inspect, "there is no option %s", shown);
        if (take_option(option, options) != EXIT_NOTHING)
            return EXIT_FAILED;
    }
    if (options->json + options->goroutines + options->quiet > 1)
        return complain_usage(&command_inspect,
                              "--json, --goroutines and --quiet exclude each other");
    if (options->goroutines && options->under)
        return complain_usage(&command_inspect, "--under looks closer at who holds the heap, which "
                                                "--goroutines does not show: leave one out");
    if (optind == argc)
        return complain_usage(&command_inspect, "which process? Give a pid, a name, a core file or "
                                                "a snapshot (`seep ps` lists processes)");
    return EXIT_NOTHING;
}

static int resolve(int argc, char **argv, struct wanted_list *wanted)
{
    int status = EXIT_NOTHING;
    for (int i = optind; i < argc; i++) {
        struct error *error = targets_resolve(argv[i], wanted);
        if (error)
            status = complain_error(error);
    }
    return status;
}

static enum heap_wish wish_of(const struct inspect_options *options)
{
    if (options->under)
        return HEAP_CLOSE;
    if (options->heap || options->pprof || options->html)
        return HEAP_WANTED;
    return options->goroutines ? HEAP_NOT_WANTED : HEAP_HELD;
}

static int start_all(const struct wanted_list *wanted, const struct inspect_options *options,
                     struct inspections *inspections)
{
    int status = EXIT_NOTHING;
    enum observe_depth depth = options->memory || options->json ? OBSERVE_PARTS : OBSERVE_ALL;
    for (size_t i = 0; i < wanted->length; i++) {
        struct inspection *inspection = NULL;
        struct error *error = inspection_start(
            &wanted->at[i], options->exe, depth,
            (struct freeze_options){.budget_ns = options->pause_ns, .retries = PAUSE_RETRIES},
            &inspection);
        if (error) {
            status = complain_error(error);
            continue;
        }
        inspection->heap_wish = wish_of(options);
        if (options->wait_ns >= growth_wait_ns && !options->goroutines)
            inspection_look_early(inspection);
        VECTOR_PUSH(inspections, inspection);
    }
    return status;
}

/* Ends those that exited or became another program while seep waited: they leave a hole. */
static int drop_gone(struct inspections *inspections)
{
    int status = EXIT_NOTHING;
    for (size_t i = 0; i < inspections->length; i++) {
        struct inspection *inspection = inspections->at[i];
        struct error *error = inspection ? target_check(inspection->target) : NULL;
        if (!error)
            continue;
        status = complain_error(error);
        inspection_destroy(inspection);
        inspections->at[i] = NULL;
    }
    return status;
}

/* When the last of those that want a second look is due; 0 if none wants one. */
static int64_t due_ns(const struct inspections *inspections, const struct inspect_options *options,
                      bool *wants_ret)
{
    int64_t due = 0;
    for (size_t i = 0; i < inspections->length; i++) {
        const struct inspection *inspection = inspections->at[i];
        wants_ret[i] = inspection && inspection_wants_second_look(inspection);
        if (wants_ret[i] && inspection->looked_ns + options->wait_ns > due)
            due = inspection->looked_ns + options->wait_ns;
    }
    return due;
}

static bool any_left(const struct inspections *inspections, const bool *wants)
{
    for (size_t i = 0; i < inspections->length; i++) {
        if (wants[i] && inspections->at[i])
            return true;
    }
    return false;
}

/* Sleeps until a time, and says so on stderr if that is a terminal. Nobody waits for targets that are gone. */
static int wait_until(int64_t until_ns, const bool *wants, const struct inspect_options *options,
                      struct inspections *inspections)
{
    int status = EXIT_NOTHING;
    bool shown = !options->quiet && isatty(STDERR_FILENO);
    while (any_left(inspections, wants)) {
        int64_t left_ns = until_ns - clock_now_ns();
        if (left_ns <= 0)
            break;
        if (shown)
            fprintf(stderr, "\rlooking again in %lld s …\033[K",
                    (long long)((left_ns + ns_per_s - 1) / ns_per_s));
        clock_sleep_ns(left_ns < check_ns ? left_ns : check_ns);
        if (drop_gone(inspections) != EXIT_NOTHING)
            status = EXIT_FAILED;
    }
    if (shown)
        fputs("\r\033[K", stderr);
    return status;
}

/* The second looks of those that need one; those that fail are ended and leave a hole. */
static int look_again(const struct inspect_options *options, struct inspections *inspections)
{
    AUTO_FREE bool *wants = xcalloc(inspections->length, sizeof(*wants));
    int64_t due = due_ns(inspections, options, wants);
    int status = wait_until(due, wants, options, inspections);
    for (size_t i = 0; i < inspections->length; i++) {
        struct inspection *inspection = inspections->at[i];
        struct error *error = wants[i] && inspection ? inspection_look_again(inspection) : NULL;
        if (!error)
            continue;
        status = complain_error(error);
        inspection_destroy(inspection);
        inspections->at[i] = NULL;
    }
    return status;
}

static void write_report(const struct inspection *inspection, const struct inspect_options *options,
                         struct term *term, bool first)
{
    struct report report = inspection_report(inspection);
    report.paths_in_full = options->in_full;
    report.verbose = options->verbose;
    report.heap_in_full = options->heap;
    report.heap_under = options->under;
    report.memory = options->memory;
    if (options->json) {
        report_json_line(report_json(&report), stdout);
        return;
    }
    if (!first && !options->quiet)
        putchar('\n');
    if (options->goroutines)
        report_goroutines(&report, stdout);
    else if (!options->quiet)
        report_text(&report, term);
}

/* The file that was asked for, if one was. */
static struct error *write_profile(const struct inspection *inspection,
                                   const struct inspect_options *options)
{
    if (!options->pprof)
        return NULL;
    struct report report = inspection_report(inspection);
    struct text text = {0};
    struct error *error = report_pprof(&report, clock_unix_ns(), &text);
    if (!error)
        error = output_file_write(options->pprof, &text);
    text_deinit(&text);
    return error;
}

static struct error *write_page(const struct inspection *inspection,
                                const struct inspect_options *options)
{
    if (!options->html)
        return NULL;
    struct report report = inspection_report(inspection);
    struct text text = {0};
    report_html(&report, &text);
    struct error *error = output_file_write(options->html, &text);
    text_deinit(&text);
    return error;
}

static int finish_all(const struct inspect_options *options, struct inspections *inspections)
{
    int status = EXIT_NOTHING;
    bool failed = false;
    bool first = true;
    struct term term;
    term_init(&term, stdout, options->color);
    for (size_t i = 0; i < inspections->length; i++) {
        struct inspection *inspection = inspections->at[i];
        struct error *error =
            inspection ? inspection_finish(inspection, options->goroutines && !options->heap &&
                                                           !options->pprof && !options->html)
                       : NULL;
        if (error) {
            complain_error(error);
            failed = true;
        } else if (inspection) {
            write_report(inspection, options, &term, first);
            first = false;
            if (inspection->findings.length)
                status = EXIT_LEAKS;
            error = write_profile(inspection, options);
            if (!error)
                error = write_page(inspection, options);
            failed = error || failed;
            if (error)
                complain_error(error);
        }
        inspection_destroy(inspection);
    }
    VECTOR_DEINIT(inspections);
    return failed ? EXIT_FAILED : status;
}

/* A file has room for one report. */
static int check_options(const struct inspect_options *options, const struct wanted_list *wanted)
{
    bool has_core = false;
    for (size_t i = 0; i < wanted->length; i++)
        has_core = has_core || (wanted->at[i].path && !wanted->at[i].is_snapshot);
    if (options->exe && wanted->length && !has_core)
        return complain_usage(&command_inspect, "--exe is for core files: a process or a snapshot "
                                                "tells which program it is");
    if ((options->pprof || options->html) && wanted->length > 1)
        return complain_usage(&command_inspect,
                              "%s is for one target, and these are %zu: give a pid",
                              options->pprof ? "--pprof" : "--html", wanted->length);
    return EXIT_NOTHING;
}

static int run(int argc, char **argv)
{
    struct inspect_options options = {.wait_ns = default_wait_ns, .pause_ns = default_pause_ns};
    if (parse(argc, argv, &options) != EXIT_NOTHING)
        return EXIT_FAILED;
    struct wanted_list wanted = {0};
    struct inspections inspections = {0};
    bool failed = resolve(argc, argv, &wanted) != EXIT_NOTHING;
    if (check_options(&options, &wanted) != EXIT_NOTHING) {
        VECTOR_DEINIT(&wanted);
        return EXIT_FAILED;
    }
    failed = start_all(&wanted, &options, &inspections) != EXIT_NOTHING || failed;
    VECTOR_DEINIT(&wanted);
    if (options.wait_ns && !options.goroutines)
        failed = look_again(&options, &inspections) != EXIT_NOTHING || failed;
    int status = finish_all(&options, &inspections);
    return failed ? EXIT_FAILED : status;
}

const struct command command_inspect = {
    .name = "inspect",
    .summary = "what leaks in a running program, a core file or a snapshot, and who holds it",
    .help = help,
    .run = run,
};
