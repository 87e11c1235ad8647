/* What a goroutine's stack holds on to: its live slots, frame by frame, and the variables on the stack that they lead to (runtime/mgcmark.go, scanstack;
 * mgcstack.go). Where no map holds, every word counts. */
#ifndef SEEP_HEAP_STACK_ROOTS_H
#define SEEP_HEAP_STACK_ROOTS_H

#include "heap/frame_maps.h"
#include "heap/mark.h"

struct stack_variable {
    address start;
    struct stack_object object;
    bool live;
};

/* Somebody who looks on while maps of pointers are followed. */
struct stack_watcher {
    void (*pointer)(void *context, uint64_t before,
                    uint64_t word); /* a live slot, and the word that stands before it */
    void (*argument)(void *context, address entry,
                     uint64_t word); /* the first argument of the function, if it is a pointer */
    void *context;
};

struct stack_scanner {
    struct marker *marker;
    const struct stack_watcher *watcher; /* may be NULL; borrowed */
    struct frame_maps maps;
    uint8_t *bytes; /* of the stack that is scanned */
    size_t room;
    address low, high; /* of the whole stack; the bytes begin at `start` */
    address start;
    bool moving;  /* it does not wait: frames of the runtime may hold whom they are about to wake */
    bool running; /* no map holds in the runtime's frames, which may hide pointers */
    bool own;     /* the frame that is scanned may be the runtime's own */
    bool called_runtime; /* the frame that it called may be */
    struct stack_variables VECTOR_OF(struct stack_variable) variables;
    struct inner_pointers VECTOR_OF(address) inner; /* pointers into the stack */
    uint64_t unreadable;                            /* stacks */
};

void stack_scanner_open(struct marker *marker, struct stack_scanner *scanner_ret);
void stack_scanner_close(struct stack_scanner *scanner);

/* Reaches all that a goroutine's stack and its deferred calls hold; `stacks` is the observation's table. */
void stack_roots(struct stack_scanner *scanner, const struct goroutine *goroutine,
                 const struct stack_table *stacks);

/* Reaches whatever the words of [from, to) may point to. */
void stack_words_roots(struct stack_scanner *scanner, address from, address to);

#endif
