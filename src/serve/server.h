/* The HTTP server: libmicrohttpd, one thread, read-only. Every request passes the guards (request.h) before anything else is done for it. */
#ifndef SEEP_SERVE_SERVER_H
#define SEEP_SERVE_SERVER_H

#include "base/error.h"
#include "serve/request.h"

struct serving {
    const char *where; /* the store's place */
    int socket;        /* that listens; the server owns it from now on */
    int64_t interval_ms;
    struct guards guards;
};

struct server;

struct error *server_start(const struct serving *serving, struct server **server_ret) NODISCARD;

/* When the last request came, as CLOCK_MONOTONIC in ms. */
int64_t server_last_ms(const struct server *server);

void server_stop(struct server *server);

#endif
