/* What is at which address, and what it may be asked with. */
#include <string.h>
#include <time.h>

#include "base/notice.h"
#include "serve/answer.h"
#include "serve/respond.h"
#include "serve/server_internal.h"

enum {
    AHEAD_MOST_MS = 3600 * 1000,
    DIGITS = 15 /* of a number: so that 0.94 stays 0.94 */
};

struct place {
    const char *path, *wanted; /* as of question_read() */
    answer_function *answer;   /* JSON; NULL: something of its own */
};

static const struct place places[] = {
    {"/api/v1/machine", "", answer_machine},
    {"/api/v1/programs", "", answer_programs},
    {"/api/v1/program", "program!", answer_program},
    {"/api/v1/at", "life! at!", answer_moment},
    {"/api/v1/inspections", "life!", answer_inspections},
    {"/api/v1/inspection", "id!", answer_inspection},
    {"/api/v1/series", "program! metric! from to points", NULL},
    {"/metrics", "", NULL},
    {"/export", "program! from to points format", NULL},
};

/* ---- what all answer from */

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* After the clock was set back the agent's goes on ahead of it for a while (agent/wall.h). */
static int64_t now_of(struct store *store)
{
    int64_t now_ms = wall_ms(), said_ms = 0;
    AUTO_FREE char *json = NULL;
    if (error_ignore(store_agent(store, &json, &said_ms)))
        return now_ms;
    return said_ms > now_ms && said_ms - now_ms < AHEAD_MOST_MS ? said_ms : now_ms;
}

struct source source_of(struct server *server)
{
    free(server->said);
    server->said = server->serving.notice >= 0 ? notice_read(server->serving.notice) : NULL;
    return (struct source){.store = server->reader.store,
                           .where = server->reader.shown,
                           .file_bytes = (uint64_t)server->reader.file.st_size,
                           .now_ms = now_of(server->reader.store),
                           .interval_ms = server->serving.interval_ms,
                           .said = server->said};
}

/* ---- errors */

static unsigned status_of(const struct error *error)
{
    return error_code(error) == ERROR_NOT_FOUND ? MHD_HTTP_NOT_FOUND : MHD_HTTP_SERVICE_UNAVAILABLE;
}

enum MHD_Result complain_error(struct server *server, struct MHD_Connection *connection,
                               struct error *error, bool asked)
{
    unsigned status = asked ? status_of(error) : MHD_HTTP_SERVICE_UNAVAILABLE;
    enum MHD_Result queued = respond_complaint(connection, status, error_message(error));
    if (status != MHD_HTTP_NOT_FOUND)
        reader_drop(&server->reader);
    error_destroy(error);
    return queued;
}

/* ---- answers */

static enum MHD_Result answer_json(struct server *server, struct MHD_Connection *connection,
                                   answer_function *answer, const struct question *question)
{
    json_t *json = NULL;
    struct source source = source_of(server);
    struct error *error = answer(&source, question, &json);
    if (error)
        return complain_error(server, connection, error, true);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS)) : NULL;
    json_decref(json);
    if (!text)
        return respond_complaint(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                                 "the answer could not be written");
    return respond_text(connection, MHD_HTTP_OK, text, strlen(text), "application/json");
}

static enum MHD_Result answer_text(struct server *server, struct MHD_Connection *connection,
                                   const struct question *question, bool series)
{
    struct text text = {0};
    struct source source = source_of(server);
    struct error *error =
        series ? answer_series(&source, question, &text) : answer_metrics(&source, &text);
    if (error) {
        text_deinit(&text);
        return complain_error(server, connection, error, true);
    }
    return respond_text(connection, MHD_HTTP_OK, text.bytes, text.length,
                        series ? "application/json" : "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result answer_at(struct server *server, struct MHD_Connection *connection,
                                 const struct place *place, const struct question *question)
{
    if (respond_is_full())
        return respond_busy(connection);
    struct error *error = reader_open(&server->reader);
    if (error)
        return complain_error(server, connection, error, false);
    if (place->answer)
        return answer_json(server, connection, place->answer, question);
    if (!strcmp(place->path, "/export"))
        return stream_export(server, connection, question);
    return answer_text(server, connection, question, question->program != NULL);
}

enum MHD_Result route(struct server *server, struct MHD_Connection *connection,
                      const struct query *query)
{
    const struct asset *asset = asset_find(query->path);
    if (asset)
        return respond_asset(connection, asset);
    for (size_t i = 0; i < LENGTH_OF(places); i++) {
        struct question question;
        if (strcmp(places[i].path, query->path) != 0)
            continue;
        AUTO_FREE char *wrong = question_read(query, places[i].wanted, &question);
        return wrong ? respond_complaint(connection, MHD_HTTP_BAD_REQUEST, wrong)
                     : answer_at(server, connection, &places[i], &question);
    }
    return respond_complaint(connection, MHD_HTTP_NOT_FOUND,
                             "there is nothing here: / is the page");
}
