/* The limits come first: before anything that is not known is opened. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guard/guard.h"
#include "look/look.h"

enum {
    NICE = 10
};

static const struct look_command {
    const char *name;
    int (*run)(char **arguments);
} commands[] = {
    {"recipes", look_recipes},
    {"inspect", look_inspect},
    {"sites", look_sites},
};

void look_say(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout); /* what was found is said, also if the next one breaks it */
    json_decref(value);
}

int look_complain(const char *text)
{
    fprintf(stderr, "seep-look: %s\n", text);
    return 2;
}

int look_pid(const char *text)
{
    char *end = NULL;
    long pid = strtol(text, &end, 10);
    return *end || pid <= 0 || pid > INT32_MAX ? 0 : (int)pid;
}

static void limit(int what, unsigned long long most)
{
    struct rlimit limits = {most, most};
    setrlimit(what, &limits); /* it can only be lowered: what is lower already stays */
}

/* Files are mapped whole, and cost nothing where they are not read: they do not count. */
static void limit_memory(unsigned long long most)
{
#ifdef SEEP_SANITIZED /* the sanitizers map more than any limit */
    (void)most;
#else
    limit(RLIMIT_DATA, most);
#endif
}

/* "--cpu-s 10 --memory 1000000 COMMAND …": the limits are set, the command is returned. */
static char **take_limits(char **arguments)
{
    while (arguments[0] && arguments[1] && !strncmp(arguments[0], "--", 2)) {
        unsigned long long most = strtoull(arguments[1], NULL, 10);
        if (!strcmp(arguments[0], "--cpu-s"))
            limit(RLIMIT_CPU, most);
        else if (!strcmp(arguments[0], "--memory"))
            limit_memory(most);
        else
            break;
        arguments += 2;
    }
    return arguments;
}

/* Only an inspection that may stop its process gets the right to. */
static enum guard_role role_of(char **arguments)
{
    bool inspects = arguments[0] && !strcmp(arguments[0], "inspect");
    return inspects && look_pause_us(arguments + 1) > 0 ? GUARD_HOLD : GUARD_LOOK;
}

int main(int argc, char **argv)
{
    (void)argc;
    limit(RLIMIT_CORE, 0);
    prctl(PR_SET_PDEATHSIG, 9);
    errno = 0;
    if (nice(NICE) < 0 && errno)
        errno = 0; /* at its usual pace, then */
    char **arguments = take_limits(argv + 1);
    struct error *error = guard_enter(role_of(arguments), NULL);
    if (error)
        return look_complain(error_message(error));
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && arguments[0]; i++) {
        if (!strcmp(arguments[0], commands[i].name))
            return commands[i].run(arguments + 1);
    }
    return look_complain("a part of `seep watch`, which runs it: recipes PID…, inspect PID SECONDS "
                         "[MICROSECONDS], sites PID");
}
