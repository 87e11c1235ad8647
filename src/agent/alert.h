/* An alert as a program gets it: docs/alerts.md, docs/alert.schema.json. */
#ifndef SEEP_AGENT_ALERT_H
#define SEEP_AGENT_ALERT_H

#include "store/records.h"

/* The JSON text, newly made; NULL if there is no memory. `page_url`: of the page, or NULL. */
char *alert_json(const struct life *life, const struct call *call, const char *host,
                 const char *page_url);

#endif
