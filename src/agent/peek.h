/* Reading the memory of a process with process_vm_readv, many pieces at a time, without opening anything: for what is read every ten seconds. The process is neither
 * stopped nor written to. Who it is must be known to be the same as before (agent/vitals.h). */
#ifndef SEEP_AGENT_PEEK_H
#define SEEP_AGENT_PEEK_H

#include <stdbool.h>
#include <sys/types.h>

#include "target/target.h"

/* Fulfils the requests; those that cannot be read have failed = true and are zero. Returns how many could be read. */
size_t peek_many(pid_t pid, struct read_request *requests, size_t count);

bool peek_at(pid_t pid, address at, void *to, size_t size);

#endif
