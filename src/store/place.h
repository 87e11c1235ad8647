/* Where the store is if nobody says. */
#ifndef SEEP_STORE_PLACE_H
#define SEEP_STORE_PLACE_H

#include <stdbool.h>

/* $SEEP_STORE; else for root, and for readers if it is there, /var/lib/seep/watch.db; else seep/watch.db below $XDG_STATE_HOME or ~/.local/state. A writer's
 * folder is made if it is missing. The caller frees. */
char *store_place_default(bool writer);

#endif
