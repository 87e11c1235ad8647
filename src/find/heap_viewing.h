/* What the files of the heap's view share while it is built (heap_view.h). */
#ifndef SEEP_FIND_HEAP_VIEWING_H
#define SEEP_FIND_HEAP_VIEWING_H

#include "find/heap_view.h"
#include "find/holder_names.h"
#include "find/object_names.h"
#include "heap/holding.h"

struct viewing {
    const struct graph *graph;
    const struct heap_view_wanted *wanted;
    struct object_names objects;
    struct holder_names holders;
    struct holdings holdings;
    uint32_t *line_of; /* by holding; HEAP_LINE_NONE: it has none */
    struct heap_view *view;
};

/* heap_lines.c: the lines, a parent before its children, with names; and what is counted of single large objects. */
void heap_lines_build(struct viewing *viewing, const struct looks *looks);

/* What a holding is called, escaped. The caller frees. */
char *heap_line_name(struct viewing *viewing, holding_label label);

/* heap_samples.c: some objects of each line; and in which line those of an earlier view are now. */
void heap_samples_take(struct viewing *viewing);
void heap_samples_find(struct viewing *viewing, const struct heap_view *before);

/* heap_ways.c: the shortest way to an object: "main.cache → map[string]*main.Session[value].buf". After the lines. The caller frees. */
char *heap_way(struct viewing *viewing, uint32_t place);

/* heap_types.c: what is live by type, and the ways to the largest. After the lines. */
void heap_types_count(struct viewing *viewing);

#endif
