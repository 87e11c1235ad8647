/* Views of the heap, made by hand: lines under lines. */
#ifndef SEEP_TESTS_HEAPVIEWS_H
#define SEEP_TESTS_HEAPVIEWS_H

#include "base/text.h"
#include "find/heap_view.h"

/* The first line is the whole. */
static inline struct heap_view view_of_nothing(void)
{
    struct heap_view view = {0};
    VECTOR_PUSH(&view.lines, (struct heap_line){.kind = HEAP_LINE_ALL, .name = xstrdup("all")});
    return view;
}

static inline uint32_t view_add(struct heap_view *view, enum heap_line_kind kind, uint32_t parent,
                                const char *name, uint64_t members)
{
    struct heap_line line = {.kind = kind,
                             .parent = parent,
                             .depth = view->lines.at[parent].depth + 1,
                             .name = xstrdup(name),
                             .members = members};
    VECTOR_PUSH(&view->lines, line);
    return (uint32_t)view->lines.length - 1;
}

#endif
