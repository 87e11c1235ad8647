#include "heap/pool.h"

#include <sys/mman.h>

#include "base/vector.h"

enum {
    BLOCK_BYTES = 32 << 20,
    HUGE_PAGE = 2 << 20,
};

struct block {
    uint8_t *bytes;
    uint64_t size;
};

struct pool {
    struct blocks VECTOR_OF(struct block) blocks;
    uint8_t *next; /* in the block that is filled */
    uint64_t left;
    uint64_t allowed; /* bytes that may still be taken */
};

struct pool *pool_create(uint64_t limit_bytes)
{
    struct pool *pool = xcalloc(1, sizeof(*pool));
    pool->allowed = limit_bytes;
    return pool;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->blocks.length; i++)
        munmap(pool->blocks.at[i].bytes, pool->blocks.at[i].size);
    VECTOR_DEINIT(&pool->blocks);
    free(pool);
}

/* Large pages where the kernel has them: a graph is walked in no order. */
static uint8_t *add_block(struct pool *pool, uint64_t size)
{
    void *bytes = size <= pool->allowed
                      ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                      : MAP_FAILED;
    if (bytes == MAP_FAILED)
        return NULL;
    pool->allowed -= size;
    if (size >= HUGE_PAGE)
        madvise(bytes, size, MADV_HUGEPAGE);
    VECTOR_PUSH(&pool->blocks, (struct block){.bytes = bytes, .size = size});
    return bytes;
}

void *pool_take(struct pool *pool, uint64_t size_bytes)
{
    uint64_t size = (size_bytes + 7) & ~UINT64_C(7);
    if (size > BLOCK_BYTES / 4)
        return add_block(pool, size);
    if (size > pool->left) {
        pool->next = add_block(pool, BLOCK_BYTES);
        pool->left = pool->next ? BLOCK_BYTES : 0;
    }
    if (!pool->next)
        return NULL;
    uint8_t *piece = pool->next;
    pool->next += size;
    pool->left -= size;
    return piece;
}
