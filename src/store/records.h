/* What the store keeps beside the numbers: lives, markers, sites, standings, calls, inspections. All texts that come from a process are
 * escaped by whoever makes the record (base/text.h). Times are Unix milliseconds of the agent's steady wall clock (agent/wall.h: it
 * never runs backwards within one run of the agent). Ids are given by the agent, from 1 on, unique within a store; 0 is none. */
#ifndef SEEP_STORE_RECORDS_H
#define SEEP_STORE_RECORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vector.h"

/* How a life began, compared with the one before it of the same program and lane. */
enum life_kind {
    LIFE_FIRST,    /* none before it is known */
    LIFE_RESTART,  /* the same release */
    LIFE_RELEASE,  /* a release that was first seen after that */
    LIFE_ROLLBACK, /* a release that was first seen before that */
};

enum life_end {
    LIFE_RUNS,
    LIFE_EXITED,        /* how is not known from outside */
    LIFE_OUT_OF_MEMORY, /* the kernel's OOM killer: oom_kill of its control group went up */
    LIFE_EXEC,          /* it became another program */
    LIFE_LOST           /* the agent did not run when it ended */
};

/* One process from start to end: (boot id, pid, start time). */
struct life {
    uint32_t id;
    char
        *program; /* its key over releases and restarts: "agent" or "agent@api.service"; see lane */
    uint32_t lane; /* 0, or more where several processes of one program run at a time */
    char *name;    /* base name of the executable, else comm */
    char *unit;    /* systemd unit, container or pod as the control group tells; "" if none */
    char *cgroup;  /* path of the control group */
    char *exe;     /* path of the executable */
    char *boot_id;
    pid_t pid;
    uint64_t start_ticks;
    int64_t started_ms, first_seen_ms, last_seen_ms;
    int64_t ended_ms; /* 0: runs */
    enum life_kind kind;
    enum life_end end;
    char *go_version;     /* "go1.26.8"; "" unknown, as below */
    char *module;         /* path of the main module */
    char *release;        /* what people know it by: module version, VCS revision, else build id */
    char *release_source; /* "module", "vcs", "build-id", "" */
    char *build_id;       /* Go's build id: equal for equal builds only */
    bool stripped;
    char *blind; /* "" or what cannot be seen of it, and why, as one line: "heap live: …" */
};

enum marker_kind {
    MARKER_TRIM,          /* memory fell by more than half within a life */
    MARKER_OUT_OF_MEMORY, /* the OOM killer came to its control group */
    MARKER_AGENT_START,   /* life 0 */
    MARKER_AGENT_GAP, /* life 0: nothing was sampled for `length_ms` before it (stopped, suspended) */
    MARKER_CLOCK_STEP, /* life 0: the wall clock was set by `length_ms` */
    MARKER_STORE_LOST, /* life 0: the store could not be written for `length_ms` before it */
};

struct marker {
    uint32_t life;
    int64_t at_ms, length_ms;
    enum marker_kind kind;
    char *text; /* one line, for people */
};

enum site_kind {
    SITE_GOROUTINES,
    SITE_DEFERS
};

/* A place in one build of a program whose count is kept as a series of its own. */
struct site_record {
    uint32_t id;
    enum site_kind kind;
    char *build_id;
    char *at_function, *at_file; /* where they wait, or the defer statement; "" unknown, as below */
    int32_t at_line;
    char *started_function,
        *started_file; /* the go statement; of SITE_DEFERS that of the goroutine */
    int32_t started_line;
    char *wait_reason; /* Go's words: "chan send" */
};

/* In the order of how much they matter. */
enum standing_state {
    STANDING_UNKNOWN, /* too young, or nothing can be read of it */
    STANDING_STEADY,
    STANDING_WARMING_UP,
    STANDING_SETTLING,
    STANDING_CLIMBING,
    STANDING_LEAKING
};

/* What is thought of a life now, and of what it rests on. NAN: unknown. One per life; the newest counts. */
struct standing {
    uint32_t life;
    int64_t at_ms; /* of the look */
    enum standing_state state;
    uint32_t series; /* what was looked at: SERIES_HEAP_LIVE, SERIES_RSS_ANON, a site's, … */
    double slope_per_s, slope_low, slope_high;
    double plateau;                                     /* settling: what it is heading for */
    double to_limit_s, to_limit_low_s, to_limit_high_s; /* INFINITY: never */
    double limit;
    int64_t warm_up_ends_ms;          /* 0 unknown */
    int64_t line_from_ms, line_to_ms; /* the line to draw: */
    double line_from, line_to;
    char *why; /* one line, for people */
};

/* A climb or a leak that was called: opened once per life and cause, resolved when it ends. */
struct call {
    uint32_t id;
    uint32_t life;
    char *
        cause; /* key: "bytes", or rule and place: "blocked-goroutines main.(*Agent).publish metrics.go:58" */
    enum standing_state state; /* STANDING_CLIMBING or STANDING_LEAKING */
    int64_t since_ms;          /* when it began, as far as it can be told */
    int64_t opened_ms;
    int64_t resolved_ms;                       /* 0: open */
    char *title;                               /* one line, for people */
    char *because;                             /* lines, '\n' between them */
    char *fix;                                 /* one line or "" */
    double slope_per_s, slope_low, slope_high; /* bytes, of the life's memory; NAN unknown */
    double count_per_s;                        /* of what piles up; NAN */
    double share;        /* of the climb that the cause accounts for, 0 … 1; NAN */
    uint32_t inspection; /* 0 or what it rests on */
};

/* One inspection of a life: `seep inspect --json` of that moment. */
struct inspection_record {
    uint32_t id;
    uint32_t life;
    int64_t at_ms;
    char *why;     /* "asked for by: goroutines at …" */
    char *json;    /* as docs/inspect.schema.json says; "" if it failed */
    char *problem; /* "" or why it failed */
    double cpu_s, wall_s;
    uint64_t peak_bytes;
};

struct lives VECTOR_OF(struct life);
struct markers VECTOR_OF(struct marker);
struct site_records VECTOR_OF(struct site_record);
struct standings VECTOR_OF(struct standing);
struct calls VECTOR_OF(struct call);
struct inspection_records VECTOR_OF(struct inspection_record);

void life_deinit(struct life *life);
void marker_deinit(struct marker *marker);
void site_record_deinit(struct site_record *site);
void standing_deinit(struct standing *standing);
void call_deinit(struct call *call);
void inspection_record_deinit(struct inspection_record *record);
void lives_deinit(struct lives *lives);
void markers_deinit(struct markers *markers);
void site_records_deinit(struct site_records *sites);
void standings_deinit(struct standings *standings);
void calls_deinit(struct calls *calls);
void inspection_records_deinit(struct inspection_records *records);

/* The words in JSON, CSV and /metrics: "restart", "out-of-memory", "clock-step", "climbing". */
const char *life_kind_name(enum life_kind kind);
const char *life_end_name(enum life_end end);
const char *marker_kind_name(enum marker_kind kind);
const char *site_kind_name(enum site_kind kind);
const char *standing_state_name(enum standing_state state);

#endif
