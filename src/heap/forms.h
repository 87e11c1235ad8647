/* Forms: what an object can be, each once. A value of a Go type or an array of them; or one of what Go's runtime makes without a type of its own: parts of maps,
 * channels with their buffers, closures, bytes of strings. Of each form it is known where it holds pointers and what form each of these leads to.
 *
 * A form is made when something leads to it and looked into when it is followed, so that types which contain each other are no cycle here. */
#ifndef SEEP_HEAP_FORMS_H
#define SEEP_HEAP_FORMS_H

#include "base/text.h"
#include "base/u64map.h"
#include "base/vector.h"
#include "heap/code_types.h"
#include "program/type_info.h"
#include "runtime/internal.h"

enum {
    FORM_VALUE_BYTES_MAX = INT32_MAX /* larger values are not followed */
};

enum form_kind {
    FORM_UNKNOWN,
    FORM_VALUE,          /* of a type */
    FORM_ARRAY,          /* of values, as many as there is room for */
    FORM_MAP,            /* hmap; since 1.24 maps.Map; `type` is the map's */
    FORM_BUCKETS,        /* an array of buckets, or of groups since 1.24 */
    FORM_TABLE,          /* 1.24+: maps.table */
    FORM_DIRECTORY,      /* 1.24+: of tables */
    FORM_MAP_EXTRA,      /* up to 1.23: mapextra */
    FORM_OVERFLOWS,      /* up to 1.23: what it points to: a slice of overflow buckets */
    FORM_OVERFLOW_ARRAY, /* up to 1.23: of that slice */
    FORM_CHANNEL,        /* hchan; `type` is its element's */
    FORM_BUFFER,         /* of a channel */
    FORM_CLOSURE,        /* `type` is the function's entry */
    FORM_TIMER, /* since 1.23: runtime.timeTimer, of which programs see a time.Timer or time.Ticker: `type` */
    FORM_STRING, /* bytes of strings */
    FORM_TINY,   /* several small things without pointers (runtime/malloc.go, the tiny allocator) */
};

/* A place within a value that leads somewhere. */
enum leaf_kind {
    LEAF_POINTER, /* to a value of `form` */
    LEAF_SLICE,   /* pointer, length, capacity; `form` is the array */
    LEAF_COUNTED, /* pointer, length: of a string, of the parts of a sync.Pool; `form` is what repeats */
    LEAF_ANY,     /* type, pointer */
    LEAF_METHODS, /* itab, pointer */
    LEAF_FUNCTION,
    LEAF_BUCKETS,   /* up to 1.23: of a map */
    LEAF_DIRECTORY, /* 1.24+: of a map: its only group, or a directory */
    LEAF_GROUPS,    /* 1.24+: of a table */
    LEAF_BUFFER,    /* of a channel */
    LEAF_REPEAT,    /* `count` values of `form` */
};

struct leaf {
    uint32_t offset, form, count;
    uint8_t kind;
};

enum form_bits {
    FORM_BITS_SMALL = 1, /* `bits` has all */
    FORM_BITS_LARGE,     /* more words */
    FORM_BITS_UNKNOWN,
};

struct form {
    uint8_t kind;
    bool looked_into;
    bool direct; /* of a value: one pointer, which an interface holds itself */
    uint32_t of; /* of an array: the value's form */
    address type;
    uint64_t size; /* of a value; of each, if there are several */
    uint64_t pointer_bytes;
    address map_type; /* whose pointer map each value has; 0 if none is known */
    uint32_t first_leaf, leaf_count;
    char *name;         /* once it was asked for */
    uint64_t bits;      /* of a value of up to 64 words: which of them are pointers */
    uint8_t bits_state; /* 0: nobody asked yet; else enum form_bits */
};

/* Offsets within the runtime's parts of maps and channels, from the program's own descriptors. */
struct form_layouts {
    bool swiss; /* maps as of 1.24 */
    address hmap, extra, swiss_map, swiss_table, hchan, timer,
        time_timer; /* descriptors; 0: the program has none */
    uint32_t map_size, extra_size, table_size, channel_size;
    uint32_t map_count, map_seed;            /* of hmap; of maps.Map */
    uint32_t buckets, old_buckets, extra_at; /* of hmap */
    uint32_t overflow, old_overflow;         /* of mapextra */
    uint32_t directory, directory_length;    /* of maps.Map */
    uint32_t groups, group_mask;             /* of maps.table */
    uint32_t buffer;                         /* of hchan */
    uint32_t inner_timer;                    /* of timeTimer */
    address pool, pool_local, pool_any;      /* descriptors of sync.Pool, poolLocal, eface; or 0 */
    uint32_t locals, victims;                /* of sync.Pool */
};

struct forms {
    struct runtime *runtime;
    struct types *types;
    struct form_layouts layouts;
    struct form_list VECTOR_OF(struct form) list; /* the first one stands for "unknown" */
    struct leaves VECTOR_OF(struct leaf) leaves;
    struct u64map index;
    struct u64map itabs;     /* itab -> form of the value */
    struct code_types *code; /* what closures capture; NULL: not known */
    struct u64map closures;  /* the same -> form + 1; 0 if it is no function's entry */
};

void forms_open(struct runtime *runtime, struct forms *forms_ret);
void forms_close(struct forms *forms);

/* The form of that kind and type; 0 if the type makes no sense or there are too many. */
uint32_t form_of(struct forms *forms, enum form_kind kind, address type);

/* What a closure with this first word is; 0 if no function begins there. */
uint32_t form_of_closure(struct forms *forms, address entry);

/* The form of the value that an interface with this itab holds. */
uint32_t form_of_itab(struct forms *forms, address itab);

/* The closures of this function are not what the code seemed to say: nothing is known of what they capture. */
void form_drop_captures(struct forms *forms, uint32_t form);

/* Is `whole` the struct that the compiler makes for closures, of no name and with the function first? Then it also tells what this closure captures. */
bool form_is_closure(struct forms *forms, uint32_t whole, uint32_t closure);

/* Its leaves; good until the next call that makes a form. */
const struct leaf *form_leaves(struct forms *forms, uint32_t form, uint32_t *count_ret);

static inline const struct form *form_at(const struct forms *forms, uint32_t form)
{
    return &forms->list.at[form];
}

/* Several values, one behind the other? */
static inline bool form_repeats(const struct form *form)
{
    return form->kind == FORM_ARRAY || form->kind == FORM_BUCKETS || form->kind == FORM_BUFFER ||
           form->kind == FORM_DIRECTORY || form->kind == FORM_OVERFLOW_ARRAY;
}

/* Whether a value of one may be found where the other begins: it is its first field, or the same by another name. */
bool form_begins(struct forms *forms, uint32_t whole, uint32_t part);

const char *form_name(struct forms *forms, uint32_t form);

/* Adds the field at an offset: ".sched.sp", "[3].name". False if none is known there. */
bool form_field(struct forms *forms, uint32_t form, uint64_t offset, struct text *field);

#endif
