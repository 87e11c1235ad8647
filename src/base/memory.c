#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum {
    TRY_MAX_GIB = 4
};

static void *checked(void *block)
{
    if (!block) {
        static const char text[] = "seep: out of memory\n";
        fwrite(text, 1, sizeof(text) - 1, stderr);
        exit(2);
    }
    return block;
}

void *xmalloc(size_t size_bytes)
{
    return checked(malloc(size_bytes ? size_bytes : 1));
}

void *xcalloc(size_t count, size_t size_bytes)
{
    return checked(calloc(count ? count : 1, size_bytes ? size_bytes : 1));
}

void *xrealloc(void *block, size_t size_bytes)
{
    return checked(realloc(block, size_bytes ? size_bytes : 1));
}

char *xstrdup(const char *text)
{
    return checked(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
    return checked(strndup(text, length));
}

struct error *memory_try(size_t count, size_t size_bytes, void *block_ret)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size_bytes, &total) || total > (size_t)TRY_MAX_GIB << 30)
        return error_create(ERROR_LIMIT, "%zu items of %zu bytes are more than seep allows", count,
                            size_bytes);
    void *block = calloc(total ? total : 1, 1);
    if (!block)
        return error_create(ERROR_NO_MEMORY, "out of memory");
    memcpy(block_ret, &block, sizeof(block));
    return NULL;
}
