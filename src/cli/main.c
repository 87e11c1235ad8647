/* seep: finds slow memory leaks in running Go programs, from outside. This file knows the commands, the help, and what every command
 * ends with: output that was really written, and an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "cli/command.h"

static const struct command *const commands[] = {&command_inspect, &command_scan,  &command_ps,
                                                 &command_save,    &command_diff,    &command_watch, &command_history,
                                                 &command_explain};

static const char introduction[] =
    "seep finds slow memory leaks in running Go programs, from outside: nothing is added to them,\n"
    "nothing is restarted or paused, and a stripped program is as good as any.\n";

static const char exit_statuses[] =
    "\nExit status: 0 nothing found, 1 leaks found, 2 seep could not do it.\n";

static void complain_with(const char *format, va_list args)
{
    AUTO_FREE char *text = NULL;
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    fprintf(stderr, "seep: %s\n", text ? text : "out of memory");
}

int complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain_with(format, args);
    va_end(args);
    return EXIT_FAILED;
}

int complain_usage(const struct command *command, const char *format, ...)
{
    AUTO_FREE char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    return complain("%s; `seep help %s` says more", text ? text : "wrong use", command->name);
}

int complain_error(struct error *error)
{
    complain("%s", error_message(error));
    error_destroy(error);
    return EXIT_FAILED;
}

static const struct command *command_named(const char *name)
{
    for (size_t i = 0; i < LENGTH_OF(commands); i++) {
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    }
    return NULL;
}

static void list_commands(FILE *out)
{
    fprintf(out, "%s\nUsage: seep COMMAND [ARGUMENT]…\n\n", introduction);
    for (size_t i = 0; i < LENGTH_OF(commands); i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "  %-9s %s\n", "help", "says more: `seep help COMMAND`");
    fprintf(out, "  %-9s %s\n", "--version", "which seep this is");
    fputs(exit_statuses, out);
}

static int unknown_command(const char *name)
{
    AUTO_FREE char *shown = text_escaped(name, strlen(name));
    return complain("there is no command '%s': `seep help` lists them", shown);
}

static int help(const char *name)
{
    if (!name) {
        list_commands(stdout);
        return EXIT_NOTHING;
    }
    const struct command *command = command_named(name);
    if (!command)
        return unknown_command(name);
    fputs(command->help, stdout);
    return EXIT_NOTHING;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return true;
    }
    return false;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        list_commands(stderr);
        return EXIT_FAILED;
    }
    const char *word = argv[1];
    if (!strcmp(word, "help"))
        return help(argc > 2 ? argv[2] : NULL);
    if (!strcmp(word, "--help") || !strcmp(word, "-h"))
        return help(NULL);
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        puts("seep " SEEP_VERSION);
        return EXIT_NOTHING;
    }
    const struct command *command = command_named(word);
    if (!command)
        return unknown_command(word);
    if (wants_help(argc - 1, argv + 1))
        return help(word);
    return command->run(argc - 1, argv + 1);
}

/* Were one of the first three closed, a file that is opened later would take its place and get what is meant for a
 * person. They are opened the wrong way round, so that using them still fails. */
static void occupy_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
            _exit(EXIT_FAILED);
    }
}

int main(int argc, char **argv)
{
    occupy_standard_files();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, with its status */
    int status = run(argc, argv);
    errno = 0;
    bool failed = fflush(stdout) != 0;
    int reason = errno;
    if (!failed && !ferror(stdout))
        return status;
    struct pollfd reader = {.fd = STDOUT_FILENO};
    if (!reason && poll(&reader, 1, 0) == 1 && reader.revents & POLLERR)
        reason = EPIPE;
    if (reason == EPIPE) /* the reader has seen enough: `seep inspect PID | head` */
        return EXIT_FAILED;
    return complain("the output could not be written%s%s", reason ? ": " : "",
                    reason ? strerror(reason) : "");
}
