/* What holders of the heap are called: variables by their symbols, goroutines by where they were started and what they wait for, deferred calls by
 * their statement. */
#ifndef SEEP_FIND_HOLDER_NAMES_H
#define SEEP_FIND_HOLDER_NAMES_H

#include "base/text.h"
#include "base/u64map.h"
#include "find/finding.h"
#include "heap/graph.h"

enum {
    HOLDER_LABELS = 1u << 31 /* labels from here on are holders' */
};

struct holder_names {
    const struct looks *looks;
    const struct group_table *groups;
    const struct data_symbols *symbols;
    uint32_t *group_of;  /* by goroutine */
    struct u64map index; /* kind and what it is of -> label */
    struct named_holders VECTOR_OF(struct graph_holder) holders; /* by label */
};

/* Borrows all. */
void holder_names_open(const struct looks *looks, const struct group_table *groups,
                       const struct data_symbols *symbols, struct holder_names *names_ret);
void holder_names_close(struct holder_names *names);

/* The same for all goroutines of a group and the group itself, and for all deferred calls of one statement. */
uint32_t holder_names_label(struct holder_names *names, const struct graph_holder *holder);

enum holder_kind holder_names_kind(const struct holder_names *names, uint32_t label);

/* The address of a variable that no symbol names; 0 for all else. */
address holder_names_unnamed(const struct holder_names *names, uint32_t label);

/* Where its goroutines wait, or the defer statement; no place for others. The caller ends it. */
struct place holder_names_place(const struct holder_names *names, uint32_t label);

/* The go statement of a group's goroutines; no place for others and for the main goroutine. The caller ends it. */
struct place holder_names_start(const struct holder_names *names, uint32_t label,
                                bool *of_main_ret);

/* Adds the name, escaped. */
void holder_names_put(const struct holder_names *names, uint32_t label, struct text *text);

#endif
