/* What goroutines wait on: channels (through their sudogs; runtime/chan.go, select.go) and the objects of package sync. */
#ifndef SEEP_RUNTIME_WAITS_H
#define SEEP_RUNTIME_WAITS_H

#include "runtime/internal.h"
#include "runtime/unwind.h"

/* One sudog that a goroutine waits with. */
struct sudog_copy {
    address at, channel, element; /* element: the semaphore's address if it waits on one */
    address g, waitlink;
};

/* Those of one goroutine, as many as could be read. */
struct sudog_list {
    const struct sudog_copy *at;
    size_t count;
    bool empty; /* g.waiting is nil: there are none to read */
};

struct wait_table {
    struct u64map by_address; /* address and class -> object */
};

void sudog_decode(const struct offsets *offsets, address at, const uint8_t *bytes,
                  struct sudog_copy *sudog_ret);

/* Adds what a goroutine waits on, by its sudogs (may be none). The goroutine is the observation's last one. */
void waits_add(struct runtime *runtime, struct observation *observation, struct wait_table *table,
               struct goroutine *goroutine, const struct sudog_list *sudogs,
               const struct stack_piece *piece);

/* Reads the channels that were named, and counts who waits on what. */
struct error *waits_finish(struct runtime *runtime, struct observation *observation) NODISCARD;

void wait_table_deinit(struct wait_table *table);

/* semaphores.c: the object of package sync that a goroutine waits on; kind refined; 0 if it was not found. Up to Go 1.25 the
 * sudog stands only on the goroutine's own stack. */
address semaphore_object(struct runtime *runtime, const struct observation *observation,
                         const struct goroutine *goroutine, const struct sudog_copy *sudog,
                         const struct stack_piece *piece, enum wait_kind *kind_ret);

#endif
