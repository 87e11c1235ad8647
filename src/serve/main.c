/* seep-page: answers what is asked over HTTP about a store. The agent starts it when somebody knocks, with the socket that listens; when nobody has asked for a while it ends. It has
 * no rights but to read the store. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/memory.h"
#include "guard/guard.h"
#include "serve/server.h"

enum {
    TOKEN_MAX = 2048,
    EXIT_FAILED = 2
};

struct options {
    const char *store;
    int socket, token, notice; /* -1: none */
    bool any_host;
    pid_t parent; /* 0: nobody's child in particular */
    int64_t interval_ms, idle_s;
};

static int fail(const char *line)
{
    fprintf(stderr, "seep: the page: %s\n", line);
    return EXIT_FAILED;
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {{"store", required_argument, NULL, 's'},
                                          {"socket", required_argument, NULL, 'f'},
                                          {"token-fd", required_argument, NULL, 't'},
                                          {"interval-ms", required_argument, NULL, 'i'},
                                          {"idle-s", required_argument, NULL, 'w'},
                                          {"parent", required_argument, NULL, 'p'},
                                          {"notice-fd", required_argument, NULL, 'n'},
                                          {"allow-any-host-with-token", no_argument, NULL, 'a'},
                                          {0}};
    *options = (struct options){.socket = -1, .token = -1, .notice = -1, .interval_ms = 10000};
    for (int option; option = getopt_long(argc, argv, "", names, NULL), option != -1;) {
        long long number = optarg ? strtoll(optarg, NULL, 10) : 0;
        if (option == 's')
            options->store = optarg;
        else if (option == 'f')
            options->socket = (int)number;
        else if (option == 't')
            options->token = (int)number;
        else if (option == 'i')
            options->interval_ms = number;
        else if (option == 'w')
            options->idle_s = number;
        else if (option == 'p')
            options->parent = (pid_t)number;
        else if (option == 'n')
            options->notice = (int)number;
        else if (option == 'a')
            options->any_host = true;
        else
            return false;
    }
    return options->store && options->socket >= 0 && (!options->any_host || options->token >= 0);
}

/* NULL if none was given or it could not be read. */
static char *read_token(int descriptor)
{
    char bytes[TOKEN_MAX];
    ssize_t length = descriptor < 0 ? 0 : read(descriptor, bytes, sizeof(bytes));
    if (descriptor >= 0)
        close(descriptor);
    return length > 0 ? xstrndup(bytes, (size_t)length) : NULL;
}

/* Where the store's file is, also if its name is a link. */
static char *folder_of(const char *store)
{
    AUTO_FREE char *real = realpath(store, NULL);
    const char *path = real ? real : store, *slash = strrchr(path, '/');
    return slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
}

static volatile sig_atomic_t ended;

static void end(int signal)
{
    (void)signal;
    ended = 1;
}

static void handle_signals(void)
{
    struct sigaction ending = {.sa_handler = end}; /* interrupts what waits */
    sigaction(SIGTERM, &ending, NULL);
    sigaction(SIGINT, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* An agent that was killed is begun again at once, and wants its place back: nothing of this one may hold the socket any longer, whatever it is about. False if the agent is
 * gone already. */
static bool die_with(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return !parent || getppid() == parent;
}

/* Large blocks go back to the system when they are freed. */
static void keep_memory_small(void)
{
    enum {
        MAP_FROM = 64 << 10
    };
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, MAP_FROM);
    mallopt(M_TRIM_THRESHOLD, MAP_FROM);
}

int main(int argc, char **argv)
{
    struct options options;
    struct server *server = NULL;
    if (!parse(argc, argv, &options))
        return fail("a part of `seep watch`, which starts it");
    handle_signals();
    if (!die_with(options.parent))
        return EXIT_FAILED;
    keep_memory_small();
    AUTO_FREE char *token = read_token(options.token);
    if (options.token >= 0 && !token)
        return fail("the token could not be read");
    struct serving serving = {.where = options.store,
                              .socket = options.socket,
                              .interval_ms = options.interval_ms,
                              .idle_s = options.idle_s,
                              .notice = options.notice,
                              .guards = {.token = token, .any_host = options.any_host}};
    AUTO_FREE char *folder = folder_of(options.store);
    struct error *error = guard_enter(GUARD_PAGE, folder);
    if (!error)
        error = server_create(&serving, &server);
    if (error) {
        int status = fail(error_message(error));
        error_destroy(error);
        return status;
    }
    server_run(server, &ended);
    server_destroy(server);
    return 0;
}
