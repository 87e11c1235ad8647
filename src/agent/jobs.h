/* What the agent has seep-look do: recipes of processes that are new, names of sites, inspections. Within budgets, a few at a time. */
#ifndef SEEP_AGENT_JOBS_H
#define SEEP_AGENT_JOBS_H

#include "agent/agent.h"

/* Starts what is wanted most and may be done now. */
void jobs_start(struct agent *agent);

/* Takes in what has ended. */
void jobs_collect(struct agent *agent);

void jobs_deinit(struct agent *agent);

struct watched *agent_watched(const struct agent *agent, uint32_t life); /* NULL: not any more */

/* newcomers.c: an answer about one process, a line of seep-look; the process is watched from now on if it is a Go program. */
void newcomer_take(struct agent *agent, pid_t pid, const char *line, size_t length);

/* What a call_context needs. */
struct call_context;
struct call_context agent_context(struct agent *agent);

#endif
