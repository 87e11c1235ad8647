/* The Go version of a program without build info: the runtime's own copy. */
#ifndef SEEP_PROGRAM_VERSION_H
#define SEEP_PROGRAM_VERSION_H

#include "program/buildinfo.h"
#include "program/moduledata.h"

/* Fills go_version and go_minor of `info` from runtime.buildVersion, a string in the program's data that begins with "go1."
 * (runtime/proc.go, Go 1.18 to 1.27). Leaves them as they are if there is none. */
void version_from_data(struct target *target, const struct moduledata *module, struct buildinfo *info);

#endif
