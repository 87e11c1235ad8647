/* Sites: blocked goroutines by what they wait for, where, and which go statement started them. And what happened at them
 * between two looks. */
#ifndef SEEP_FIND_SITES_H
#define SEEP_FIND_SITES_H

#include "find/finding.h"

struct site {
    enum wait_kind kind;
    address user_pc; /* look-up address of the user's innermost frame */
    address go_pc;
    uint64_t key;
    struct members members;
};

struct sites VECTOR_OF(struct site);

/* All sites of a look; the runtime's own goroutines and the main one are left out. */
void sites_build(const struct program *program, const struct observation *observation,
                 struct sites *sites_ret);
void sites_deinit(struct sites *sites);
const struct site *sites_find(const struct sites *sites, uint64_t key);

/* Between two looks at one site. */
struct movement {
    bool known; /* there were two looks */
    uint64_t came, went;
    struct u64map alive;  /* addresses of objects on which somebody got on */
    struct u64map before; /* ids of those who were there at the first look */
    struct u64map stayed; /* of these who did not get on: had they, it would have been seen */
};

void movement_find(const struct looks *looks, const struct sites *first, const struct site *site,
                   struct movement *movement_ret);
void movement_deinit(struct movement *movement);

/* Did somebody who waits on this object get on between the looks? */
bool movement_is_alive(const struct movement *movement, const struct wait_object *object);

#endif
