#include "serve/server.h"

#include <malloc.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "serve/answer.h"
#include "serve/assets.h"

enum {
    CONNECTIONS_MAX = 64,
    CONNECTION_BYTES = 32 << 10, /* of one: its headers must fit */
    TIMEOUT_S = 30,
    EXPORT_BLOCK = 64 << 10,
    TRIM_FROM = 1 << 20 /* after an answer of this size memory is given back */
};

struct server {
    struct serving serving;
    char *shown; /* the store's place, escaped */
    struct MHD_Daemon *daemon;
    struct store *store;  /* NULL: is opened at the next request */
    struct stat identity; /* of the store's file */
    _Atomic int64_t last_ms;
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the store: opened when it is needed, and anew when it was replaced */

static struct error *open_store(struct server *server)
{
    struct stat status;
    bool there = !stat(server->serving.where, &status);
    bool same = there && server->store && status.st_ino == server->identity.st_ino &&
                status.st_dev == server->identity.st_dev;
    if (same)
        return NULL;
    if (server->store)
        store_close(server->store);
    server->store = NULL;
    TRY(store_open_reader(server->serving.where, &server->store));
    if (there)
        server->identity = status;
    return NULL;
}

static void drop_store(struct server *server)
{
    if (server->store)
        store_close(server->store);
    server->store = NULL;
}

/* ---- responses */

static void add_headers(struct MHD_Response *response)
{
    static const char
        *const headers[][2] =
            {
                {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src "
                                            "'self'; "
                                            "style-src-attr 'unsafe-hashes' "
                                            "'sha256-MJyOH6fkfzWPCLv2CfAAYjOtxkqoLBYZsmiMyy1D4sc=';"
                                            " " /* what dygraphs measures a letter with */
                                            "img-src 'self' data:; "
                                            "connect-src 'self'; base-uri 'none'; form-action "
                                            "'none'; frame-ancestors 'none'"},
                {"X-Content-Type-Options", "nosniff"},
                {"Referrer-Policy", "no-referrer"},
                {"Cross-Origin-Opener-Policy", "same-origin"},
                {"Cross-Origin-Resource-Policy", "same-origin"},
            };
    for (size_t i = 0; i < LENGTH_OF(headers); i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response, const char *type, bool keep)
{
    if (!response)
        return MHD_NO;
    add_headers(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (!keep)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

/* Takes the text. */
static enum MHD_Result queue_text(struct MHD_Connection *connection, unsigned status, char *text,
                                  const char *type)
{
    size_t length = strlen(text);
    enum MHD_Result queued =
        queue(connection, status,
              MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE), type, false);
    if (length > TRIM_FROM)
        malloc_trim(0);
    return queued;
}

static enum MHD_Result complain(struct MHD_Connection *connection, unsigned status,
                                const char *line)
{
    json_t *json = json_pack("{s:o}", "error", value_text(line));
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text ? queue_text(connection, status, text, "application/json") : MHD_NO;
}

static unsigned status_of(const struct error *error)
{
    switch (error_code(error)) {
    case ERROR_BAD_DATA:
        return MHD_HTTP_BAD_REQUEST;
    case ERROR_NOT_FOUND:
        return MHD_HTTP_NOT_FOUND;
    default:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    }
}

/* Takes the error. `store`: it came from opening the store, so that no question is to blame. */
static enum MHD_Result complain_error(struct server *server, struct MHD_Connection *connection,
                                      struct error *error, bool store)
{
    bool broken = store || strstr(error_message(error), "the store ");
    unsigned status = broken ? MHD_HTTP_SERVICE_UNAVAILABLE : status_of(error);
    enum MHD_Result queued = complain(connection, status, error_message(error));
    if (broken)
        drop_store(server);
    error_destroy(error);
    return queued;
}

/* ---- routes */

struct route {
    const char *path, *allowed;
    answer_function *answer;
};

static const struct route routes[] = {
    {"/api/v1/machine", "", answer_machine},
    {"/api/v1/programs", "", answer_programs},
    {"/api/v1/program", "program", answer_program},
    {"/api/v1/series", "program metric from to points", answer_series},
    {"/api/v1/at", "life at", answer_moment},
    {"/api/v1/inspections", "life", answer_inspections},
    {"/api/v1/inspection", "id", answer_inspection},
};
static const char export_allowed[] = "program from to points format";

static struct source source_of(struct server *server)
{
    return (struct source){.store = server->store,
                           .where = server->shown,
                           .now_ms = now_ms(),
                           .interval_ms = server->serving.interval_ms};
}

static enum MHD_Result answer_json(struct server *server, struct MHD_Connection *connection,
                                   const struct route *route, const struct question *question)
{
    json_t *json = NULL;
    struct error *error = open_store(server);
    if (error)
        return complain_error(server, connection, error, true);
    struct source source = source_of(server);
    error = route->answer(&source, question, &json);
    if (error)
        return complain_error(server, connection, error, false);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (!text)
        return complain(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                        "the answer could not be written");
    return queue_text(connection, MHD_HTTP_OK, text, "application/json");
}

static enum MHD_Result answer_prometheus(struct server *server, struct MHD_Connection *connection)
{
    struct text text = {0};
    struct error *error = open_store(server);
    if (error)
        return complain_error(server, connection, error, true);
    struct source source = source_of(server);
    error = answer_metrics(&source, &text);
    if (!error)
        return queue_text(connection, MHD_HTTP_OK, text.bytes,
                          "text/plain; version=0.0.4; charset=utf-8");
    text_deinit(&text);
    return complain_error(server, connection, error, false);
}

/* ---- exports */

struct stream {
    struct server *server;
    struct export *export;
    struct text text;
    size_t at;
};

static ssize_t stream_read(void *context, uint64_t position, char *buffer, size_t room)
{
    struct stream *stream = context;
    (void)position;
    atomic_store(&stream->server->last_ms, clock_now_ns() / 1000000);
    if (stream->at == stream->text.length) {
        text_clear(&stream->text);
        stream->at = 0;
        struct error *error = open_store(stream->server);
        if (error_ignore(error) ||
            !export_next(stream->export, stream->server->store, &stream->text))
            return MHD_CONTENT_READER_END_OF_STREAM;
    }
    size_t left = stream->text.length - stream->at;
    size_t length = left < room ? left : room;
    memcpy(buffer, stream->text.bytes + stream->at, length);
    stream->at += length;
    return (ssize_t)length;
}

static void stream_free(void *context)
{
    struct stream *stream = context;
    export_end(stream->export);
    text_deinit(&stream->text);
    free(stream);
    malloc_trim(0);
}

static enum MHD_Result answer_export(struct server *server, struct MHD_Connection *connection,
                                     const struct question *question)
{
    struct export *export = NULL;
    struct error *error = open_store(server);
    if (error)
        return complain_error(server, connection, error, true);
    struct source source = source_of(server);
    error = export_begin(&source, question, &export);
    if (error)
        return complain_error(server, connection, error, false);
    struct stream *stream = xcalloc(1, sizeof(*stream));
    *stream = (struct stream){.server = server, .export = export};
    const char *type = export_type(export);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, EXPORT_BLOCK, stream_read, stream, stream_free);
    if (response)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION,
                                strstr(type, "csv") ? "attachment; filename=\"seep.csv\""
                                                    : "attachment; filename=\"seep.jsonl\"");
    return queue(connection, MHD_HTTP_OK, response, type, false);
}

/* ---- the page's files */

static bool accepts_gzip(struct MHD_Connection *connection)
{
    const char *accepted =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    return accepted && strstr(accepted, "gzip");
}

static enum MHD_Result answer_asset(struct MHD_Connection *connection, const struct asset *asset)
{
    const char *known =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    bool same = known && strstr(known, asset->tag), packed = accepts_gzip(connection);
    char *plain = same || packed ? NULL : asset_inflate(asset);
    struct MHD_Response *response =
        same     ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
        : packed ? MHD_create_response_from_buffer(asset->length, (void *)(uintptr_t)asset->bytes,
                                                   MHD_RESPMEM_PERSISTENT)
                 : MHD_create_response_from_buffer(plain ? asset->plain_length : 0, plain,
                                                   MHD_RESPMEM_MUST_FREE);
    if (response) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, asset->tag);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
        MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
        if (packed && !same)
            MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    return queue(connection, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response, asset->type,
                 true);
}

