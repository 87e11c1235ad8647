/* From what was sampled to what is thought: the trend of bytes, the counts, what the open calls say. And what is to be looked at closer. */
#ifndef SEEP_AGENT_JUDGE_H
#define SEEP_AGENT_JUDGE_H

#include "agent/agent.h"

/* After a sampling. */
void judge(struct agent *agent, struct watched *watched);

#endif
