/* What is read from a child's answer, a JSON object: bounded and harmless to print, since the child read a hostile process. */
#ifndef SEEP_AGENT_ANSWER_H
#define SEEP_AGENT_ANSWER_H

#include <jansson.h>
#include <stdint.h>

/* The text of a member, of at most `max` bytes before it is escaped; "" if there is none. Newly made. */
char *answer_text(const json_t *object, const char *key, size_t max);

/* The member "line" of a place in the source; 0 if there is none or it can't be one. */
int32_t answer_line(const json_t *place);

#endif
