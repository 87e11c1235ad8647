/* A made-up history: who lived when, and how its memory moved. All is a function of a seed and a time, so that the same story comes out
 * each time. */
#ifndef SEEP_TESTS_STORE_ROLE_H
#define SEEP_TESTS_STORE_ROLE_H

#include "store/store.h"

/* One life. Times are parts of the story: 0 its beginning, 1 its end. */
struct role {
    const char *program, *name, *unit;
    uint32_t lane;
    const char *release;
    unsigned build; /* equal for equal builds, 1 … */
    enum life_kind kind;
    enum life_end end;     /* LIFE_RUNS: to the end of the story */
    double from, to;       /* `from` below 0: it ran before anything was watched */
    double base_mib;       /* heap live */
    double swing;          /* of it with the day's load */
    double warm_mib;       /* it fills up by so much … */
    double warm_part;      /* … with this time constant, as a part of the story */
    double grows_mib;      /* heap live, by the end of the life, with no cause that is seen */
    double goroutines;     /* that have leaked by the end of the life */
    double defers;         /* pending by then */
    double trim_at;        /* a part of the story at which memory is given back; 0 never */
    double limit_mib;      /* 0: none */
    bool blind;            /* the heap cannot be read */
    bool goes_up_and_down; /* a cache that is emptied when it is full */
    enum standing_state state;
};

struct story {
    int64_t begin_ms, end_ms;
    uint64_t seed;
};

struct cast {
    struct roles VECTOR_OF(struct role) roles;
    char **names; /* of plain programs */
    size_t name_count;
};

enum {
    SITES_A_BUILD = 3
};

/* The sites of a build: where goroutines leak, where they wait for clients, where deferred calls pile up. */
enum {
    SITE_LEAK,
    SITE_CLIENTS,
    SITE_DEFER
};

static inline uint32_t role_site(const struct role *role, unsigned which)
{
    return role->build * SITES_A_BUILD + which + 1;
}

/* The story's own lives, then so many plain programs. */
void cast_init(struct cast *cast, bool story, unsigned plain, uint64_t seed);
void cast_deinit(struct cast *cast);

int64_t role_begins_ms(const struct role *role, const struct story *story);
int64_t role_ends_ms(const struct role *role, const struct story *story);

/* Some number in [0, 1) that only depends on these. */
double chance(const struct story *story, uint64_t what, uint64_t when);

/* All samples of one life at one time. */
void role_samples(const struct role *role, uint32_t life, const struct story *story, int64_t at_ms,
                  struct samples *samples);

/* How many goroutines have leaked, or calls are pending, at a time. */
double role_leaked(const struct role *role, const struct story *story, int64_t at_ms);
double role_pending(const struct role *role, const struct story *story, int64_t at_ms);

/* What is said of one life: the records of role_records.c. */
struct life role_life(const struct role *role, uint32_t id, const struct story *story,
                      int64_t now_ms);
void role_sites(const struct role *role, struct site_records *sites);
struct standing role_standing(const struct role *role, uint32_t life, const struct story *story,
                              int64_t now_ms);
/* NULL title: nothing is called. `which`: 0 or 1. */
struct call role_call(const struct role *role, uint32_t life, unsigned which, uint32_t id,
                      const struct story *story, int64_t now_ms);
struct inspection_record role_inspection(const struct role *role, uint32_t life, uint32_t id,
                                         const struct story *story, int64_t now_ms);

#endif
