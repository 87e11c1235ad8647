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
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "guard/guard.h"
#include "serve/server.h"

enum {
    TOKEN_MAX = 2048,
    EXIT_FAILED = 2
};

struct options {
    const char *store;
    int socket, token;
    bool any_host;
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
                                          {"allow-any-host-with-token", no_argument, NULL, 'a'},
                                          {0}};
    *options = (struct options){.socket = -1, .token = -1, .interval_ms = 10000};
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

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
}

/* Until a signal comes or nobody has asked for so long. */
static void wait_idle(const struct server *server, int64_t idle_s, const sigset_t *signals)
{
    struct timespec second = {.tv_sec = 1};
    for (;;) {
        int64_t quiet_ms = clock_now_ns() / 1000000 - server_last_ms(server);
        if (idle_s && quiet_ms > idle_s * 1000)
            return;
        if (sigtimedwait(signals, NULL, &second) > 0)
            return;
    }
}

int main(int argc, char **argv)
{
    struct options options;
    struct server *server = NULL;
    sigset_t signals;
    if (!parse(argc, argv, &options))
        return fail("a part of `seep watch`, which starts it");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    mallopt(M_ARENA_MAX, 1);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    AUTO_FREE char *token = read_token(options.token);
    if (options.token >= 0 && !token)
        return fail("the token could not be read");
    struct serving serving = {.where = options.store,
                              .socket = options.socket,
                              .interval_ms = options.interval_ms,
                              .guards = {.token = token, .any_host = options.any_host}};
    AUTO_FREE char *folder = folder_of(options.store);
    struct error *error = guard_enter(GUARD_PAGE, folder);
    if (!error)
        error = server_start(&serving, &server);
    if (error)
        return fail(error_message(error));
    wait_idle(server, options.idle_s, &signals);
    server_stop(server);
    return 0;
}
