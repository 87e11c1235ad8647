/* One process that is watched: who it is, what was seen of it last, and what is thought of it. Filled by sampling (watched.c), judged by judge.c. */
#ifndef SEEP_AGENT_WATCHED_H
#define SEEP_AGENT_WATCHED_H

#include "agent/cgroup.h"
#include "agent/kills.h"
#include "agent/pauses.h"
#include "agent/share.h"
#include "agent/tally.h"
#include "agent/vitals.h"
#include "store/store.h"
#include "trend/accumulation.h"
#include "trend/climb.h"

enum {
    TRACKED_MAX = 48,  /* sites of one process whose counts are kept */
    TRACKED_LEAST = 4, /* from so many goroutines or deferred calls on */
    OPEN_CALLS_MAX = 16
};

/* A site of this process: a group of the tally that is large enough to have a name and a series. */
struct tracked {
    uint32_t site; /* 0: not named yet */
    enum site_kind kind;
    address place;
    uint8_t reason, wait_kind;
    uint32_t count, written;
    bool named, here; /* its places are known; it is in the newest tally */
    unsigned asked;   /* how often its places were asked for */
    int64_t written_boot_ms;
    char *at_function, *at_file, *started_function, *started_file; /* NULL until it is named */
    int32_t at_line, started_line;
    struct accumulation rise;
    enum accumulation_state state;
    uint32_t call; /* 0: none is open */
};

/* A call of this life that is open. */
struct open_call {
    struct call call;
    double bytes_each;       /* held by each of what piles up; NAN unknown */
    bool told;               /* people were told that it was opened */
    int64_t renewed_boot_ms; /* when its texts were last brought up to date */
    bool orphan;             /* of an earlier run of the agent: its site was not seen again yet */
};

struct watched {
    struct life life;
    bool life_changed, stale; /* to be written; its program changed: asked about anew */
    struct vitals_source source;
    struct recipe recipe;
    bool has_recipe;
    struct cgroup *cgroup; /* NULL unknown */
    struct kills kills,
        kills_next; /* when the machine's count had changed and it was still alive; at the beginning of this tick */

    struct vitals vitals;
    int64_t began_boot_ms, sampled_boot_ms; /* 0: never */
    uint64_t cpu_ms_before;
    double cpu_share;
    struct counters counters;
    uint64_t limit_bytes; /* the least that binds it; UINT64_MAX: none */

    struct tally tally;
    bool tallied;
    int64_t tally_boot_ms; /* of the last tally */
    struct tracked_list VECTOR_OF(struct tracked) tracked;

    struct trend trend;
    uint32_t trend_series;    /* what it is fed with */
    struct standing standing; /* by the trend of bytes alone */
    int published;            /* the state that was written last; -1: none */
    char *published_why;      /* and its words */
    struct open_calls VECTOR_OF(struct open_call) calls;

    /* Closer looks. */
    uint32_t job; /* of seep-look; 0: none runs */
    bool wants_names, wants_inspection;
    int64_t named_boot_ms; /* when names were asked for last */
    char *why_inspect;     /* NULL or why, for people */
    int64_t inspected_boot_ms;
    double inspect_cpu_s;        /* today */
    struct pause_account pauses; /* by inspections */
    int64_t inspect_day;
    unsigned fruitless; /* inspections in a row that named nothing new */
};

/* Takes the life over. */
struct watched *watched_create(struct life life, struct vitals_source source);
void watched_destroy(struct watched *watched, struct cgroups *cgroups);

/* The times of one sampling. */
struct moment {
    int64_t now_ms, boot_ms;
    int64_t interval_ms;
    bool slow;                /* the dearer numbers, too: descriptors, control group */
    struct share tally_share; /* how often goroutines are counted */
    uint64_t available_bytes; /* memory of the machine */
};

/* Reads all that is known of it now and adds it to the batch. False if it is gone. */
bool watched_sample(struct watched *watched, const struct cgroups *cgroups,
                    const struct moment *moment, struct batch *batch);

/* What the trend looks at now; false if it is not known. */
bool watched_signal(const struct watched *watched, uint32_t *series_ret, double *value_ret);

#endif
