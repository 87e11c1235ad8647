/* What the parts of heapcheck share. */
#ifndef SEEP_TESTS_HEAPCHECK_H
#define SEEP_TESTS_HEAPCHECK_H

#include "heap/proof.h"

struct opened {
    struct target *target;
    struct program *program;
    struct runtime *runtime;
    struct stack_table stacks;
    struct observation observation;
};

/* A walk over all that the collector would reach. */
struct walk {
    struct heap *heap;
    struct marker marker;
    struct stack_scanner scanner;
};

/* marks.c */
struct error *walk_all(struct opened *opened, struct walk *walk) NODISCARD;
void walk_end(struct walk *walk);
bool is_kept(struct heap *heap, struct object object);
/* It runs, or is about to. */
bool is_moving(const struct goroutine *goroutine);
struct error *print_marks(struct opened *opened) NODISCARD;

/* Of a program that stands at the end of a collection, before anything was swept (at runtime.gcSweep). */
extern bool unswept;

/* who.c */
struct error *print_holders(struct opened *opened, address wanted) NODISCARD;

/* graphs.c */
struct error *print_graph(struct opened *opened, bool compared) NODISCARD;

/* types.c */
struct error *print_types(struct opened *opened, bool fields) NODISCARD;
struct error *print_twins(struct opened *opened) NODISCARD;

/* poison.c */
struct error *poison_threads(struct opened *opened, pid_t pid, uint64_t times) NODISCARD;

double now_s(void);

#endif
