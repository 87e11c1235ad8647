/* Memory of seep's own. Sizes that seep chooses abort on failure (xmalloc and its kin); sizes that come from a
 * target go through memory_try(), which has a maximum and returns an error. */
#ifndef SEEP_BASE_MEMORY_H
#define SEEP_BASE_MEMORY_H

#include <stddef.h>
#include <stdlib.h>

#include "base/error.h"

void *xmalloc(size_t size_bytes);
void *xcalloc(size_t count, size_t size_bytes);
void *xrealloc(void *block, size_t size_bytes);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);

/* count * size_bytes of zeroed memory in *block_ret, for sizes from outside; ERROR_LIMIT over 4 GiB. */
struct error *memory_try(size_t count, size_t size_bytes, void *block_ret) NODISCARD;

static inline void free_cleanup(void *pointer)
{
    free(*(void **)pointer);
}
#define AUTO_FREE __attribute__((cleanup(free_cleanup)))

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
