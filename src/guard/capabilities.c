/* capabilities(7): CAP_SYS_PTRACE reads other processes, CAP_DAC_READ_SEARCH their executables. Who has them keeps these two, and hands them to seep-look by the ambient set; all others go. */
#include <cap-ng.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "guard/internal.h"

static const unsigned kept[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};

static bool may_look(enum guard_role role)
{
    return guard_is_agent(role) || role == GUARD_LOOK || role == GUARD_HOLD;
}

struct error *guard_capabilities(enum guard_role role)
{
    bool had[2] = {false, false};
    if (capng_get_caps_process())
        return error_os(errno, "capabilities");
    for (unsigned i = 0; i < 2; i++)
        had[i] = may_look(role) && capng_have_capability(CAPNG_PERMITTED, kept[i]);
    bool bounded = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    /* The agent of root writes files of its own: those belong to root, and need no capability. */
    capng_clear(bounded ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS);
    for (unsigned i = 0; i < 2; i++) {
        if (had[i])
            capng_updatev(CAPNG_ADD,
                          CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE |
                              (bounded ? CAPNG_BOUNDING_SET : 0),
                          kept[i], -1);
    }
    if (capng_apply(bounded ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS))
        return error_os(errno, "capabilities");
    for (unsigned i = 0; i < 2 && guard_is_agent(role); i++) {
        if (had[i] && geteuid() != 0) /* root's children get them as root */
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0);
    }
    return NULL;
}
