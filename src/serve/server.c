#include "serve/server.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "serve/respond.h"
#include "serve/server_internal.h"

enum {
    CONNECTION_BYTES = 32 << 10, /* of one: its headers must fit */
    LAST_TURNS = 20,             /* to finish what was begun */
    LAST_TURN_MS = 25
};

int64_t server_clock_ms(void)
{
    return clock_now_ns() / 1000000;
}

struct visitor *visitor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* ---- what libmicrohttpd tells */

static void on_connection(void *context, struct MHD_Connection *connection, void **visitor,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        *visitor =
            info ? patience_meet(&server->patience, info->connect_fd, server_clock_ms()) : NULL;
    else
        visitor_goes_on(*visitor, PACE_FREE, 0);
}

/* The target as it came: what libmicrohttpd makes of it is not looked at. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    (void)context;
    (void)connection;
    return xstrndup(target, TARGET_MAX + 1);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **target,
                         enum MHD_RequestTerminationCode code)
{
    (void)context;
    (void)code;
    free(*target);
    *target = NULL;
    visitor_goes_on(visitor_of(connection), PACE_ASKING, server_clock_ms());
}

/* ---- requests */

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

struct count {
    const char *name;
    unsigned count;
};

static enum MHD_Result count_header(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct count *count = context;
    (void)kind;
    (void)value;
    count->count += !strcasecmp(name, count->name);
    return MHD_YES;
}

/* Of two Hosts or Origins the guards would see one, and whoever stands before this server may go by the other. */
static bool is_ambiguous(struct MHD_Connection *connection)
{
    static const char *const names[] = {MHD_HTTP_HEADER_HOST, MHD_HTTP_HEADER_ORIGIN};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        struct count count = {names[i], 0};
        MHD_get_connection_values(connection, MHD_HEADER_KIND, count_header, &count);
        if (count.count > 1)
            return true;
    }
    return false;
}

static struct claims claims_of(struct MHD_Connection *connection, const struct query *query)
{
    return (struct claims){.host = header(connection, MHD_HTTP_HEADER_HOST),
                           .origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
                           .authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
                           .cookie = header(connection, MHD_HTTP_HEADER_COOKIE),
                           .fetch_site = header(connection, "Sec-Fetch-Site"),
                           .fetch_mode = header(connection, "Sec-Fetch-Mode"),
                           .token = query_value(query, "token")};
}

/* The token moves from the address, which is kept in histories and logs, to a cookie. */
static enum MHD_Result give_cookie(const struct server *server, struct MHD_Connection *connection)
{
    struct text cookie = {0};
    guards_cookie(&server->serving.guards, &cookie);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, cookie.bytes);
        MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, "/");
    }
    text_deinit(&cookie);
    return respond(connection, MHD_HTTP_SEE_OTHER, response, "text/plain");
}

static enum MHD_Result refuse(struct MHD_Connection *connection, enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_NO_TOKEN:
        return respond_complaint(
            connection, MHD_HTTP_UNAUTHORIZED,
            "a token is wanted: 'Authorization: Bearer TOKEN', or /?token=TOKEN once");
    case VERDICT_BAD_ORIGIN:
        return respond_complaint(connection, MHD_HTTP_FORBIDDEN,
                                 "a page of another origin may not ask");
    default:
        return respond_complaint(connection, MHD_HTTP_FORBIDDEN,
                                 "this Host is not the page's: localhost, 127.0.0.1 and [::1] are");
    }
}

