/* What grew in the heap between two looks: the lines of two views side by side, by their names from the top down; goroutines that wait at another line than before
 * by their go statement, if no other line has it. */
#ifndef SEEP_FIND_HEAP_GROWTH_H
#define SEEP_FIND_HEAP_GROWTH_H

#include "base/text.h"
#include "find/heap_view.h"

struct heap_growth {
    uint32_t before,
        after; /* lines; HEAP_LINE_NONE: it is not there, or too small to be told by itself */
    int64_t members, objects, bytes; /* how many more; of objects and bytes: held ones */
    int64_t elements; /* of its one object, if it was not emptied meanwhile; else 0 */
};

struct heap_growths VECTOR_OF(struct heap_growth);

/* For each line of objects and holders in one of them, also those that did not change; what grew most in bytes first, what shrank most last. */
void heap_growths_find(const struct heap_view *before, const struct heap_view *after,
                       struct heap_growths *growths_ret);

/* Its objects have no type, and are called by their size: "48 B with pointers". */
bool heap_line_is_sized(const struct heap_line *line);

/* It stands under the whole, because several holders lead to it. */
bool heap_line_is_shared(const struct heap_line *line);

/* Adds "main.cache", or "several holders of main.Server". */
void heap_line_put(const struct heap_line *line, struct text *text);

/* Adds "main.cache → map[string]*main.Session → *main.Session". */
void heap_line_path(const struct heap_view *view, uint32_t line, struct text *text);

#endif
