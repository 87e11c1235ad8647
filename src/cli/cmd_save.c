/* seep save: a process at one instant, as a file. It is stopped once and kept as it is; then it is analysed as `seep inspect`
 * would, only to learn which memory that reads; this is what is written. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/inspection.h"
#include "cli/new_file.h"
#include "cli/options.h"
#include "runtime/keep.h"
#include "target/snapshot_write.h"

static const int64_t default_pause_ns = 50000000;

struct save_options {
    const char *output;
    const char *exe;
    int64_t pause_ns;
    bool force, quiet, heap;
};

static const char help[] =
    "Usage: seep save [OPTION]… TARGET -o FILE\n"
    "\n"
    "Saves a running Go program as it is at one instant, with the memory that seep's analyses "
    "need\n"
    "and its executable, to be looked at later or on another machine: `seep inspect FILE` says "
    "what\n"
    "it would say of the process, `seep diff OLD NEW` what grew between two. TARGET is a pid, the\n"
    "name of a process or an ELF core file.\n"
    "\n"
    "  -o, --output FILE     the file to make; only its owner may read it (mode 0600)\n"
    "  -f, --force           replace a file of that name\n"
    "      --pause DURATION  stop the process once, for at most so long (default 50ms). 0: save "
    "it\n"
    "                        while it runs on; nothing can be proved from such a snapshot\n"
    "      --heap            keep what `inspect --heap` reads of objects without pointers also "
    "where\n"
    "                        the heap has more than a million objects; takes longer\n"
    "      --exe FILE        the program of a core file, if it is not found by itself\n"
    "  -q, --quiet           nothing on stdout\n"
    "\n"
    "Objects without pointers (texts, buffers) are left out, but for what the report shows. What\n"
    "is left may still hold your users' data: treat the file like a core file.\n"
    "\n"
    "Exit status: 0 saved, 2 seep could not do it (a line on stderr says why).\n";

enum {
    OPTION_PAUSE = 256,
    OPTION_EXE,
    OPTION_HEAP
};

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"force", no_argument, NULL, 'f'},
    {"pause", required_argument, NULL, OPTION_PAUSE},
    {"exe", required_argument, NULL, OPTION_EXE},
    {"heap", no_argument, NULL, OPTION_HEAP},
    {"quiet", no_argument, NULL, 'q'},
    {0},
};

static int take_option(int option, struct save_options *options)
{
    struct error *error = NULL;
    switch (option) {
    case 'o':
        options->output = optarg;
        break;
    case 'f':
        options->force = true;
        break;
    case 'q':
        options->quiet = true;
        break;
    case OPTION_HEAP:
        options->heap = true;
        break;
    case OPTION_PAUSE:
        error = option_duration(optarg, &options->pause_ns);
        break;
    case OPTION_EXE:
        options->exe = optarg;
        break;
    default:
        return EXIT_FAILED;
    }
    return error ? complain_error(error) : EXIT_NOTHING;
}

static int parse(int argc, char **argv, struct save_options *options)
{
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":o:fq", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        if (option == ':')
            return complain_usage(&command_save, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_save, "there is no option %s", shown);
        if (take_option(option, options) != EXIT_NOTHING)
            return EXIT_FAILED;
    }
    if (optind == argc)
        return complain_usage(&command_save, "which process? Give a pid, a name or a core file");
    if (optind + 1 < argc)
        return complain_usage(&command_save, "a snapshot is of one process");
    if (!options->output)
        return complain_usage(&command_save, "where to? Give -o FILE");
    return EXIT_NOTHING;
}

/* Exactly one. */
static struct error *resolve(const char *name, const char *exe, struct wanted *wanted_ret)
{
    struct wanted_list list = {0};
    struct error *error = targets_resolve(name, &list);
    AUTO_FREE char *shown = text_escaped(name, strlen(name));
    if (!error && list.length != 1)
        error = error_create(ERROR_UNSUPPORTED, "%zu processes are named '%s': give the pid of one",
                             list.length, shown);
    if (!error && list.at[0].is_snapshot)
        error = error_create(ERROR_UNSUPPORTED, "'%s' is a snapshot already", shown);
    if (!error && exe && !list.at[0].path)
        error = error_create(ERROR_UNSUPPORTED,
                             "--exe is for core files: a process tells which program it is");
    if (!error)
        *wanted_ret = list.at[0];
    VECTOR_DEINIT(&list);
    return error;
}

/* All that a report reads, too: names, labels. */
static struct error *read_for_report(struct inspection *inspection, bool heap)
{
    inspection->heap_wish = heap ? HEAP_WANTED : HEAP_IF_SMALL;
    TRY(inspection_finish(inspection, false));
    struct report report = inspection_report(inspection);
    json_decref(report_json(&report));
    return NULL;
}

