#include "base/executables.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

#ifndef SEEP_LIBEXEC
#define SEEP_LIBEXEC "/usr/local/libexec/seep"
#endif

static bool is_program(char *path)
{
    return path && !access(path, X_OK);
}

struct error *executable_find(const char *name, char **path_ret)
{
    char own[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
    own[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash)
        *slash = '\0';
    AUTO_FREE char *beside = NULL;
    AUTO_FREE char *below = NULL;
    if (asprintf(&beside, "%s/%s", own, name) < 0 ||
        asprintf(&below, "%s/%s", SEEP_LIBEXEC, name) < 0)
        return error_create(ERROR_NO_MEMORY, "out of memory");
    if (!is_program(beside) && !is_program(below))
        return error_create(ERROR_NOT_FOUND,
                            "%s is missing: it belongs beside %s/seep or in " SEEP_LIBEXEC
                            "; `make install` puts it there",
                            name, own);
    char **found = is_program(beside) ? &beside : &below;
    *path_ret = *found;
    *found = NULL;
    return NULL;
}
