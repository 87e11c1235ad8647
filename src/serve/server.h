/* The HTTP server: libmicrohttpd in one thread, read-only. Every request passes the guards (welcome.h) before anything else is done for it. */
#ifndef SEEP_SERVE_SERVER_H
#define SEEP_SERVE_SERVER_H

#include <signal.h>

#include "base/error.h"
#include "serve/welcome.h"

struct serving {
    const char *where; /* the store's place */
    int socket;        /* that listens */
    int64_t interval_ms;
    int64_t idle_s; /* ends when nobody has asked for so long; 0: never */
    int notice;     /* what the agent says of itself (base/notice.h); -1: only the store has it */
    struct guards guards;
};

struct server;

/* Nothing is served before server_run(). */
struct error *server_create(const struct serving *serving, struct server **server_ret) NODISCARD;

/* Until *ended is set (by a signal's handler: poll(2) must not be restarted by it) or nobody asks any more. */
void server_run(struct server *server, const volatile sig_atomic_t *ended);

void server_destroy(struct server *server);

#endif
