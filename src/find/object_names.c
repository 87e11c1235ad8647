#include "find/object_names.h"

#include <string.h>

enum {
    NOSCAN = 1 /* the lowest bit of a span class */
};

/* The first name that is no form: behind it stand the span classes. */
static uint32_t first_class(const struct object_names *names)
{
    return names->typing ? typing_forms(names->typing) : 0;
}

/* "map buckets of map[string]int" is a part of "map[string]int". */
static const char *map_of(const char *name)
{
    static const char of[] = " of map[";
    const char *found = strncmp(name, "map ", 4) ? NULL : strstr(name, of);
    return found ? found + strlen(" of ") : NULL;
}

struct named_form {
    const char *name; /* typing's */
    uint32_t form;
};

static int by_name(const void *left, const void *right)
{
    const struct named_form *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->form > b->form) - (a->form < b->form);
}

static int name_only(const void *left, const void *right)
{
    return strcmp(((const struct named_form *)left)->name,
                  ((const struct named_form *)right)->name);
}

/* Forms of one name (a type that the program has and the same one in debug information) are one; parts of maps belong to the map of that name. */
static void find_same(struct object_names *names)
{
    uint32_t count = typing_forms(names->typing);
    AUTO_FREE struct named_form *sorted = xcalloc(count + 1, sizeof(*sorted));
    names->same = xcalloc(count + 1, sizeof(*names->same));
    names->whole = xcalloc(count + 1, sizeof(*names->whole));
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = (struct named_form){.name = typing_form_name(names->typing, i), .form = i};
    qsort(sorted, count, sizeof(*sorted), by_name);
    for (uint32_t i = 0; i < count; i++) {
        bool repeats = i && !strcmp(sorted[i].name, sorted[i - 1].name);
        names->same[sorted[i].form] = repeats ? names->same[sorted[i - 1].form] : sorted[i].form;
    }
    for (uint32_t i = 1; i < count; i++) {
        const struct named_form map = {.name = map_of(typing_form_name(names->typing, i))};
        const struct named_form *found =
            map.name ? bsearch(&map, sorted, count, sizeof(*sorted), name_only) : NULL;
        if (found)
            names->whole[i] = names->same[found->form];
    }
}

void object_names_open(const struct graph *graph, struct typing *typing,
                       struct object_names *names_ret)
{
    const struct spans *spans = &graph->heap->spans;
    *names_ret = (struct object_names){.graph = graph, .typing = typing};
    for (size_t i = 0; i < spans->list.length; i++) {
        const struct span *span = &spans->list.at[i];
        if (span->class > NOSCAN)
            names_ret->sizes[span->class] = span->element_size;
    }
    if (typing)
        find_same(names_ret);
}

void object_names_close(struct object_names *names)
{
    free(names->same);
    free(names->whole);
}

uint32_t object_names_whole(const struct object_names *names, uint32_t name)
{
    return object_names_is_typed(names, name) ? names->whole[name] : 0;
}

uint32_t object_names_of(const struct object_names *names, uint32_t number)
{
    const struct heap *heap = names->graph->heap;
    uint32_t form = names->typing ? typing_form(names->typing, number) : 0;
    if (form)
        return names->same[form];
    return first_class(names) +
           heap->spans.list.at[object_numbered(&heap->objects, number).span].class;
}

bool object_names_is_typed(const struct object_names *names, uint32_t name)
{
    return name < first_class(names);
}

void object_names_put(const struct object_names *names, uint32_t name, struct text *text)
{
    char size[TEXT_SIZE_ROOM];
    if (object_names_is_typed(names, name)) {
        text_puts(text, typing_form_name(names->typing, name));
        return;
    }
    uint32_t class = (name - first_class(names)) % OBJECT_CLASSES;
    const char *pointers = class & NOSCAN ? "without pointers" : "with pointers";
    if (names->sizes[class])
        text_printf(text, "%s %s", text_size(size, names->sizes[class]), pointers);
    else
        text_printf(text, "large, %s", pointers);
}
