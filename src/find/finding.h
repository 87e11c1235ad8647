/* A statement about a leak: one struct, many writers (text, JSON, …). */
#ifndef SEEP_FIND_FINDING_H
#define SEEP_FIND_FINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vector.h"
#include "heap/heap.h"
#include "runtime/observation.h"

enum rule {
    RULE_DEFER_IN_LOOP,
    RULE_BLOCKED_GOROUTINES, /* of running programs: whatever they block on */
    /* Of running programs that were looked at twice, with some time between: under one holder. */
    RULE_GROWING_MAP,
    RULE_GROWING_SLICE,
    RULE_GROWING_TYPE,
    RULE_TIMERS, /* of running programs */
    /* Of code: the shapes of goroutines that can block for ever. */
    RULE_FAN_OUT_SEND,
    RULE_EARLY_RETURN,
    RULE_DOUBLE_SEND,
    RULE_ABANDONED_SENDER,
    RULE_RANGE_NEVER_CLOSED,
    RULE_LOST_CANCEL,
    RULE_WAITGROUP_STUCK,
    RULE_TIMER_LOOP,
    RULE_COUNT
};
enum grade {
    GRADE_POSSIBLE,
    GRADE_LIKELY,
    GRADE_CERTAIN
};

/* A source line; texts are escaped and owned. */
struct place {
    char *function; /* NULL: no place */
    char *file;     /* or NULL */
    int32_t line;   /* 0 unknown */
};

/* The module that a function is from. */
struct origin {
    char *module;  /* "example.com/agent"; "std" for Go's own; NULL unknown; escaped, as all here */
    char *version; /* NULL unknown */
    char *path;    /* of the file within the module: "cmd/agent/poll.go"; NULL unknown */
    bool own;      /* the program's main module */
};

struct members VECTOR_OF(uint32_t); /* goroutine indices */

struct finding {
    enum rule rule;
    enum grade grade;
    uint64_t count;
    uint64_t held_bytes; /* at least, or with held_measured to the byte; 0 unknown */
    bool
        held_measured; /* what would be free without them: stacks, and what only they reach in the heap */
    struct members members; /* who is stuck, in the observation that was judged */
    address defer_pc;       /* of deferred calls: where each member made them; 0 none */
    char *title;            /* "41,233 goroutines wait to send, and nobody receives" */
    struct place at, started_at, deferred;
    char *holder; /* of what grows: "main.cache → map[string]*main.Session"; NULL: places tell */
    const char *started_in_loop; /* NULL or a remark such as "in a loop" */
    uint64_t goroutine;          /* id, 0 if of several */
    double oldest_s, newest_s;   /* wait times, at least; negative if unknown */
    bool has_progress;
    double progress_s;
    uint64_t came, went;
    char *
        since; /* one line: "the oldest at least 3d 4h; in 2.0 s 31 more came and none went" or NULL */
    struct reasons VECTOR_OF(char *) because;
    const char *fix; /* static text */

    /* Of findings in a program that does not run (scan). */
    struct origin origin;
    uint64_t call_bytes; /* what each pending call or goroutine holds at least; 0 unknown */
    unsigned rank;       /* among those of one grade: lower is read first */
    char *fingerprint;   /* stays when lines move; NULL: none */
    bool suppressed;
};

struct findings VECTOR_OF(struct finding);

const char *rule_name(enum rule rule);    /* "defer-in-loop" */
const char *grade_name(enum grade grade); /* "likely" */

struct heap_view;
struct graph;

/* What the finder works on: one look, or two with the time between them. */
struct looks {
    struct target *target;
    struct program *program;
    struct runtime *runtime;
    const struct observation *first; /* NULL if there was one look only */
    const struct observation *now;   /* the newest */
    double interval_s;
    const struct heap_view *heap_first,
        *heap_now;     /* who held the heap at both looks; NULL: not known */
    double uptime_s;   /* of the process; negative: unknown */
    struct heap *heap; /* of the newest look, if that was of one instant; NULL else */
    const uint8_t *
        stuck; /* by goroutine of the newest look: 1 if it is proved to wait for ever; NULL: nothing is proved */
};

/* True if one look can't tell and a second one could: then the caller waits and looks again. */
bool find_wants_second_look(const struct looks *looks);

/* The findings, certain ones first, then by count. notes_ret gets remarks on what was seen and not called a leak (owned strings). */
void find_leaks(const struct looks *looks, struct findings *findings_ret, struct notes *notes_ret);

/* Adds what grows in the heap, if there are two views of it. */
void find_growing(const struct looks *looks, struct findings *findings, struct notes *notes);

/* Adds tickers and timers that nobody has any more, by the graph of looks->now; many calls that were put off get a note. */
void find_timers(const struct looks *looks, const struct graph *graph, struct findings *findings,
                 struct notes *notes);

/* Certain ones first, then by count. */
void findings_sort_by_weight(struct findings *findings);

/* Measures what the findings hold, by looks->heap; without one nothing is done. */
void find_held(const struct looks *looks, struct findings *findings);

/* By grade, then rank, then place. */
void findings_sort_by_rank(struct findings *findings);

void findings_deinit(struct findings *findings);

/* The source line of a return address: innermost frame, inlined calls too. */
struct place place_of(const struct program *program, address return_pc);
void place_deinit(struct place *place);

/* The line of a site's defer statement. Go notes no pc for an open-coded one: its line is that of the closure which the compiler made
 * for it, and unknown if the deferred function is called without one. */
struct place place_of_defer(const struct program *program, const struct defer_site *site);

/* Where the goroutine was started; no place for the main one, which no go statement of the program starts. */
struct place place_of_start(const struct program *program, const struct goroutine *goroutine);

/* The deferred function: what the compiler's closure calls, if Go keeps one, else itself. */
struct place place_of_deferred(struct target *target, const struct program *program,
                               const struct defer_site *site);

#endif
