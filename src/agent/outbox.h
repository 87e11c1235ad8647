/* Alerts on their way to a webhook: in order, one at a time, by seep-post, without making the agent wait. What cannot be delivered is tried again for an hour; what waits is bounded, and what
 * had to be dropped is said. An alert that waits when the agent stops is lost; the call stays in the store. */
#ifndef SEEP_AGENT_OUTBOX_H
#define SEEP_AGENT_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/settings.h"

enum {
    OUTBOX_MAX = 64
};

struct letter {
    char *body;
    int64_t first_boot_ms, next_boot_ms;
    unsigned tries;
};

struct outbox {
    const struct settings *settings;                 /* borrowed */
    char *program;                                   /* seep-post; NULL: there is no webhook */
    struct letters VECTOR_OF(struct letter) letters; /* oldest first */
    pid_t child;                                     /* 0: none runs */
    int says;                                        /* why it failed; while a child runs */
    int64_t began_boot_ms;
    uint64_t delivered, dropped;
};

struct error *outbox_init(const struct settings *settings, struct outbox *outbox_ret) NODISCARD;
void outbox_deinit(struct outbox *outbox);

/* Takes the body. */
void outbox_put(struct outbox *outbox, char *body, int64_t boot_ms);

/* Goes on with it. Returns a line for people if something went wrong, else NULL; the caller frees. */
char *outbox_tend(struct outbox *outbox, int64_t boot_ms);

/* When it wants to be tended at the latest; INT64_MAX: when there is something new. */
int64_t outbox_next_boot_ms(const struct outbox *outbox);

#endif
