/* What can be counted in a look, entry by entry, so that two looks can be compared: goroutines by place, deferred calls by
 * statement, memory by class, the heap by type and by holder. An entry is known by its key, which is made of names, and of
 * lines too where both looks are of the same build: so two processes, or two releases, compare as well as two looks at one.
 *
 * Something new to compare is a kind here, a function that adds its entries in ledger_fill.c, and its title in report/. */
#ifndef SEEP_FIND_LEDGER_H
#define SEEP_FIND_LEDGER_H

#include "base/text.h"
#include "find/heap_view.h"

enum ledger_kind {
    LEDGER_STARTS,     /* goroutines by go statement */
    LEDGER_GOROUTINES, /* by what they do, where, and go statement */
    LEDGER_DEFERS,
    LEDGER_MEMORY,
    LEDGER_HEAP,
    LEDGER_TYPES,
    LEDGER_HOLDERS,
    LEDGER_WAYS, /* objects of one type under a holder: "main.cache → map[string]*main.Session → main.Session" */
    LEDGER_KINDS
};

/* Texts and places are owned. */
struct ledger_entry {
    enum ledger_kind kind;
    char *key;
    char *name;                  /* what it is; goroutines: their state */
    struct place at, started_at; /* no function: none */
    uint64_t count;
    uint64_t bytes;
    uint64_t only_here; /* goroutines: that the other look has not, if both are of one process */
    bool system;        /* the runtime's own */
};

struct ledger {
    struct ledger_entries VECTOR_OF(struct ledger_entry) entries;
    struct u64map by_key; /* hash: index */
};

/* Adds up what has the same kind and key. Takes the entry. */
void ledger_add(struct ledger *ledger, struct ledger_entry *entry);
void ledger_deinit(struct ledger *ledger);

/* What of one look goes into its ledger. */
struct ledger_source {
    const struct program *program;
    const struct observation *now;
    const struct group_table *groups;
    const struct heap_view *heap; /* NULL: there is none */
    bool by_line;                 /* the other look is of the same build */
    const uint64_t *others; /* goroutine ids of the other look, sorted; NULL: of another process */
    size_t others_count;
};
void ledger_fill(struct ledger *ledger, const struct ledger_source *source);

/* All goroutine ids of a look, sorted. The caller frees. */
uint64_t *ledger_ids(const struct observation *observation);

/* One entry in both looks. Borrows from the ledgers. */
struct growth_row {
    enum ledger_kind kind;
    const struct ledger_entry *shown; /* the newer one, else the older one */
    uint64_t old_count, new_count;
    uint64_t old_bytes, new_bytes;
    uint64_t came, went; /* goroutines */
};

struct growth {
    struct growth_rows VECTOR_OF(struct growth_row) rows; /* by kind; what grew most first */
    bool grew; /* something that hardly shrinks by itself: see growth_compare() */
};

/* Joins two ledgers. `grew`: more goroutines of one go statement, or more deferred calls of one statement; or a type of the heap,
 * or all that is reached in it, by a tenth and a MiB. */
void growth_compare(const struct ledger *old, const struct ledger *new, struct growth *growth_ret);
void growth_deinit(struct growth *growth);

#endif
