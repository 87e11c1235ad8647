/* seep watch: the agent. This file reads what people write; then seep-agent takes the process over (agent/main.c). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/settings_check.h"
#include "base/executables.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/watch_file.h"
#include "store/place.h"

static const char help[] =
    "Usage: seep watch [OPTION]…\n"
    "\n"
    "Watches every Go process of this machine: takes a sample of each every ten seconds without\n"
    "pausing it, keeps the series, says what climbs or leaks, since which release and why, and\n"
    "serves a page with the charts. Runs until it is stopped.\n"
    "\n"
    "      --store FILE      where the series are kept (default: /var/lib/seep/watch.db for root,\n"
    "                        else ~/.local/state/seep/watch.db)\n"
    "      --listen ADDRESS  of the page (default: 127.0.0.1:7337), or none\n"
    "      --interval TIME   between two samples (default: 10s)\n"
    "      --webhook URL     gets each alert as JSON\n"
    "      --token-file FILE the token that the page wants; needed if it is not on loopback\n"
    "      --config FILE     for the rest (default: /etc/seep/watch.yaml, if it is there)\n"
    "\n"
    "To see the processes of others, run as root or with the capability CAP_SYS_PTRACE.\n"
    "\n"
    "Exit status: 0 if it was stopped by a signal, 2 if it could not run.\n";

static const char default_config[] = "/etc/seep/watch.yaml";

enum {
    OPTION_STORE = 256,
    OPTION_LISTEN,
    OPTION_INTERVAL,
    OPTION_WEBHOOK,
    OPTION_TOKEN_FILE,
    OPTION_CONFIG
};

static const struct option long_options[] = {
    {"store", required_argument, NULL, OPTION_STORE},
    {"listen", required_argument, NULL, OPTION_LISTEN},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"webhook", required_argument, NULL, OPTION_WEBHOOK},
    {"token-file", required_argument, NULL, OPTION_TOKEN_FILE},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {0},
};

/* What the command line says; it goes over what the file says, wherever it stands. */
struct words {
    const char *store, *listen, *interval, *webhook, *token_file, *config;
};

static int parse(int argc, char **argv, struct words *words)
{
    const char **const places[] = {&words->store,   &words->listen,     &words->interval,
                                   &words->webhook, &words->token_file, &words->config};
    opterr = 0;
    optind = 0;
    for (int option; option = getopt_long(argc, argv, ":", long_options, NULL), option != -1;) {
        AUTO_FREE char *shown = text_escaped(argv[optind - 1], strlen(argv[optind - 1]));
        if (option == ':')
            return complain_usage(&command_watch, "%s wants a value", shown);
        if (option == '?')
            return complain_usage(&command_watch, "there is no option %s", shown);
        *places[option - OPTION_STORE] = optarg;
    }
    if (optind < argc)
        return complain_usage(&command_watch,
                              "watch looks at every Go process: it takes no target");
    return EXIT_NOTHING;
}

static void replace(char **text, const char *with)
{
    if (!with)
        return;
    free(*text);
    *text = xstrdup(with);
}

static struct error *read_interval(const char *text, int64_t *interval_ms)
{
    int64_t interval_ns = 0;
    struct error *error = option_duration(text, &interval_ns);
    AUTO_FREE char *shown = text_escaped(text, strlen(text));
    if (error_ignore(error)) /* not all that is a duration elsewhere is one here */
        return error_create(ERROR_BAD_DATA,
                            "'%s' is no time between two samples: from 100ms to 5m is possible",
                            shown);
    *interval_ms = interval_ns / 1000000;
    return check_interval(*interval_ms);
}

static struct error *check(const struct settings *settings)
{
    struct error *error = settings->webhook ? check_http(settings->webhook) : NULL;
    if (error)
        return error_context(error, "--webhook");
    if (settings->address && !settings_is_loopback(settings) && !settings->token_file)
        return error_create(ERROR_BAD_DATA,
                            "--listen %s: others than this machine could read the page: give "
                            "--token-file FILE with a token of at least 16 letters",
                            settings->address);
    return NULL;
}

static struct error *gather(const struct words *words, struct settings *settings)
{
    struct error *error = NULL;
    const char *config = words->config ? words->config : default_config;
    if (words->config || !access(config, F_OK))
        TRY(watch_file_read(config, settings));
    replace(&settings->store, words->store);
    replace(&settings->webhook, words->webhook);
    replace(&settings->token_file, words->token_file);
    if (words->listen)
        TRY(settings_listen(settings, words->listen));
    if (words->interval)
        error = read_interval(words->interval, &settings->interval_ms);
    if (error)
        return error_context(error, "--interval");
    if (!settings->store)
        settings->store = store_place_default(true);
    return check(settings);
}

/* The settings in memory that ends with the agent. */
static struct error *pass_on(const struct settings *settings, int *descriptor_ret)
{
    AUTO_FREE char *json = settings_to_json(settings);
    size_t length = strlen(json);
    int descriptor =
        memfd_create("seep-settings", 0); /* not closed by exec: it is what exec is to hand over */
    if (descriptor < 0)
        return error_os(errno, "settings");
    if (write(descriptor, json, length) != (ssize_t)length || lseek(descriptor, 0, SEEK_SET) != 0) {
        int reason = errno;
        close(descriptor);
        return error_os(reason, "settings");
    }
    *descriptor_ret = descriptor;
    return NULL;
}

static int become_agent(const struct settings *settings)
{
    AUTO_FREE char *path = NULL;
    int descriptor = -1;
    struct error *error = executable_find("seep-agent", &path);
    if (!error)
        error = pass_on(settings, &descriptor);
    if (error)
        return complain_error(error);
    char number[16];
    snprintf(number, sizeof(number), "%d", descriptor);
    fflush(NULL);
    execl(path, path, "--settings-fd", number, (char *)NULL);
    return complain_error(error_os(errno, "%s", path));
}

static int run(int argc, char **argv)
{
    struct words words = {0};
    if (parse(argc, argv, &words) != EXIT_NOTHING)
        return EXIT_FAILED;
    struct settings settings = settings_default();
    struct error *error = gather(&words, &settings);
    int status = error ? complain_error(error) : become_agent(&settings);
    settings_deinit(&settings);
    return status;
}

const struct command command_watch = {
    .name = "watch",
    .summary = "watches every Go process for months: what climbs, since which release, and why",
    .help = help,
    .run = run,
};
