#include "base/u64map.h"

#include "base/memory.h"

enum {
    FIRST_PLACES = 64
};

void u64map_deinit(struct u64map *map)
{
    free(map->keys);
    free(map->values);
    *map = (struct u64map){0};
}

static size_t place_of(const struct u64map *map, uint64_t key)
{
    size_t place = u64_mix(key) & map->mask;
    while (map->values[place] && map->keys[place] != key)
        place = (place + 1) & map->mask;
    return place;
}

static void grow(struct u64map *map)
{
    struct u64map old = *map;
    size_t old_places = old.values ? old.mask + 1 : 0;
    size_t places = old_places ? old_places * 2 : FIRST_PLACES;
    map->keys = xcalloc(places, sizeof(*map->keys));
    map->values = xcalloc(places, sizeof(*map->values));
    map->mask = places - 1;
    for (size_t i = 0; i < old_places; i++) {
        if (!old.values[i])
            continue;
        size_t place = place_of(map, old.keys[i]);
        map->keys[place] = old.keys[i];
        map->values[place] = old.values[i];
    }
    free(old.keys);
    free(old.values);
}

bool u64map_get(const struct u64map *map, uint64_t key, uint32_t *value_ret)
{
    if (!map->values)
        return false;
    size_t place = place_of(map, key);
    if (!map->values[place])
        return false;
    *value_ret = map->values[place] - 1;
    return true;
}

uint32_t u64map_intern(struct u64map *map, uint64_t key, uint32_t fresh, bool *is_new_ret)
{
    if (!map->values || map->length * 3 >= (map->mask + 1) * 2)
        grow(map);
    size_t place = place_of(map, key);
    bool is_new = !map->values[place];
    if (is_new) {
        map->keys[place] = key;
        map->values[place] = fresh + 1;
        map->length++;
    }
    if (is_new_ret)
        *is_new_ret = is_new;
    return map->values[place] - 1;
}

void u64map_set(struct u64map *map, uint64_t key, uint32_t value)
{
    u64map_intern(map, key, value, NULL);
    map->values[place_of(map, key)] = value + 1;
}
