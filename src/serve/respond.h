/* Answers as HTTP: their headers, complaints, and the page's files. */
#ifndef SEEP_SERVE_RESPOND_H
#define SEEP_SERVE_RESPOND_H

#include <microhttpd.h>
#include <stdbool.h>

#include "serve/assets.h"

/* Queues a response with the headers that all have, and gives it up; `response` may be NULL (no memory): then the connection ends. */
enum MHD_Result respond(struct MHD_Connection *connection, unsigned status,
                        struct MHD_Response *response, const char *type);

/* Takes the text. */
enum MHD_Result respond_text(struct MHD_Connection *connection, unsigned status, char *text,
                             size_t length, const char *type);

/* True if clients have left so many answers untaken that no more of them should be made. */
bool respond_is_full(void);

/* {"error": "line"} */
enum MHD_Result respond_complaint(struct MHD_Connection *connection, unsigned status,
                                  const char *line);

/* For when too much is on its way to others. */
enum MHD_Result respond_busy(struct MHD_Connection *connection);

enum MHD_Result respond_asset(struct MHD_Connection *connection, const struct asset *asset);

/* True if an Accept-Encoding (NULL: none) takes gzip. */
bool accepts_gzip(const char *accepted);

#endif
