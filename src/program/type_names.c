/* Where a name is kept behind a descriptor of a struct: internal/abi/type.go, UncommonType. Two names with the same hash of 64 bits are not told apart, but what is
 * found is only a claim, which must fit the object. */
#include "program/type_names.h"

#include <string.h>

#include "program/region.h"
#include "program/type_info.h"

enum {
    SCAN_MAX = 256 << 20,
    NAMES_MAX = 1 << 20,
    TYPE_FLAGS = 20,
    TYPE_KIND = 23,
    TYPE_NAME = 40,
    STRUCT_UNCOMMON = 80,
    FLAG_UNCOMMON = 1,
    FLAG_EXTRA_STAR = 2,
    FLAG_NAMED = 4,
    KIND_MASK = 0x1f,
    NAME_FLAGS_MAX = 15,
};

static uint64_t hash_more(uint64_t hash, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static uint64_t hash_name(const void *path, size_t path_size, const void *name, size_t name_size)
{
    uint64_t hash = hash_more(0xcbf29ce484222325, path, path_size);
    return u64_mix(hash_more(hash_more(hash, (const uint8_t *)".", 1), name, name_size));
}

static uint32_t u32_at(const struct bytes *bytes, uint64_t at)
{
    uint32_t value;
    memcpy(&value, bytes->at + at, sizeof(value));
    return value;
}

/* A name of at most 127 bytes (a length of one byte), {0} if there is none. */
static struct bytes name_at(const struct bytes *bytes, uint64_t at)
{
    if (!at || at >= bytes->size - 2 || bytes->at[at] > NAME_FLAGS_MAX || bytes->at[at + 1] > 127 ||
        bytes->at[at + 1] > bytes->size - 2 - at)
        return (struct bytes){0};
    return (struct bytes){bytes->at + at + 2, bytes->at[at + 1]};
}

static void take(struct type_names *names, const struct bytes *bytes, uint64_t at)
{
    const uint8_t *type = bytes->at + at;
    struct bytes shown = name_at(bytes, u32_at(bytes, at + TYPE_NAME));
    struct bytes path = name_at(bytes, u32_at(bytes, at + STRUCT_UNCOMMON));
    const uint8_t *dot = shown.at ? memchr(shown.at, '.', shown.size) : NULL;
    if (!dot || !path.size || (type[TYPE_FLAGS] & FLAG_EXTRA_STAR && shown.at[0] != '*'))
        return;
    size_t before = (size_t)(dot + 1 - shown.at);
    uint64_t hash = hash_name(path.at, path.size, dot + 1, shown.size - before);
    if (names->by_name.length < NAMES_MAX)
        u64map_set(&names->by_name, hash, (uint32_t)(at / 8));
}

void type_names_open(struct target *target, const struct program *program,
                     struct type_names *names_ret)
{
    const struct moduledata *module = &program->module;
    uint64_t size = module->types_end - module->types;
    struct bytes bytes = {0};
    AUTO_FREE void *owned = NULL;
    *names_ret = (struct type_names){.program = program};
    if (module->types_end <= module->types ||
        error_ignore(
            region_bytes(target, module->types, size < SCAN_MAX ? size : SCAN_MAX, &bytes, &owned)))
        return;
    for (uint64_t at = 0; at + STRUCT_UNCOMMON + 4 <= bytes.size; at += 8) {
        const uint8_t *type = bytes.at + at;
        const uint8_t wanted = FLAG_UNCOMMON | FLAG_NAMED;
        if ((type[TYPE_KIND] & KIND_MASK) == KIND_STRUCT && (type[TYPE_FLAGS] & wanted) == wanted)
            take(names_ret, &bytes, at);
    }
}

void type_names_close(struct type_names *names)
{
    u64map_deinit(&names->by_name);
}

address type_of_receiver(const struct type_names *names, const char *function)
{
    const char *open = strstr(function, ".(*");
    const char *close = open ? strchr(open, ')') : NULL;
    uint32_t at = 0;
    if (!close || memchr(open, '[', (size_t)(close - open)) || close[1] != '.')
        return 0;
    uint64_t hash =
        hash_name(function, (size_t)(open - function), open + 3, (size_t)(close - open - 3));
    return u64map_get(&names->by_name, hash, &at) ? names->program->module.types + at * UINT64_C(8)
                                                  : 0;
}
