/* How long a client may take: who sends its request letter by letter, or takes its answer so, keeps a connection that others want. When all connections are
 * taken, others wait already, and patience is short. Single-threaded. */
#ifndef SEEP_SERVE_PATIENCE_H
#define SEEP_SERVE_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CONNECTIONS_MAX = 256
};

enum pace {
    PACE_FREE,   /* no connection */
    PACE_ASKING, /* no request is complete yet, or the next one is not */
    PACE_ANSWER, /* an answer is on its way */
    PACE_STREAM  /* a piece of a large one: an export */
};

struct patience {
    struct visitor {
        enum pace pace;
        int socket; /* borrowed */
        int64_t since_ms;
    } visitors[CONNECTIONS_MAX + 1]; /* one that is about to be refused */
};

/* NULL if there is no room: then nobody watches it. */
struct visitor *patience_meet(struct patience *patience, int socket, int64_t now_ms);

/* NULL is fine. */
void visitor_goes_on(struct visitor *visitor, enum pace pace, int64_t now_ms);

/* Ends connections that took too long: their next read brings the end. */
void patience_tend(struct patience *patience, int64_t now_ms);

/* How long until it should be tended again. */
int64_t patience_pause_ms(const struct patience *patience);

/* True if an answer is on its way. */
bool patience_is_busy(const struct patience *patience);

#endif