static enum MHD_Result judge(struct server *server, struct MHD_Connection *connection,
                             const char *method, const struct query *query, const char *wrong)
{
    if (is_ambiguous(connection))
        return respond_complaint(connection, MHD_HTTP_BAD_REQUEST, "two Hosts, or two Origins");
    struct claims claims = claims_of(connection, query);
    enum verdict verdict = guards_judge(&server->serving.guards, &claims);
    if (verdict != VERDICT_WELCOME && verdict != VERDICT_BY_ADDRESS)
        return refuse(connection, verdict);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return respond_complaint(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                                 "only GET and HEAD: the page changes nothing");
    if (wrong)
        return respond_complaint(connection, MHD_HTTP_BAD_REQUEST, wrong);
    if (verdict == VERDICT_BY_ADDRESS && !strcmp(query->path, "/"))
        return give_cookie(server, connection);
    return route(server, connection, query);
}

/* Called when the headers are there. What a body has is never read: the answer comes first, and the connection ends. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **target)
{
    struct server *server = context;
    struct query query;
    (void)path;
    (void)version;
    (void)upload;
    if (*upload_size)
        return MHD_NO;
    server->last_ms = server_clock_ms();
    visitor_goes_on(visitor_of(connection), PACE_ANSWER, server->last_ms);
    AUTO_FREE char *wrong = query_read(*target ? *target : "", &query);
    enum MHD_Result result = judge(server, connection, method, &query, wrong);
    query_deinit(&query);
    return result;
}

static void be_silent(void *context, const char *format, va_list arguments)
{
    (void)context; /* what a client did wrong is no news for the agent's log */
    (void)format;
    (void)arguments;
}

/* ---- */

static bool is_reached_from_here_only(int descriptor)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    if (getsockname(descriptor, (struct sockaddr *)&address, &length))
        return false;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&address;
        return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address;
    return address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

struct error *server_create(const struct serving *serving, struct server **server_ret)
{
    if (!serving->guards.token && !is_reached_from_here_only(serving->socket))
        return error_create(ERROR_UNSUPPORTED,
                            "others than this machine could read it: a token is wanted");
    struct server *server = xcalloc(1, sizeof(*server));
    server->serving = *serving;
    server->reader = reader_of(serving->where);
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, be_silent, NULL, MHD_OPTION_LISTEN_SOCKET, serving->socket,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    if (!server->daemon) {
        server_destroy(server);
        return error_create(ERROR_OS, "its server did not start");
    }
    *server_ret = server;
    return NULL;
}

void server_destroy(struct server *server)
{
    if (server->daemon) {
        MHD_quiesce_daemon(server->daemon); /* else it would shut down the agent's socket, too */
        MHD_stop_daemon(server->daemon);
    }
    reader_deinit(&server->reader);
    free(server->said);
    free(server);
}

static void turn(struct server *server, int64_t wait_ms)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    MHD_UNSIGNED_LONG_LONG least_ms = 0;
    if (MHD_get_timeout(server->daemon, &least_ms) == MHD_YES && least_ms < (uint64_t)wait_ms)
        wait_ms = (int64_t)least_ms;
    struct pollfd ready = {.fd = info ? info->epoll_fd : -1, .events = POLLIN};
    if (poll(&ready, 1, (int)wait_ms) >= 0)
        MHD_run(server->daemon);
}

void server_run(struct server *server, const volatile sig_atomic_t *ended)
{
    int64_t idle_ms = server->serving.idle_s * 1000, tended_ms = 0;
    server->last_ms = server_clock_ms();
    while (!*ended) {
        int64_t pause_ms = patience_pause_ms(&server->patience), began_ms = server_clock_ms();
        turn(server, pause_ms);
        int64_t now_ms = server_clock_ms();
        if (now_ms - tended_ms >= pause_ms) {
            /* As of the turn's begin: what had come by then was read in it, however long that took. */
            patience_tend(&server->patience, began_ms);
            tended_ms = now_ms;
        }
        if (idle_ms && now_ms - server->last_ms > idle_ms && !patience_is_busy(&server->patience))
            break;
    }
    MHD_quiesce_daemon(server->daemon); /* who comes now waits for the next seep-page */
    for (unsigned i = 0; i < LAST_TURNS && patience_is_busy(&server->patience); i++)
        turn(server, LAST_TURN_MS);
}
