/* Which slots of a frame are live pointers, by Go's own stack maps, kept by pc (runtime/stkframe.go, runtime/symtab.go; Go 1.18 to 1.27). */
#ifndef SEEP_HEAP_FRAME_MAPS_H
#define SEEP_HEAP_FRAME_MAPS_H

#include "base/u64map.h"
#include "base/vector.h"
#include "runtime/internal.h"
#include "runtime/unwind.h"

/* A bit per word; NULL: none. */
struct slot_map {
    const uint8_t *bits;
    uint32_t words;
};

struct frame_map {
    bool known;                 /* false: any slot of the frame may be a pointer */
    bool plain;                 /* what frame_maps_is_plain() says of its code */
    bool assembly;              /* which may switch stacks */
    struct slot_map locals;     /* up to frame_locals_end() */
    struct slot_map arguments;  /* from the frame's argument pointer up */
    uint32_t argument_words;    /* that stand on the stack, those that were spilled too */
    uint32_t guessed_arguments; /* words of arguments without a map */
    bool stub;                  /* of reflect: what stands in the frame tells its arguments */
    const uint8_t *objects;     /* records of variables whose address is taken */
    uint32_t object_count;
};

/* One such variable: `offset` from the end of the locals if it is negative, else from the arguments. */
struct stack_object {
    int64_t offset;
    uint32_t size;
    uint32_t pointer_bytes; /* words up to there have a bit */
    address bits;           /* 0: any word may be a pointer */
    uint32_t
        pointers_from; /* not 0: all words from there to pointer_bytes are pointers, and no others */
};

struct frame_maps {
    struct runtime *runtime;
    struct u64map by_pc;
    struct frame_map_list VECTOR_OF(struct frame_map) list;
    uint32_t runtime_unit; /* what was compiled with the runtime has this one */
    bool sought, found;
};

/* Compiled code that is not the runtime's own: no register or slot of it holds a goroutine's descriptor or sudog in order to wake it. The runtime's
 * functions are told by their compilation unit, for some have another package's name (sync.runtime_notifyListNotifyAll). */
bool frame_maps_is_plain(struct frame_maps *maps, address pc);

/* Of a frame that is not interrupted: what it still needs when the call returns that it is in, or, if it faulted, when its deferred calls
 * are run. Good until the next call. */
const struct frame_map *frame_map_of(struct frame_maps *maps, const struct frame *frame);

struct stack_object frame_map_object(const struct frame_maps *maps, const struct frame_map *map,
                                     uint32_t i);

/* Where the frame's arguments begin. */
address frame_arguments(const struct runtime *runtime, const struct frame *frame);

void frame_maps_close(struct frame_maps *maps);

#endif
