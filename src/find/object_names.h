/* What objects of the heap are called: by their type, else by their size. */
#ifndef SEEP_FIND_OBJECT_NAMES_H
#define SEEP_FIND_OBJECT_NAMES_H

#include "base/text.h"
#include "heap/graph.h"
#include "heap/typing.h"

enum {
    OBJECT_NAMES_MAX = 1 << 30,
    OBJECT_CLASSES = 256,
};

struct object_names {
    const struct graph *graph;      /* borrowed */
    struct typing *typing;          /* borrowed; NULL: none has a type */
    uint64_t sizes[OBJECT_CLASSES]; /* by span class; 0: various */
    uint32_t *same;                 /* by form: the first form of that name */
    uint32_t *whole; /* by form: of a map's buckets and tables the form of the map; else 0 */
};

void object_names_open(const struct graph *graph, struct typing *typing,
                       struct object_names *names_ret);

/* A number for all objects of one name, below OBJECT_NAMES_MAX; `number` is the object's. */
uint32_t object_names_of(const struct object_names *names, uint32_t number);

void object_names_close(struct object_names *names);

/* Of what is a part of something larger, its name: of a map's buckets the map's. 0: it is none. */
uint32_t object_names_whole(const struct object_names *names, uint32_t name);

/* Adds the name, escaped. */
void object_names_put(const struct object_names *names, uint32_t name, struct text *text);

/* Is it a type, or only a size? */
bool object_names_is_typed(const struct object_names *names, uint32_t name);

#endif
