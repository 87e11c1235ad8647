/* Memory for many pieces that all end together, in large blocks; each piece is zeroed and aligned to 8 bytes. */
#ifndef SEEP_HEAP_POOL_H
#define SEEP_HEAP_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool;

struct pool *pool_create(uint64_t limit_bytes);
void pool_destroy(struct pool *pool);

/* NULL over the limit, or if the machine has not so much memory: sizes come from a target. */
void *pool_take(struct pool *pool, uint64_t size_bytes);

#endif
