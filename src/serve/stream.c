/* An export on its way: piece by piece, as the client takes them, so that a year of samples needs no more memory than a few hours of it. */
#include <malloc.h>
#include <string.h>

#include "serve/answer.h"
#include "serve/respond.h"
#include "serve/server_internal.h"

enum {
    BLOCK = 32 << 10,
    STREAMS_MAX = 16 /* at a time: each holds a piece */
};

struct stream {
    struct server *server;
    struct MHD_Connection *connection;
    struct visitor *visitor;
    struct export *export;
    uint64_t openings; /* of the reader, when it began */
    struct text text;
    size_t at;
};

/* The next piece; *more_ret false at the end. */
static struct error *refill(struct stream *stream, bool *more_ret)
{
    struct reader *reader = &stream->server->reader;
    text_clear(&stream->text);
    stream->at = 0;
    TRY(reader_open(reader));
    if (reader->openings != stream->openings)
        return error_create(ERROR_GONE, "the store was replaced");
    return export_next(stream->export, reader->store, &stream->text, more_ret);
}

/* That nothing was sent is not the client's fault: its time begins anew, which it does when it was switched off. */
static void excuse(struct stream *stream)
{
    MHD_set_connection_option(stream->connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    MHD_set_connection_option(stream->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)TIMEOUT_S);
}

static ssize_t stream_read(void *context, uint64_t position, char *buffer, size_t room)
{
    struct stream *stream = context;
    bool more = true;
    (void)position;
    stream->server->last_ms = server_clock_ms();
    visitor_goes_on(stream->visitor, PACE_STREAM, stream->server->last_ms);
    if (stream->at == stream->text.length) {
        struct error *error = refill(stream, &more);
        if (error_ignore(error))
            return MHD_CONTENT_READER_END_WITH_ERROR; /* the client sees that it is not all */
    }
    if (!more)
        return MHD_CONTENT_READER_END_OF_STREAM;
    size_t left = stream->text.length - stream->at;
    size_t length = left < room ? left : room;
    if (!length) {
        excuse(stream);
        return 0; /* not yet: it is asked again in the next turn, after the others */
    }
    memcpy(buffer, stream->text.bytes + stream->at, length);
    stream->at += length;
    return (ssize_t)length;
}

static void stream_free(void *context)
{
    struct stream *stream = context;
    stream->server->streams--;
    export_end(stream->export);
    text_deinit(&stream->text);
    free(stream);
    malloc_trim(0);
}

enum MHD_Result stream_export(struct server *server, struct MHD_Connection *connection,
                              const struct question *question)
{
    struct export *export = NULL;
    if (server->streams >= STREAMS_MAX)
        return respond_busy(connection);
    struct source source = source_of(server);
    struct error *error = export_begin(&source, question, &export);
    if (error)
        return complain_error(server, connection, error, true);
    struct stream *stream = xcalloc(1, sizeof(*stream));
    *stream = (struct stream){.server = server,
                              .connection = connection,
                              .visitor = visitor_of(connection),
                              .export = export,
                              .openings = server->reader.openings};
    server->streams++;
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, BLOCK, stream_read, stream, stream_free);
    if (!response) {
        stream_free(stream);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_DISPOSITION,
                            question->json ? "attachment; filename=\"seep.json\""
                                           : "attachment; filename=\"seep.csv\"");
    visitor_goes_on(stream->visitor, PACE_STREAM, server_clock_ms());
    return respond(connection, MHD_HTTP_OK, response,
                   question->json ? "application/json" : "text/csv; charset=utf-8");
}
