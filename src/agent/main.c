/* seep-agent: the loop. It waits for the next tick, for children, for somebody who knocks at the page's door, and for the signal to stop. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/text.h"
#include "guard/guard.h"
#include "target/procfs.h"

enum {
    EXIT_STOPPED = 0,
    EXIT_FAILED = 2,
    SETTINGS_MAX = 1 << 20
};

static int fail(struct error *error)
{
    fprintf(stderr, "seep: %s\n", error_message(error));
    error_destroy(error);
    return EXIT_FAILED;
}

static struct error *read_settings(int argc, char **argv, struct settings *settings_ret)
{
    if (argc != 3 || strcmp(argv[1], "--settings-fd") != 0)
        return error_create(ERROR_BAD_DATA,
                            "seep-agent is a part of `seep watch`, which starts it");
    AUTO_FREE char *json = xcalloc(1, SETTINGS_MAX + 1);
    int descriptor = (int)strtol(argv[2], NULL, 10);
    ssize_t length = read(descriptor, json, SETTINGS_MAX);
    if (length < 0)
        return error_os(errno, "settings");
    close(descriptor);
    return settings_from_json(json, settings_ret);
}

/* A signal to stop, and children that end, come through a descriptor. */
static struct error *take_signals(int *descriptor_ret)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL))
        return error_os(errno, "signals");
    *descriptor_ret = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return *descriptor_ret < 0 ? error_os(errno, "signals") : NULL;
}

/* True if it is time to stop. */
static bool stop_wanted(int descriptor)
{
    struct signalfd_siginfo signal;
    bool stop = false;
    while (read(descriptor, &signal, sizeof(signal)) == sizeof(signal))
        stop = stop || signal.ssi_signo != SIGCHLD;
    return stop;
}

static void greet(const struct agent *agent)
{
    const struct settings *settings = &agent->settings;
    bool six = settings->address && strchr(settings->address, ':');
    if (settings->address)
        agent_say(false, "the page is at http://%s%s%s:%u", six ? "[" : "", settings->address,
                  six ? "]" : "", settings->port);
    if (settings->address && !settings_is_loopback(settings))
        agent_say(true,
                  "others than this machine can reach the page, if they have the token; what goes "
                  "over the network is not encrypted, the token neither");
    agent_say(false, "the series are kept in %s", settings->store);
}

/* Waits until the next tick or until something has happened; true if it is time to stop. */
static bool wait_for(struct agent *agent, int signals, int64_t until_boot_ms, bool busy)
{
    struct pollfd polls[LOOKER_JOBS_MAX + 2] = {{.fd = signals, .events = POLLIN}};
    int64_t now_ms = clocks_now().boot_ms;
    int page = page_descriptor(&agent->page, now_ms);
    polls[1] = (struct pollfd){.fd = page, .events = POLLIN};
    size_t count = 2 + looker_polls(&agent->looker, polls + 2);
    int64_t wait_ms = busy || until_boot_ms < now_ms ? 0 : until_boot_ms - now_ms;
    if (poll(polls, count, (int)wait_ms) <= 0)
        return false;
    if (page >= 0 && polls[1].revents) {
        struct error *error = page_wake(&agent->page, now_ms);
        if (error)
            agent_say(true, "%s", error_message(error));
        error_destroy(error);
    }
    return polls[0].revents && stop_wanted(signals);
}

/* Ticks stay on their beat, whatever a tick takes; beats that were missed are left out. */
static void run(struct agent *agent, int signals)
{
    int64_t interval_ms = agent->settings.interval_ms;
    int64_t next_ms = clocks_now().boot_ms;
    for (bool stop = false, busy = false; !stop;) {
        int64_t now_ms = clocks_now().boot_ms;
        if (now_ms >= next_ms) {
            agent_tick(agent);
            next_ms += ((now_ms - next_ms) / interval_ms + 1) * interval_ms;
        }
        busy = agent_between(agent);
        int64_t post_ms = outbox_next_boot_ms(&agent->outbox);
        stop = wait_for(agent, signals, post_ms < next_ms ? post_ms : next_ms, busy);
    }
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct agent *agent = NULL;
    int signals = -1;
    umask(0077);
    struct error *error = read_settings(argc, argv, &settings);
    if (!error)
        error = take_signals(&signals);
    if (error)
        return fail(error);
    bool pauses = settings_may_pause(&settings);
    error = agent_create(settings, &agent);
    if (!error)
        error = guard_enter(pauses ? GUARD_AGENT_HOLDS : GUARD_AGENT, NULL);
    if (error)
        return fail(error);
    greet(agent);
    run(agent, signals);
    agent_say(false, "stopped");
    agent_destroy(agent);
    close(signals);
    return EXIT_STOPPED;
}
