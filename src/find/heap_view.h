/* The heap as people are shown it: what is live by type, and who holds it, as a tree with names. A value: nothing of it points into the
 * target or the graph. */
#ifndef SEEP_FIND_HEAP_VIEW_H
#define SEEP_FIND_HEAP_VIEW_H

#include "find/finding.h"
#include "heap/elements.h"
#include "heap/graph.h"
#include "heap/typing.h"

enum heap_line_kind {
    HEAP_LINE_ALL,
    HEAP_LINE_VARIABLE,
    HEAP_LINE_GOROUTINES, /* a group of them */
    HEAP_LINE_DEFERS,     /* deferred calls of one statement */
    HEAP_LINE_RUNTIME,
    HEAP_LINE_OBJECTS, /* of one type */
    HEAP_LINE_OTHERS,  /* too small to be shown by themselves */
};

enum {
    HEAP_LINE_NONE = UINT32_MAX
};

struct heap_line {
    enum heap_line_kind kind;
    uint32_t parent; /* index, always lower; of the first line, which is the whole, its own */
    unsigned depth;
    char *name;      /* escaped, owned */
    struct place at; /* where its goroutines wait, its defer statement; of others no place */
    struct place started_at; /* their go statement; of others no place */
    bool of_main;            /* the main goroutine, which no go statement starts */
    address variable;        /* of a variable without a name; 0 else */
    uint64_t members;        /* goroutines, objects of the type; of others: how many lines */
    struct elements
        elements; /* of a line with one large object: of the map, or of the slice that leads to it */
    uint64_t objects, bytes;           /* its own; bytes of goroutines' stacks too */
    uint64_t held_objects, held_bytes; /* and what only it holds */
};

/* An object of a line, to be found again in a later look: Go's heap does not move. */
struct heap_sample {
    uint32_t line;
    address at;
};

struct heap_type {
    char *name; /* escaped, owned */
    bool typed;
    uint64_t objects, bytes, held_bytes;
    char *
        path; /* the shortest way to its largest object: "main.cache → map[string]*main.Session → .buf"; NULL: none was looked for */
};

struct heap_view {
    uint64_t objects, bytes; /* reached */
    uint64_t stack_bytes;
    uint64_t typed_bytes;
    struct heap_lines
        VECTOR_OF(struct heap_line) lines; /* a parent, then its children, most held first */
    struct heap_types VECTOR_OF(struct heap_type) types;       /* most bytes first */
    struct heap_samples VECTOR_OF(struct heap_sample) samples; /* some of each line of objects */
    uint32_t *
        then_now; /* for each sample of an earlier view: the line that it is in now, HEAP_LINE_NONE if it is gone; NULL: there was none */
    uint64_t *group_held;     /* by group: bytes that only its goroutines hold, with their stacks */
    uint64_t *goroutine_held; /* by goroutine: the same, without the others of its group */
};

/* What of it is wanted. */
struct heap_view_wanted {
    double share;                   /* of the whole: lines that hold less are put together */
    unsigned lines;                 /* at most so many under one line */
    unsigned paths;                 /* types that get a path, the largest first */
    unsigned samples;               /* of each line */
    const struct heap_view *before; /* an earlier view, whose samples are looked for; NULL: none */
};

/* For a report; for one that looks closely at a part; all that there is, to be compared; and only what groups and goroutines hold: neither lines nor types. */
extern const struct heap_view_wanted heap_view_usual, heap_view_close, heap_view_full,
    heap_view_held;

/* `typing` may be NULL: then objects are told by their size. */
void heap_view_build(const struct graph *graph, struct typing *typing, const struct looks *looks,
                     const struct group_table *groups, const struct data_symbols *symbols,
                     const struct heap_view_wanted *wanted, struct heap_view *view_ret);
void heap_view_deinit(struct heap_view *view);

#endif
