#include "serve/respond.h"

#include <jansson.h>
#include <malloc.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

enum {
    TRIM_FROM = 1 << 18 /* after an answer of this size memory is given back */
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

static void free_and_trim(void *text)
{
    free(text);
    malloc_trim(0);
}

enum MHD_Result respond_text(struct MHD_Connection *connection, unsigned status, char *text,
                             size_t length, const char *type)
{
    MHD_ContentReaderFreeCallback done = length >= TRIM_FROM ? free_and_trim : free;
    if (length >= TRIM_FROM)
        malloc_trim(0); /* what it was made of */
    return respond(connection, status,
                   MHD_create_response_from_buffer_with_free_callback(length, text, done), type);
}

enum MHD_Result respond_complaint(struct MHD_Connection *connection, unsigned status,
                                  const char *line)
{
    json_t *json = json_pack("{s:s}", "error", line);
    char *text = json ? json_dumps(json, JSON_COMPACT) : xstrdup("{\"error\":\"?\"}");
    json_decref(json);
    return text ? respond_text(connection, status, text, strlen(text), "application/json") : MHD_NO;
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
    return plain
               ? MHD_create_response_from_buffer(asset->plain_length, plain, MHD_RESPMEM_MUST_FREE)
               : NULL;
}

enum MHD_Result respond_asset(struct MHD_Connection *connection, const struct asset *asset)
{
    const char *known =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
    bool same = known && strstr(known, asset->tag);
    bool packed = accepts_gzip(
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_ENCODING));
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
