/* Who else could reach an object: goroutines whose live stack slots point to it, or to something that holds it. Only asked
 * about suspects: a few objects, and the stacks of those goroutines that do not wait on them. */
#ifndef SEEP_RUNTIME_REFERENCES_H
#define SEEP_RUNTIME_REFERENCES_H

#include "runtime/internal.h"

struct reference {
    uint32_t goroutine; /* index */
    uint32_t object;    /* value in the map of what was asked for */
    address frame_pc;   /* return address in the frame that holds it */
    address frame_entry;
    bool direct; /* the slot is the object's address; false: it points to what holds the object */
};

struct references VECTOR_OF(struct reference);

/* Looks through the stacks of all goroutines but those with skip[index] != 0 for the addresses in `wanted`. Slots that Go's
 * own stack maps call dead do not count (runtime/stkframe.go, getStackMap). `steps` is how many objects may lie between: 1 is what a slot points to,
 * 2 what that points to, and so on. At most REFERENCES_MAX are found, and OBJECTS_MAX objects looked at. */
enum {
    REFERENCES_MAX = 1 << 16,
    REFERENCE_OBJECTS_MAX = 1 << 16
};
struct error *references_find(struct runtime *runtime, const struct observation *observation,
                              const struct u64map *wanted, const uint8_t *skip, unsigned steps,
                              struct references *references_ret) NODISCARD;

#endif