/* ---- requests */

static enum MHD_Result add_parameter(void *context, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct query *query = context;
    (void)kind;
    query->crowded = query->count == PARAMETERS_MAX;
    if (query->crowded)
        return MHD_NO;
    query->parameters[query->count++] = (struct parameter){name, value ? value : ""};
    return MHD_YES;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static struct claims claims_of(struct MHD_Connection *connection, const struct query *query)
{
    struct claims claims = {.host = header(connection, MHD_HTTP_HEADER_HOST),
                            .origin = header(connection, MHD_HTTP_HEADER_ORIGIN),
                            .authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
                            .cookie = header(connection, MHD_HTTP_HEADER_COOKIE)};
    for (size_t i = 0; i < query->count; i++) {
        if (!strcmp(query->parameters[i].name, "token"))
            claims.token = query->parameters[i].value;
    }
    return claims;
}

/* The token moves from the address, which is kept in histories and logs, to a cookie. */
static enum MHD_Result give_cookie(const struct server *server, struct MHD_Connection *connection)
{
    struct text cookie = {0};
    text_printf(&cookie, "seep_token=%s; Path=/; HttpOnly; SameSite=Strict",
                server->serving.guards.token);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_SET_COOKIE, cookie.bytes);
        MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, "/");
    }
    text_deinit(&cookie);
    return queue(connection, MHD_HTTP_SEE_OTHER, response, "text/plain", false);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_NO_TOKEN:
        return complain(connection, MHD_HTTP_UNAUTHORIZED,
                        "a token is wanted: 'Authorization: Bearer TOKEN', or /?token=TOKEN once");
    case VERDICT_BAD_ORIGIN:
        return complain(connection, MHD_HTTP_FORBIDDEN, "a page of another origin may not ask");
    default:
        return complain(connection, MHD_HTTP_FORBIDDEN,
                        "this Host is not the page's: localhost, 127.0.0.1 and [::1] are");
    }
}

