/* A map counts its entries itself. An array does not, but the slice that leads to it stands beside its pointer: length and capacity, and the capacity fills the
 * object, as append and make see to (runtime/slice.go, growslice). That is asked of any pointer to the array, as a stripped program's variables have no
 * types: two words behind it that are no length and capacity of this object would have to fit it by accident.
 *
 * A map that becomes empty gets a new seed (runtime/map.go, mapclear and mapdelete; internal/runtime/maps/map.go, Clear and Delete); a slice that was emptied and
 * filled again begins with other elements. */
#include "heap/elements.h"

#include "base/u64map.h"
#include "heap/path.h"

enum {
    BEGINNING = 4096 /* bytes; a slice that has fewer is not told anything of */
};

struct slice_words {
    uint64_t pointer, length, capacity;
};

/* Where the pointer stands that the last step of a way goes by; 0 if that is not told. */
static address pointer_at(const struct graph *graph, const struct path *path)
{
    if (path->length < 2)
        return 0;
    const struct path_step *step = &path->at[path->length - 2];
    const struct objects *objects = &graph->heap->objects;
    const struct graph_holder *holder = graph_holder_at(graph, step->place);
    if (step->offset == UINT64_MAX)
        return 0;
    if (holder)
        return holder->at + step->offset;
    return object_address(objects, object_numbered(objects, graph->visit.node[step->place])) +
           step->offset;
}

/* Less than one element of room, and what the size class leaves over, an eighth at the most. */
static bool fits(const struct slice_words *slice, uint64_t room)
{
    if (!slice->capacity || slice->length > slice->capacity || slice->capacity > room)
        return false;
    uint64_t each = room / slice->capacity;
    return room - each * slice->capacity <= room / 8;
}

static struct elements of_array(const struct graph *graph, const struct slice_words *slice,
                                uint64_t room)
{
    uint64_t words[BEGINNING / 8];
    struct elements elements = {.count = slice->length};
    if (!fits(slice, room) || slice->length < BEGINNING / (room / slice->capacity) + 1 ||
        error_ignore(target_read(graph->heap->target, slice->pointer, words, sizeof(words))))
        return (struct elements){0};
    for (size_t i = 0; i < LENGTH_OF(words); i++)
        elements.since = u64_mix(elements.since ^ words[i]);
    return elements;
}

static struct elements of_slice(const struct graph *graph, uint32_t place, struct object object)
{
    const struct objects *objects = &graph->heap->objects;
    struct slice_words slice = {0};
    struct path path;
    path_to(graph, place, &path);
    address at = pointer_at(graph, &path), start = object_address(objects, object);
    VECTOR_DEINIT(&path);
    if (!at || error_ignore(target_read(graph->heap->target, at, &slice, sizeof(slice))))
        return (struct elements){0};
    bool begins = slice.pointer == start || slice.pointer == start + 8; /* behind a header */
    return begins ? of_array(graph, &slice, object_size(objects, object)) : (struct elements){0};
}

struct elements elements_of(const struct graph *graph, const struct typing *typing, uint32_t place)
{
    struct elements elements = {0};
    if (graph_holder_at(graph, place))
        return elements;
    struct object object = object_numbered(&graph->heap->objects, graph->visit.node[place]);
    if (typing && typing_map_count(typing, object, &elements.count, &elements.since))
        return elements;
    return of_slice(graph, place, object);
}
