/* Writers: what is known of one target, as text for people, as JSON, as Go's own dump; and the table of `seep ps`. They
 * compute nothing new: facts come from the observation, statements from the findings. They write to the FILE that they are given;
 * whoever owns it checks it for errors. Nothing blocks but that FILE and the reading of labels. */
#ifndef SEEP_REPORT_REPORT_H
#define SEEP_REPORT_REPORT_H

#include <jansson.h>

#include "base/text.h"
#include "find/finding.h"
#include "find/heap_view.h"
#include "heap/garbage.h"
#include "report/term.h"
#include "runtime/groups.h"

/* The instant at which the heap was looked at, if there was one. */
struct instant_facts {
    const char *way;      /* "core", "copy", "twin"; NULL: there was none */
    const char *why;      /* why nothing is proved; NULL if `stuck` tells */
    int64_t pause_ns;     /* how long the process stood still; 0: not at all */
    const uint8_t *stuck; /* by goroutine of `now`: 1 if it is proved to wait for ever */
    uint64_t reached_objects, reached_bytes; /* in the heap, by what can still run */
    bool garbage_known;
    struct garbage garbage;
};

/* Everything that is said of one target. Borrows all. */
struct report {
    struct target *target; /* for the code of deferred functions */
    const struct target_facts *facts;
    struct program *program;
    struct runtime *runtime; /* for labels; NULL: none are read */
    struct whereabouts whereabouts;
    const struct observation *now;
    struct instant_facts instant;
    const struct heap_view *heap; /* NULL: there is none */
    const char *heap_why;         /* why; NULL if none was wanted */
    const struct group_table *groups;
    const struct findings *findings;
    const struct notes *notes; /* what was seen and not called a leak */
    unsigned looks;            /* 1 or 2 */
    double interval_s;         /* between them */
    double read_s;             /* spent reading and analysing */
    bool memory;               /* text: --memory */
    bool paths_in_full;        /* text: --long */
    bool verbose;              /* text: every group, with all that is known of it */
    bool heap_in_full;         /* text: --heap */
    const char *heap_under;    /* text: only what hangs on lines whose names have this in them; NULL: all */
};

/* The report for people. */
void report_text(const struct report *report, struct term *term);

/* The same as one JSON value, as docs/inspect.schema.json says. The caller owns it. */
json_t *report_json(const struct report *report);

/* Writes a JSON value on a line of its own. Takes the value. */
void report_json_line(json_t *value, FILE *out);

/* As a profile for `go tool pprof`, compressed: who holds the heap if that is known, goroutines, deferred calls. `unix_ns`: the time that it
 * bears. The caller ends the text. Error: it would be too large. */
struct error *report_pprof(const struct report *report, int64_t unix_ns,
                           struct text *bytes_ret) NODISCARD;

/* All goroutines but the runtime's own in the format of Go's dump (runtime/traceback.go), in the order of allgs. */
void report_goroutines(const struct report *report, FILE *out);

/* One process of `seep ps`. Texts are escaped and owned. */
enum ps_mark {
    PS_QUIET,
    PS_SUSPECT,
    PS_LEAK
};

struct ps_row {
    pid_t pid;
    char *name;
    char *go_version;           /* or NULL */
    char *release;              /* or NULL */
    const char *release_source; /* "module", "vcs", "build-id" or NULL */
    bool stripped;
    double uptime_s;
    uint64_t rss_bytes;
    bool counted; /* the two counts and the mark are known */
    uint64_t goroutines, deferred;
    enum ps_mark mark;
    char *problem;      /* why it could not be read; or NULL */
    bool no_permission; /* … which was a lack of rights */
};

struct ps_rows VECTOR_OF(struct ps_row);

/* The table. `hidden`: processes whose executables may not even be looked at; `as_root`: by root, so that nothing more helps. */
void report_ps(const struct ps_rows *rows, uint64_t hidden, bool as_root, struct term *term);

/* One object per process, as docs/ps.schema.json says. The caller owns it. */
json_t *report_ps_json(const struct ps_row *row);

void ps_rows_deinit(struct ps_rows *rows);

#endif