struct saving {
    const struct save_options *options;
    struct target *live; /* what was frozen; NULL else */
    struct inspection *inspection;
    struct freeze_facts frozen;
    struct readlog log;
    struct extents kept;
    struct keep_facts left_out;
    struct snapshot_written written;
    int64_t started_ns;
};

static struct error *too_long(struct error *error)
{
    if (error_code(error) != ERROR_LIMIT && error_code(error) != ERROR_UNSUPPORTED)
        return error;
    struct error *more = error_create(
        error_code(error), "%s; `--pause 0` saves it without stopping it", error_message(error));
    error_destroy(error);
    return more;
}

/* Takes the target, which becomes what stands still if it can. */
static struct error *freeze(struct saving *saving, struct target *target, struct target **still_ret)
{
    struct freeze_options options = {.budget_ns = saving->options->pause_ns};
    *still_ret = target;
    if (target_facts(target)->kind != TARGET_PROCESS || !options.budget_ns)
        return NULL;
    struct error *error = target_freeze(target, &options, still_ret, &saving->frozen);
    if (error) {
        target_close(target);
        return too_long(error);
    }
    saving->live = target;
    return NULL;
}

static struct error *analyse(struct saving *saving, const struct wanted *wanted)
{
    struct target *target = NULL;
    struct target *still = NULL;
    TRY(wanted_open(wanted, saving->options->exe, &target));
    TRY(freeze(saving, target, &still));
    TRY(inspection_start_over(still, &saving->log, &saving->inspection));
    TRY(read_for_report(saving->inspection, saving->options->heap));
    target_log_reads(still, NULL);
    return keep_find(saving->inspection->runtime, &saving->log, &saving->kept, &saving->left_out);
}

static struct error *write_file(struct saving *saving, struct new_file *file)
{
    struct target *target = saving->inspection->target;
    struct snapshot_order order = {
        .target = target,
        .kept = &saving->kept,
        .now_ns = target_now_ns(target),
        .pause_ns = saving->frozen.pause_ns,
        .ran_on = !target_stands_still(target),
    };
    AUTO_FREE char *shown = text_escaped(saving->options->output, strlen(saving->options->output));
    struct error *error = snapshot_write(file->fd, &order, &saving->written);
    if (error)
        return error_context(error, "%s", shown);
    TRY(target_check(target));
    return new_file_commit(file);
}

static struct error *save(struct saving *saving, const struct wanted *wanted)
{
    struct new_file file;
    TRY(new_file_create(saving->options->output, saving->options->force, &file));
    struct error *error = analyse(saving, wanted);
    if (!error)
        error = write_file(saving, &file);
    new_file_close(&file);
    return error;
}

static void tell(const struct saving *saving)
{
    const struct target_facts *facts = target_facts(saving->inspection->target);
    AUTO_FREE char *shown = text_escaped(saving->options->output, strlen(saving->options->output));
    char sizes[3][TEXT_SIZE_ROOM];
    printf("%s: %s", shown, facts->name);
    if (facts->pid)
        printf(" (pid %d)", (int)facts->pid);
    printf(", %s of memory in %s, %.2f s", text_size(sizes[0], saving->written.memory_bytes),
           text_size(sizes[1], saving->written.file_bytes),
           (double)(clock_now_ns() - saving->started_ns) / 1e9);
    if (saving->frozen.pause_ns)
        printf(" · paused %.1f ms", (double)saving->frozen.pause_ns / 1e6);
    else if (facts->kind == TARGET_PROCESS)
        printf(" · not paused: nothing can be proved from it");
    if (saving->left_out.without_pointers)
        printf("\nleft out: %s of objects without pointers",
               text_size(sizes[2], saving->left_out.without_pointers));
    putchar('\n');
}

static void saving_deinit(struct saving *saving)
{
    inspection_destroy(saving->inspection);
    target_close(saving->live);
    readlog_deinit(&saving->log);
    VECTOR_DEINIT(&saving->kept);
}

static int run(int argc, char **argv)
{
    struct save_options options = {.pause_ns = default_pause_ns};
    struct wanted wanted;
    if (parse(argc, argv, &options) != EXIT_NOTHING)
        return EXIT_FAILED;
    signal(SIGXFSZ, SIG_IGN); /* too large a file is an error of writing */
    struct saving saving = {.options = &options, .started_ns = clock_now_ns()};
    struct error *error = resolve(argv[optind], options.exe, &wanted);
    if (!error)
        error = save(&saving, &wanted);
    if (!error && !options.quiet)
        tell(&saving);
    saving_deinit(&saving);
    return error ? complain_error(error) : EXIT_NOTHING;
}

const struct command command_save = {
    .name = "save",
    .summary = "a running program at one instant, as a file to inspect elsewhere",
    .help = help,
    .run = run,
};
