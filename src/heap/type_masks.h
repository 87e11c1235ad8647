/* Which words of a type's values are pointers, by Go's own bit maps (internal/abi/type.go, GCData; Go 1.18 to 1.27). */
#ifndef SEEP_HEAP_TYPE_MASKS_H
#define SEEP_HEAP_TYPE_MASKS_H

#include "base/u64map.h"
#include "base/vector.h"
#include "target/target.h"

struct type_mask {
    bool known;     /* false: any word may be a pointer */
    uint64_t words; /* of a value; in an array each element has as many */
    uint64_t used;  /* words that have a bit; behind them there are no pointers */
    uint64_t *bits;
};

struct type_masks {
    struct target *target;
    int go_minor;
    address data_low,
        data_high; /* the program's variables: no map is there, but the mark of one that is being made */
    struct u64map by_type; /* descriptor -> index */
    struct type_mask_list VECTOR_OF(struct type_mask) list;
    uint64_t bytes; /* of all bit maps */
    uint64_t parts; /* put together so far, for maps that the runtime has not made */
    unsigned depth;
};

/* The mask of the type at a descriptor's address; good until the next call. What cannot be read is not known. */
const struct type_mask *type_mask_of(struct type_masks *masks, address type);

void type_masks_close(struct type_masks *masks);

#endif
