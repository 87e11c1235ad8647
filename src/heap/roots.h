/* What the program holds on to besides its goroutines' stacks (runtime/mgcmark.go, markroot; Go 1.18 to 1.27). */
#ifndef SEEP_HEAP_ROOTS_H
#define SEEP_HEAP_ROOTS_H

#include "heap/stack_roots.h"

/* A word that is not 0, of a variable at an address; without a map of pointers (of plugins) it may be one or not. */
typedef void word_visitor(void *context, address at, uint64_t word, bool is_pointer);

/* The pointers of the variables of the program and of the plugins it has loaded, each section by address. */
struct error *variables_each(struct heap *heap, word_visitor *each, void *context) NODISCARD;

/* Reaches what these lead to. */
struct error *global_roots(struct marker *marker) NODISCARD;

/* What waits to be finalized or cleaned up, and what hangs on objects that have a finalizer or a cleanup. With `weak_too`, objects that a weak
 * pointer can still bring back count as reached: the collector would not say so, but somebody may take them up before it comes. ERROR_UNSUPPORTED if the
 * queues can't be found. */
struct error *finalizer_roots(struct marker *marker, bool weak_too) NODISCARD;

/* Of these, only what waits in the queues. */
struct error *finalizer_queue_roots(struct marker *marker) NODISCARD;

/* The blocks that small objects without pointers are just put into. */
void tiny_roots(struct marker *marker);

/* Threads that run Go code at this instant: their registers, and the stacks that they run on, word by word. ERROR_UNSUPPORTED if these
 * threads or their registers are not known. */
struct error *thread_roots(struct stack_scanner *scanner) NODISCARD;

/* All of these, and the stacks of all goroutines but those with without[index] != 0. */
struct error *all_roots(struct stack_scanner *scanner, const struct observation *observation,
                        const uint8_t *without, bool weak_too) NODISCARD;

/* heap/processors.c: the scheduler's Ps (runtime.allp), found through the code that uses them; 0 of them if that fails. */
struct processors VECTOR_OF(address);
void processors_find(struct heap *heap, struct processors *processors_ret);

#endif
