/* A map from 64-bit keys to 32-bit values: open addressing, doubling. Key 0 is allowed. Holds at most 2^31
 * entries; aborts when memory is out. */
#ifndef SEEP_BASE_U64MAP_H
#define SEEP_BASE_U64MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct u64map {
    uint64_t *keys;
    uint32_t *values; /* value + 1; 0 marks a free place */
    size_t length;
    size_t mask; /* places - 1; 0 while empty */
};

void u64map_deinit(struct u64map *map);

/* True and *value_ret if the key is there. */
bool u64map_get(const struct u64map *map, uint64_t key, uint32_t *value_ret);

/* The value of the key, which becomes `fresh` if it was not there; *is_new_ret (may be NULL) tells. */
uint32_t u64map_intern(struct u64map *map, uint64_t key, uint32_t fresh, bool *is_new_ret);

void u64map_set(struct u64map *map, uint64_t key, uint32_t value);

/* A well-mixed hash of a word, for keys that are put together. */
static inline uint64_t u64_mix(uint64_t word)
{
    word ^= word >> 33;
    word *= 0xff51afd7ed558ccdULL;
    word ^= word >> 33;
    word *= 0xc4ceb9fe1a85ec53ULL;
    return word ^ word >> 33;
}

#endif
