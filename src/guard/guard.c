#include "guard/guard.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "guard/internal.h"

struct error *guard_enter(enum guard_role role, const char *folder)
{
    TRY(guard_capabilities(role));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return error_os(errno, "no_new_privs");
    TRY(guard_files(role, folder));
#ifdef SEEP_SANITIZED /* the sanitizers need calls of their own */
    return NULL;
#else
    return guard_system_calls(role);
#endif
}