static enum MHD_Result route(struct server *server, struct MHD_Connection *connection,
                             const char *path, const struct query *query)
{
    struct question question;
    const struct route *found = NULL;
    for (size_t i = 0; i < LENGTH_OF(routes); i++)
        found = strcmp(routes[i].path, path) ? found : &routes[i];
    bool metrics = !strcmp(path, "/metrics"), exports = !strcmp(path, "/export");
    const struct asset *asset = asset_find(path);
    if (asset)
        return answer_asset(connection, asset);
    if (!found && !metrics && !exports)
        return complain(connection, MHD_HTTP_NOT_FOUND, "there is nothing here: / is the page");
    AUTO_FREE char *wrong = question_read(query,
                                          found     ? found->allowed
                                          : exports ? export_allowed
                                                    : "",
                                          &question);
    if (wrong)
        return complain(connection, MHD_HTTP_BAD_REQUEST, wrong);
    if (metrics)
        return answer_prometheus(server, connection);
    return exports ? answer_export(server, connection, &question)
                   : answer_json(server, connection, found, &question);
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **state)
{
    struct server *server = context;
    struct query query = {.count = 0};
    (void)version;
    (void)upload;
    (void)state;
    atomic_store(&server->last_ms, clock_now_ns() / 1000000);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_parameter, &query);
    struct claims claims = claims_of(connection, &query);
    enum verdict verdict = guards_judge(&server->serving.guards, &claims);
    if (verdict == VERDICT_GIVE_COOKIE)
        return give_cookie(server, connection);
    if (verdict != VERDICT_WELCOME)
        return refuse(connection, verdict);
    if ((strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) ||
        *upload_size)
        return complain(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                        "only GET and HEAD: the page changes nothing");
    return route(server, connection, path, &query);
}

/* ---- */

struct error *server_start(const struct serving *serving, struct server **server_ret)
{
    struct server *server = xcalloc(1, sizeof(*server));
    server->serving = *serving;
    server->shown = text_escaped(serving->where, strlen(serving->where));
    server->last_ms = clock_now_ns() / 1000000;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handle, server,
        MHD_OPTION_LISTEN_SOCKET, serving->socket, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    if (!server->daemon) {
        free(server->shown);
        free(server);
        return error_create(ERROR_OS, "the page's server did not start");
    }
    *server_ret = server;
    return NULL;
}

int64_t server_last_ms(const struct server *server)
{
    return atomic_load(&server->last_ms);
}

void server_stop(struct server *server)
{
    /* Else it would shut the socket down, which is the agent's, too. */
    MHD_quiesce_daemon(server->daemon);
    MHD_stop_daemon(server->daemon);
    drop_store(server);
    free(server->shown);
    free(server);
}
