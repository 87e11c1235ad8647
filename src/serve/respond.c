#include "serve/respond.h"

#include <jansson.h>
#include <malloc.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

enum {
    TRIM_FROM = 1 << 18,     /* after an answer of this size memory is given back */
    WAITING_MOST = 16 << 20, /* of all answers; the one that goes over it is still sent */
};

/* dygraphs measures a letter with one style attribute: its hash is the exception. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-hashes' "
    "'sha256-MJyOH6fkfzWPCLv2CfAAYjOtxkqoLBYZsmiMyy1D4sc='; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void add_headers(struct MHD_Response *response, unsigned status)
{
    static const char *const headers[][2] = {
        {"Content-Security-Policy", policy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < LENGTH_OF(headers); i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    if (!MHD_get_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
}

enum MHD_Result respond(struct MHD_Connection *connection, unsigned status,
                        struct MHD_Response *response, const char *type)
{
    if (!response)
        return MHD_NO;
    add_headers(response, status);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

/* Texts that clients have not taken yet. */
static size_t waiting_bytes;

bool respond_is_full(void)
{
    return waiting_bytes >= WAITING_MOST;
}

struct waiting {
    char *text;
    size_t length;
};

static void on_taken(void *context)
{
    struct waiting *waiting = context;
    waiting_bytes -= waiting->length;
    free(waiting->text);
    if (waiting->length >= TRIM_FROM)
        malloc_trim(0);
    free(waiting);
}

/* Takes the text; NULL without memory. */
static struct MHD_Response *response_of_text(char *text, size_t length)
{
    struct waiting *waiting = xmalloc(sizeof(*waiting));
    *waiting = (struct waiting){text, length};
    waiting_bytes += length;
    if (length >= TRIM_FROM)
        malloc_trim(0); /* what it was made of */
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback_cls(length, text, on_taken, waiting);
    if (!response)
        on_taken(waiting);
    return response;
}

enum MHD_Result respond_text(struct MHD_Connection *connection, unsigned status, char *text,
                             size_t length, const char *type)
{
    return respond(connection, status, response_of_text(text, length), type);
}

enum MHD_Result respond_complaint(struct MHD_Connection *connection, unsigned status,
                                  const char *line)
{
    json_t *json = json_pack("{s:s}", "error", line);
    char *text = json ? json_dumps(json, JSON_COMPACT) : xstrdup("{\"error\":\"?\"}");
    json_decref(json);
    return text ? respond_text(connection, status, text, strlen(text), "application/json") : MHD_NO;
}

enum MHD_Result respond_busy(struct MHD_Connection *connection)
{
    return respond_complaint(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                             "others have not taken their answers yet: ask again");
}

/* ---- the page's files */

bool accepts_gzip(const char *accepted)
{
    while (accepted && *accepted) {
        accepted += strspn(accepted, ", \t");
        size_t length = strcspn(accepted, ",; \t");
        const char *end = accepted + strcspn(accepted, ",");
        const char *weight = accepted + length + strspn(accepted + length, " \t;");
        bool gzip = length == 4 && !strncasecmp(accepted, "gzip", length);
        /* "q=0", "q=0.000": not at all */
        if (gzip && weight < end && !strncasecmp(weight, "q=0", 3))
            return strspn(weight + 3, ".0") != strcspn(weight + 3, ", \t");
        if (gzip)
            return true;
        accepted = end;
    }
    return false;
}

static struct MHD_Response *asset_response(const struct asset *asset, bool packed)
{
    if (packed)
        return MHD_create_response_from_buffer(asset->length, (void *)(uintptr_t)asset->bytes,
                                               MHD_RESPMEM_PERSISTENT);
    char *plain = asset_inflate(asset);
    return plain ? response_of_text(plain, asset->plain_length) : NULL;
}

enum MHD_Result respond_asset(struct MHD_Connection *connection, const struct asset *asset)
{
    const char *known =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    bool same = known && strstr(known, asset->tag);
    bool packed = accepts_gzip(
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    if (!same && !packed && respond_is_full())
        return respond_busy(connection);
    struct MHD_Response *response =
        same ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT)
             : asset_response(asset, packed);
    if (response) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, asset->tag);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
        MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
        if (packed && !same)
            MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    }
    return respond(connection, same ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, response, asset->type);
}
