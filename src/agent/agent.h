/* The agent: samples every Go process of the machine, judges, looks closer where something climbs, keeps all of it in the store, and tells people. One thread, one loop (main.c); a tick is one
 * sampling of everything. */
#ifndef SEEP_AGENT_AGENT_H
#define SEEP_AGENT_AGENT_H

#include "agent/backlog.h"
#include "agent/families.h"
#include "agent/kills.h"
#include "agent/looker.h"
#include "agent/outbox.h"
#include "agent/page.h"
#include "agent/roster.h"
#include "agent/settings.h"
#include "agent/wall.h"
#include "agent/watched.h"

enum {
    LINES_A_TICK = 10, /* about processes that come and go */
    WATCHED_MAX = 4096,
    SITES_KNOWN_MAX = 2048,
    DAY_MS = 24 * 3600 * 1000 /* of budgets */
};

enum job_kind {
    JOB_RECIPES,
    JOB_SITES,
    JOB_INSPECT
};

/* What seep-look was asked. */
struct job {
    uint32_t id; /* of the looker */
    enum job_kind kind;
    uint32_t life;            /* JOB_SITES, JOB_INSPECT */
    uint64_t pause_us;        /* JOB_INSPECT: what it may stop the process for */
    struct roster_picks pids; /* JOB_RECIPES: in the order of the answers */
    struct asked_sites VECTOR_OF(struct asked_site {
        address place;
        enum site_kind kind;
        uint8_t reason;
    }) sites;
};

struct agent {
    struct settings settings;
    struct wall wall;
    int64_t started_ms;
    int proc, cgroup_root;
    char *boot_id;
    char *host;
    struct cgroups cgroups;
    struct roster roster;
    struct roster_picks candidates; /* to be asked about */
    struct watched_list VECTOR_OF(struct watched *) watched;
    uint64_t kills,
        kills_next;          /* of the machine, at the beginning of the last tick and of this one */
    struct lives unfinished; /* of the store, whose processes still run: to be taken up again */
    struct families families;
    struct site_records sites; /* that have ids */
    struct looker looker;
    struct jobs VECTOR_OF(struct job) jobs;
    struct page page;
    struct outbox outbox;
    struct backlog backlog;
    struct batch batch;    /* of this tick */
    struct store_ids last; /* ids given */
    int64_t ticks;
    unsigned said;            /* lines about processes that came or went, in this tick */
    int64_t slow_boot_ms;     /* when the dearer numbers are due */
    int64_t maintain_boot_ms; /* when the store is to be looked after */
    int64_t day;              /* of the budgets below */
    double inspect_cpu_s;     /* of all today */
    uint64_t paused_us;       /* all processes together, since the agent started */
    uint64_t unreadable;      /* Go processes that could not be read, at the last count */
    char *unreadable_why;     /* of one of them */
    char *store_note;         /* while the store cannot be written: why */
    bool told_failing;        /* what the page was told last, and when */
    int64_t told_boot_ms;
};

/* All that must be there before the first tick. Takes the settings. Errors are for people. */
struct error *agent_create(struct settings settings, struct agent **agent_ret) NODISCARD;
void agent_destroy(struct agent *agent);

/* One sampling of everything. */
void agent_tick(struct agent *agent);

/* Between two ticks: children that have ended, housekeeping. True if there is more to do at once. */
bool agent_between(struct agent *agent);

/* One line for people: to the journal or standard error. `warning`: a call, or something is wrong. */
void agent_say(bool warning, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
