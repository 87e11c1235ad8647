/* What the agent says of itself, for the page: what it is, and how it is. */
#ifndef SEEP_AGENT_SELF_H
#define SEEP_AGENT_SELF_H

#include "agent/agent.h"

/* One JSON object, newly made; NULL if it could not be. */
char *self_described(const struct agent *agent);

#endif
