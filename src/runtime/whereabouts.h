/* By which way each of the runtime's globals was found, and where it is. In a stripped program none has a symbol, and no symbol is ever used where there are some: so
 * the ways are the same in both, and a program that is not stripped is a test of them. */
#ifndef SEEP_RUNTIME_WHEREABOUTS_H
#define SEEP_RUNTIME_WHEREABOUTS_H

#include <stdbool.h>

#include "target/address.h"

enum found_way {
    FOUND_NOT_SOUGHT, /* nothing has needed it */
    FOUND_NONE,       /* sought and not found */
    FOUND_TYPES,      /* type descriptors tell how it is laid out */
    FOUND_CONTENT,    /* the one place in the program's data that holds what it must hold */
    FOUND_CODE /* the runtime's code that uses it has its address; checked by what it holds */
};

/* X(global, Go's name for it, the way in words) */
#define GLOBALS(X)                                                                             \
    X(STRUCTS, "g, m, p, mspan, …", "by their type descriptors")                               \
    X(MODULE, "firstmoduledata", "by content: it begins with the address of pclntab's header") \
    X(ALLGS, "allgs", "by content: a slice of goroutines")                                     \
    X(ALLSPANS, "mheap_.allspans", "by content: a slice of spans")                             \
    X(ARENAS, "mheap_.arenas", "by content: it leads from heap pages to their spans")          \
    X(ALLP, "allp", "by code that uses it: preemptall, gcMarkTinyAllocs")                      \
    X(FINALIZERS, "finq, gcCleanups", "by code that uses them: queuefinalizer, markroot")      \
    X(WAIT_REASONS, "waitReasonStrings", "by content: its first words")                        \
    X(CONTROLLER, "gcController", "by content: sizes that fit each other")                     \
    X(MEMSTATS, "memstats", "by content: sums that gcController has as well")

enum global {
#define NUMBER(global, name, words) GLOBAL_##global,
    GLOBALS(NUMBER)
#undef NUMBER
    GLOBAL_COUNT
};

struct whereabouts {
    struct whereabout {
        enum found_way way;
        address at; /* 0: several places, or none */
    } of[GLOBAL_COUNT];
};

/* Found at `at` by that way; FOUND_NONE if `found` is false. */
void whereabouts_note(struct whereabouts *whereabouts, enum global global, bool found,
                      enum found_way way, address at);

/* Adds what only the other knows: what a frozen process was asked, beside the live one. */
void whereabouts_add(struct whereabouts *whereabouts, const struct whereabouts *other);

const char *global_name(enum global global);

/* "type descriptors", "content", "code"; "none" for FOUND_NONE. */
const char *found_way_name(enum found_way way);

/* In a sentence's words. */
const char *found_way_words(enum global global, enum found_way way);

#endif
