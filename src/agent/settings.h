/* What the agent was told to do. People write options and a file (cli/cmd_watch.c, cli/watch_file.c); the agent gets all of it as one JSON
 * document through a descriptor, so that nothing of it, such as the webhook's address, stands on a command line. */
#ifndef SEEP_AGENT_SETTINGS_H
#define SEEP_AGENT_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"
#include "store/store.h"

struct patterns VECTOR_OF(char *); /* as of fnmatch(3); owned */

struct settings {
    char *store;   /* where: a file or a URL */
    char *address; /* to listen on; NULL: no page */
    uint16_t port;
    int64_t interval_ms;
    char *token_file;            /* NULL: none */
    char *page_url;              /* of the page, for links in alerts; NULL: none */
    char *webhook;               /* URL; NULL: none */
    struct patterns headers;     /* of the webhook: "Name: value" */
    struct patterns only, never; /* names of programs to watch; `only` empty: all */
    struct store_limits keep;
    bool inspect;                     /* look closer where something climbs */
    double inspect_process_cpu_s;     /* per process and day */
    double inspect_all_cpu_s;         /* of all per day */
    uint64_t inspect_memory_bytes;    /* of one inspection */
    int64_t inspect_pause_ms;         /* of one inspection: its process is stopped once; 0: never */
    int64_t inspect_process_pause_ms; /* per process and day */
    int64_t inspect_wall_ms; /* of one inspection, the wait between its looks not counted */
};

/* All defaults; the store is NULL. */
struct settings settings_default(void);
void settings_deinit(struct settings *settings);

/* The document, newly made, and back: ERROR_BAD_DATA names the key. */
char *settings_to_json(const struct settings *settings);
struct error *settings_from_json(const char *json, struct settings *settings_ret) NODISCARD;

/* True if inspections may stop a process. */
bool settings_may_pause(const struct settings *settings);

/* True if a program of this name (escaped) is to be watched. */
bool settings_wants(const struct settings *settings, const char *name);

/* "127.0.0.1:7337", "[::1]:80", ":7337" (all addresses), "none". Sets address and port; ERROR_BAD_DATA says what is wrong. */
struct error *settings_listen(struct settings *settings, const char *text) NODISCARD;

/* True if the address is reached from this machine only. */
bool settings_is_loopback(const struct settings *settings);

#endif
