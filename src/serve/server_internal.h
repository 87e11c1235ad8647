/* What the files of the server share: server.c runs it, routes.c says what is where, stream.c sends what is too large for memory. */
#ifndef SEEP_SERVE_SERVER_INTERNAL_H
#define SEEP_SERVE_SERVER_INTERNAL_H

#include <microhttpd.h>

#include "serve/patience.h"
#include "serve/query.h"
#include "serve/question.h"
#include "serve/reader.h"
#include "serve/server.h"

enum {
    TIMEOUT_S = 20 /* of a connection, without a byte */
};

struct server {
    struct serving serving;
    struct MHD_Daemon *daemon;
    struct reader reader;
    char *said; /* by the agent, as of the last question; or NULL */
    struct patience patience;
    unsigned streams; /* exports on their way */
    int64_t last_ms;  /* somebody asked; CLOCK_MONOTONIC */
};

/* Answers a request that passed the guards. */
enum MHD_Result route(struct server *server, struct MHD_Connection *connection,
                      const struct query *query);

/* Takes the error. `asked`: an answer failed; else the store could not be opened. */
enum MHD_Result complain_error(struct server *server, struct MHD_Connection *connection,
                               struct error *error, bool asked);

enum MHD_Result stream_export(struct server *server, struct MHD_Connection *connection,
                              const struct question *question);

struct source;
struct source source_of(struct server *server);

/* CLOCK_MONOTONIC */
int64_t server_clock_ms(void);

struct visitor *visitor_of(struct MHD_Connection *connection);

#endif
