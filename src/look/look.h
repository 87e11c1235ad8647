/* seep-look: what the agent does not do itself, since the processes and programs that are opened may be hostile. One file a command; each answers in lines of JSON on standard
 * output. */
#ifndef SEEP_LOOK_LOOK_H
#define SEEP_LOOK_LOOK_H

#include <jansson.h>

/* `arguments` ends with NULL. Return exit statuses: 0, or 2 if nothing could be said. */
int look_recipes(char **arguments);
int look_inspect(char **arguments);
int look_sites(char **arguments);

/* For how long look_inspect() may stop its process, by its arguments; -1 if they make no sense. */
int64_t look_pause_us(char **arguments);

/* One line. Takes the value. */
void look_say(json_t *value);

/* Why it can't be done, on standard error: for those who run it by hand. Returns 2. */
int look_complain(const char *text);

/* The pid that a text is; 0 if it is none. */
int look_pid(const char *text);

#endif
