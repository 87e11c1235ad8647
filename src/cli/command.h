/* The commands of seep: one file each, and one line each in the table in main.c. */
#ifndef SEEP_CLI_COMMAND_H
#define SEEP_CLI_COMMAND_H

#include "base/error.h"

/* What a shell or a script gets from every command. */
enum exit_status {
    EXIT_NOTHING = 0, /* nothing found */
    EXIT_LEAKS = 1,   /* leaks found */
    EXIT_FAILED = 2,  /* seep could not do it; a line on stderr says why and what would help */
};

struct command {
    const char *name;
    const char *summary;               /* for the list of commands */
    const char *help;                  /* from "Usage:" on */
    int (*run)(int argc, char **argv); /* argv[0] is the command; returns an exit status */
};

extern const struct command command_diff;
extern const struct command command_explain;
extern const struct command command_history;
extern const struct command command_inspect;
extern const struct command command_ps;
extern const struct command command_save;
extern const struct command command_scan;
extern const struct command command_watch;

/* One line on stderr: "seep: …". Returns EXIT_FAILED. */
int complain(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same for a wrong use: adds where the help is. */
int complain_usage(const struct command *command, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same with the error's message. Takes the error. */
int complain_error(struct error *error);

#endif
