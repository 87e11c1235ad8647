/* Where a module may be: the image of the executable in memory, its pclntab's header, words of
 * memory. */
#ifndef SEEP_PROGRAM_MODULE_SEARCH_H
#define SEEP_PROGRAM_MODULE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "target/target.h"

/* Addresses from the first to behind the last segment, as loaded. */
struct image {
    address start, end;
};

struct image image_of(const struct target *target);

static inline bool image_holds(const struct image *image, address at)
{
    return at >= image->start && at < image->end;
}

/* What a search does with a hit. True in *stop_ret ends the search. */
typedef struct error *search_hit(void *context, address at, bool *stop_ret);

/* Places that look like the header of a pclntab: sections of its names first, then the
 * executable's file, then its memory (an executable that unpacks itself). A place may come
 * twice. */
struct error *search_headers(struct target *target, search_hit *hit, void *context) NODISCARD;

/* Words of the writable segments that hold `word`: sections in which Go's linker puts the module
 * first. */
struct error *search_word(struct target *target, uint64_t word, search_hit *hit,
                          void *context) NODISCARD;

#endif
