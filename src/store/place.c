#include "store/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static const char system_place[] = "/var/lib/seep/watch.db";

/* Makes every folder above the file; what cannot be made shows when the store is opened. */
static void make_folders(const char *path)
{
    AUTO_FREE char *folder = xstrdup(path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(folder, 0700);
        *slash = '/';
    }
}

static char *below_home(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int printed = state && *state == '/' ? asprintf(&path, "%s/seep/watch.db", state)
                  : home && *home == '/' ? asprintf(&path, "%s/.local/state/seep/watch.db", home)
                                         : -1;
    return printed < 0 ? xstrdup(system_place) : path;
}

char *store_place_default(bool writer)
{
    const char *said = getenv("SEEP_STORE");
    if (said && *said)
        return xstrdup(said);
    bool system = !geteuid() || (!writer && !access(system_place, F_OK));
    char *place = system ? xstrdup(system_place) : below_home();
    if (writer)
        make_folders(place);
    return place;
}
