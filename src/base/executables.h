/* The parts of seep that are programs of their own, so that each has only the rights and the libraries that it needs: seep-agent, seep-page,
 * seep-look, seep-post. They lie beside the program that asks (a build directory) or in libexec/seep. */
#ifndef SEEP_BASE_EXECUTABLES_H
#define SEEP_BASE_EXECUTABLES_H

#include "base/error.h"

/* The path of one; the caller frees. ERROR_NOT_FOUND says where it was looked for. */
struct error *executable_find(const char *name, char **path_ret) NODISCARD;

#endif
