/* What the agent tells people: lines to the journal, and each call once when it is opened and once when it is resolved. */
#ifndef SEEP_AGENT_VOICE_H
#define SEEP_AGENT_VOICE_H

#include "agent/agent.h"

/* Tells the calls of this tick's batch that are new or resolved. */
void voice_tell(struct agent *agent);

#endif
