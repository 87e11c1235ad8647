/* What settings may be, whoever wrote them: options and the file ask the same. Each error says what is wanted, without the name of the setting. */
#ifndef SEEP_AGENT_SETTINGS_CHECK_H
#define SEEP_AGENT_SETTINGS_CHECK_H

#include "agent/settings.h"

struct error *check_interval(int64_t interval_ms) NODISCARD;
struct error *check_pause(int64_t pause_ms) NODISCARD;  /* of one inspection */
struct error *check_http(const char *url) NODISCARD;    /* an address of the web */
struct error *check_header(const char *line) NODISCARD; /* "Name: value" (RFC 9110, 5.1 and 5.5) */
struct error *check_keep(const struct store_limits *keep) NODISCARD;

#endif
